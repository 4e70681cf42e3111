// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build cgroup2

package cgroup2

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestUnits: what nodectl prints of a service is what systemd says of it, and what the kernel does.
func TestUnits(t *testing.T) {
	s := startService(t, "burner", []string{"CPUQuota=150%", "CPUWeight=50", "TasksMax=64", "MemoryMax=256M", "MemorySwapMax=32M"}, "alloc:20", "burn:300")
	s.after(time.Now())
	before, someBefore := s.show(), s.file("cpu.pressure", "some")
	first := s.after(time.Now())
	memoryBefore := s.memory()
	last := s.after(first.time.Add(5 * time.Second))
	memoryAfter := s.memory()
	after, someAfter := s.show(), s.file("cpu.pressure", "some")
	if first.cgroup != "/system.slice/burner.service" || first.name != "burner.service" {
		t.Errorf("it is called %q, in %q", first.name, first.cgroup)
	}
	for _, u := range []usage{first, last} {
		if cpu := u.numbers["cpu_usage_nanoseconds"]; cpu < float64(before["CPUUsageNSec"]) || cpu > float64(after["CPUUsageNSec"]) {
			t.Errorf("it used %v ns, systemd says %d before and %d after", cpu, before["CPUUsageNSec"], after["CPUUsageNSec"])
		}
		// Of one file, whose lines the kernel makes of microseconds.
		if n, parts := u.numbers["cpu_usage_nanoseconds"], u.numbers["cpu_user_nanoseconds"]+u.numbers["cpu_system_nanoseconds"]; math.Abs(n-parts) > 2000 {
			t.Errorf("it used %v ns, of which %v user and system", n, parts)
		}
		if some := u.numbers["pressure_cpu_some_nanoseconds"] / 1000; some < float64(someBefore) || some > float64(someAfter) {
			t.Errorf("it waited %v us for a processor, the kernel says %d before and %d after", some, someBefore, someAfter)
		}
	}
	used := last.numbers["cpu_usage_nanoseconds"] - first.numbers["cpu_usage_nanoseconds"]
	elapsed := last.time.Sub(first.time).Seconds()
	t.Logf("in %.1f s it used %.1f ms; systemd says %.1f ms around that", elapsed, used/1e6, float64(after["CPUUsageNSec"]-before["CPUUsageNSec"])/1e6)
	// On a machine that is busy it does not get its share in time, nor the same all the time.
	if cores, want := last.numbers["cpu_usage_nanocores"]/1e9, used/1e9/elapsed; cores < want/4 || cores > want*4 {
		t.Errorf("it uses %v cores, want about %v", cores, want)
	}
	for name, memory := range last.memory() {
		low, high := min(memoryBefore[name], memoryAfter[name]), max(memoryBefore[name], memoryAfter[name])
		// The kernel gathers now and then what each processor has charged.
		const slack = 256 << 10
		if memory < low-slack || memory > high+slack {
			t.Errorf("%s %v, systemd or the kernel says %v before and %v after", name, memory, memoryBefore[name], memoryAfter[name])
		}
	}
	for name, want := range map[string]float64{
		"processes": float64(after["TasksCurrent"]), "process_limit": 64, "cpu_limit_millicores": 1500,
		"memory_limit_bytes": 256 << 20, "memory_swap_limit_bytes": 32 << 20, "oom_kills": 0,
	} {
		if got, ok := last.numbers[name]; !ok || got != want {
			t.Errorf("%s = %v (%v), want %v", name, got, ok, want)
		}
	}
	if shares := last.numbers["cpu_shares"]; shares < 256 || shares > 768 {
		t.Errorf("%v shares for half of the usual weight", shares)
	}
}

// memory returns what systemd and the kernel say that a service holds.
func (s service) memory() map[string]float64 {
	s.t.Helper()
	current := s.show()["MemoryCurrent"]
	return map[string]float64{
		"memory": float64(current), "working set": float64(current - s.file("memory.stat", "inactive_file")),
		"anonymous memory": float64(s.file("memory.stat", "anon")), "peak": float64(s.file("memory.peak", "")),
	}
}

// memory returns the same as nodectl has it.
func (u usage) memory() map[string]float64 {
	return map[string]float64{
		"memory": u.numbers["memory_usage_bytes"], "working set": u.numbers["memory_working_set_bytes"],
		"anonymous memory": u.numbers["memory_rss_bytes"], "peak": u.numbers["memory_peak_bytes"],
	}
}

