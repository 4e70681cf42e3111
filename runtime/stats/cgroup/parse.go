// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bytes"
	"math"
	"math/bits"

	"github.com/noded/noded/runtime/stats/disk"
	"github.com/noded/noded/runtime/stats/kernel"
	"github.com/noded/noded/runtime/stats/metric"
)

// The files are documented in the kernel's admin-guide/cgroup-v1 and admin-guide/cgroup-v2. All parsers leave unset what
// is not as there.

const (
	// userHertz is the unit of cpuacct.stat: USER_HZ, which is part of the interface of the kernel.
	userHertz = 100
	// noLimit is where cAdvisor takes a limit of version 1 for none. The kernel writes the highest number of bytes in whole pages.
	noLimit = 1 << 62

	nanosPerTick  = 1_000_000_000 / userHertz
	nanosPerMicro = 1000
)

// numbers is what was read of a cgroup, with what is only needed to work numbers out.
type numbers struct {
	metric.Set
	// inactiveFile is total_inactive_file, or inactive_file; hasInactiveFile says that it was there.
	inactiveFile    uint64
	hasInactiveFile bool
	// totals: memory.stat has numbers with those of the cgroups below.
	totals bool
	// devices tell what block devices are; nil if that is not known.
	devices *disk.Devices
	// quota and period are cpu.cfs_quota_us and cpu.cfs_period_us; 0 for none.
	quota, period uint64
	// limit1 and limitWithSwap are memory.limit_in_bytes and memory.memsw.limit_in_bytes; 0 for none or not read yet.
	limit1, limitWithSwap uint64
}

// finish works out what is made of several files.
func (n *numbers) finish() {
	if usage, ok := n.Get(metric.MemoryUsage); ok {
		if n.hasInactiveFile {
			n.Put(metric.MemoryWorkingSet, usage-min(usage, n.inactiveFile))
		}
		if peak, ok := n.Get(metric.MemoryPeak); ok {
			n.Put(metric.MemoryPeak, max(peak, usage)) // it is read less often
		}
	}
}

// parseValue parses a file that has one number and a newline.
func parseValue(text []byte) (uint64, bool) { return kernel.ParseUint(bytes.TrimSuffix(text, newline)) }

var newline = []byte("\n") // read-only

// cutLine returns the first line without its newline, and the rest.
func cutLine(text []byte) (line, rest []byte) {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, nil
}

// cutField returns what is before the first space, and the rest.
func cutField(line []byte) (field, rest []byte) {
	if i := bytes.IndexByte(line, ' '); i >= 0 {
		return line[:i], line[i+1:]
	}
	return line, nil
}

// keyed calls put for the lines of a file of names and numbers.
func keyed(text []byte, put func(name []byte, v uint64)) {
	for len(text) > 0 {
		var line []byte
		line, text = cutLine(text)
		name, value := cutField(line)
		if v, ok := kernel.ParseUint(value); ok {
			put(name, v)
		}
	}
}

// putTimes puts v of a unit of that many nanoseconds.
func (n *numbers) putTimes(id metric.ID, v, nanos uint64) {
	if high, product := bits.Mul64(v, nanos); high == 0 {
		n.Put(id, product)
	}
}

// value returns a parser of a file that has one number.
func value(id metric.ID) func(*numbers, []byte) {
	return func(n *numbers, text []byte) {
		if v, ok := parseValue(text); ok {
			n.Put(id, v)
		}
	}
}

// limit returns a parser of a file that has a limit: "max" and what noLimit is for are none.
func limit(id metric.ID) func(*numbers, []byte) {
	return func(n *numbers, text []byte) {
		if v, ok := parseValue(text); ok && v < noLimit {
			n.Put(id, v)
		}
	}
}

// parseCPUAcctStat parses cpuacct.stat.
func parseCPUAcctStat(n *numbers, text []byte) {
	keyed(text, func(name []byte, v uint64) {
		switch string(name) {
		case "user":
			n.putTimes(metric.CPUUser, v, nanosPerTick)
		case "system":
			n.putTimes(metric.CPUSystem, v, nanosPerTick)
		}
	})
}

// parseCPUStat parses cpu.stat of both versions.
func parseCPUStat(n *numbers, text []byte) {
	keyed(text, func(name []byte, v uint64) {
		switch string(name) {
		case "usage_usec":
			n.putTimes(metric.CPUUsage, v, nanosPerMicro)
		case "user_usec":
			n.putTimes(metric.CPUUser, v, nanosPerMicro)
		case "system_usec":
			n.putTimes(metric.CPUSystem, v, nanosPerMicro)
		case "nr_periods":
			n.Put(metric.CPUPeriods, v)
		case "nr_throttled":
			n.Put(metric.CPUThrottledPeriods, v)
		case "throttled_time":
			n.Put(metric.CPUThrottled, v)
		case "throttled_usec":
			n.putTimes(metric.CPUThrottled, v, nanosPerMicro)
		}
	})
}

