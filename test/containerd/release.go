// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Release is a release of containerd.
type Release uint8

// The releases that are tested.
const (
	// Debian is what the distribution ships: 1.6.
	Debian Release = iota
	// Current is the 2.x that "make containerd" builds.
	Current
)

// Releases are all of them.
var Releases = []Release{Debian, Current}

// String returns the name of a release, as subtests are called.
func (r Release) String() string {
	if r == Current {
		return "current"
	}
	return "debian"
}

// EnvDirectory is the variable of the environment that names the directory with Current's programs. Without it that is
// dist/containerd of the source tree.
const EnvDirectory = "NODED_CONTAINERD"

// directory returns where the programs of a release are.
func (r Release) directory() (string, error) {
	dir := "/usr/bin"
	if r == Current {
		dir = os.Getenv(EnvDirectory)
	}
	if dir == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "dist", "containerd")
	}
	for _, program := range []string{"containerd", "containerd-shim-runc-v2", "ctr"} {
		if _, err := exec.LookPath(filepath.Join(dir, program)); err != nil {
			return "", fmt.Errorf("no containerd (%v): run make deps containerd: %w", r, err)
		}
	}
	return dir, nil
}

// moduleRoot returns the directory with go.mod, at or above that of the test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the test")
		}
		dir = parent
	}
}

// Available returns why this machine cannot run a release, or nil.
func Available(r Release) error {
	if os.Geteuid() != 0 {
		return errors.New("running containerd needs root")
	}
	tools := []string{"runc", "nsenter", "unshare", "ip"}
	if os.Getenv(EnvWorkload) == "" {
		tools = append(tools, "go")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("running containerd needs %s: run make deps", tool)
		}
	}
	if _, err := os.Stat(filepath.Join(cniDirectory, "bridge")); err != nil {
		return errors.New("running containerd needs containernetworking-plugins: run make deps")
	}
	_, err := r.directory()
	return err
}
