// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/noded/noded/test/containerd"
	"github.com/noded/noded/test/containerd/lines"
	"github.com/noded/noded/test/testnode"
)

// TestPodsResume follows a real container while its log is rotated and noded is restarted and killed: not a line is lost or repeated.
func TestPodsResume(t *testing.T) {
	t.Parallel()
	const total, rounds = 6000, 6
	cd := containerd.StartWith(t, containerd.Config{Release: containerd.Current, PodsDirectory: podsDirectory})
	m := startMachine(t,
		testnode.Bind{Machine: cd.SocketDirectory(), Node: "/run/containerd"},
		testnode.Bind{Machine: cd.LogRoot(), Node: podsDirectory})
	m.waitActive()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	pod, err := cd.RunPod(ctx, containerd.Pod{Name: "writer-0", HostNetwork: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pod.Start(ctx, containerd.Container{Name: "app", Args: []string{"lines:" + strconv.Itoa(total) + "@600", "pause"}})
	if err != nil {
		t.Fatal(err)
	}
	m.eventually(soon, "the pod is known", func() bool {
		_, code := m.try("nodectl", "logs", "writer-0", "--tail=1")
		return code == 0
	})
	cmd := m.Command(ctx, "nodectl", "logs", "-f", "writer-0", "--timeout=30s")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan string, 1)
	var numbers atomic.Int64
	go func() { done <- followNumbers(bufio.NewScanner(stdout), total, &numbers) }()
	m.eventually(soon, "lines come", func() bool { return numbers.Load() > 0 })
	for round := range rounds {
		// All files stay, however long noded is away.
		if err := c.Rotate(ctx, containerd.Rotation{MaxFiles: rounds + 2}); err != nil {
			t.Error(err)
		}
		time.Sleep(500 * time.Millisecond)
		if round%2 == 0 {
			m.run("systemctl", "kill", "--signal=KILL", "noded.service")
			m.run("systemctl", "reset-failed", "noded.service")
		} else {
			m.run("systemctl", "restart", "noded.service")
		}
		time.Sleep(500 * time.Millisecond)
	}
	select {
	case problem := <-done:
		cancel()
		_ = cmd.Wait() // killed
		if problem != "" {
			t.Errorf("%s\n%s", problem, stderr.String())
		}
	case <-time.After(5 * time.Minute):
		cancel()
		_ = cmd.Wait() // killed
		t.Fatalf("not all lines came: %s\n%s", <-done, stderr.String())
	}
	if !strings.Contains(stderr.String(), "noded") {
		t.Errorf("nodectl does not tell of the breaks: %q", stderr.String())
	}
}

// followNumbers reads lines until the last number, or the end, and says what is wrong with them. It counts them.
func followNumbers(s *bufio.Scanner, total int, count *atomic.Int64) string {
	next := 1
	for ; next <= total && s.Scan(); next++ {
		count.Add(1)
		if n, ok := lines.Number(s.Text()); !ok || n != next {
			return "line " + strconv.Quote(s.Text()) + ", want number " + strconv.Itoa(next)
		}
	}
	if next <= total {
		return "the stream ended before number " + strconv.Itoa(next)
	}
	return ""
}