// parseQuota parses cpu.cfs_quota_us, which is -1 for none.
func parseQuota(n *numbers, text []byte) {
	n.quota, _ = parseValue(text)
	n.putCPULimit()
}

// parsePeriod parses cpu.cfs_period_us.
func parsePeriod(n *numbers, text []byte) {
	n.period, _ = parseValue(text)
	n.putCPULimit()
}

// parseCPUMax parses cpu.max: "QUOTA PERIOD", with "max" for no quota.
func parseCPUMax(n *numbers, text []byte) {
	line, _ := cutLine(text)
	quota, period := cutField(line)
	n.quota, _ = kernel.ParseUint(quota)
	n.period, _ = kernel.ParseUint(period)
	n.putCPULimit()
}

// putCPULimit puts quota/period in thousandths of a core, as the kubelet has it.
func (n *numbers) putCPULimit() {
	if n.quota == 0 || n.period == 0 {
		return
	}
	high, low := bits.Mul64(n.quota, 1000)
	if high >= n.period {
		return
	}
	limit, _ := bits.Div64(high, low, n.period)
	n.Put(metric.CPULimit, limit)
}

// parseWeight parses cpu.weight and makes shares of it.
func parseWeight(n *numbers, text []byte) {
	const maxWeight = 10000
	if w, ok := parseValue(text); ok && w >= 1 && w <= maxWeight {
		n.Put(metric.CPUShares, sharesOf(w))
	}
}

// sharesOf returns the most shares of which runtimes make a weight: runc from 1.3.2 and crun from 1.23 on, as 10^((l^2 + 125 l)/612 - 7/34) of their
// binary logarithm l, rounded up. That makes 1 of 2, 10000 of 262144, and of 1024 the 100 that is the default of the kernel and systemd.
// Older ones, and the kubelet with them, make 39 of 1024, of which this makes 305: it cannot be seen who wrote a weight.
func sharesOf(weight uint64) uint64 {
	const rounding = 1e-6
	l := (math.Sqrt(125*125+4*612*(math.Log10(float64(weight))+7.0/34)) - 125) / 2
	return uint64(math.Exp2(l) + rounding)
}

// parseLimit1 parses memory.limit_in_bytes.
func parseLimit1(n *numbers, text []byte) {
	if v, ok := parseValue(text); ok && v < noLimit {
		n.Put(metric.MemoryLimit, v)
		n.limit1 = v
		n.putSwapLimit()
	}
}

// parseLimitWithSwap parses memory.memsw.limit_in_bytes.
func parseLimitWithSwap(n *numbers, text []byte) {
	if v, ok := parseValue(text); ok && v < noLimit {
		n.limitWithSwap = v
		n.putSwapLimit()
	}
}

// putSwapLimit puts what version 1 allows of swap: what it allows of memory and swap together, less what it allows of memory, which is never more.
func (n *numbers) putSwapLimit() {
	if n.limitWithSwap > 0 && n.limit1 > 0 {
		n.Put(metric.MemorySwapLimit, n.limitWithSwap-min(n.limitWithSwap, n.limit1))
	}
}

// parseMemoryStat1 parses memory.stat of version 1. Names that begin with total_ are with the cgroups below.
func parseMemoryStat1(n *numbers, text []byte) {
	keyed(text, func(name []byte, v uint64) {
		total := len(name) > len("total_") && string(name[:len("total_")]) == "total_"
		switch {
		case total:
			name, n.totals = name[len("total_"):], true
		case n.totals:
			return
		}
		switch string(name) {
		case "cache":
			n.Put(metric.MemoryCache, v)
			n.Put(metric.MemoryFile, v)
		case "rss":
			n.Put(metric.MemoryRSS, v)
			n.Put(metric.MemoryAnon, v)
		case "shmem":
			n.Put(metric.MemoryShmem, v)
		case "mapped_file":
			n.Put(metric.MemoryMapped, v)
		case "active_file":
			n.Put(metric.MemoryActiveFile, v)
		case "inactive_file":
			n.inactiveFile, n.hasInactiveFile = v, true
		case "swap":
			n.Put(metric.MemorySwap, v)
		case "pgfault":
			n.Put(metric.MemoryFaults, v)
		case "pgmajfault":
			n.Put(metric.MemoryMajorFaults, v)
		}
	})
}

