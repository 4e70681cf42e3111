// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package testnode_test

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

	"github.com/noded/noded/test/testnode"
)

// lostEnv makes the test binary boot a node, print its name and process id, and wait to be killed.
const lostEnv = "TESTNODE_LOST"

func TestMain(m *testing.M) {
	if os.Getenv(lostEnv) == "" {
		os.Exit(m.Run())
	}
	node, err := testnode.Boot(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(node.Name(), node.HostPID(1))
	select {}
}

// When the process that booted a node is killed, the node goes too, with all that it used.
func TestLost(t *testing.T) {
	t.Parallel()
	if err := testnode.Available(); err != nil {
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
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	words := strings.Fields(line)
	if len(words) != 2 {
		t.Fatalf("the other process says %q", line)
	}
	name, pid := words[0], words[1]
	patterns := []string{"/proc/" + pid + "/root/etc/hostname", os.TempDir() + "/" + name + "*", "/sys/fs/cgroup/*/" + name, "/sys/fs/cgroup/" + name}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var left []string
		for _, pattern := range patterns {
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
