// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/test/containerd"
	"github.com/noded/noded/test/containerd/lines"
)

// eachRelease runs a test with every release of containerd.
func eachRelease(t *testing.T, test func(t *testing.T, cd *containerd.Runtime)) {
	t.Helper()
	for _, release := range containerd.Releases {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			test(t, containerd.Start(t, release))
		})
	}
}

// TestRuntime goes through what a kubelet does with a runtime.
func TestRuntime(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(t *testing.T, cd *containerd.Runtime) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		pod, err := cd.RunPod(ctx, containerd.Pod{Namespace: "shop", Name: "web-0", Labels: map[string]string{"app": "web"}})
		if err != nil {
			t.Fatal(err)
		}
		runtimeAPI, _ := cd.CRI()
		status, err := runtimeAPI.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: pod.SandboxID})
		if err != nil {
			t.Fatal(err)
		}
		if ip := status.GetStatus().GetNetwork().GetIp(); !strings.HasPrefix(ip, "10.88.") {
			t.Errorf("address of the pod %q", ip)
		}
		host, err := cd.RunPod(ctx, containerd.Pod{Name: "proxy", HostNetwork: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Run("logs", func(t *testing.T) { testLogs(ctx, t, pod) })
		t.Run("ends", func(t *testing.T) { testEnds(ctx, t, host) })
		t.Run("rotation", func(t *testing.T) { testRotation(ctx, t, pod) })
		t.Run("restart of containerd", func(t *testing.T) { testDown(ctx, t, cd, pod) })
		if err := pod.Remove(ctx); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(pod.LogDirectory(), "server", "0.log")); err != nil {
			t.Errorf("the log of a pod that was removed: %v", err)
		}
	})
}

