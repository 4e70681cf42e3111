// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// StatsUsagesToProto converts a list of what is used.
func StatsUsagesToProto(list []*stats.Usage) []*nodedv1.Usage {
	out := make([]*nodedv1.Usage, len(list))
	for i, u := range list {
		out[i] = StatsUsageToProto(u)
	}
	return out
}

// StatsUsagesFromProto converts a list of what is used; none is nil.
func StatsUsagesFromProto(list []*nodedv1.Usage) []stats.Usage {
	var out []stats.Usage
	for _, m := range list {
		out = append(out, StatsUsageFromProto(m))
	}
	return out
}

// StatsUsageToProto converts what something uses. Rates that the API does not have are left out, and so is Boot.
func StatsUsageToProto(u *stats.Usage) *nodedv1.Usage {
	m := &nodedv1.Usage{Subject: StatsSubjectToProto(u.Entity), Time: timeToProto(u.Time)}
	if u.Window > 0 {
		m.Window = durationpb.New(u.Window)
	}
	s := newUsageSections()
	own := s.own(m)
	put(u, own)
	// What has no number is not there.
	if put(u, s.cpu()) {
		m.Cpu = s.Cpu
	}
	if put(u, s.memory()) {
		m.Memory = s.Memory
	}
	if put(u, s.network()) {
		m.Network = s.Network
	}
	if put(u, s.io()) {
		m.Io = s.Io
	}
	if put(u, s.filesystem()) {
		m.Filesystem = s.Filesystem
	}
	if put(u, s.pressure()) {
		m.Pressure = s.Pressure
	}
	if sum := &u.Sum; sum.Containers > 0 {
		m.Containers = &nodedv1.ContainersUsage{Count: count32(sum.Containers)}
		if sum.Rated {
			m.Containers.CpuUsageNanocores = nanos(sum.CPU)
		}
		if sum.HasWorkingSet {
			m.Containers.MemoryWorkingSetBytes = &sum.WorkingSet
		}
		if sum.HasSwap {
			m.Containers.MemorySwapBytes = &sum.Swap
		}
	}
	return m
}

// StatsUsageFromProto converts what something uses. A Boot is not told. Rates that no counter can have are left out.
func StatsUsageFromProto(m *nodedv1.Usage) stats.Usage {
	u := stats.Usage{Entity: StatsSubjectFromProto(m.GetSubject()), Time: timeFromProto(m.GetTime())}
	if m == nil {
		return u
	}
	u.Window = max(durationFromProto(m.GetWindow()), 0)
	s := usageSections{m.GetCpu(), m.GetMemory(), m.GetNetwork(), m.GetIo(), m.GetFilesystem(), m.GetPressure()}
	take(&u, s.own(m))
	if s.Cpu != nil {
		take(&u, s.cpu())
	}
	if s.Memory != nil {
		take(&u, s.memory())
	}
	if s.Network != nil {
		take(&u, s.network())
	}
	if s.Io != nil {
		take(&u, s.io())
	}
	if s.Filesystem != nil {
		take(&u, s.filesystem())
	}
	if s.Pressure != nil {
		take(&u, s.pressure())
	}
	if c := m.GetContainers(); c != nil {
		u.Sum = stats.Sum{
			Containers: int(c.GetCount()), Rated: c.CpuUsageNanocores != nil, CPU: float64(c.GetCpuUsageNanocores()) / 1e9,
			WorkingSet: c.GetMemoryWorkingSetBytes(), HasWorkingSet: c.MemoryWorkingSetBytes != nil,
			Swap: c.GetMemorySwapBytes(), HasSwap: c.MemorySwapBytes != nil,
		}
	}
	return u
}

// usageField is where a message has a number and its rate. Of number, rate and nanos some are nil: the message does not have them.
type usageField struct {
	id     metric.ID
	number **uint64
	// rate is a second. nanos is so too, in thousand-millionths.
	rate  **float64
	nanos **uint64
}

