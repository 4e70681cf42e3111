// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Discover returns the sockets of container runtimes that exist at their usual places beneath root, which is / but in tests. Those of
// which there are several names, such as /run and /var/run, come once.
func Discover(root string) []string {
	var found []string
	var infos []fs.FileInfo
	for _, name := range []string{
		"run/containerd/containerd.sock", "var/run/containerd/containerd.sock",
		"run/k3s/containerd/containerd.sock", "run/k0s/containerd.sock",
		"run/crio/crio.sock", "var/run/crio/crio.sock",
		"run/cri-dockerd.sock", "var/run/cri-dockerd.sock",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		info, err := os.Stat(path)
		if err != nil || info.Mode().Type() != fs.ModeSocket ||
			slices.ContainsFunc(infos, func(other fs.FileInfo) bool { return os.SameFile(info, other) }) {
			continue
		}
		found, infos = append(found, path), append(infos, info)
	}
	return found
}

// suggestedName is what a socket suggests that its runtime is called.
func suggestedName(socket string) string {
	base := filepath.Base(socket)
	switch {
	case socket == "":
		return "cri"
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
