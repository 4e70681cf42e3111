// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"time"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// writeResource writes what the kubelet has at /metrics/resource: names, types, labels, help and which series have times are those of its
// pkg/kubelet/metrics/collectors/resource_metrics.go. s is nil if there is no snapshot.
//
// Containers that have used no CPU time or hold no memory are left out: metrics-server would drop their whole pod. So is what is
// known by its cgroup only.
func writeResource(e *exposition, s *stats.Snapshot) {
	var failed uint64 = 1
	if s != nil {
		failed = 0
		pods, containers := resourceRows(s)
		node := row{usage: &s.Node, ms: milliseconds(s.Node.Time)}
		e.family("container_cpu_usage_seconds_total", "[STABLE] Cumulative cpu time consumed by the container in core-seconds", counter)
		e.all(containers, metric.CPUUsage)
		e.family("container_memory_working_set_bytes", "[STABLE] Current working set of the container in bytes", gauge)
		e.all(containers, metric.MemoryWorkingSet)
		e.family("container_start_time_seconds", "[STABLE] Start time of the container since unix epoch in seconds", gauge)
		e.started(containers, time.Nanosecond)
		e.family("container_swap_limit_bytes", "[ALPHA] Current amount of the container swap limit in bytes. Reported only on non-windows systems", gauge)
		e.all(containers, metric.MemorySwapLimit)
		e.family("container_swap_usage_bytes", "[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems", gauge)
		e.all(containers, metric.MemorySwap)
		if !s.Node.Time.IsZero() {
			nodes := []row{node}
			e.family("node_cpu_usage_seconds_total", "[STABLE] Cumulative cpu time consumed by the node in core-seconds", counter)
			e.all(nodes, metric.CPUUsage)
			e.family("node_memory_working_set_bytes", "[STABLE] Current working set of the node in bytes", gauge)
			e.all(nodes, metric.MemoryWorkingSet)
			e.family("node_swap_usage_bytes", "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems", gauge)
			e.all(nodes, metric.MemorySwap)
		}
		e.family("pod_cpu_usage_seconds_total", "[STABLE] Cumulative cpu time consumed by the pod in core-seconds", counter)
		e.all(pods, metric.CPUUsage)
		e.family("pod_memory_working_set_bytes", "[STABLE] Current working set of the pod in bytes", gauge)
		e.all(pods, metric.MemoryWorkingSet)
		e.family("pod_swap_usage_bytes", "[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems", gauge)
		e.all(pods, metric.MemorySwap)
	}
	e.family("resource_scrape_error", "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise", gauge)
	e.sample("", "")
	e.count(failed, 0)
}

// all writes a sample for each row that has the number.
func (e *exposition) all(list []row, id metric.ID) {
	if e.err != nil {
		return
	}
	seconds := id.Info().Unit == metric.UnitNanoseconds
	for i := range list {
		r := &list[i]
		v, ok := r.usage.Numbers.Get(id)
		if !ok {
			continue
		}
		e.sample(r.labels, "")
		if seconds {
			e.seconds(v, r.ms)
		} else {
			e.count(v, r.ms)
		}
	}
}

// started writes a sample without time for each row of which it is known when it began, in whole parts of precision.
func (e *exposition) started(list []row, precision time.Duration) {
	for i := range list {
		t := list[i].usage.Entity.Started
		if t.IsZero() || t.Unix() <= 0 {
			continue
		}
		e.sample(list[i].labels, "")
		e.seconds(uint64(t.Truncate(precision).UnixNano()), 0)
	}
}

// resourceRows are the pods and containers that the kubelet would show.
func resourceRows(s *stats.Snapshot) (pods, containers []row) {
	uids := newestPods(s)
	p, c := newRows(len(s.Usages)/2), newRows(len(s.Usages))
	for i := range s.Usages {
		u := &s.Usages[i]
		if u.Entity == nil {
			continue
		}
		name := podOf(u.Entity)
		uid, ok := uids[name]
		if !ok || uid != uidOf(u.Entity) {
			continue
		}
		switch u.Entity.Key.Kind {
		case stats.KindPod:
			p.add(u, func(b []byte, from int) []byte {
				return appendLabel(appendLabel(b, from, "namespace", name.namespace), from, "pod", name.name)
			})
		case stats.KindContainer:
			if u.Entity.Nameless || u.Numbers.Value(metric.CPUUsage) == 0 || u.Numbers.Value(metric.MemoryWorkingSet) == 0 {
				continue
			}
			c.add(u, func(b []byte, from int) []byte {
				b = appendLabel(b, from, "container", u.Entity.Name)
				return appendLabel(appendLabel(b, from, "namespace", name.namespace), from, "pod", name.name)
			})
		}
	}
	return p.distinct(), c.distinct()
}
