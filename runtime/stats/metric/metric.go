// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metric

// ID names a number. The values are not kept anywhere but in memory; the names are.
type ID uint8

// The numbers. Times are in nanoseconds, sizes in bytes, others are counts.
const (
	// CPUUsage, CPUUser and CPUSystem are CPU time: cpuacct.usage and cpuacct.stat, or cpu.stat.
	CPUUsage ID = iota
	CPUUser
	CPUSystem
	// CPUPeriods and CPUThrottledPeriods count the periods of the quota, CPUThrottled is how long there was none left: cpu.stat.
	CPUPeriods
	CPUThrottledPeriods
	CPUThrottled
	// CPULimit is quota/period in thousandths of a core; absent for no limit.
	CPULimit
	// CPUShares is cpu.shares, or the shares that newer runtimes make cpu.weight of: 1024 for the default weight 100.
	CPUShares

	// MemoryUsage is all that is charged: memory.usage_in_bytes, or memory.current.
	MemoryUsage
	// MemoryWorkingSet is MemoryUsage without inactive file pages, not below 0, as cAdvisor and the kubelet have it.
	MemoryWorkingSet
	// MemoryRSS is anonymous memory: total_rss, or anon. MemoryCache is the page cache: total_cache, or file.
	MemoryRSS
	MemoryCache
	// MemoryAnon, MemoryFile, MemorySlab, MemoryShmem, MemoryMapped and MemoryKernel are parts of it, where the kernel tells them.
	// MemorySlabReclaimable and MemoryActiveFile are what else of the working set can be given back.
	MemoryAnon
	MemoryFile
	MemoryActiveFile
	MemorySlab
	MemorySlabReclaimable
	MemoryShmem
	MemoryMapped
	MemoryKernel
	// MemorySwap is what is swapped out.
	MemorySwap
	// MemoryPeak is the most that MemoryUsage was.
	MemoryPeak
	// MemoryLimit and MemorySwapLimit are absent for no limit. MemorySwapLimit is of swap alone. MemoryTotal and MemoryAvailable are the node's.
	MemoryLimit
	MemorySwapLimit
	MemoryTotal
	MemoryAvailable
	// MemoryFaults and MemoryMajorFaults count page faults, MemoryFailures how often the limit was hit. MemoryFailures and
	// OOMKills are without those of the cgroups below on version 1, and with them on version 2.
	MemoryFaults
	MemoryMajorFaults
	MemoryFailures
	// OOMKills counts processes that were killed for want of memory.
	OOMKills

	// Processes and ProcessLimit count tasks: pids.current, and pids.max if there is a limit.
	Processes
	ProcessLimit

	// IOReadBytes and so on are of block devices.
	IOReadBytes
	IOWriteBytes
	IOReads
	IOWrites

	// NetworkReceiveBytes and so on are of the interfaces that have a default route. Where none has they are, of the node, of those that a device is
	// behind, and of others of all but lo.
	NetworkReceiveBytes
	NetworkReceivePackets
	NetworkReceiveErrors
	NetworkReceiveDropped
	NetworkTransmitBytes
	NetworkTransmitPackets
	NetworkTransmitErrors
	NetworkTransmitDropped

	// FilesystemWritableBytes and FilesystemWritableInodes are the writable layer of a container, FilesystemLogBytes its logs.
	FilesystemWritableBytes
	FilesystemWritableInodes
	FilesystemLogBytes

	// PressureCPUSome and so on are how long some, or all, tasks waited: the totals of PSI.
	PressureCPUSome
	PressureCPUFull
	PressureMemorySome
	PressureMemoryFull
	PressureIOSome
	PressureIOFull

	// Count is how many there are.
	Count
)

// Unit is what a number counts.
type Unit uint8

// The units.
const (
	UnitCount Unit = iota
	UnitBytes
	UnitNanoseconds
	UnitMillicores
)

// Info describes a number.
type Info struct {
	// Name is stable: cpu_usage.
	Name string
	Unit Unit
	// Counter: it only grows, and its rate is what people want.
	Counter bool
	// History: it is kept in history, as a rate if it is a counter.
	History bool
}

const (
	gauge   = false
	counter = true
	kept    = true
	latest  = false
)

