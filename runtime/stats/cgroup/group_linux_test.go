// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"

	"github.com/noded/noded/runtime/stats/metric"
	testcgroup "github.com/noded/noded/test/cgroup"
)

func TestCPU(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	g, err := openTree(t).Open(path)
	must(t, err)
	defer g.Close()
	p := start(t, dirs, "burn 500ms")
	var before, after metric.Set
	// What it used before it came into the cgroup does not count.
	began := processTime(t, p.cmd.Process.Pid)
	_, err = g.Read(&before)
	must(t, err)
	if !p.run(t) {
		t.Fatal("the process died")
	}
	p.end(t)
	_, err = g.Read(&after)
	must(t, err)
	own := p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime() - began
	got := time.Duration(after.Value(metric.CPUUsage) - before.Value(metric.CPUUsage))
	if got < own-100*time.Millisecond || got > own+100*time.Millisecond {
		t.Errorf("the cgroup used %v, its process %v", got, own)
	}
}

// processTime is the CPU time of a process: its clock as clock_getcpuclockid(3) makes it.
func processTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	const processClock = 2
	var at unix.Timespec
	must(t, unix.ClockGettime(int32(^pid<<3|processClock), &at))
	return time.Duration(at.Nano())
}

func TestMemory(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	usage := file(t, dirs, "memory", "memory.usage_in_bytes", "memory.current")
	const size = 32 << 20
	p := start(t, dirs, "hold 33554432")
	if !p.run(t) {
		t.Fatal("the process died")
	}
	g, err := openTree(t).Open(path)
	must(t, err)
	defer g.Close()
	for range 1000 { // the kernel may give something back in between
		var n numbers
		text, err := os.ReadFile(usage)
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

// TestOOM: a process that wants more than the limit is killed, and that is counted.
func TestOOM(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	const limit = 32 << 20
	must(t, os.WriteFile(file(t, dirs, "memory", "memory.limit_in_bytes", "memory.max"), []byte("33554432"), 0))
	// There is no such file where swap is not counted.
	_ = os.WriteFile(file(t, dirs, "memory", "memory.memsw.limit_in_bytes", ""), []byte("33554432"), 0)
	_ = os.WriteFile(file(t, dirs, "memory", "", "memory.swap.max"), []byte("0"), 0)
	p := start(t, dirs, "hold 134217728")
	if p.run(t) {
		t.Fatal("the process holds more than the limit")
	}
	p.end(t)
	g, err := openTree(t).Open(path)
	must(t, err)
	defer g.Close()
	var s metric.Set
	_, err = g.Read(&s)
	must(t, err)
	// Failures are not looked at: with a limit of memory and swap together the kernel counts them for that one.
	if s.Value(metric.OOMKills) != 1 || s.Value(metric.MemoryLimit) != limit {
		t.Errorf("%d killed, limit %d", s.Value(metric.OOMKills), s.Value(metric.MemoryLimit))
	}
	// Version 2 has had it since Linux 5.19. A process that is being killed may get some pages more.
	if peak, ok := s.Get(metric.MemoryPeak); ok && (peak < limit/2 || peak > limit+limit/16) {
		t.Errorf("peak %d of %d", peak, limit)
	}
}

// TestOpenFiles: files stay open while a cgroup is read often, no more than may, and say the same.
func TestOpenFiles(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	must(t, os.WriteFile(file(t, dirs, "pids", "pids.max", "pids.max"), []byte("12"), 0))
	for _, most := range []int64{maxFiles, 3, 0} {
		tree := openTree(t)
		tree.maxFiles.Store(most)
		g, err := tree.Open(path)
		must(t, err)
		var sets [4]metric.Set
		var open [len(sets)]int64
		for i := range sets {
			if i == len(sets)-1 {
				g.readAt -= often
			}
			_, err := g.Read(&sets[i])
			must(t, err)
			open[i] = tree.files.Load()
			if diff := cmp.Diff(valuesOf(&sets[0]), valuesOf(&sets[i]), cmpopts.IgnoreMapEntries(func(id metric.ID, _ uint64) bool {
				// The kernel frees its memory late.
				return id == metric.MemoryKernel || id == metric.MemoryUsage || id == metric.MemoryWorkingSet || id == metric.MemoryPeak ||
					id == metric.MemorySlab || id == metric.MemorySlabReclaimable
			})); diff != "" {
				t.Errorf("reading %d (-first +this):\n%s", i, diff)
			}
		}
		if open[0] != 0 || open[1] > most || most > 0 && open[1] < min(most, 8) || open[2] != open[1] || open[3] != 0 {
			t.Errorf("of %d files %v are open", most, open)
		}
		_, err = g.Read(&sets[0])
		must(t, err)
		g.Close()
		if n := tree.files.Load(); n != 0 {
			t.Errorf("%d files are open after all", n)
		}
	}
}

// TestVanishing reads cgroups while others remove them and make them again: a reading is whole, or none.
func TestVanishing(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	tree := openTree(t)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range 300 {
			c := makeIn(t, dirs, "c")
			for _, dir := range c {
				if err := os.Remove(dir); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	var whole, gone int
	for {
		select {
		case <-over:
			t.Logf("%d whole, %d gone", whole, gone)
			return
		default:
		}
		g, err := tree.Open(path + "/c")
		for err == nil {
			var s metric.Set
			if _, err = g.Read(&s); err == nil {
				whole++
			} else if s != (metric.Set{}) {
				t.Errorf("%v, and %v was read", err, valuesOf(&s))
			}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, want fs.ErrNotExist", err)
			<-over
			return
		}
		gone++
		if g != nil {
			g.Close()
		}
	}
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
		for range 2 { // files stay open
			_, err := old.Read(&s)
			must(t, err)
		}
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
	must(t, os.WriteFile(file(t, dirs, "memory", "memory.limit_in_bytes", "memory.max"), []byte("134217728"), 0))
	_, version2 := controller(t, dirs, "pids")
	rss, cache := "total_rss", "total_cache"
	if version2 {
		rss, cache = "anon", "file"
	}
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
		metric.MemoryRSS:   after.MemoryStats.Stats[rss],
		metric.MemoryCache: after.MemoryStats.Stats[cache],
		metric.Processes:   after.PidsStats.Current,
	} {
		if got := s.Value(id); max(got, want)-min(got, want) > slack[id] {
			t.Errorf("%v = %d, want %d", id, got, want)
		}
	}
}

// TestShares: of the shares that are made of a weight a runtime makes that weight.
func TestShares(t *testing.T) {
	t.Parallel()
	for weight := uint64(1); weight <= 10000; weight++ {
		shares := sharesOf(weight)
		if got := cgroups.ConvertCPUSharesToCgroupV2Value(shares); got != weight {
			t.Errorf("weight %d is of %d shares, and those make %d", weight, shares, got)
		}
		if got := cgroups.ConvertCPUSharesToCgroupV2Value(shares + 1); got == weight && weight < 10000 {
			t.Errorf("weight %d is of more than %d shares", weight, shares)
		}
	}
}
