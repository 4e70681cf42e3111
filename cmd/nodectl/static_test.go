// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/noded/noded/cmd/nodectl/cli"
)

// TestStatic: built without cgo, nodectl needs no library, reads files, and says why it has no libsystemd.
func TestStatic(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nodectl")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("nodectl has a segment %v: it is not static", p.Type)
		}
	}
	dir := writeJournal(t)
	out, err := exec.Command(path, "journal", "-D", dir, "-n", "1", "-o", "cat").CombinedOutput()
	if err != nil || string(out) != "message 4 of boot 2\n" {
		t.Errorf("journal -D: %v: %q", err, out)
	}
	out, err = exec.Command(path, "journal", "-D", dir, "--engine", "libsystemd").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != cli.ExitUsage || !strings.Contains(string(out), "which cannot load libsystemd") {
		t.Errorf("--engine libsystemd: %v: %s", err, out)
	}
}

// TestLinks: nodectl asks noded, and has nothing of what noded asks.
func TestLinks(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(out)) {
		for _, bad := range []string{
			"github.com/noded/noded/daemon", "github.com/noded/noded/runtime/cri", "github.com/noded/noded/runtime/docker",
			"github.com/noded/noded/runtime/stats/host", "github.com/noded/noded/runtime/stats/cgroup", "github.com/noded/noded/runtime/stats/history",
			"github.com/google/cadvisor", "k8s.io/kubectl", "k8s.io/client-go", "k8s.io/api/",
		} {
			if strings.HasPrefix(name, bad) {
				t.Errorf("nodectl links %s", name)
			}
		}
	}
}