// read-only
var infos = [Count]Info{
	CPUUsage:                 {"cpu_usage", UnitNanoseconds, counter, kept},
	CPUUser:                  {"cpu_user", UnitNanoseconds, counter, latest},
	CPUSystem:                {"cpu_system", UnitNanoseconds, counter, latest},
	CPUPeriods:               {"cpu_periods", UnitCount, counter, latest},
	CPUThrottledPeriods:      {"cpu_throttled_periods", UnitCount, counter, latest},
	CPUThrottled:             {"cpu_throttled", UnitNanoseconds, counter, kept},
	CPULimit:                 {"cpu_limit", UnitMillicores, gauge, latest},
	CPUShares:                {"cpu_shares", UnitCount, gauge, latest},
	MemoryUsage:              {"memory_usage", UnitBytes, gauge, kept},
	MemoryWorkingSet:         {"memory_working_set", UnitBytes, gauge, kept},
	MemoryRSS:                {"memory_rss", UnitBytes, gauge, kept},
	MemoryCache:              {"memory_cache", UnitBytes, gauge, latest},
	MemoryAnon:               {"memory_anon", UnitBytes, gauge, latest},
	MemoryFile:               {"memory_file", UnitBytes, gauge, latest},
	MemoryActiveFile:         {"memory_active_file", UnitBytes, gauge, latest},
	MemorySlab:               {"memory_slab", UnitBytes, gauge, latest},
	MemorySlabReclaimable:    {"memory_slab_reclaimable", UnitBytes, gauge, latest},
	MemoryShmem:              {"memory_shmem", UnitBytes, gauge, latest},
	MemoryMapped:             {"memory_mapped", UnitBytes, gauge, latest},
	MemoryKernel:             {"memory_kernel", UnitBytes, gauge, latest},
	MemorySwap:               {"memory_swap", UnitBytes, gauge, kept},
	MemoryPeak:               {"memory_peak", UnitBytes, gauge, latest},
	MemoryLimit:              {"memory_limit", UnitBytes, gauge, latest},
	MemorySwapLimit:          {"memory_swap_limit", UnitBytes, gauge, latest},
	MemoryTotal:              {"memory_total", UnitBytes, gauge, latest},
	MemoryAvailable:          {"memory_available", UnitBytes, gauge, kept},
	MemoryFaults:             {"memory_faults", UnitCount, counter, latest},
	MemoryMajorFaults:        {"memory_major_faults", UnitCount, counter, kept},
	MemoryFailures:           {"memory_failures", UnitCount, counter, latest},
	OOMKills:                 {"oom_kills", UnitCount, counter, latest},
	Processes:                {"processes", UnitCount, gauge, kept},
	ProcessLimit:             {"process_limit", UnitCount, gauge, latest},
	IOReadBytes:              {"io_read_bytes", UnitBytes, counter, kept},
	IOWriteBytes:             {"io_write_bytes", UnitBytes, counter, kept},
	IOReads:                  {"io_reads", UnitCount, counter, latest},
	IOWrites:                 {"io_writes", UnitCount, counter, latest},
	NetworkReceiveBytes:      {"network_receive_bytes", UnitBytes, counter, kept},
	NetworkReceivePackets:    {"network_receive_packets", UnitCount, counter, latest},
	NetworkReceiveErrors:     {"network_receive_errors", UnitCount, counter, latest},
	NetworkReceiveDropped:    {"network_receive_dropped", UnitCount, counter, latest},
	NetworkTransmitBytes:     {"network_transmit_bytes", UnitBytes, counter, kept},
	NetworkTransmitPackets:   {"network_transmit_packets", UnitCount, counter, latest},
	NetworkTransmitErrors:    {"network_transmit_errors", UnitCount, counter, latest},
	NetworkTransmitDropped:   {"network_transmit_dropped", UnitCount, counter, latest},
	FilesystemWritableBytes:  {"filesystem_writable_bytes", UnitBytes, gauge, latest},
	FilesystemWritableInodes: {"filesystem_writable_inodes", UnitCount, gauge, latest},
	FilesystemLogBytes:       {"filesystem_log_bytes", UnitBytes, gauge, latest},
	PressureCPUSome:          {"pressure_cpu_some", UnitNanoseconds, counter, latest},
	PressureCPUFull:          {"pressure_cpu_full", UnitNanoseconds, counter, latest},
	PressureMemorySome:       {"pressure_memory_some", UnitNanoseconds, counter, latest},
	PressureMemoryFull:       {"pressure_memory_full", UnitNanoseconds, counter, latest},
	PressureIOSome:           {"pressure_io_some", UnitNanoseconds, counter, latest},
	PressureIOFull:           {"pressure_io_full", UnitNanoseconds, counter, latest},
}

// Info describes the number. An ID from Count on has an empty one.
func (id ID) Info() Info {
	if id >= Count {
		return Info{}
	}
	return infos[id]
}

// String returns the name.
func (id ID) String() string { return id.Info().Name }

// Parse returns the number of a name.
func Parse(name string) (id ID, ok bool) {
	for id := range Count {
		if infos[id].Name == name {
			return id, true
		}
	}
	return 0, false
}
