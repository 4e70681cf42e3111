// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/runtime/stats/metric"
	testcgroup "github.com/noded/noded/test/cgroup"
)

const (
	fixtureID  = "a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333"
	fixturePod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f3c1a52_7d64_4b8e_9a1f_2c5d6e7f8091.slice"
	fixture    = fixturePod + "/cri-containerd-" + fixtureID + ".scope"
)

func TestFixtures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		archive, path string
		version       int
		want          map[metric.ID]uint64
		unset         []metric.ID
	}{
		{"v1.txtar", "/kubepods/burstable/pod0f3c1a52-7d64-4b8e-9a1f-2c5d6e7f8091/" + fixtureID, 1, map[metric.ID]uint64{
			metric.CPUUsage: 1335884057, metric.CPUUser: 570000000, metric.CPUSystem: 760000000,
			metric.CPULimit: 300, metric.CPUShares: 307, metric.CPUThrottled: 1696963145,
			metric.CPUPeriods: 49, metric.CPUThrottledPeriods: 38,
			metric.MemoryUsage: 28266496, metric.MemoryWorkingSet: 28266496 - 4096, metric.MemoryRSS: 28004352, metric.MemoryCache: 4096,
			metric.MemoryLimit: 67108864, metric.MemorySwap: 0, metric.MemoryKernel: 167936,
			metric.MemoryFailures: 205, metric.OOMKills: 1,
		}, []metric.ID{metric.MemorySwapLimit}},
		{"hybrid.txtar", fixture, 1, map[metric.ID]uint64{metric.CPUUsage: 5000000123}, nil},
		{"v2.txtar", fixture, 2, map[metric.ID]uint64{
			metric.CPUUsage: 48023111000, metric.CPUUser: 40011001000, metric.CPUSystem: 8012110000,
			metric.CPULimit: 300, metric.CPUShares: 237,
			metric.MemoryUsage: 322961408, metric.MemoryWorkingSet: 322961408 - 73400320, metric.MemoryPeak: 340000768,
			metric.MemoryLimit: 536870912, metric.MemorySwap: 1048576, metric.MemorySwapLimit: 0, metric.MemoryFailures: 12,
			metric.Processes: 17, metric.ProcessLimit: 1024,
			metric.PressureCPUSome: 1530211000, metric.PressureCPUFull: 1400123000,
			metric.PressureMemorySome: 4021000, metric.PressureMemoryFull: 3999000,
			metric.PressureIOSome: 90210000, metric.PressureIOFull: 80100000,
		}, nil},
		// More inactive file pages than usage: the working set is not below zero.
		{"v2.txtar", fixturePod, 2, map[metric.ID]uint64{metric.MemoryUsage: 323485696, metric.MemoryWorkingSet: 0, metric.Processes: 18},
			[]metric.ID{metric.CPULimit, metric.MemoryLimit, metric.MemorySwapLimit, metric.ProcessLimit}},
		{"v2.txtar", "/", 2, map[metric.ID]uint64{metric.CPUUsage: 912345678000},
			[]metric.ID{metric.MemoryUsage, metric.MemoryWorkingSet, metric.Processes}},
	}
	for _, tt := range tests {
		t.Run(tt.archive+tt.path, func(t *testing.T) {
			t.Parallel()
			tree, err := Open(unpack(t, tt.archive))
			must(t, err)
			if got := tree.Version(); got != tt.version {
				t.Errorf("version %d, want %d", got, tt.version)
			}
			g, err := tree.Open(tt.path)
			must(t, err)
			defer g.Close()
			for range 2 { // the second time what changes seldom is not read
				var s metric.Set
				_, err = g.Read(&s)
				must(t, err)
				for id, want := range tt.want {
					if got, ok := s.Get(id); !ok || got != want {
						t.Errorf("%v = %d, %v, want %d", id, got, ok, want)
					}
				}
				for _, id := range tt.unset {
					if got, ok := s.Get(id); ok {
						t.Errorf("%v = %d, want none", id, got)
					}
				}
			}
		})
	}
}