// start starts a container that must start.
func start(ctx context.Context, t *testing.T, pod *containerd.RunningPod, c containerd.Container) *containerd.RunningContainer {
	t.Helper()
	out, err := pod.Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ended waits for the end of a container.
func ended(ctx context.Context, t *testing.T, c *containerd.RunningContainer) *cri.ContainerStatus {
	t.Helper()
	status, err := c.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// testLogs looks at a log as the runtime writes it.
func testLogs(ctx context.Context, t *testing.T, pod *containerd.RunningPod) {
	c := start(ctx, t, pod, containerd.Container{Name: "server", Args: []string{"mixed:4", "long:40000", "err:oops", "raw:no newline"}})
	ended(ctx, t, c)
	var stdout, stderr strings.Builder
	var tags []string
	for line := range strings.Lines(readAll(t, c.LogFile())) {
		f := strings.SplitN(line, " ", 4)
		if len(f) != 4 {
			t.Fatalf("line %.100q", line)
		}
		if _, err := time.Parse(time.RFC3339Nano, f[0]); err != nil {
			t.Error(err)
		}
		text := strings.TrimSuffix(f[3], "\n")
		if f[2] == "F" {
			text = f[3]
		}
		if f[1] == "stdout" {
			stdout.WriteString(text)
			tags = append(tags, f[2])
		} else {
			stderr.WriteString(text)
		}
	}
	want := lines.Make(1, 0) + "\n" + lines.Make(3, 0) + "\n" + lines.Make(5, 40_000) + "\nno newline"
	if diff := cmp.Diff(want, strings.TrimSuffix(stdout.String(), "\n")); diff != "" {
		t.Errorf("stdout (-want +got):\n%.500s", diff)
	}
	if diff := cmp.Diff(lines.Make(2, 0)+"\n"+lines.Make(4, 0)+"\noops\n", stderr.String()); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
	t.Logf("tags of stdout: %q", tags)
}

// testEnds looks at what the runtime tells of containers that ended.
func testEnds(ctx context.Context, t *testing.T, pod *containerd.RunningPod) {
	hungry, eat := containerd.Hungry(t)
	tests := []struct {
		name   string
		c      containerd.Container
		code   int32
		reason string
	}{
		{"success", containerd.Container{Name: "done", Args: []string{"lines:1"}}, 0, "Completed"},
		{"failure", containerd.Container{Name: "fails", Args: []string{"exit:3"}}, 3, "Error"},
		{"out of memory", hungry, 137, "OOMKilled"},
	}
	for _, tt := range tests {
		c := start(ctx, t, pod, tt.c)
		eat(t)
		status := ended(ctx, t, c)
		if tt.reason == "OOMKilled" && status.GetReason() == "Error" {
			t.Log("containerd does not know that it ran out of memory, as happens on a busy machine")
			tt.reason = "Error"
		}
		if status.GetExitCode() != tt.code || status.GetReason() != tt.reason {
			t.Errorf("%s: exit code %d and reason %q, want %d and %q", tt.name, status.GetExitCode(), status.GetReason(), tt.code, tt.reason)
		}
	}
	c := start(ctx, t, pod, containerd.Container{Name: "crashes", Args: []string{"out:first", "exit:1"}})
	ended(ctx, t, c)
	again, err := c.Restart(ctx, "out:second")
	if err != nil {
		t.Fatal(err)
	}
	if status := ended(ctx, t, again); status.GetMetadata().GetAttempt() != 1 || !strings.HasSuffix(status.GetLogPath(), "/crashes/1.log") {
		t.Errorf("a restart is %v", status)
	}
	if err := c.Remove(ctx); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(c.LogFile()); err != nil {
		t.Errorf("the log of a container that was removed: %v", err)
	}
}

// testRotation loses nothing of a log that is rotated more often than files are kept.
func testRotation(ctx context.Context, t *testing.T, pod *containerd.RunningPod) {
	c := start(ctx, t, pod, containerd.Container{Name: "writer", Args: []string{"lines:all@2000"}})
	seen := make(map[string]bool)
	for range 6 {
		// Each file has lines.
		for !strings.Contains(readAll(t, c.LogFile()), "\n") {
			if err := ctx.Err(); err != nil {
				t.Fatal("the container writes nothing")
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		if err := c.Rotate(ctx, containerd.Rotation{MaxFiles: 4}); err != nil {
			t.Fatal(err)
		}
		files := logFiles(t, c)
		seen[fmt.Sprint(files)] = true
	}
	if err := c.Stop(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	ended(ctx, t, c)
	for _, kind := range []string{"[.gz .gz rotated live]", "[rotated live]"} {
		if !seen[kind] {
			t.Errorf("no %s among %v", kind, seen)
		}
	}
	files, err := filepath.Glob(c.LogFile() + ".*")
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	for _, file := range append(files, c.LogFile()) {
		for line := range strings.Lines(readAll(t, file)) {
			n, ok := lines.Number(strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)[3])
			if !ok || next != 0 && n != next {
				t.Fatalf("%s: line %q, want line %d", file, line, next)
			}
			next = n + 1
		}
	}
	if next <= 6 {
		t.Errorf("only %d lines", next)
	}
}

// logFiles returns the kinds of the files of a container's log, oldest first.
func logFiles(t *testing.T, c *containerd.RunningContainer) []string {
	t.Helper()
	files, err := filepath.Glob(c.LogFile() + ".*")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		kind := filepath.Ext(file)
		if kind != ".gz" {
			kind = "rotated"
		}
		out = append(out, kind)
	}
	return append(out, "live")
}

func readAll(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if filepath.Ext(file) == ".gz" {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testDown: containers go on while containerd is away, and it knows them when it comes back.
func testDown(ctx context.Context, t *testing.T, cd *containerd.Runtime, pod *containerd.RunningPod) {
	c := start(ctx, t, pod, containerd.Container{Name: "patient"})
	for name, end := range map[string]func(context.Context) error{"Down": cd.Down, "Kill": cd.Kill} {
		if err := end(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.Status(ctx); err == nil {
			t.Fatalf("%s: it still answers", name)
		}
		if err := cd.Up(ctx); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		status, err := c.Status(ctx)
		if err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		if status.GetState() != cri.ContainerState_CONTAINER_RUNNING {
			t.Errorf("after %s the container is %v", name, status.GetState())
		}
	}
}
