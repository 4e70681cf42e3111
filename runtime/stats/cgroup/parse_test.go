// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats/disk"
	"github.com/noded/noded/runtime/stats/metric"
)

// values is what a set has.
type values map[metric.ID]uint64

func valuesOf(s *metric.Set) values {
	v := values{}
	for id := range metric.Count {
		if x, ok := s.Get(id); ok {
			v[id] = x
		}
	}
	return v
}

// allSources are those of both versions, by name.
func allSources() map[string][]source {
	all := make(map[string][]source)
	for _, c := range controllers1 {
		for _, s := range sources1(c) {
			all[s.name] = append(all[s.name], s)
		}
	}
	for _, s := range sources2() {
		all[s.name] = append(all[s.name], s)
	}
	return all
}

func TestParse(t *testing.T) {
	t.Parallel()
	all := allSources()
	for _, tt := range []struct {
		name, text string
		want       values
	}{
		{"cpuacct.usage", "18446744073709551615\n", values{metric.CPUUsage: math.MaxUint64}},
		{"cpuacct.usage", "18446744073709551616\n", nil},
		{"cpuacct.usage", "-1\n", nil},
		{"cpuacct.usage", "", nil},
		{"cpuacct.usage", "12 \n", nil},
		{"cpuacct.usage", "12\n13\n", nil},
		{"cpuacct.usage", "0x10\n", nil},
		{"cpuacct.usage", "1\x00\n", nil},
		{"cpuacct.usage", "00000000000000000012\n", values{metric.CPUUsage: 12}},
		{"cpuacct.stat", "user 3\nsystem 4\n", values{metric.CPUUser: 30_000_000, metric.CPUSystem: 40_000_000}},
		{"cpuacct.stat", "user 1844674407371\nsystem 4\nuser\n", values{metric.CPUSystem: 40_000_000}},
		{"cpu.stat", "nr_periods 1\nnr_throttled 2\nthrottled_time 3\nnr_bursts 9\n",
			values{metric.CPUPeriods: 1, metric.CPUThrottledPeriods: 2, metric.CPUThrottled: 3}},
		{"cpu.stat", "usage_usec 5\nuser_usec 2\nsystem_usec 3\nthrottled_usec 7\n",
			values{metric.CPUUsage: 5000, metric.CPUUser: 2000, metric.CPUSystem: 3000, metric.CPUThrottled: 7000}},
		{"cpu.stat", "usage_usec 18446744073709552\nuser_usec \n\n\x00\xff 7", nil},
		{"cpu.max", "150000 100000\n", values{metric.CPULimit: 1500}},
		{"cpu.max", "max 100000\n", nil},
		{"cpu.max", "1 0\n", nil},
		{"cpu.max", "1000\n", nil},
		{"cpu.max", "18446744073709551615 1\n", nil},
		{"cpu.max", "18446744073709551615 1000000\n", values{metric.CPULimit: 18446744073709551}},
		{"cpu.weight", "1\n", values{metric.CPUShares: 2}},
		{"cpu.weight", "39\n", values{metric.CPUShares: 305}},
		{"cpu.weight", "100\n", values{metric.CPUShares: 1024}},
		{"cpu.weight", "10000\n", values{metric.CPUShares: 262144}},
		{"cpu.weight", "0\n", nil},
		{"cpu.weight", "10001\n", nil},
		{"memory.limit_in_bytes", "9223372036854771712\n", nil},
		{"memory.limit_in_bytes", "4611686018427387904\n", nil},
		{"memory.limit_in_bytes", "4611686018427387903\n", values{metric.MemoryLimit: 1<<62 - 1}},
		{"memory.max", "max\n", nil},
		{"memory.max", "0\n", values{metric.MemoryLimit: 0}},
		{"pids.max", "max\n", nil},
		{"pids.max", "1024\n", values{metric.ProcessLimit: 1024}},
		{"memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", values{metric.OOMKills: 3}},
		{"memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", nil}, // before Linux 4.13
		{"memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\n", values{metric.MemoryFailures: 3, metric.OOMKills: 5}},
		{"blkio.throttle.io_serviced", "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\n8:16 Read 4\nTotal 7\n", values{metric.IOReads: 5, metric.IOWrites: 2}},
		{"blkio.throttle.io_serviced", "Total 0\n", values{metric.IOReads: 0, metric.IOWrites: 0}},
		{"blkio.throttle.io_service_bytes", "8:0 Read 18446744073709551615\n8:1 Read 1\n8:0 Write 2\n", values{metric.IOWriteBytes: 2}},
		{"io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n(unknown) rbytes=10\n7:1 \n",
			values{metric.IOReadBytes: 1, metric.IOWriteBytes: 2, metric.IOReads: 3, metric.IOWrites: 4}},
		{"io.stat", "", values{metric.IOReadBytes: 0, metric.IOWriteBytes: 0, metric.IOReads: 0, metric.IOWrites: 0}},
		{"cpu.pressure", "some avg10=1.00 avg60=0.50 avg300=0.10 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n",
			values{metric.PressureCPUSome: 12000, metric.PressureCPUFull: 3000}},
		{"io.pressure", "some avg10=1.00 avg60=0.50 avg300=0.10 total=18446744073709551615\nfull total=\n", nil},
		{"memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n", values{metric.PressureMemorySome: 1000}},
	} {
		if len(all[tt.name]) == 0 {
			t.Errorf("no source %q", tt.name)
		}
		for _, s := range all[tt.name] {
			var n numbers
			s.parse(&n, []byte(tt.text))
			want := tt.want
			if want == nil {
				want = values{}
			}
			if diff := cmp.Diff(want, valuesOf(&n.Set)); diff != "" {
				t.Errorf("%s %q (-want +got):\n%s", tt.name, tt.text, diff)
			}
		}
	}
}