// put sets the fields of a message to what is known of them, and reports whether that is anything.
func put(u *stats.Usage, fields []usageField) bool {
	found := false
	for _, f := range fields {
		if v, ok := u.Numbers.Get(f.id); ok && f.number != nil {
			*f.number, found = &v, true
		}
		v, ok := u.Rates.Get(f.id)
		if !ok || u.Window <= 0 {
			continue
		}
		if f.rate != nil {
			*f.rate, found = &v, true
		}
		if f.nanos != nil {
			*f.nanos, found = nanos(v), true
		}
	}
	return found
}

// take does the opposite.
func take(u *stats.Usage, fields []usageField) {
	for _, f := range fields {
		if f.number != nil && *f.number != nil {
			u.Numbers.Put(f.id, **f.number)
		}
		if u.Window <= 0 {
			continue
		}
		if f.rate != nil && *f.rate != nil && **f.rate >= 0 && !math.IsInf(**f.rate, 0) {
			u.Rates.Put(f.id, **f.rate)
		}
		if f.nanos != nil && *f.nanos != nil {
			u.Rates.Put(f.id, float64(**f.nanos)/1e9)
		}
	}
}

// nanos is a rate in thousand-millionths.
func nanos(rate float64) *uint64 {
	const most = 1 << 60
	v := uint64(0)
	if scaled := math.Round(rate * 1e9); scaled > 0 {
		v = uint64(min(scaled, most))
	}
	return &v
}

// durationFromProto converts a duration; none, or one that is out of range, is what fits.
func durationFromProto(m *durationpb.Duration) time.Duration {
	if m == nil {
		return 0
	}
	return m.AsDuration()
}

// usageSections are the parts of a message.
type usageSections struct {
	Cpu        *nodedv1.CpuUsage
	Memory     *nodedv1.MemoryUsage
	Network    *nodedv1.NetworkUsage
	Io         *nodedv1.IoUsage
	Filesystem *nodedv1.FilesystemUsage
	Pressure   *nodedv1.PressureUsage
}

func newUsageSections() usageSections {
	return usageSections{
		new(nodedv1.CpuUsage), new(nodedv1.MemoryUsage), new(nodedv1.NetworkUsage), new(nodedv1.IoUsage), new(nodedv1.FilesystemUsage), new(nodedv1.PressureUsage),
	}
}

// own are the numbers that are in no part.
func (s *usageSections) own(m *nodedv1.Usage) []usageField {
	return []usageField{{metric.Processes, &m.Processes, nil, nil}, {metric.ProcessLimit, &m.ProcessLimit, nil, nil}}
}

func (s *usageSections) cpu() []usageField {
	m := s.Cpu
	return []usageField{
		{metric.CPUUsage, &m.UsageCoreNanoseconds, nil, &m.UsageNanocores},
		{metric.CPUUser, &m.UserCoreNanoseconds, nil, &m.UserNanocores},
		{metric.CPUSystem, &m.SystemCoreNanoseconds, nil, &m.SystemNanocores},
		{metric.CPUPeriods, &m.Periods, nil, nil},
		{metric.CPUThrottledPeriods, &m.ThrottledPeriods, nil, nil},
		{metric.CPUThrottled, &m.ThrottledNanoseconds, nil, &m.ThrottledNanosecondsPerSecond},
		{metric.CPULimit, &m.LimitMillicores, nil, nil},
		{metric.CPUShares, &m.Shares, nil, nil},
	}
}

