// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"path"
	"strings"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// The thresholds of the kubelet's default evictionHard, and one for process ids, of which it has none.
const (
	leastMemoryBytes = 100 << 20
	leastNodeSpace   = 10
	leastImageSpace  = 15
	leastInodes      = 5
	leastPIDs        = 10
)

// The states of a condition.
const (
	conditionTrue    = "True"
	conditionFalse   = "False"
	conditionUnknown = "Unknown"
)

// condition is what noded concludes of the node.
type condition struct {
	Type   string `json:"type"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

func conditionRows(list []condition) [][]string {
	var rows [][]string
	for _, c := range list {
		rows = append(rows, []string{c.Type, c.Status, c.Reason})
	}
	return rows
}

func conditionsOf(n *client.NodeStats) []condition {
	return []condition{memoryPressure(n), diskPressure(n), pidPressure(n)}
}

// memoryPressure compares memory.available of the kubelet: what the machine has without the working set.
func memoryPressure(n *client.NodeStats) condition {
	c := condition{Type: "MemoryPressure", Status: conditionUnknown, Reason: "the memory of the node is not known"}
	used, ok := n.Usage.Numbers.Get(metric.MemoryWorkingSet)
	if !ok || n.Machine.MemoryBytes == 0 {
		return c
	}
	available := n.Machine.MemoryBytes - min(used, n.Machine.MemoryBytes)
	c.Status, c.Reason = below(available < leastMemoryBytes), fmt.Sprintf("%dMi available, threshold %dMi", available>>20, uint64(leastMemoryBytes)>>20)
	return c
}

// below is the state of a condition that holds when something is below its threshold.
func below(is bool) string {
	if is {
		return conditionTrue
	}
	return conditionFalse
}

// diskPressure compares the filesystems that the kubelet and the images are on.
func diskPressure(n *client.NodeStats) condition {
	c := condition{Type: "DiskPressure", Status: conditionUnknown, Reason: "the filesystems of the node are not known"}
	var known, short []string
	check := func(what string, fs *stats.Filesystem, least uint64) {
		if fs == nil {
			return
		}
		if fs.CapacityBytes > 0 {
			text := fmt.Sprintf("%s (%s) %d%% available, threshold %d%%", what, fs.MountPoint, percent(fs.AvailableBytes, fs.CapacityBytes), least)
			known = append(known, text)
			if float64(fs.AvailableBytes)*100 < float64(fs.CapacityBytes)*float64(least) {
				short = append(short, text)
			}
		}
		if fs.Inodes > 0 && float64(fs.InodesFree)*100 < float64(fs.Inodes)*leastInodes {
			short = append(short, fmt.Sprintf("%s (%s) %d%% of inodes free, threshold %d%%", what, fs.MountPoint, percent(fs.InodesFree, fs.Inodes), leastInodes))
		}
	}
	check("nodefs", filesystemOf(n.Filesystems, "/var/lib/kubelet"), leastNodeSpace)
	check("imagefs", imageFilesystem(n.Filesystems), leastImageSpace)
	switch {
	case len(short) > 0:
		c.Status, c.Reason = conditionTrue, strings.Join(short, "; ")
	case len(known) > 0:
		c.Status, c.Reason = conditionFalse, strings.Join(known, "; ")
	}
	return c
}

// imageFilesystem is the one that images are on: the first of the usual places that is a mount point of its own, else that of containerd.
func imageFilesystem(list []stats.Filesystem) *stats.Filesystem {
	places := []string{"/var/lib/containerd", "/var/lib/containers", "/var/lib/docker"}
	root := filesystemOf(list, "/var/lib")
	for _, place := range places {
		if fs := filesystemOf(list, place); fs != nil && fs != root {
			return fs
		}
	}
	return filesystemOf(list, places[0])
}

// filesystemOf is the filesystem that a directory is on, nil if it is not known.
func filesystemOf(list []stats.Filesystem, dir string) *stats.Filesystem {
	var best *stats.Filesystem
	for i := range list {
		at := path.Clean(list[i].MountPoint)
		if at != "/" && dir != at && !strings.HasPrefix(dir, at+"/") {
			continue
		}
		if best == nil || len(at) >= len(path.Clean(best.MountPoint)) {
			best = &list[i]
		}
	}
	return best
}

// pidPressure compares the process ids that are left.
func pidPressure(n *client.NodeStats) condition {
	c := condition{Type: "PIDPressure", Status: conditionUnknown, Reason: "the number of processes is not known"}
	used, limit := number(&n.Usage.Numbers, metric.Processes), number(&n.Usage.Numbers, metric.ProcessLimit)
	if !used.known || !limit.known || limit.value == 0 {
		return c
	}
	left := limit.value - min(used.value, limit.value)
	c.Status = below(float64(left)*100 < float64(limit.value)*leastPIDs)
	c.Reason = fmt.Sprintf("%d%% of process ids left, threshold %d%%", percent(left, limit.value), leastPIDs)
	return c
}
