// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"math"

	"github.com/noded/noded/runtime/stats/kernel"
	"github.com/noded/noded/runtime/stats/metric"
)

// meminfo is what is wanted of /proc/meminfo, in bytes; see proc_meminfo(5).
type meminfo struct {
	total, available                      value
	buffers, cached, swapCached           value
	anon, mapped, shmem                   value
	activeFile, inactiveFile              value
	slab, slabReclaimable                 value
	stacks, pageTables, secondary, percpu value
	swapTotal, swapFree                   value
}

// value is a number that may not be there.
type value struct {
	v  uint64
	ok bool
}

// field returns where a line of /proc/meminfo goes; nil if it is not wanted.
func (m *meminfo) field(name string) *value {
	switch name {
	case "MemTotal":
		return &m.total
	case "MemAvailable":
		return &m.available
	case "Buffers":
		return &m.buffers
	case "Cached":
		return &m.cached
	case "SwapCached":
		return &m.swapCached
	case "AnonPages":
		return &m.anon
	case "Mapped":
		return &m.mapped
	case "Shmem":
		return &m.shmem
	case "Active(file)":
		return &m.activeFile
	case "Inactive(file)":
		return &m.inactiveFile
	case "Slab":
		return &m.slab
	case "SReclaimable":
		return &m.slabReclaimable
	case "KernelStack":
		return &m.stacks
	case "PageTables":
		return &m.pageTables
	case "SecPageTables":
		return &m.secondary
	case "Percpu":
		return &m.percpu
	case "SwapTotal":
		return &m.swapTotal
	case "SwapFree":
		return &m.swapFree
	}
	return nil
}

var errNoTotal = errors.New("no line MemTotal")

// maxKiB keeps sums of sizes in range.
const maxKiB = math.MaxUint64 / 1024 / 16

// parseMeminfo reads /proc/meminfo.
func parseMeminfo(data []byte) (meminfo, error) {
	var m meminfo
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		name, rest, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			continue
		}
		to := m.field(string(name))
		if to == nil {
			continue
		}
		number, _ := nextField(rest)
		if v, ok := kernel.ParseUint(number); ok && v <= maxKiB {
			*to = value{v << 10, true}
		}
	}
	if !m.total.ok {
		return m, errNoTotal
	}
	return m, nil
}

// put sets the numbers as the root cgroup has them, or would have them; see the package comment.
func (m *meminfo) put(to *metric.Set) {
	for _, item := range []struct {
		id metric.ID
		value
	}{
		{metric.MemoryTotal, m.total}, {metric.MemoryAvailable, m.available}, {metric.MemoryRSS, m.anon}, {metric.MemoryAnon, m.anon},
		{metric.MemoryMapped, m.mapped}, {metric.MemoryShmem, m.shmem}, {metric.MemoryActiveFile, m.activeFile},
		{metric.MemorySlab, m.slab}, {metric.MemorySlabReclaimable, m.slabReclaimable},
	} {
		if item.ok {
			to.Put(item.id, item.v)
		}
	}
	if m.cached.ok {
		file := m.cached.v + m.buffers.v + m.swapCached.v
		to.Put(metric.MemoryFile, file)
		to.Put(metric.MemoryCache, file)
		if m.anon.ok {
			usage := m.anon.v + file
			to.Put(metric.MemoryUsage, usage)
			to.Put(metric.MemoryWorkingSet, usage-min(usage, m.inactiveFile.v))
		}
	}
	if m.slab.ok {
		to.Put(metric.MemoryKernel, m.slab.v+m.stacks.v+m.pageTables.v+m.secondary.v+m.percpu.v)
	}
	if m.swapTotal.ok && m.swapFree.ok {
		to.Put(metric.MemorySwap, m.swapTotal.v-min(m.swapTotal.v, m.swapFree.v))
	}
}

// putVMStat sets what is wanted of /proc/vmstat. pgfault counts major faults too, as it does in cgroups.
func putVMStat(data []byte, to *metric.Set) {
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		name, rest := nextField(line)
		var id metric.ID
		switch string(name) {
		case "pgfault":
			id = metric.MemoryFaults
		case "pgmajfault":
			id = metric.MemoryMajorFaults
		case "oom_kill":
			id = metric.OOMKills
		default:
			continue
		}
		number, _ := nextField(rest)
		if v, ok := kernel.ParseUint(number); ok {
			to.Put(id, v)
		}
	}
}
