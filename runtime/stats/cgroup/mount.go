// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/noded/noded/runtime/stats/kernel"
)

// nameSystemd is the hierarchy of version 1 without a controller in which systemd keeps its units.
const nameSystemd = "name=systemd"

// mount is where a hierarchy is mounted.
type mount struct {
	// root is what of the hierarchy is mounted: "/" for all.
	root, point string
	// version2 says that it is of version 2.
	version2 bool
	// controllers are of version 1, and name=NAME.
	controllers []string
}

// parseMounts returns the cgroup mounts of a mountinfo.
func parseMounts(text string) []mount {
	var mounts []mount
	for line := range strings.Lines(text) {
		k, ok := kernel.ParseMount(strings.TrimSuffix(line, "\n"))
		if !ok || k.Kind != "cgroup" && k.Kind != "cgroup2" {
			continue
		}
		m := mount{root: k.Root, point: k.Point, version2: k.Kind == "cgroup2"}
		if !m.version2 {
			m.controllers = strings.Split(k.Options, ",")
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// below returns the mounts at or below a directory, those of whole hierarchies first, outer ones before inner ones.
func below(mounts []mount, root string) []mount {
	mounts = slices.DeleteFunc(mounts, func(m mount) bool {
		return m.point != root && !strings.HasPrefix(m.point, strings.TrimSuffix(root, "/")+"/")
	})
	slices.SortStableFunc(mounts, func(a, b mount) int {
		if (a.root == "/") != (b.root == "/") {
			if a.root == "/" {
				return -1
			}
			return 1
		}
		return len(a.point) - len(b.point)
	})
	return mounts
}

// byLayout takes the directories of root for hierarchies by their names, or root itself for one of version 2.
func byLayout(root string) ([]mount, error) {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		return []mount{{root: "/", point: root, version2: true}}, nil
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var mounts []mount
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		m := mount{root: "/", point: filepath.Join(root, e.Name())}
		switch name := e.Name(); name {
		case "unified":
			m.version2 = true
		case "systemd":
			m.controllers = []string{nameSystemd}
		default:
			m.controllers = strings.Split(name, ",")
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// hierarchy is a mounted hierarchy that matters.
type hierarchy struct {
	// point is its directory.
	point string
	// sources are its files; none in that of systemd.
	sources []source
	// listed: the cgroups in it count as such.
	listed bool
	// kernel: its files are the kernel's, which say so when their cgroup is gone. Those of a copy go on to be what they were.
	kernel bool
}

// controllers1 are the controllers of version 1 that are read, in the order in which they are. The first hierarchy that a cgroup is in gives
// the inode: where its CPU time is.
var controllers1 = []string{"cpuacct", "cpu", "memory", "pids", "blkio", nameSystemd} // read-only

// choose returns the version, and the hierarchies in the order in which they are read.
func choose(mounts []mount) (version int, hierarchies []*hierarchy, err error) {
	find := func(controller string) int {
		return slices.IndexFunc(mounts, func(m mount) bool { return slices.Contains(m.controllers, controller) })
	}
	byPoint := make(map[string]*hierarchy)
	var accounts bool
	for _, controller := range controllers1 {
		i := find(controller)
		if i < 0 {
			continue
		}
		h := byPoint[mounts[i].point]
		if h == nil {
			h = &hierarchy{point: mounts[i].point}
			byPoint[h.point] = h
			hierarchies = append(hierarchies, h)
		}
		h.sources = append(h.sources, sources1(controller)...)
		accounts = accounts || controller != nameSystemd
		// Whatever has a cgroup for its share of CPU has one for its CPU time.
		h.listed = h.listed || controller != "cpu" || find("cpuacct") < 0
	}
	unified := slices.IndexFunc(mounts, func(m mount) bool { return m.version2 })
	switch {
	case accounts && unified >= 0:
		return 1, append(hierarchies, &hierarchy{point: mounts[unified].point, sources: sourcesPressure()}), nil
	case accounts:
		return 1, hierarchies, nil
	case unified >= 0:
		return 2, []*hierarchy{{point: mounts[unified].point, sources: sources2(), listed: true}}, nil
	default:
		return 0, nil, fs.ErrNotExist
	}
}
