// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"time"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// cpuPeriod is the period that quotas are told in, in microseconds: the usual one of the kernel.
const cpuPeriod = 100000

// family is a metric of cAdvisor, of the form that most have: a number of a cgroup.
type family struct {
	name, help string
	kind       kind
	id         metric.ID
	// extra are labels beside those of the row; a series is written for each of them.
	extra []string
	// limited: only where there is a limit of CPU time.
	limited bool
}

// deviceLabel stands for the label of the disk in extra.
const deviceLabel = "device"

// one is no labels beside those of the row.
func one() []string { return []string{""} }

// cadvisorFamilies are metrics of cAdvisor's lib/metrics/prometheus.go that are numbers of a Set, in the order of their names. Names, types, labels
// and help are its own, but for the type of what has the name of another type: container_memory_failcnt here, container_fs_inodes_total below.
func cadvisorFamilies() []family {
	scopes := func(kind string) []string {
		// What is of a cgroup alone is not told by v2; cAdvisor gives the same for both, too.
		return []string{`failure_type="` + kind + `",scope="container"`, `failure_type="` + kind + `",scope="hierarchy"`}
	}
	network := func(name, help string, id metric.ID) family {
		return family{name: "container_network_" + name, help: help, kind: counter, id: id, extra: []string{`interface="all"`}}
	}
	disk := func(name, help string, id metric.ID) family {
		return family{name: "container_fs_" + name, help: help, kind: counter, id: id, extra: []string{deviceLabel}}
	}
	pressure := func(name, help string, id metric.ID) family {
		return family{name: "container_pressure_" + name, help: help, kind: counter, id: id, extra: one()}
	}
	return []family{
		{name: "container_cpu_cfs_periods_total", help: "Number of elapsed enforcement period intervals.", kind: counter, id: metric.CPUPeriods, extra: one(), limited: true},
		{name: "container_cpu_cfs_throttled_periods_total", help: "Number of throttled period intervals.", kind: counter, id: metric.CPUThrottledPeriods, extra: one(), limited: true},
		{name: "container_cpu_cfs_throttled_seconds_total", help: "Total time duration the container has been throttled.", kind: counter, id: metric.CPUThrottled, extra: one(), limited: true},
		{name: "container_cpu_system_seconds_total", help: "Cumulative system cpu time consumed in seconds.", kind: counter, id: metric.CPUSystem, extra: one()},
		{name: "container_cpu_usage_seconds_total", help: "Cumulative cpu time consumed in seconds.", kind: counter, id: metric.CPUUsage, extra: []string{`cpu="total"`}},
		{name: "container_cpu_user_seconds_total", help: "Cumulative user cpu time consumed in seconds.", kind: counter, id: metric.CPUUser, extra: one()},
		disk("reads_bytes_total", "Cumulative count of bytes read", metric.IOReadBytes),
		disk("reads_total", "Cumulative count of reads completed", metric.IOReads),
		disk("writes_bytes_total", "Cumulative count of bytes written", metric.IOWriteBytes),
		disk("writes_total", "Cumulative count of writes completed", metric.IOWrites),
		{name: "container_memory_cache", help: "Number of bytes of page cache memory.", id: metric.MemoryCache, extra: one()},
		{name: "container_memory_failcnt", help: "Number of memory usage hits limits", kind: untyped, id: metric.MemoryFailures, extra: one()},
		{name: "container_memory_kernel_usage", help: "Size of kernel memory allocated in bytes.", id: metric.MemoryKernel, extra: one()},
		{name: "container_memory_mapped_file", help: "Size of memory mapped files in bytes.", id: metric.MemoryMapped, extra: one()},
		{name: "container_memory_max_usage_bytes", help: "Maximum memory usage recorded in bytes", id: metric.MemoryPeak, extra: one()},
		{name: "container_memory_rss", help: "Size of RSS in bytes.", id: metric.MemoryRSS, extra: one()},
		{name: "container_memory_swap", help: "Container swap usage in bytes.", id: metric.MemorySwap, extra: one()},
		{name: "container_memory_total_active_file_bytes", help: "Current total active file in bytes.", id: metric.MemoryActiveFile, extra: one()},
		{name: "container_memory_usage_bytes", help: "Current memory usage in bytes, including all memory regardless of when it was accessed", id: metric.MemoryUsage, extra: one()},
		{name: "container_memory_working_set_bytes", help: "Current working set in bytes.", id: metric.MemoryWorkingSet, extra: one()},
		{name: memoryFailures, help: "Cumulative count of memory allocation failures.", kind: counter, id: metric.MemoryFaults, extra: scopes("pgfault")},
		{name: memoryFailures, kind: counter, id: metric.MemoryMajorFaults, extra: scopes("pgmajfault")},
		network("receive_bytes_total", "Cumulative count of bytes received", metric.NetworkReceiveBytes),
		network("receive_errors_total", "Cumulative count of errors encountered while receiving", metric.NetworkReceiveErrors),
		network("receive_packets_dropped_total", "Cumulative count of packets dropped while receiving", metric.NetworkReceiveDropped),
		network("receive_packets_total", "Cumulative count of packets received", metric.NetworkReceivePackets),
		network("transmit_bytes_total", "Cumulative count of bytes transmitted", metric.NetworkTransmitBytes),
		network("transmit_errors_total", "Cumulative count of errors encountered while transmitting", metric.NetworkTransmitErrors),
		network("transmit_packets_dropped_total", "Cumulative count of packets dropped while transmitting", metric.NetworkTransmitDropped),
		network("transmit_packets_total", "Cumulative count of packets transmitted", metric.NetworkTransmitPackets),
		{name: "container_oom_events_total", help: "Count of out of memory events observed for the container", kind: counter, id: metric.OOMKills, extra: one()},
		pressure("cpu_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to CPU congestion.", metric.PressureCPUFull),
		pressure("cpu_waiting_seconds_total", "Total time duration tasks in the container have waited due to CPU congestion.", metric.PressureCPUSome),
		pressure("io_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to IO congestion.", metric.PressureIOFull),
		pressure("io_waiting_seconds_total", "Total time duration tasks in the container have waited due to IO congestion.", metric.PressureIOSome),
		pressure("memory_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to memory congestion.", metric.PressureMemoryFull),
		pressure("memory_waiting_seconds_total", "Total time duration tasks in the container have waited due to memory congestion.", metric.PressureMemorySome),
		{name: "container_threads", help: "Number of threads running inside the container", id: metric.Processes, extra: one()},
	}
}

