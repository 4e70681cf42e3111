// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/noded/noded/runtime/inventory"
)

// place is where the socket of a container runtime usually is: names of one socket, beneath the root directory.
type place []string

// places are the usual ones. A machine can have several runtimes, of which the kubelet uses one: containerd comes with Docker, and k3s brings
// its own.
func places() []place {
	return []place{
		{"run/containerd/containerd.sock", "var/run/containerd/containerd.sock"},
		{"run/k3s/containerd/containerd.sock"},
		{"run/k0s/containerd.sock"},
		{"run/crio/crio.sock", "var/run/crio/crio.sock"},
		{"run/cri-dockerd.sock", "var/run/cri-dockerd.sock"},
	}
}

// Usual returns a source for each place where the socket of a container runtime usually is, beneath root, which is / but in tests. Where there
// is no socket, or one that does not serve the CRI, it is looked again and again. c.Socket is not used.
func Usual(root string, c Config) []inventory.Source {
	all := places()
	sources := make([]inventory.Source, len(all))
	for i, p := range all {
		s := newSource(c)
		s.find = func() (string, error) { return socketAt(root, i) }
		s.status = inventory.RuntimeStatus{Name: suggestedName(p[0])}
		sources[i] = s
	}
	return sources
}

// socketAt returns the socket at a place. One that has another name at an earlier place is not there: it is asked there.
func socketAt(root string, at int) (string, error) {
	var found []fs.FileInfo
	for i, p := range places()[:at+1] {
		for _, name := range p {
			path := filepath.Join(root, filepath.FromSlash(name))
			info, err := os.Stat(path)
			if err != nil || info.Mode().Type() != fs.ModeSocket ||
				slices.ContainsFunc(found, func(other fs.FileInfo) bool { return os.SameFile(info, other) }) {
				continue
			}
			if i == at {
				return path, nil
			}
			found = append(found, info)
		}
	}
	return "", fmt.Errorf("no socket of a container runtime is at its usual place: %w", fs.ErrNotExist)
}

// noCRIError: there is a socket at a usual place, but what listens there, such as the containerd of Docker, does not serve the CRI. It is as if
// there were none.
type noCRIError struct{ err error }

// Error implements error.
func (e *noCRIError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *noCRIError) Unwrap() error { return e.err }

// Is makes it an fs.ErrNotExist.
func (e *noCRIError) Is(target error) bool { return target == fs.ErrNotExist }

// usual makes an error of a socket at a usual place one that says whether there is a runtime.
func usual(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return &noCRIError{err}
	}
	return err
}

// suggestedName is what a socket suggests that its runtime is called.
func suggestedName(socket string) string {
	base := filepath.Base(socket)
	switch {
	case strings.HasPrefix(base, "containerd"):
		return nameContainerd
	case strings.HasPrefix(base, "crio"):
		return "cri-o"
	case strings.Contains(base, "docker"):
		return nameDocker
	}
	return strings.TrimSuffix(base, ".sock")
}

// The names of runtimes, as they call themselves, that matter here.
const (
	nameContainerd = "containerd"
	nameDocker     = "docker"
)
