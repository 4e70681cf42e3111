// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"slices"
	"strings"

	"github.com/noded/noded/runtime/stats/kernel"
)

const (
	// maxMounts bounds the lines of a mountinfo that are looked at. A pod has about five.
	maxMounts = 20_000
	// maxFilesystems bounds the filesystems that are looked at.
	maxFilesystems = 1_000
)

// mount is a line of /proc/PID/mountinfo; see proc_pid_mountinfo(5).
type mount struct {
	// id is that of the mount, parent that of the one that it is mounted on.
	id, parent uint64
	// device is MAJOR:MINOR, the same for all mounts of a filesystem. root is what of it is mounted, point where.
	device, root, point string
	kind, source        string
}

// parseMountinfo reads /proc/PID/mountinfo.
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func parseMountinfo(data []byte) []mount {
	var mounts []mount
	for n := 0; len(data) > 0 && n < maxMounts; n++ {
		var line []byte
		line, data = nextLine(data)
		if m, ok := parseMount(string(line)); ok {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// uppermost leaves the last one of mounts at the same place.
func uppermost(mounts []mount) []mount {
	var upper []mount
	at := map[string]int{}
	for _, m := range mounts {
		if i, covered := at[m.point]; covered {
			upper[i] = m
			continue
		}
		at[m.point] = len(upper)
		upper = append(upper, m)
	}
	return upper
}

// mountOf returns the mount that a path is on. It goes from mount to mount as the kernel does, so that one that is covered is not
// taken. Links in the path are not followed.
func mountOf(mounts []mount, path string) (found mount, ok bool) {
	known := map[uint64]bool{}
	// above are the mounts on the way by what they are mounted on.
	above := map[uint64][]mount{}
	for _, m := range mounts {
		known[m.id] = true
		if within(path, m.point) && m.parent != m.id {
			above[m.parent] = append(above[m.parent], m)
		}
	}
	for _, m := range mounts {
		if m.point == "/" && (!ok || !known[m.parent] && known[found.parent]) {
			found, ok = m, true
		}
	}
	// In a broken file parents may go round.
	for range mounts {
		next := above[found.id]
		if !ok || len(next) == 0 {
			break
		}
		found = slices.MinFunc(next, func(a, b mount) int { return cmp.Compare(len(a.point), len(b.point)) })
	}
	return found, ok
}

// within reports whether a path is a directory or beneath it.
func within(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}

func parseMount(line string) (mount, bool) {
	k, ok := kernel.ParseMount(line)
	return mount{id: k.ID, parent: k.Parent, device: k.Device, root: k.Root, point: k.Point, kind: k.Kind, source: k.Source}, ok
}

// stored reports whether a mount is of a filesystem that stores something: it is on a block device or on a server. Images that are only
// read are always full and are left out. The root is of interest whatever it is.
func (m *mount) stored() bool {
	switch m.kind {
	case "squashfs", "iso9660", "erofs", "cramfs", "romfs", "udf":
		return false
	case "btrfs", "zfs", "bcachefs", "ubifs", // they have devices of their own, or several
		"nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "gpfs", "glusterfs", "9p", "virtiofs", "fuse.glusterfs", "fuse.ceph":
		return true
	case "rootfs":
		return false
	}
	return !strings.HasPrefix(m.device, "0:") || m.point == "/"
}

// better orders mounts of the same filesystem: whole ones before parts of it, near the root before others.
func better(a, b mount) int {
	whole := func(m mount) int {
		if m.root == "/" {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(whole(a), whole(b)), cmp.Compare(len(a.point), len(b.point)), strings.Compare(a.point, b.point))
}

// filesystems returns the best mount of each filesystem that stores something, by mount point.
func filesystems(mounts []mount) []mount {
	best := map[string]mount{}
	for _, m := range uppermost(mounts) {
		if !m.stored() {
			continue
		}
		if known, ok := best[m.device]; !ok || better(m, known) < 0 {
			best[m.device] = m
		}
	}
	found := make([]mount, 0, len(best))
	for _, m := range best {
		found = append(found, m)
	}
	slices.SortFunc(found, func(a, b mount) int { return strings.Compare(a.point, b.point) })
	return found[:min(len(found), maxFilesystems)]
}