// TestMemory: a service that holds memory has that much more than one that holds none.
func TestMemory(t *testing.T) {
	idle := startService(t, "idle", nil, "pause")
	holder := startService(t, "holder", nil, "alloc:200", "pause")
	until(t, "the memory is held", func() bool { return holder.file("memory.stat", "anon") > 200<<20 })
	nothing, held := idle.after(time.Now()), holder.after(time.Now())
	for _, name := range []string{"memory_working_set_bytes", "memory_rss_bytes"} {
		more := held.numbers[name] - nothing.numbers[name]
		if math.Abs(more-200<<20) > 2<<20 {
			t.Errorf("%s of the holder is %.2f MiB more than that of the idle one, want 200", name, more/(1<<20))
		}
	}
	for _, name := range []string{"memory_limit_bytes", "memory_swap_limit_bytes", "cpu_limit_millicores"} {
		if v, ok := nothing.numbers[name]; ok {
			t.Errorf("a service without limits has %s = %v", name, v)
		}
	}
	if out := run(t, "nodectl", "top", "unit", "holder", "--no-headers"); !strings.Contains(out, "holder.service") || !strings.Contains(out, "20") {
		t.Errorf("nodectl prints %q", out)
	}
}

// TestSwap: what does not fit is swapped out, and counted.
func TestSwap(t *testing.T) {
	swapOn(t)
	s := startService(t, "swapper", []string{"MemoryMax=64M", "MemorySwapMax=300M"}, "alloc:128", "pause")
	until(t, "the memory is held", func() bool { return s.file("memory.swap.current", "")+s.file("memory.current", "") > 128<<20 })
	u := s.after(time.Now())
	if got, want := u.numbers["memory_swap_bytes"], float64(s.file("memory.swap.current", "")); want < 64<<20 || math.Abs(got-want) > want*0.02 {
		t.Errorf("%v bytes are swapped out, the kernel says %v", got, want)
	}
	if limit := u.numbers["memory_swap_limit_bytes"]; limit != 300<<20 {
		t.Errorf("the limit of swap is %v, want 300 MiB", limit)
	}
	if u.numbers["memory_failures"] == 0 || u.numbers["pressure_memory_some_nanoseconds"] == 0 {
		t.Errorf("its limit was hit %v times, it waited %v ns for memory", u.numbers["memory_failures"], u.numbers["pressure_memory_some_nanoseconds"])
	}
}

// TestOutOfMemory: processes that are killed for want of memory are counted.
func TestOutOfMemory(t *testing.T) {
	s := startService(t, "greedy", []string{"MemoryMax=48M", "MemorySwapMax=0", "OOMPolicy=continue"}, "child:alloc:128", "child:alloc:128", "pause")
	until(t, "two are killed", func() bool { return s.file("memory.events", "oom_kill") == 2 })
	u := s.after(time.Now())
	if kills := u.numbers["oom_kills"]; kills != 2 {
		t.Errorf("%v were killed, want 2", kills)
	}
	if limit, ok := u.numbers["memory_swap_limit_bytes"]; !ok || limit != 0 {
		t.Errorf("the limit of swap is %v (%v), want 0", limit, ok)
	}
}

// TestIO: what a service reads from a disk and writes to it is what systemd says.
func TestIO(t *testing.T) {
	s := startCommand(t, "writer", nil, "sh", "-c", `dd if=/dev/zero of=/disk/written bs=64k count=64 oflag=direct
dd if=/disk/written of=/dev/null bs=64k count=32 iflag=direct
exec sleep infinity`)
	until(t, "it has read and written", func() bool { return s.show()["IOReadBytes"] >= 32*64<<10 })
	u, want := s.after(time.Now()), s.show()
	for name, property := range map[string]string{
		"io_read_bytes": "IOReadBytes", "io_write_bytes": "IOWriteBytes", "io_reads": "IOReadOperations", "io_writes": "IOWriteOperations",
	} {
		if got, ok := u.numbers[name]; !ok || got != float64(want[property]) {
			t.Errorf("%s = %v (%v), systemd says %d", name, got, ok, want[property])
		}
	}
	if want["IOWriteBytes"] < 64*64<<10 {
		t.Errorf("systemd says that it wrote %d bytes", want["IOWriteBytes"])
	}
}

// TestNode: the node has pressure, and noded says what version it reads.
func TestNode(t *testing.T) {
	if out, _ := try(t, "nodectl", "status"); !strings.Contains(out, "cgroup v2") {
		t.Errorf("nodectl status:\n%s", out)
	}
	out := run(t, "nodectl", "top", "node", "-o", "json")
	for _, name := range []string{"pressure_cpu_some_nanoseconds", "pressure_memory_full_nanoseconds", "pressure_io_some_nanoseconds", "cpu_usage_nanoseconds", "memory_working_set_bytes", "io_reads"} {
		if !strings.Contains(out, `"`+name+`":`) {
			t.Errorf("the node has no %s:\n%s", name, out)
		}
	}
}