// TestQuota: the two files of version 1 make one number.
func TestQuota(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		quota, period string
		want          uint64
		ok            bool
	}{{"30000\n", "100000\n", 300, true}, {"-1\n", "100000\n", 0, false}, {"30000\n", "0\n", 0, false}, {"30000\n", "", 0, false}} {
		var n numbers
		parseQuota(&n, []byte(tt.quota))
		parsePeriod(&n, []byte(tt.period))
		if got, ok := n.Get(metric.CPULimit); got != tt.want || ok != tt.ok {
			t.Errorf("limit of %q/%q = %d, %v, want %d, %v", tt.quota, tt.period, got, ok, tt.want, tt.ok)
		}
	}
}

// TestSwapLimit: the two files of version 1 make one number, in either order.
func TestSwapLimit(t *testing.T) {
	t.Parallel()
	const none = "9223372036854771712\n"
	for _, tt := range []struct {
		memory, withSwap string
		want             uint64
		ok               bool
	}{
		{"1000\n", "1500\n", 500, true},
		{"1000\n", "1000\n", 0, true},
		{"1500\n", "1000\n", 0, true}, // read in the middle of a change
		{"1000\n", none, 0, false},
		{none, none, 0, false},
		{none, "1000\n", 0, false},
		{"1000\n", "", 0, false},
	} {
		var n, m numbers
		parseLimit1(&n, []byte(tt.memory))
		parseLimitWithSwap(&n, []byte(tt.withSwap))
		parseLimitWithSwap(&m, []byte(tt.withSwap))
		parseLimit1(&m, []byte(tt.memory))
		if diff := cmp.Diff(valuesOf(&n.Set), valuesOf(&m.Set)); diff != "" {
			t.Errorf("%q, %q: the order matters:\n%s", tt.memory, tt.withSwap, diff)
		}
		if got, ok := n.Get(metric.MemorySwapLimit); got != tt.want || ok != tt.ok {
			t.Errorf("limit of swap of %q, %q = %d, %v, want %d, %v", tt.memory, tt.withSwap, got, ok, tt.want, tt.ok)
		}
	}
}

func TestFinish(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ usage, inactive, peak, wantWorkingSet, wantPeak uint64 }{
		{100, 30, 200, 70, 200},
		{100, 101, 50, 0, 100},
		{math.MaxUint64, 0, 0, math.MaxUint64, math.MaxUint64},
	} {
		var n numbers
		n.inactiveFile, n.hasInactiveFile = tt.inactive, true
		n.Put(metric.MemoryUsage, tt.usage)
		n.Put(metric.MemoryPeak, tt.peak)
		n.finish()
		if ws, peak := n.Value(metric.MemoryWorkingSet), n.Value(metric.MemoryPeak); ws != tt.wantWorkingSet || peak != tt.wantPeak {
			t.Errorf("%+v: working set %d, peak %d", tt, ws, peak)
		}
	}
	var n numbers
	n.inactiveFile, n.hasInactiveFile = 1, true
	n.finish()
	if got := valuesOf(&n.Set); len(got) != 0 {
		t.Errorf("without a usage there is %v", got)
	}
	n = numbers{}
	n.Put(metric.MemoryUsage, 100)
	n.finish()
	if got := valuesOf(&n.Set); len(got) != 1 {
		t.Errorf("without memory.stat there is %v", got)
	}
}

