// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/test/testnode"
)

// writerEnv makes the test binary, copied into a node, a unit that writes numbered lines.
const writerEnv = "NODED_E2E_WRITER"

func TestMain(m *testing.M) {
	if count := os.Getenv(writerEnv); count != "" {
		os.Exit(writeLines(count, os.Stdout))
	}
	os.Exit(m.Run())
}

// packageFile returns the one package that matches a pattern below dist/e2e.
func packageFile(t *testing.T, pattern string) string {
	t.Helper()
	dist := os.Getenv("NODED_DIST")
	if dist == "" {
		t.Fatal("NODED_DIST is not set; run make e2e")
	}
	found, err := filepath.Glob(filepath.Join(dist, "e2e", pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s/e2e/%s: want one package, found %q; run make e2e", dist, pattern, found)
	}
	return found[0]
}

// machine is a node with a test that uses it.
type machine struct {
	*testnode.Node
	t *testing.T
}

// with returns the machine for a subtest.
func (m machine) with(t *testing.T) machine { return machine{m.Node, t} }

// startMachine boots a node that shares directories with this machine, and installs the package in it.
func startMachine(t *testing.T, binds ...testnode.Bind) machine {
	t.Helper()
	m := machine{testnode.Start(t, binds...), t}
	m.install(packageFile(t, "noded_*.deb"))
	return m
}

func (m machine) install(file string) {
	m.t.Helper()
	inside := "/root/" + filepath.Base(file)
	if err := m.CopyIn(m.t.Context(), file, inside, 0o644); err != nil {
		m.t.Fatal(err)
	}
	m.run("dpkg", "--install", inside)
}

// run runs a command that must succeed and returns its output without the last newline.
func (m machine) run(command ...string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 5*time.Minute)
	defer cancel()
	out, err := m.Run(ctx, command[0], command[1:]...)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

// try runs a command and returns its output, both streams, and its exit code.
func (m machine) try(command ...string) (string, int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 5*time.Minute)
	defer cancel()
	out, err := m.Command(ctx, command[0], command[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		m.t.Fatalf("%s: %v", command, err)
	}
	return string(out), 0
}

func (m machine) write(path, content string) {
	m.t.Helper()
	if err := m.WriteFile(m.t.Context(), path, strings.NewReader(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// property returns a property of noded.service.
func (m machine) property(name string) string {
	m.t.Helper()
	return m.run("systemctl", "show", "--value", "--property="+name, "noded.service")
}

// eventually waits until a condition holds.
func (m machine) eventually(within time.Duration, what string, holds func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			status, _ := m.try("systemctl", "--no-pager", "--full", "--lines=30", "status", "noded.service", "noded.socket")
			m.t.Fatalf("not within %v: %s\n%s", within, what, status)
		}
	}
}

func (m machine) waitActive() {
	m.t.Helper()
	m.eventually(soon, "noded.service is active", func() bool {
		out, _ := m.try("systemctl", "is-active", "noded.service")
		return out == "active\n"
	})
}
