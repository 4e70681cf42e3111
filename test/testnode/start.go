// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package testnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const bootTimeout = 5 * time.Minute

// Available returns why this machine cannot boot a node, or nil.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("booting a node needs root")
	}
	for _, tool := range []string{"systemd-nspawn", "nsenter", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("booting a node needs %s: run make deps", tool)
		}
	}
	if _, err := os.Stat("/usr/bin/dbus-daemon"); err != nil {
		return errors.New("booting a node needs dbus: run make deps")
	}
	if err := unix.Access("/proc/self/ns/cgroup", unix.F_OK); err != nil {
		return errors.New("booting a node needs cgroup namespaces")
	}
	return nil
}

// Start boots a node that lives as long as the test and shares directories with this machine. A machine that cannot boot one skips the
// test; with CI=true it fails the test.
func Start(tb testing.TB, binds ...Bind) *Node {
	tb.Helper()
	if err := Available(); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), bootTimeout)
	defer cancel()
	node, err := Boot(ctx, binds...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := node.Shutdown(); err != nil {
			tb.Error(err)
		}
		if tb.Failed() {
			tb.Logf("console of %s:\n%s", node.Name(), node.Console())
		}
	})
	return node
}
