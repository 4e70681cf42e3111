// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/noded/noded/test/docker"
)

// lostEnv makes the test binary run a daemon with a container, print the daemon's socket, and wait to be killed.
const lostEnv = "DOCKER_LOST"

func TestMain(m *testing.M) {
	if os.Getenv(lostEnv) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	ctx := context.Background()
	d, err := docker.Run(ctx)
	if err == nil {
		_, err = d.Run(ctx, docker.Container{Name: "lost"})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(d.Socket())
	select {}
}

// When the process that runs a daemon is killed, the daemon and the containers go too, with all that they used.
func TestLost(t *testing.T) {
	t.Parallel()
	if err := docker.Available(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), lostEnv+"=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	workdir := filepath.Dir(filepath.Dir(strings.TrimSpace(line)))
	name := filepath.Base(workdir[:strings.LastIndexByte(workdir, '-')])
	if found := processes(t, name); len(found) < 3 {
		t.Errorf("processes in the cgroup: %q, want dockerd, containerd and the container", found)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		left := processes(t, name)
		for _, pattern := range []string{workdir, "/sys/fs/cgroup/*/" + name, "/sys/fs/cgroup/" + name} {
			found, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, found...)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %q", left)
		}
	}
}

// processes returns the processes in a cgroup and below it.
func processes(t *testing.T, name string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range all {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "/"+name) {
			out = append(out, filepath.Dir(file))
		}
	}
	return out
}
