// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/runtime/stats/disk"
)

// Tree is the cgroups of a machine. It is safe for concurrent use.
type Tree struct {
	version     int
	hierarchies []*hierarchy // read-only
	lists       []*lister    // of the listed hierarchies
	// kept is how many descriptors groups hold, maxKept how many they may; those beyond open their directories for each reading.
	kept, maxKept atomic.Int64
	// files is how many files of them are open beside, maxFiles how many may be.
	files, maxFiles atomic.Int64
	buffers         sync.Pool // of *[]byte

	// sys is where sysfs is mounted. devices are the block devices, nil if they are not known.
	sys     string
	devices atomic.Pointer[disk.Devices]
	// maxGroups is how many List returns; tests change it before use.
	maxGroups int

	// mu guards the listers and the fields below. paths are those of the last List, cut says that some were left out of the union.
	mu    sync.Mutex
	paths []string
	cut   bool
	// devicesAt is when devices were looked for last.
	devicesAt time.Time
}

// Open finds out how cgroups are mounted. The error is an fs.ErrNotExist if they are not. A Tree holds nothing that must be closed.
func Open(c Config) (*Tree, error) {
	if c.Root == "" {
		c.Root = "/sys/fs/cgroup"
	}
	if c.Proc == "" {
		c.Proc = "/proc"
	}
	if c.Sys == "" {
		c.Sys = "/sys"
	}
	c.Root = filepath.Clean(c.Root)
	version, hierarchies, err := discover(c)
	if err != nil {
		return nil, fmt.Errorf("find cgroups in %q: %w", c.Root, err)
	}
	t := &Tree{version: version, hierarchies: hierarchies, maxGroups: maxGroups, sys: c.Sys}
	for _, h := range hierarchies {
		h.kernel = isKernel(h.point)
		if h.listed {
			t.lists = append(t.lists, &lister{point: h.point})
		}
	}
	t.buffers.New = func() any {
		const most = 8 << 10 // of memory.stat and all that is not by device
		b := make([]byte, most)
		return &b
	}
	t.findDevices()
	t.maxKept.Store(mostKept(maxDirs))
	t.maxFiles.Store(mostKept(maxFiles))
	return t, nil
}

// findDevices looks for block devices. Where sysfs does not tell, those that were known before will do. mu is held, but in Open.
func (t *Tree) findDevices() {
	t.devicesAt = time.Now()
	if devices, err := disk.Find(t.sys); err == nil {
		t.devices.Store(devices)
	}
}

// isKernel reports whether a directory is of a hierarchy of the kernel, not of a copy.
func isKernel(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && (st.Type == unix.CGROUP_SUPER_MAGIC || st.Type == unix.CGROUP2_SUPER_MAGIC)
}

// discover returns the hierarchies by the mountinfo, or else by the layout of the root.
func discover(c Config) (int, []*hierarchy, error) {
	if version, hierarchies, err := choose(below(parseMounts(mountinfo(c.Proc)), c.Root)); err == nil {
		return version, hierarchies, nil
	}
	mounts, err := byLayout(c.Root)
	if err != nil {
		return 0, nil, err
	}
	return choose(mounts)
}

// mountinfo returns what it can of the mountinfo of this process.
func mountinfo(proc string) string {
	f, err := os.Open(filepath.Join(proc, "self", "mountinfo"))
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 16 << 20 // a node with thousands of mounts has about 1 MiB
	text, _ := io.ReadAll(io.LimitReader(f, most))
	return string(text)
}

// mostKept is how many descriptors groups may hold: no more than a part of what the process may have, because others need some too.
func mostKept(most uint64) int64 {
	const part = 4
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int64(min(limit.Cur/part, most))
}

// Version returns 2 if the controllers are those of version 2, else 1: also where version 2 is mounted beside version 1, for processes and
// pressure.
func (t *Tree) Version() int { return t.version }

// Open returns the cgroup of a path as List returns it. The error is an fs.ErrNotExist if there is none. The Group must be closed.
func (t *Tree) Open(p string) (*Group, error) {
	if p == "" || p[0] != '/' || len(p) > maxPath || path.Clean(p) != p {
		return nil, &fs.PathError{Op: "open cgroup", Path: p, Err: fs.ErrInvalid}
	}
	g := &Group{tree: t, path: p, parts: make([]part, len(t.hierarchies))}
	for i, h := range t.hierarchies {
		g.parts[i] = part{hierarchy: h, dir: -1}
	}
	if err := g.open(); err != nil {
		g.closeDirs()
		return nil, &fs.PathError{Op: "open cgroup", Path: p, Err: err}
	}
	if n := int64(len(g.parts)); t.kept.Add(n) <= t.maxKept.Load() {
		g.kept = n
	} else {
		t.kept.Add(-n)
		g.closeDirs()
	}
	return g, nil
}
