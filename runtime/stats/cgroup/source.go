// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"slices"

	"github.com/noded/noded/runtime/stats/metric"
)

// source is a file of a cgroup.
type source struct {
	name  string
	parse func(*numbers, []byte)
	// seldom: it changes only when somebody changes it, or it does not matter if it is some seconds old. What counts is never read seldom:
	// a rate would be of the wrong time.
	seldom bool
	// rests: it stays as it is while no task in the cgroup runs. It is read if the CPU time grew, and when what changes seldom is.
	rests bool
	// instead: it is read only if the source before it is not there.
	instead bool
}

// sources1 returns what is read of a controller of version 1.
func sources1(controller string) []source {
	switch controller {
	case "cpuacct":
		return []source{
			{name: "cpuacct.usage", parse: value(metric.CPUUsage)},
			{name: "cpuacct.stat", parse: parseCPUAcctStat, rests: true},
		}
	case "cpu":
		return []source{
			{name: "cpu.stat", parse: parseCPUStat, rests: true},
			{name: "cpu.shares", parse: value(metric.CPUShares), seldom: true},
			{name: "cpu.cfs_quota_us", parse: parseQuota, seldom: true},
			{name: "cpu.cfs_period_us", parse: parsePeriod, seldom: true},
		}
	case "memory":
		return []source{
			{name: "memory.usage_in_bytes", parse: value(metric.MemoryUsage)},
			{name: "memory.stat", parse: parseMemoryStat1},
			{name: "memory.oom_control", parse: parseOOMControl, rests: true},
			{name: "memory.failcnt", parse: value(metric.MemoryFailures)},
			{name: "memory.kmem.usage_in_bytes", parse: value(metric.MemoryKernel)},
			{name: "memory.limit_in_bytes", parse: parseLimit1, seldom: true},
			{name: "memory.memsw.limit_in_bytes", parse: parseLimitWithSwap, seldom: true},
			{name: "memory.max_usage_in_bytes", parse: value(metric.MemoryPeak), seldom: true},
		}
	case "pids":
		return []source{
			{name: "pids.current", parse: value(metric.Processes), rests: true},
			{name: "pids.max", parse: limit(metric.ProcessLimit), seldom: true},
		}
	case "blkio":
		bytes, serviced := blkio(metric.IOReadBytes, metric.IOWriteBytes), blkio(metric.IOReads, metric.IOWrites)
		return []source{
			{name: "blkio.throttle.io_service_bytes_recursive", parse: bytes},
			{name: "blkio.throttle.io_service_bytes", parse: bytes, instead: true},
			{name: "blkio.throttle.io_serviced_recursive", parse: serviced},
			{name: "blkio.throttle.io_serviced", parse: serviced, instead: true},
		}
	default:
		return nil
	}
}

// sources2 returns what is read of version 2, whatever controllers are enabled in the cgroup.
func sources2() []source {
	return slices.Concat([]source{
		{name: "cpu.stat", parse: parseCPUStat},
		{name: "memory.current", parse: value(metric.MemoryUsage)},
		{name: "memory.stat", parse: parseMemoryStat2},
		{name: "memory.events", parse: parseMemoryEvents},
		{name: "memory.swap.current", parse: value(metric.MemorySwap)},
		{name: "pids.current", parse: value(metric.Processes), rests: true},
		{name: "io.stat", parse: parseIOStat},
	}, sourcesPressure(), []source{
		{name: "cpu.max", parse: parseCPUMax, seldom: true},
		{name: "cpu.weight", parse: parseWeight, seldom: true},
		{name: "memory.max", parse: limit(metric.MemoryLimit), seldom: true},
		{name: "memory.swap.max", parse: limit(metric.MemorySwapLimit), seldom: true},
		{name: "memory.peak", parse: value(metric.MemoryPeak), seldom: true},
		{name: "pids.max", parse: limit(metric.ProcessLimit), seldom: true},
	})
}

// sourcesPressure returns what only version 2 tells, also where the controllers are of version 1.
func sourcesPressure() []source {
	return []source{
		{name: "cpu.pressure", parse: pressure(metric.PressureCPUSome, metric.PressureCPUFull)},
		{name: "memory.pressure", parse: pressure(metric.PressureMemorySome, metric.PressureMemoryFull)},
		{name: "io.pressure", parse: pressure(metric.PressureIOSome, metric.PressureIOFull)},
	}
}
