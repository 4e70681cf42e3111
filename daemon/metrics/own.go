// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// unitFamilies are numbers of units on /metrics.
func unitFamilies() []family {
	unit := func(name, help string, k kind, id metric.ID) family {
		return family{name: "noded_unit_" + name, help: help, kind: k, id: id, extra: one()}
	}
	return []family{
		unit("cpu_usage_seconds_total", "CPU time that the unit used.", counter, metric.CPUUsage),
		unit("cpu_user_seconds_total", "CPU time that the unit used outside of the kernel.", counter, metric.CPUUser),
		unit("cpu_system_seconds_total", "CPU time that the unit used in the kernel.", counter, metric.CPUSystem),
		unit("cpu_throttled_seconds_total", "Time that the unit waited because its quota was used up.", counter, metric.CPUThrottled),
		unit("memory_usage_bytes", "Memory that is charged to the unit, page cache included.", gauge, metric.MemoryUsage),
		unit("memory_working_set_bytes", "Memory of the unit without file pages that are not in use.", gauge, metric.MemoryWorkingSet),
		unit("memory_rss_bytes", "Anonymous memory of the unit.", gauge, metric.MemoryRSS),
		unit("memory_swap_bytes", "Memory of the unit that is swapped out.", gauge, metric.MemorySwap),
		unit("memory_limit_bytes", "Limit of memory of the unit; missing if it has none.", gauge, metric.MemoryLimit),
		unit("oom_kills_total", "Processes of the unit that were killed for want of memory.", counter, metric.OOMKills),
		unit("tasks", "Threads of the unit.", gauge, metric.Processes),
		unit("tasks_limit", "Limit of threads of the unit; missing if it has none.", gauge, metric.ProcessLimit),
		unit("io_read_bytes_total", "Bytes that the unit read from block devices.", counter, metric.IOReadBytes),
		unit("io_written_bytes_total", "Bytes that the unit wrote to block devices.", counter, metric.IOWriteBytes),
		unit("io_reads_total", "Reads of the unit from block devices.", counter, metric.IOReads),
		unit("io_writes_total", "Writes of the unit to block devices.", counter, metric.IOWrites),
		unit("pressure_cpu_waiting_seconds_total", "Time that some task of the unit waited for a processor.", counter, metric.PressureCPUSome),
		unit("pressure_io_waiting_seconds_total", "Time that some task of the unit waited for I/O.", counter, metric.PressureIOSome),
		unit("pressure_memory_waiting_seconds_total", "Time that some task of the unit waited for memory.", counter, metric.PressureMemorySome),
	}
}

// newRegistry returns what the libraries of Prometheus tell of a process written in Go.
func newRegistry() (*prometheus.Registry, error) {
	r := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of the process: %w", err)
		}
	}
	return r, nil
}

// writeOwn writes what is about noded, and units under names of noded's own. s is nil if there is no snapshot.
func (m *Server) writeOwn(e *exposition, s *stats.Snapshot) error {
	e.family("noded_build_info", "1; the labels say which noded this is.", gauge)
	e.sample(string(appendLabel(appendLabel(nil, 0, "goversion", runtime.Version()), 0, "version", m.config.Version)), "")
	e.count(1, 0)
	if m.config.Values != nil {
		for _, v := range m.config.Values() {
			k := gauge
			if v.Counter {
				k = counter
			}
			e.family(v.Name, v.Help, k)
			e.sample("", "")
			e.float(v.Value, 0)
		}
	}
	m.writeScrapes(e)
	e.snapshot(s)
	if s != nil {
		list := unitRows(s, m.config.Units).distinct()
		for i := range m.units {
			f := &m.units[i]
			e.family(f.name, f.help, f.kind)
			e.numbers(f, list, "")
		}
		m.writePodLabels(e, s)
	}
	return m.writeProcess(e)
}

// writeProcess writes what the libraries of Prometheus tell.
func (m *Server) writeProcess(e *exposition) error {
	families, err := m.registry.Gather()
	if e.open {
		untypeClashes(families)
	}
	for _, f := range families {
		encode := expfmt.MetricFamilyToText
		if e.open {
			encode = openMetrics
		}
		if _, encodeErr := encode(e, f); encodeErr != nil {
			return encodeErr
		}
	}
	return err
}