// FuzzKeyed compares with a reading of the same by strings and strconv: the last line of a name counts.
func FuzzKeyed(f *testing.F) {
	f.Add([]byte("a 1\nb 2\n"))
	f.Add([]byte("a 1\na\n\na 18446744073709551616\nb  2\nc 3"))
	f.Add([]byte("\x00 1\n \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, want := map[string]uint64{}, map[string]uint64{}
		keyed(b, func(name []byte, v uint64) { got[string(name)] = v })
		for line := range strings.SplitSeq(string(b), "\n") {
			name, value, _ := strings.Cut(line, " ")
			if v, err := strconv.ParseUint(value, 10, 64); err == nil && len(value) <= 20 {
				want[name] = v
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", b, diff)
		}
	})
}

// FuzzSources gives anything to all parsers: nothing panics, and what is made of it can be.
func FuzzSources(f *testing.F) {
	for _, text := range []string{
		"1\n", "max\n", "-1\n", "user 1\nsystem 2\n", "total_rss 1\nrss 2\n", "8:0 Read 1\n8:0 Write 18446744073709551615\n9:0 Write 1\n",
		"8:0 rbytes=1 wbytes=2 rios=3 wios=4\n", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n", "50000 100000\n", "usage_usec 18446744073709551615\n",
		"9223372036854771712\n", "\x00", "total=1", "some total=1\nsome  total=2",
	} {
		f.Add([]byte(text))
	}
	all := allSources()
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		var together numbers
		for name, sources := range all {
			for _, s := range sources {
				var n numbers
				s.parse(&n, text)
				s.parse(&together, text)
				if v, ok := n.Get(metric.MemoryLimit); ok && v >= noLimit {
					t.Errorf("%s: limit %d", name, v)
				}
				if v, ok := n.Get(metric.CPUShares); ok && name == "cpu.weight" && (v < 2 || v > 262144) {
					t.Errorf("%s: %d shares", name, v)
				}
				for _, id := range []metric.ID{metric.CPUUser, metric.PressureIOSome, metric.PressureCPUFull} {
					if v := n.Value(id); v%1000 != 0 {
						t.Errorf("%s: %v = %d, which is not whole microseconds", name, id, v)
					}
				}
				if len(text) == 0 && name != "io.stat" && !strings.HasPrefix(name, "blkio.") && len(valuesOf(&n.Set)) > 0 {
					t.Errorf("%s: %v of nothing", name, valuesOf(&n.Set))
				}
			}
		}
		together.finish()
		if together.Value(metric.MemoryWorkingSet) > together.Value(metric.MemoryUsage) {
			t.Error("the working set is more than the usage")
		}
		if !bytes.Equal(before, text) {
			t.Error("the text was changed")
		}
	})
}

// FuzzIO compares sums with those of a plain reading.
func FuzzIO(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint64(3), "8:0")
	f.Add(uint64(math.MaxUint64), uint64(1), uint64(0), "253:17")
	f.Fuzz(func(t *testing.T, a, b, c uint64, device string) {
		if _, ok := disk.ParseNumber([]byte(device)); !ok {
			return
		}
		var one, two numbers
		var text1, text2 strings.Builder
		for _, v := range []uint64{a, b, c} {
			s := strconv.FormatUint(v, 10)
			text1.WriteString(device + " Read " + s + "\n" + device + " Write 1\n" + device + " Total 9\n")
			text2.WriteString(device + " rbytes=" + s + " wbytes=1 rios=0 wios=0 dbytes=9 dios=9\n")
		}
		blkio(metric.IOReadBytes, metric.IOWriteBytes)(&one, []byte(text1.String()+"Total 9\n"))
		parseIOStat(&two, []byte(text2.String()))
		ab, over1 := bits.Add64(a, b, 0)
		abc, over2 := bits.Add64(ab, c, 0)
		for version, n := range []*numbers{&one, &two} {
			got, ok := n.Get(metric.IOReadBytes)
			if fits := over1+over2 == 0; ok != fits || ok && got != abc || n.Value(metric.IOWriteBytes) != 3 {
				t.Errorf("version %d: %d, %v of %d, %d, %d; %d written", version+1, got, ok, a, b, c, n.Value(metric.IOWriteBytes))
			}
		}
	})
}

func TestMounts(t *testing.T) {
	t.Parallel()
	const text = `36 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:14 master:3 - cgroup cgroup rw,cpu,cpuacct
40 31 0:35 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:35 / /mnt/a\040b\134c rw - cgroup cgroup rw,memory
42 31 0:36 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
43 31 0:37 / /home rw - ext4 /dev/sda rw
44 31 0:38 / /x - cgroup
45 - cgroup cgroup rw,cpu
- - -

`
	got := parseMounts(text)
	want := []mount{
		{root: "/", point: "/sys/fs/cgroup/cpu,cpuacct", controllers: []string{"rw", "cpu", "cpuacct"}},
		{root: "/docker/x", point: "/sys/fs/cgroup/memory", controllers: []string{"rw", "memory"}},
		{root: "/", point: `/mnt/a b\c`, controllers: []string{"rw", "memory"}},
		{root: "/", point: "/sys/fs/cgroup/unified", version2: true},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mount{})); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	if got := below(got, "/mnt"); len(got) != 1 || got[0].root != "/" {
		t.Errorf("below /mnt: %v", got)
	}
}

func FuzzMounts(f *testing.F) {
	f.Add("36 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", "/sys/fs/cgroup")
	f.Add("36 31 0:31 / /a\\040 rw - cgroup2 cgroup rw\n", "/")
	f.Fuzz(func(t *testing.T, text, root string) {
		mounts := below(parseMounts(text), root)
		for _, m := range mounts {
			if !strings.HasPrefix(m.point, root) {
				t.Errorf("%q is not below %q", m.point, root)
			}
		}
		version, hierarchies, err := choose(mounts)
		if (err == nil) != (len(hierarchies) > 0) || (err == nil) != (version == 1 || version == 2) {
			t.Errorf("choose = %d, %v, %v", version, hierarchies, err)
		}
		for _, h := range hierarchies {
			if len(h.sources) > 64 {
				t.Errorf("%d sources", len(h.sources))
			}
		}
	})
}
