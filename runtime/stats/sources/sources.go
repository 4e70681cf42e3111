// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/cgroup"
	"github.com/noded/noded/runtime/stats/host"
	"github.com/noded/noded/runtime/stats/metric"
)

// Tree makes a Tree of cgroups; nil of nil.
func Tree(t *cgroup.Tree) stats.Tree {
	if t == nil {
		return nil
	}
	return tree{t}
}

type tree struct{ *cgroup.Tree }

// Open implements stats.Tree.
func (t tree) Open(path string) (stats.Group, error) {
	g, err := t.Tree.Open(path)
	if err != nil {
		return nil, err
	}
	return group{g}, nil
}

// Classify implements stats.Tree.
func (t tree) Classify(path string) stats.Name {
	n := cgroup.Classify(path)
	name := stats.Name{PodUID: n.PodUID, ContainerID: n.ContainerID, Unit: n.Unit, Nested: n.Nested}
	switch n.Kind {
	case cgroup.KindPod:
		name.Kind = stats.KindPod
	case cgroup.KindContainer:
		name.Kind = stats.KindContainer
	case cgroup.KindUnit:
		name.Kind = stats.KindUnit
	default:
	}
	return name
}

type group struct{ *cgroup.Group }

// Read implements stats.Group.
func (g group) Read(to *metric.Set) (stats.Reading, error) {
	r, err := g.Group.Read(to)
	return stats.Reading{Time: r.Time, Boot: r.Boot, Inode: r.Inode}, err
}

// Host makes a Host of a reader of the node; nil of nil. proc is where proc is mounted; empty: /proc.
func Host(r *host.Reader, proc string) stats.Host {
	if r == nil {
		return nil
	}
	if proc == "" {
		proc = "/proc"
	}
	return node{r, proc}
}

type node struct {
	*host.Reader
	proc string
}

// Read implements stats.Host.
func (n node) Read(to *metric.Set) (stats.Reading, error) {
	r, err := n.Reader.Read(to)
	return stats.Reading{Time: r.Time, Boot: r.Boot}, err
}

// maxCgroupFile bounds /proc/PID/cgroup, which has a path for each hierarchy.
const maxCgroupFile = 64 << 10

// InContainer implements stats.Host. Every layout has the id of a container in the path of its cgroup, also where paths are told from the
// root of another namespace.
func (n node) InContainer(pid int, containerID string) (bool, error) {
	f, err := os.Open(filepath.Join(n.proc, strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return false, fmt.Errorf("look for the container of process %d: %w", pid, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCgroupFile))
	if err != nil {
		return false, fmt.Errorf("look for the container of process %d: %w", pid, err)
	}
	return containerID != "" && bytes.Contains(data, []byte(containerID)), nil
}