func TestCPU(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	g, err := openTree(t).Open(path)
	must(t, err)
	defer g.Close()
	p := start(t, dirs, "burn 500ms")
	var before, after metric.Set
	_, err = g.Read(&before)
	must(t, err)
	if !p.run(t) {
		t.Fatal("the process died")
	}
	p.end(t)
	_, err = g.Read(&after)
	must(t, err)
	// What it used before it came into the cgroup does not count.
	own := p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	got := time.Duration(after.Value(metric.CPUUsage))
	if got < own-100*time.Millisecond || got > own+100*time.Millisecond {
		t.Errorf("the cgroup used %v, its process %v", got, own)
	}
	if first := time.Duration(before.Value(metric.CPUUsage)); first >= got {
		t.Errorf("used %v before, %v after", first, got)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	file := filepath.Join(dirOf(t, dirs, "memory"), "memory.usage_in_bytes")
	const size = 32 << 20
	p := start(t, dirs, "hold 33554432")
	if !p.run(t) {
		t.Fatal("the process died")
	}
	g, err := openTree(t).Open(path)
	must(t, err)
	defer g.Close()
	for range 10 { // the kernel may give something back in between
		var n numbers
		text, err := os.ReadFile(file)
		must(t, err)
		want, ok := parseValue(text)
		_, err = g.Read(&n.Set)
		must(t, err)
		if got := n.Value(metric.MemoryUsage); ok && got == want && got >= size {
			return
		}
	}
	t.Error("the usage is never what the file says")
}

func TestVanished(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{true, false} {
		path, dirs := makeCgroup(t)
		tree := openTree(t)
		if !kept {
			tree.maxKept.Store(0)
		}
		old, err := tree.Open(path)
		must(t, err)
		defer old.Close()
		var s metric.Set
		first, err := old.Read(&s)
		must(t, err)
		check := func(what string) {
			t.Helper()
			s = metric.Set{}
			if _, err := old.Read(&s); !errors.Is(err, fs.ErrNotExist) || s != (metric.Set{}) {
				t.Errorf("kept %v, %s: %v, want fs.ErrNotExist and nothing read", kept, what, err)
			}
		}
		must(t, testcgroup.Remove(dirs))
		check("removed")
		if _, err := tree.Open(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open: %v, want fs.ErrNotExist", err)
		}
		for _, dir := range dirs {
			must(t, os.Mkdir(dir, 0o755))
		}
		check("made again")
		again, err := tree.Open(path)
		must(t, err)
		defer again.Close()
		second, err := again.Read(&s)
		must(t, err)
		if first.Inode == second.Inode || second.Inode == 0 {
			t.Errorf("inode %d, then %d", first.Inode, second.Inode)
		}
	}
}

// TestReference compares with what runc reads.
func TestReference(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	must(t, os.WriteFile(filepath.Join(dirOf(t, dirs, "memory"), "memory.limit_in_bytes"), []byte("134217728"), 0))
	p := start(t, dirs, "hold 16777216")
	if !p.run(t) {
		t.Fatal("the process died")
	}
	g, err := openTree(t).Open(path)
	must(t, err)
	defer g.Close()
	m := reference(t, dirs)
	before, err := m.GetStats()
	must(t, err)
	var s metric.Set
	_, err = g.Read(&s)
	must(t, err)
	after, err := m.GetStats()
	must(t, err)
	if got := s.Value(metric.CPUUsage); got < before.CpuStats.CpuUsage.TotalUsage || got > after.CpuStats.CpuUsage.TotalUsage {
		t.Errorf("CPU %d, not from %d to %d", got, before.CpuStats.CpuUsage.TotalUsage, after.CpuStats.CpuUsage.TotalUsage)
	}
	// The process goes on: its runtime may start a thread or give a page back.
	slack := map[metric.ID]uint64{metric.MemoryUsage: 1 << 20, metric.MemoryRSS: 1 << 20, metric.MemoryCache: 1 << 20, metric.Processes: 3}
	for id, want := range map[metric.ID]uint64{
		metric.MemoryUsage: after.MemoryStats.Usage.Usage,
		metric.MemoryLimit: after.MemoryStats.Usage.Limit,
		metric.MemoryRSS:   after.MemoryStats.Stats["total_rss"],
		metric.MemoryCache: after.MemoryStats.Stats["total_cache"],
		metric.Processes:   after.PidsStats.Current,
	} {
		if got := s.Value(id); max(got, want)-min(got, want) > slack[id] {
			t.Errorf("%v = %d, want %d", id, got, want)
		}
	}
}