// memoryFailures has two numbers.
const memoryFailures = "container_memory_failures_total"

// writeCadvisor writes what the kubelet has at /metrics/cadvisor, and units of systemd in the way in which it has some cgroups. s is nil if there
// is no snapshot, machine is nil if it is not known.
func (m *Server) writeCadvisor(e *exposition, s *stats.Snapshot, filesystems []stats.Filesystem, machine *stats.Machine) {
	var failed uint64 = 1
	if s != nil {
		failed = 0
		list := cadvisorRows(s, m.config.Units).distinct()
		device := string(appendLabel(nil, 0, "device", m.config.Device))
		for i := range m.families {
			f := &m.families[i]
			if f.help != "" {
				e.family(f.name, f.help, f.kind)
			}
			e.numbers(f, list, device)
		}
		e.filesystems(list, filesystems)
		e.seen(list)
		e.specs(list, machine != nil && machine.CgroupVersion == 1)
	}
	e.family("container_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", gauge)
	e.sample("", "")
	e.count(failed, 0)
	e.machine(machine)
}

// numbers writes a family.
func (e *exposition) numbers(f *family, list []row, device string) {
	seconds := f.id.Info().Unit == metric.UnitNanoseconds
	if e.err != nil {
		return
	}
	for i := range list {
		r := &list[i]
		v, ok := r.usage.Numbers.Get(f.id)
		if !ok || f.limited && !r.usage.Numbers.Has(metric.CPULimit) {
			continue
		}
		for _, extra := range f.extra {
			if extra == deviceLabel {
				extra = device
			}
			e.sample(r.labels, extra)
			if seconds {
				e.seconds(v, r.ms)
			} else {
				e.count(v, r.ms)
			}
		}
	}
}

// filesystems writes filesystems, which are those of the node, and what writable layers of containers hold, of which it is not told on which
// device that is.
func (e *exposition) filesystems(list []row, all []stats.Filesystem) {
	if len(list) == 0 {
		return
	}
	type filesystem struct {
		*stats.Filesystem
		device string
	}
	seen := make(map[string]bool, len(all))
	var node *row
	if list[0].usage.Entity.Key.Kind == stats.KindNode {
		node = &list[0]
	}
	var devices []filesystem
	for i := range all {
		label := string(appendLabel(nil, 0, "device", all[i].Device))
		// What is mounted at several places is told once.
		if node != nil && !seen[label] {
			seen[label] = true
			devices = append(devices, filesystem{&all[i], label})
		}
	}
	write := func(name, help string, k kind, value func(f *stats.Filesystem) (uint64, bool)) {
		e.family(name, help, k)
		for _, f := range devices {
			if v, ok := value(f.Filesystem); ok {
				e.sample(node.labels, f.device)
				e.count(v, node.ms)
			}
		}
	}
	inodes := func(f *stats.Filesystem) bool { return f.Inodes > 0 }
	write("container_fs_inodes_free", "Number of available Inodes", gauge, func(f *stats.Filesystem) (uint64, bool) { return f.InodesFree, inodes(f) })
	write("container_fs_inodes_total", "Number of Inodes", untyped, func(f *stats.Filesystem) (uint64, bool) { return f.Inodes, inodes(f) })
	write("container_fs_limit_bytes", "Number of bytes that can be consumed by the container on this filesystem.", gauge,
		func(f *stats.Filesystem) (uint64, bool) { return f.CapacityBytes, true })
	write("container_fs_usage_bytes", "Number of bytes that are consumed by the container on this filesystem.", gauge,
		func(f *stats.Filesystem) (uint64, bool) { return f.UsedBytes, true })
	for i := range list {
		if v, ok := list[i].usage.Numbers.Get(metric.FilesystemWritableBytes); ok {
			e.sample(list[i].labels, `device=""`)
			e.count(v, list[i].ms)
		}
	}
}