func (s *usageSections) memory() []usageField {
	m := s.Memory
	return []usageField{
		{metric.MemoryUsage, &m.UsageBytes, nil, nil},
		{metric.MemoryWorkingSet, &m.WorkingSetBytes, nil, nil},
		{metric.MemoryRSS, &m.RssBytes, nil, nil},
		{metric.MemoryCache, &m.CacheBytes, nil, nil},
		{metric.MemoryAnon, &m.AnonBytes, nil, nil},
		{metric.MemoryFile, &m.FileBytes, nil, nil},
		{metric.MemoryActiveFile, &m.ActiveFileBytes, nil, nil},
		{metric.MemorySlab, &m.SlabBytes, nil, nil},
		{metric.MemorySlabReclaimable, &m.SlabReclaimableBytes, nil, nil},
		{metric.MemoryShmem, &m.ShmemBytes, nil, nil},
		{metric.MemoryMapped, &m.MappedBytes, nil, nil},
		{metric.MemoryKernel, &m.KernelBytes, nil, nil},
		{metric.MemorySwap, &m.SwapBytes, nil, nil},
		{metric.MemoryPeak, &m.PeakBytes, nil, nil},
		{metric.MemoryLimit, &m.LimitBytes, nil, nil},
		{metric.MemorySwapLimit, &m.SwapLimitBytes, nil, nil},
		{metric.MemoryTotal, &m.TotalBytes, nil, nil},
		{metric.MemoryAvailable, &m.AvailableBytes, nil, nil},
		{metric.MemoryFaults, &m.PageFaults, nil, nil},
		{metric.MemoryMajorFaults, &m.MajorPageFaults, &m.MajorPageFaultsPerSecond, nil},
		{metric.MemoryFailures, &m.LimitHits, nil, nil},
		{metric.OOMKills, &m.OomKills, nil, nil},
	}
}

func (s *usageSections) network() []usageField {
	m := s.Network
	return []usageField{
		{metric.NetworkReceiveBytes, &m.ReceiveBytes, &m.ReceiveBytesPerSecond, nil},
		{metric.NetworkReceivePackets, &m.ReceivePackets, &m.ReceivePacketsPerSecond, nil},
		{metric.NetworkReceiveErrors, &m.ReceiveErrors, nil, nil},
		{metric.NetworkReceiveDropped, &m.ReceiveDropped, nil, nil},
		{metric.NetworkTransmitBytes, &m.TransmitBytes, &m.TransmitBytesPerSecond, nil},
		{metric.NetworkTransmitPackets, &m.TransmitPackets, &m.TransmitPacketsPerSecond, nil},
		{metric.NetworkTransmitErrors, &m.TransmitErrors, nil, nil},
		{metric.NetworkTransmitDropped, &m.TransmitDropped, nil, nil},
	}
}

func (s *usageSections) io() []usageField {
	m := s.Io
	return []usageField{
		{metric.IOReadBytes, &m.ReadBytes, &m.ReadBytesPerSecond, nil},
		{metric.IOWriteBytes, &m.WriteBytes, &m.WriteBytesPerSecond, nil},
		{metric.IOReads, &m.Reads, &m.ReadsPerSecond, nil},
		{metric.IOWrites, &m.Writes, &m.WritesPerSecond, nil},
	}
}

func (s *usageSections) filesystem() []usageField {
	m := s.Filesystem
	return []usageField{
		{metric.FilesystemWritableBytes, &m.WritableBytes, nil, nil},
		{metric.FilesystemWritableInodes, &m.WritableInodes, nil, nil},
		{metric.FilesystemLogBytes, &m.LogBytes, nil, nil},
	}
}

// pressure has as its rates what part of the time tasks waited.
func (s *usageSections) pressure() []usageField {
	m := s.Pressure
	return []usageField{
		{metric.PressureCPUSome, &m.CpuSomeNanoseconds, &m.CpuSomeRatio, nil},
		{metric.PressureCPUFull, &m.CpuFullNanoseconds, &m.CpuFullRatio, nil},
		{metric.PressureMemorySome, &m.MemorySomeNanoseconds, &m.MemorySomeRatio, nil},
		{metric.PressureMemoryFull, &m.MemoryFullNanoseconds, &m.MemoryFullRatio, nil},
		{metric.PressureIOSome, &m.IoSomeNanoseconds, &m.IoSomeRatio, nil},
		{metric.PressureIOFull, &m.IoFullNanoseconds, &m.IoFullRatio, nil},
	}
}
