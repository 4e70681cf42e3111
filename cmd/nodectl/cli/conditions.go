// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
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

// diskPressure compares the filesystems that the kubelet and the images are on. One that is short is enough to know; for the opposite all must
// be known.
func diskPressure(n *client.NodeStats) condition {
	var enough, short, unknown []string
	for i := range n.Directories {
		d := &n.Directories[i]
		what, least := "nodefs", uint64(leastNodeSpace)
		switch d.Use {
		case stats.DirectoryImages:
			what, least = "imagefs", leastImageSpace
		case stats.DirectoryKubelet:
		case stats.DirectoryUnknown:
			continue
		}
		fs := &d.Filesystem
		what = fmt.Sprintf("%s (%s)", what, firstNonEmpty(fs.MountPoint, d.Path))
		if d.Problem != "" || fs.CapacityBytes == 0 {
			unknown = append(unknown, what+" is not known: "+firstNonEmpty(d.Problem, "it has no size"))
			continue
		}
		text := fmt.Sprintf("%s %d%% available, threshold %d%%", what, percent(fs.AvailableBytes, fs.CapacityBytes), least)
		if float64(fs.AvailableBytes)*100 < float64(fs.CapacityBytes)*float64(least) {
			short = append(short, text)
		} else {
			enough = append(enough, text)
		}
		if fs.Inodes > 0 && float64(fs.InodesFree)*100 < float64(fs.Inodes)*leastInodes {
			short = append(short, fmt.Sprintf("%s %d%% of inodes free, threshold %d%%", what, percent(fs.InodesFree, fs.Inodes), leastInodes))
		}
	}
	c := condition{Type: "DiskPressure"}
	switch {
	case len(short) > 0:
		c.Status, c.Reason = conditionTrue, strings.Join(short, "; ")
	case len(unknown) > 0:
		c.Status, c.Reason = conditionUnknown, strings.Join(unknown, "; ")
	case len(enough) > 0:
		c.Status, c.Reason = conditionFalse, strings.Join(enough, "; ")
	default:
		c.Status, c.Reason = conditionUnknown, "the filesystems of the node are not known"
	}
	return c
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
