// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package stats_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/container/libcontainer"
	info "github.com/google/cadvisor/lib/model"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
	"github.com/noded/noded/test/containerd"
)

// TestPeers: of containers that do the same all the time, cAdvisor's own reader and the runtime have the same figures.
func TestPeers(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		pod := w.RunPod(containerd.Pod{Name: "peers", HostNetwork: true})
		burner := w.Start(pod, containerd.Container{Name: "burner", Args: []string{"burn:250"}, CPULimit: 200, MemoryLimit: 128 << 20})
		holder := w.Start(pod, containerd.Container{Name: "holder", Args: []string{"alloc:50", "out:held", "pause"}, MemoryLimit: 128 << 20})
		held := w.told(holder, "held")
		w.until("the holder holds its memory", stats.KindContainer, holder.ID, func(u *stats.Usage) bool {
			return rated(u) && u.Boot > held && u.Numbers.Value(metric.MemoryRSS) > 50<<20
		})
		// What each peer says lies between what is read before and after it.
		for _, c := range []*containerd.RunningContainer{burner, holder} {
			first := w.until("a reading", stats.KindContainer, c.ID, rated)
			theirs := cadvisorStats(t, first.Entity.Cgroup)
			runtime := criStats(w, c.ID)
			last := w.until("a later reading", stats.KindContainer, c.ID, func(u *stats.Usage) bool { return u.Boot > first.Boot+2*time.Second })
			for _, n := range []struct {
				id   metric.ID
				peer string
				got  uint64
			}{
				{metric.CPUUsage, "cAdvisor", theirs.Cpu.Usage.Total},
				{metric.CPUPeriods, "cAdvisor", theirs.Cpu.CFS.Periods},
				{metric.CPUThrottledPeriods, "cAdvisor", theirs.Cpu.CFS.ThrottledPeriods},
				{metric.CPUThrottled, "cAdvisor", theirs.Cpu.CFS.ThrottledTime},
				{metric.MemoryFaults, "cAdvisor", theirs.Memory.HierarchicalData.Pgfault},
				{metric.MemoryFailures, "cAdvisor", theirs.Memory.Failcnt},
				{metric.CPUUsage, "the runtime", runtime.GetCpu().GetUsageCoreNanoSeconds().GetValue()},
			} {
				if low, high := first.Numbers.Value(n.id), last.Numbers.Value(n.id); n.got < low || n.got > high {
					t.Errorf("%v of the %s: %s has %d, noded %d before and %d after", n.id, c.Name, n.peer, n.got, low, high)
				}
			}
			for _, n := range []struct {
				id   metric.ID
				peer string
				got  uint64
			}{
				{metric.MemoryUsage, "cAdvisor", theirs.Memory.Usage},
				{metric.MemoryWorkingSet, "cAdvisor", theirs.Memory.WorkingSet},
				{metric.MemoryRSS, "cAdvisor", theirs.Memory.RSS},
				{metric.MemoryCache, "cAdvisor", theirs.Memory.Cache},
				{metric.MemoryMapped, "cAdvisor", theirs.Memory.MappedFile},
				{metric.MemoryWorkingSet, "the runtime", runtime.GetMemory().GetWorkingSetBytes().GetValue()},
			} {
				// The kernel gathers what each processor has charged now and then.
				const slack = 1 << 20
				if ours := last.Numbers.Value(n.id); max(ours, n.got)-min(ours, n.got) > slack {
					t.Errorf("%v of the %s: %s has %d, noded %d", n.id, c.Name, n.peer, n.got, ours)
				}
			}
			t.Logf("%s: CPU %d and cAdvisor %d, the runtime %d; working set %d and cAdvisor %d, the runtime %d", c.Name,
				last.Numbers.Value(metric.CPUUsage), theirs.Cpu.Usage.Total, runtime.GetCpu().GetUsageCoreNanoSeconds().GetValue(),
				last.Numbers.Value(metric.MemoryWorkingSet), theirs.Memory.WorkingSet, runtime.GetMemory().GetWorkingSetBytes().GetValue())
		}
	})
}

// cadvisorStats reads a cgroup as cAdvisor does.
func cadvisorStats(t *testing.T, cgroup string) *info.ContainerStats {
	t.Helper()
	metrics := container.MetricSet{container.CpuUsageMetrics: {}, container.MemoryUsageMetrics: {}, container.ProcessMetrics: {}}
	mounts, err := libcontainer.GetCgroupSubsystems(metrics)
	if err != nil {
		t.Fatal(err)
	}
	paths := make(map[string]string, len(mounts))
	for controller, mount := range mounts {
		paths[controller] = filepath.Join(mount, cgroup)
	}
	manager, err := libcontainer.NewCgroupManager(cgroup, paths)
	if err != nil {
		t.Fatal(err)
	}
	got, err := libcontainer.NewHandler(manager, "/", 0, metrics).GetStats()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// criStats asks the runtime.
func criStats(w *world, id string) *criapi.ContainerStats {
	w.T.Helper()
	runtime, _ := w.Containerd.CRI()
	answer, err := runtime.ContainerStats(w.Ctx, &criapi.ContainerStatsRequest{ContainerId: id})
	if err != nil {
		w.T.Fatal(err)
	}
	return answer.GetStats()
}