// untypeClashes makes counters untyped whose name, less _total, another family has. OpenMetrics calls a family of counters without it, so that
// the gauge go_memstats_alloc_bytes and the counter go_memstats_alloc_bytes_total would be the same family.
func untypeClashes(families []*dto.MetricFamily) {
	names := make(map[string]bool, len(families))
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, f := range families {
		name, ok := strings.CutSuffix(f.GetName(), "_total")
		if !ok || !names[name] || f.GetType() != dto.MetricType_COUNTER {
			continue
		}
		f.Type = dto.MetricType_UNTYPED.Enum()
		for _, s := range f.GetMetric() {
			s.Untyped, s.Counter = &dto.Untyped{Value: new(s.GetCounter().GetValue())}, nil
		}
	}
}

// openMetrics encodes a family without times of creation: they are not among what Prometheus expects yet.
func openMetrics(out io.Writer, f *dto.MetricFamily) (int, error) {
	return expfmt.MetricFamilyToOpenMetrics(out, f)
}

// snapshot writes what is known of the snapshot as a whole.
func (e *exposition) snapshot(s *stats.Snapshot) {
	var failed uint64 = 1
	if s != nil {
		failed = 0
		e.family("noded_stats_looks_total", "How often it was looked what is used.", counter)
		e.sample("", "")
		e.count(s.Sequence, 0)
		e.family("noded_stats_look_time_seconds", "When the last look began, in seconds since the epoch.", gauge)
		e.sample("", "")
		e.seconds(uint64(max(0, s.Time.UnixNano())), 0)
		e.family("noded_stats_interval_seconds", "How long after the last look the next one is planned.", gauge)
		e.sample("", "")
		e.seconds(uint64(max(0, s.Interval)), 0)
		e.family("noded_stats_problems", "How many things are known only in part; noded's log and nodectl say which.", gauge)
		e.sample("", "")
		e.count(uint64(len(s.Problems)), 0)
		e.family("noded_stats_left_out", "How many pods, containers and units have no series because there are too many.", gauge)
		e.sample("", "")
		e.count(uint64(max(0, len(s.Usages)+1-maxRows)), 0)
		var counts [stats.KindUnit + 1]uint64
		for i := range s.Usages {
			if u := &s.Usages[i]; u.Entity != nil && u.Entity.Key.Kind <= stats.KindUnit {
				counts[u.Entity.Key.Kind]++
			}
		}
		e.family("noded_stats_entities", "How many pods, containers and units have figures.", gauge)
		for kind, name := range [...]string{stats.KindPod: "pod", stats.KindContainer: "container", stats.KindUnit: "unit"} {
			if name != "" {
				e.sample(`kind="`+name+`"`, "")
				e.count(counts[kind], 0)
			}
		}
	}
	e.family("noded_stats_error", "1 if there are no figures, 0 otherwise.", gauge)
	e.sample("", "")
	e.count(failed, 0)
}

// writePodLabels writes those labels of pods that are wanted, as kube-state-metrics does.
func (m *Server) writePodLabels(e *exposition, s *stats.Snapshot) {
	if len(m.labels) == 0 {
		return
	}
	r := newRows(len(s.Usages) / 2)
	for i := range s.Usages {
		u := &s.Usages[i]
		if u.Entity == nil || u.Entity.Key.Kind != stats.KindPod || u.Entity.Nameless {
			continue
		}
		r.add(u, func(b []byte, from int) []byte {
			b = appendLabel(b, from, "namespace", u.Entity.Namespace)
			b = appendLabel(b, from, "pod", u.Entity.Name)
			b = appendLabel(b, from, "uid", uidOf(u.Entity))
			for _, l := range m.labels {
				if value, ok := u.Entity.Labels[l.key]; ok {
					b = appendLabel(b, from, l.name, value)
				}
			}
			return b
		})
	}
	e.family("kube_pod_labels", "Kubernetes labels converted to Prometheus labels.", gauge)
	for _, row := range r.distinct() {
		e.sample(row.labels, "")
		e.count(1, 0)
	}
}