// parseMemoryStat2 parses memory.stat of version 2.
func parseMemoryStat2(n *numbers, text []byte) {
	keyed(text, func(name []byte, v uint64) {
		switch string(name) {
		case "anon":
			n.Put(metric.MemoryRSS, v)
			n.Put(metric.MemoryAnon, v)
		case "file":
			n.Put(metric.MemoryCache, v)
			n.Put(metric.MemoryFile, v)
		case "kernel":
			n.Put(metric.MemoryKernel, v)
		case "shmem":
			n.Put(metric.MemoryShmem, v)
		case "file_mapped":
			n.Put(metric.MemoryMapped, v)
		case "active_file":
			n.Put(metric.MemoryActiveFile, v)
		case "inactive_file":
			n.inactiveFile, n.hasInactiveFile = v, true
		case "slab":
			n.Put(metric.MemorySlab, v)
		case "slab_reclaimable":
			n.Put(metric.MemorySlabReclaimable, v)
		case "pgfault":
			n.Put(metric.MemoryFaults, v)
		case "pgmajfault":
			n.Put(metric.MemoryMajorFaults, v)
		}
	})
}

// parseOOMControl parses memory.oom_control.
func parseOOMControl(n *numbers, text []byte) {
	keyed(text, func(name []byte, v uint64) {
		if string(name) == "oom_kill" {
			n.Put(metric.OOMKills, v)
		}
	})
}

// parseMemoryEvents parses memory.events.
func parseMemoryEvents(n *numbers, text []byte) {
	keyed(text, func(name []byte, v uint64) {
		switch string(name) {
		case "max":
			n.Put(metric.MemoryFailures, v)
		case "oom_kill":
			n.Put(metric.OOMKills, v)
		}
	})
}

// sum adds up and knows when it did not fit.
type sum struct {
	v    uint64
	over bool
}

func (s *sum) add(v uint64) {
	total, carry := bits.Add64(s.v, v, 0)
	s.v, s.over = total, s.over || carry != 0
}

// ioSum is of disks and of what is stacked on them, by disk.Kind. Both have more or less the same: the kernel counts what is read and written
// through LVM or RAID 1 on each layer, what is encrypted or has parity mostly on the upper one alone, because another process writes it to the disk.
type ioSum [disk.Uncounted + 1]sum

// putIO puts what the layer has that has more.
func (n *numbers) putIO(id metric.ID, s *ioSum) {
	if disks, stacked := s[disk.Disk], s[disk.Stacked]; !disks.over && !stacked.over {
		n.Put(id, max(disks.v, stacked.v))
	}
}

// device returns what the device of a line is. One without a number is a path of another one, as of NVMe.
func (n *numbers) device(field []byte) disk.Kind {
	number, ok := disk.ParseNumber(field)
	if !ok {
		return disk.Uncounted
	}
	return n.devices.Kind(number)
}

// blkio returns a parser of blkio.throttle.io_service_bytes and blkio.throttle.io_serviced: "MAJOR:MINOR OPERATION NUMBER".
func blkio(reads, writes metric.ID) func(*numbers, []byte) {
	return func(n *numbers, text []byte) {
		var read, write ioSum
		for len(text) > 0 {
			var line []byte
			line, text = cutLine(text)
			device, rest := cutField(line)
			operation, value := cutField(rest)
			v, ok := kernel.ParseUint(value)
			if !ok {
				continue
			}
			switch string(operation) {
			case "Read":
				read[n.device(device)].add(v)
			case "Write":
				write[n.device(device)].add(v)
			}
		}
		n.putIO(reads, &read)
		n.putIO(writes, &write)
	}
}

// parseIOStat parses io.stat: "MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N dbytes=N dios=N". A device that was not used may have none.
func parseIOStat(n *numbers, text []byte) {
	var readBytes, writeBytes, reads, writes ioSum
	for len(text) > 0 {
		var line, field []byte
		line, text = cutLine(text)
		field, line = cutField(line)
		kind := n.device(field)
		for len(line) > 0 {
			field, line = cutField(line)
			i := bytes.IndexByte(field, '=')
			if i < 0 {
				continue
			}
			v, ok := kernel.ParseUint(field[i+1:])
			if !ok {
				continue
			}
			switch string(field[:i]) {
			case "rbytes":
				readBytes[kind].add(v)
			case "wbytes":
				writeBytes[kind].add(v)
			case "rios":
				reads[kind].add(v)
			case "wios":
				writes[kind].add(v)
			}
		}
	}
	n.putIO(metric.IOReadBytes, &readBytes)
	n.putIO(metric.IOWriteBytes, &writeBytes)
	n.putIO(metric.IOReads, &reads)
	n.putIO(metric.IOWrites, &writes)
}

// pressure returns a parser of cpu.pressure, memory.pressure and io.pressure.
func pressure(some, full metric.ID) func(*numbers, []byte) {
	return func(n *numbers, text []byte) {
		kernel.ParsePressure(text, func(all bool, nanoseconds uint64) {
			if all {
				n.Put(full, nanoseconds)
			} else {
				n.Put(some, nanoseconds)
			}
		})
	}
}
