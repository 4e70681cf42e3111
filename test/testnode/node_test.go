// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package testnode_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/test/testnode"
)

func TestBoot(t *testing.T) {
	t.Parallel()
	node := testnode.Start(t)
	ctx := t.Context()
	if err := node.WriteFile(ctx, "/etc/hello/world", strings.NewReader("text\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		command []string
		want    string
	}{
		{"systemd is PID 1", []string{"cat", "/proc/1/comm"}, "systemd\n"},
		{"host name", []string{"hostname"}, node.Name() + "\n"},
		{"written file", []string{"stat", "-c", "%a %s", "/etc/hello/world"}, "640 5\n"},
		{"a unit runs", []string{"systemd-run", "--quiet", "--wait", "--pipe", "echo", "from a unit"}, "from a unit\n"},
		{"only loopback", []string{"ls", "/sys/class/net"}, "lo\n"},
		{"journald writes to disk", []string{"sh", "-c", "journalctl --flush && ls /var/log/journal | wc -l"}, "1\n"},
	}
	for _, tt := range tests {
		got, err := node.Run(ctx, tt.command[0], tt.command[1:]...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got != tt.want {
			t.Errorf("%s: Run(%q) = %q, want %q", tt.name, tt.command, got, tt.want)
		}
	}
	if _, err := os.Stat("/etc/hello"); err == nil {
		t.Error("a file written in the node is on the machine")
	}
}

// Two nodes at once do not disturb each other, and no mount, cgroup, directory or process stays.
func TestNothingStays(t *testing.T) {
	t.Parallel()
	a, b := testnode.Start(t), testnode.Start(t)
	ctx := t.Context()
	pids := [2]int{a.HostPID(1), b.HostPID(1)}
	if pids[0] == 0 || pids[1] == 0 || pids[0] == pids[1] {
		t.Fatalf("HostPID(1) = %v, want two processes", pids)
	}
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	if out, err := b.Run(ctx, "systemctl", "is-system-running"); err != nil || out != "running\n" {
		t.Errorf("the other node: %q, %v", out, err)
	}
	start := time.Now()
	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
	t.Logf("shutdown took %v", time.Since(start).Round(time.Millisecond))
	for _, node := range []*testnode.Node{a, b} {
		for _, pattern := range []string{os.TempDir() + "/" + node.Name() + "*", "/sys/fs/cgroup/*/" + node.Name(), "/sys/fs/cgroup/" + node.Name()} {
			if left, _ := filepath.Glob(pattern); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
		mounts, err := os.ReadFile("/proc/self/mounts")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(mounts), node.Name()) {
			t.Errorf("a mount of %s is left", node.Name())
		}
	}
	for _, pid := range pids {
		if status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status")); err == nil {
			t.Errorf("process %d is left:\n%s", pid, status)
		}
	}
}