// seen writes when something was seen and since when it is there.
func (e *exposition) seen(list []row) {
	e.family("container_last_seen", "Last time a container was seen by the exporter", gauge)
	for i := range list {
		e.sample(list[i].labels, "")
		e.count(uint64(max(0, list[i].usage.Time.Unix())), list[i].ms)
	}
	e.family("container_start_time_seconds", "Start time of the container since unix epoch in seconds.", gauge)
	e.started(list, time.Second)
}

// specs writes limits. They have no times. Cgroups of version 1 have a limit of memory and swap together, and that is what cAdvisor tells of them.
func (e *exposition) specs(list []row, version1 bool) {
	write := func(name, help string, value func(n *metric.Set, k stats.Kind) (uint64, bool)) {
		e.family(name, help, gauge)
		if e.err != nil {
			return
		}
		for i := range list {
			if v, ok := value(&list[i].usage.Numbers, list[i].usage.Entity.Key.Kind); ok {
				e.sample(list[i].labels, "")
				e.count(v, 0)
			}
		}
	}
	write("container_spec_cpu_period", "CPU period of the container.", func(n *metric.Set, _ stats.Kind) (uint64, bool) {
		return cpuPeriod, n.Has(metric.CPUShares) || n.Has(metric.CPULimit)
	})
	write("container_spec_cpu_quota", "CPU quota of the container.", func(n *metric.Set, _ stats.Kind) (uint64, bool) {
		return n.Value(metric.CPULimit) * (cpuPeriod / 1000), n.Has(metric.CPULimit)
	})
	write("container_spec_cpu_shares", "CPU share of the container.", func(n *metric.Set, _ stats.Kind) (uint64, bool) {
		return n.Get(metric.CPUShares)
	})
	// 0 is no limit to cAdvisor, and the node has what it has.
	write("container_spec_memory_limit_bytes", "Memory limit for the container.", func(n *metric.Set, k stats.Kind) (uint64, bool) {
		if k == stats.KindNode {
			return n.Get(metric.MemoryTotal)
		}
		return n.Value(metric.MemoryLimit), n.Has(metric.MemoryUsage)
	})
	write("container_spec_memory_swap_limit_bytes", "Memory swap limit for the container.", func(n *metric.Set, k stats.Kind) (uint64, bool) {
		v, limited := n.Get(metric.MemorySwapLimit)
		if version1 && limited {
			v += n.Value(metric.MemoryLimit)
		}
		return v, n.Has(metric.MemorySwap) && k != stats.KindNode
	})
	write("container_threads_max", "Maximum number of threads allowed inside the container, infinity if value is zero", func(n *metric.Set, _ stats.Kind) (uint64, bool) {
		return n.Value(metric.ProcessLimit), n.Has(metric.Processes)
	})
}

// machine writes what the machine has; nil is an error.
func (e *exposition) machine(m *stats.Machine) {
	var failed uint64 = 1
	if m != nil {
		failed = 0
		for _, f := range []struct {
			name, help string
			v          uint64
			zero       bool
		}{
			{"machine_cpu_cores", "Number of logical CPU cores.", uint64(max(0, m.CPUs)), false},
			{"machine_cpu_physical_cores", "Number of physical CPU cores.", uint64(max(0, m.Cores)), false},
			{"machine_cpu_sockets", "Number of CPU sockets.", uint64(max(0, m.Sockets)), false},
			{"machine_memory_bytes", "Amount of memory installed on the machine.", m.MemoryBytes, false},
			{"machine_swap_bytes", "Amount of swap memory available on the machine.", m.SwapBytes, true},
		} {
			if f.v > 0 || f.zero {
				e.family(f.name, f.help, gauge)
				e.sample("", "")
				e.count(f.v, 0)
			}
		}
	}
	e.family("machine_scrape_error", "1 if there was an error while getting machine metrics, 0 otherwise.", gauge)
	e.sample("", "")
	e.count(failed, 0)
}
