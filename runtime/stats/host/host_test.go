// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/noded/noded/runtime/stats/disk"
	"github.com/noded/noded/runtime/stats/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files writes files beneath a new directory. A name that ends with a slash is a directory.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		write(t, filepath.Join(dir, name), text)
		if strings.HasSuffix(name, "/") {
			mkdir(t, filepath.Join(dir, name))
		}
	}
	return dir
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	mkdir(t, filepath.Dir(path))
	if text == "" {
		return
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// numbers returns what a set has, by name.
func numbers(s *metric.Set) map[string]uint64 {
	found := map[string]uint64{}
	for id := range metric.Count {
		if v, ok := s.Get(id); ok {
			found[id.String()] = v
		}
	}
	return found
}

const kib = 1024

// sysOfDisks is a /sys with disks of all kinds.
func sysOfDisks(t *testing.T) string {
	t.Helper()
	return files(t, map[string]string{
		"block/vda/slaves/": "", "block/vda/hidden": "0\n", "block/loop0/slaves/": "", "block/zram0/slaves/": "", "block/ram0/": "",
		"block/nvme0c0n1/hidden": "1\n", "block/dm-0/slaves/vda/": "", "block/cciss!c0d0/": "",
	})
}

func TestReadFixture(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	r := New(Config{Proc: "testdata/vm/proc", Sys: sysOfDisks(t)})
	r.now, r.bootTime = func() time.Time { return now }, func() (time.Duration, error) { return time.Hour, nil }
	var s metric.Set
	reading, err := r.Read(&s)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Reading{Time: now, Boot: time.Hour}); reading != want {
		t.Errorf("reading = %v, want %v", reading, want)
	}
	got := numbers(&s)
	for name, want := range map[string]uint64{
		"cpu_usage": (185063 + 141 + 75082 + 419) * 1e7, "cpu_user": (185063 + 141) * 1e7, "cpu_system": (75082 + 419) * 1e7,
		"pressure_cpu_some": 866933859e3, "pressure_cpu_full": 0, "pressure_memory_some": 2875e3, "pressure_memory_full": 769e3,
		"pressure_io_some": 15088311e3, "pressure_io_full": 6941924e3,
		"network_receive_bytes": 7604571 + 300000, "network_receive_packets": 9210 + 300, "network_receive_errors": 1,
		"network_receive_dropped": 3, "network_transmit_bytes": 503214 + 400000, "network_transmit_packets": 4211 + 400,
		"network_transmit_errors": 2, "network_transmit_dropped": 4, "memory_swap": 0, "memory_total": 24683656 * kib,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %d, %t, want %d", name, v, ok, want)
		}
	}
}

func TestReadWithoutMuch(t *testing.T) {
	t.Parallel()
	proc := files(t, map[string]string{
		"stat": "cpu  1 2 3 4\ncpu0 1 2 3 4\n", "meminfo": "MemTotal: 100 kB\nMemFree: 10 kB\n",
	})
	r := New(Config{Proc: proc, Sys: filepath.Join(proc, "none")})
	var s metric.Set
	if _, err := r.Read(&s); err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{"cpu_usage": 6e7, "cpu_user": 3e7, "cpu_system": 3e7, "memory_total": 100 * kib}
	if d := cmp.Diff(want, numbers(&s)); d != "" {
		t.Error(d)
	}
	// One file that cannot be understood takes nothing else away.
	write(t, filepath.Join(proc, "stat"), "rubbish\n")
	s.Reset()
	_, err := r.Read(&s)
	if !errors.Is(err, errNoCPU) {
		t.Errorf("error = %v, want %v", err, errNoCPU)
	}
	if d := cmp.Diff(map[string]uint64{"memory_total": 100 * kib}, numbers(&s)); d != "" {
		t.Error(d)
	}
	if _, err := New(Config{Proc: filepath.Join(proc, "none")}).Read(&s); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without /proc: %v", err)
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       procStat
		err        error
	}{
		{"with guests, which are in user", "cpu  100 10 5 1000 50 3 2 7 60 9\ncpu0 1 1 1 1\ncpu3 1 1 1 1\nbtime 1700000000\n",
			procStat{user: 110, system: 10, usage: 120, cpus: 2, boot: time.Unix(1_700_000_000, 0)}, nil},
		{"old kernel", "cpu 1 2 3 4\n", procStat{user: 3, system: 3, usage: 6}, nil},
		{"too few", "cpu 1 2 3\n", procStat{}, errNoCPU},
		{"negative", "cpu -1 2 3 4\n", procStat{}, errNoCPU},
		{"too large", "cpu 18446744073709551615 2 3 4\n", procStat{}, errNoCPU},
		// 64 processors that idled for five years, and waited as long.
		{"idle for years", "cpu 100 10 5 1000000000000 1000000000000 3 2 7 60 9\n", procStat{user: 110, system: 10, usage: 120}, nil},
		{"idle for ever", "cpu 100 10 5 18446744073709551615 18446744073709551615 3 2\n", procStat{user: 110, system: 10, usage: 120}, nil},
		{"busy for years", "cpu 1500000000000 0 300000000000 4 5 0 0\n",
			procStat{user: 1_500_000_000_000, system: 300_000_000_000, usage: 1_800_000_000_000}, nil},
		{"empty", "", procStat{}, errNoCPU},
		{"no total", "cpu0 1 2 3 4\n", procStat{cpus: 1}, errNoCPU},
	} {
		got, err := parseStat([]byte(test.text))
		if !errors.Is(err, test.err) || got != test.want {
			t.Errorf("%s: %+v, %v, want %+v, %v", test.name, got, err, test.want, test.err)
		}
	}
}

func TestParseMeminfo(t *testing.T) {
	t.Parallel()
	m, err := parseMeminfo([]byte(`MemTotal:        1000 kB
MemFree:          100 kB
MemAvailable:     700 kB
Buffers:           10 kB
Cached:           300 kB
SwapCached:         5 kB
Active(file):      90 kB
Inactive(file):   200 kB
AnonPages:        150 kB
Mapped:            20 kB
Shmem:              8 kB
Slab:              40 kB
SReclaimable:      30 kB
KernelStack:        2 kB
PageTables:         3 kB
SecPageTables:      1 kB
Percpu:             4 kB
SwapTotal:        500 kB
SwapFree:         420 kB
HugePages_Total:     7
`))
	if err != nil {
		t.Fatal(err)
	}
	var s metric.Set
	m.put(&s)
	want := map[string]uint64{
		"memory_total": 1000 * kib, "memory_available": 700 * kib, "memory_usage": 465 * kib, "memory_working_set": 265 * kib,
		"memory_rss": 150 * kib, "memory_anon": 150 * kib, "memory_cache": 315 * kib, "memory_file": 315 * kib,
		"memory_active_file": 90 * kib, "memory_mapped": 20 * kib, "memory_shmem": 8 * kib, "memory_slab": 40 * kib,
		"memory_slab_reclaimable": 30 * kib, "memory_kernel": 50 * kib, "memory_swap": 80 * kib,
	}
	if d := cmp.Diff(want, numbers(&s)); d != "" {
		t.Error(d)
	}
	// A working set is not below 0, and neither is swap.
	m, err = parseMeminfo([]byte("MemTotal: 9 kB\nCached: 1 kB\nAnonPages: 1 kB\nInactive(file): 5 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.Reset()
	m.put(&s)
	if s.Value(metric.MemoryWorkingSet) != 0 || s.Value(metric.MemorySwap) != 0 {
		t.Errorf("below 0: %v", numbers(&s))
	}
	for _, text := range []string{"", "MemTotal: x kB\n", "MemTotal: 18446744073709551615 kB\n", "MemFree: 1 kB\n"} {
		if _, err := parseMeminfo([]byte(text)); !errors.Is(err, errNoTotal) {
			t.Errorf("parseMeminfo(%q) = %v, want %v", text, err, errNoTotal)
		}
	}
}

func TestAccumulator(t *testing.T) {
	t.Parallel()
	var a accumulator
	for i, step := range []struct {
		now  map[string]row
		want uint64
	}{
		{map[string]row{"a": {100}, "b": {1000}}, 1100},
		{map[string]row{"a": {150}, "b": {1000}}, 1150},
		{map[string]row{"a": {150}, "b": {1010}, "new": {1 << 40}}, 1160},
		{map[string]row{"a": {150}, "new": {1<<40 + 5}}, 1165},
		{map[string]row{"a": {3}, "new": {1<<40 + 5}}, 1168}, // a began anew
		{map[string]row{}, 1168},
		{map[string]row{"a": {500}}, 1168},
		{map[string]row{"a": {501}}, 1169},
		{map[string]row{"a": {499}}, 1169}, // it was read in mid-write
		{map[string]row{"a": {502}}, 1172},
		{map[string]row{"a": {0}}, 1172},
	} {
		if got := a.add(step.now)[0]; got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
}

func TestDisks(t *testing.T) {
	t.Parallel()
	sys := sysOfDisks(t)
	proc := files(t, map[string]string{"diskstats": `   7       0 loop0 9 9 9 9 9 9 9 9 9 9 9
 254       0 vda 100 1 8000 5 200 2 16000 6 0 7 8 9 9 9 9
 254       1 vda1 90 1 7000 5 190 2 15000 6 0 7 8
 253       0 dm-0 80 1 6000 5 180 2 14000 6 0 7 8
 252       0 zram0 80 1 6000 5 180 2 14000 6 0 7 8
 104       0 cciss/c0d0 1 0 2 0 3 0 4 0 0 0 0
   8       0 sda 5 5
 254       0 vda 18446744073709551615 1 18446744073709551615 5 200 2 16000 6 0 7 8
`})
	r := New(Config{Proc: proc, Sys: sys})
	devices, err := disk.Find(sys)
	if err != nil {
		t.Fatal(err)
	}
	r.devices = devices.Disks()
	if d := cmp.Diff(map[string]bool{"vda": true, "cciss/c0d0": true}, r.devices); d != "" {
		t.Fatal(d)
	}
	var s metric.Set
	if err := r.nodeDisks(&s); err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{"io_reads": 101, "io_read_bytes": 8002 * 512, "io_writes": 203, "io_write_bytes": 16004 * 512}
	if d := cmp.Diff(want, numbers(&s)); d != "" {
		t.Error(d)
	}
}

func TestNetworkOfNode(t *testing.T) {
	t.Parallel()
	const dev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0
  eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0
  eth1: 1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0
`
	const header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
	base := map[string]string{"stat": "cpu 1 2 3 4\n", "meminfo": "MemTotal: 1 kB\n", "1/net/dev": dev}
	with := func(name, text string) map[string]string {
		m := map[string]string{name: text}
		for k, v := range base {
			m[k] = v
		}
		return m
	}
	for _, test := range []struct {
		name      string
		proc, sys map[string]string
		want      uint64
		none      bool
	}{
		{"default route", with("1/net/route", header+"eth1\t00000000\t01\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"), nil, 1000, false},
		{"route that is down", with("1/net/route", header+"eth1\t00000000\t01\t0002\t0\t0\t0\t00000000\t0\t0\t0\n"), nil, 0, true},
		{"half of everything", with("1/net/route", header+"eth1\t00000000\t01\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"), nil, 0, true},
		{"devices", base, map[string]string{"class/net/eth0/device/": "", "class/net/lo/": "", "class/net/veth0/": ""}, 10, false},
		{"neither", base, nil, 0, true},
		{"an interface that is not there", with("1/net/route", header+"eth9\t00000000\t01\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"), nil, 0, false},
	} {
		r := New(Config{Proc: files(t, test.proc), Sys: files(t, test.sys)})
		var s metric.Set
		if _, err := r.Read(&s); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if v, ok := s.Get(metric.NetworkReceiveBytes); v != test.want || ok == test.none {
			t.Errorf("%s: %d, %t, want %d", test.name, v, ok, test.want)
		}
	}
}

// A counter falls a little: what it has counted is not added once more. Another one of the same interface goes on.
func TestAccumulatorFalls(t *testing.T) {
	t.Parallel()
	var a accumulator
	a.add(map[string]row{"eth0": {5_000_000_000_000, 7}})
	for i, step := range []struct{ now, want row }{
		{row{4_999_999_999_000, 9}, row{5_000_000_000_000, 9}},
		{row{5_000_000_001_000, 9}, row{5_000_000_002_000, 9}},
		{row{2_000, 1}, row{5_000_000_004_000, 10}}, // the driver was loaded again
	} {
		if got := a.add(map[string]row{"eth0": step.now}); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// The network comes after noded: its figures come with it. They are of the time after it was looked for.
func TestNetworkComesLater(t *testing.T) {
	t.Parallel()
	proc := files(t, map[string]string{
		"stat": "cpu 1 2 3 4\n", "meminfo": "MemTotal: 1 kB\n", "1/net/dev": "eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n",
	})
	r := New(Config{Proc: proc, Sys: proc})
	now := time.Unix(1_800_000_000, 0)
	r.now = func() time.Time { now = now.Add(time.Millisecond); return now }
	var s metric.Set
	reading, err := r.Read(&s)
	if err != nil || s.Has(metric.NetworkReceiveBytes) {
		t.Errorf("before there is a network: %v, %v", numbers(&s), err)
	}
	if !reading.Time.After(r.lookedUp) {
		t.Errorf("read at %v, but looked up at %v", reading.Time, r.lookedUp)
	}
	write(t, filepath.Join(proc, "1/net/route"), "eth0\t00000000\t01\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")
	if _, err := r.Read(&s); err != nil || s.Value(metric.NetworkReceiveBytes) != 10 {
		t.Errorf("when there is one: %v, %v", numbers(&s), err)
	}
}

// The default route goes over to another interface, which has seen much already.
func TestRouteMoves(t *testing.T) {
	t.Parallel()
	route := func(name string) string { return name + "\t00000000\t01\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" }
	dev := func(eth0, eth1 string) string {
		return "eth0: " + eth0 + " 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\neth1: " + eth1 + " 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"
	}
	proc := files(t, map[string]string{
		"stat": "cpu 1 2 3 4\n", "meminfo": "MemTotal: 1 kB\n", "1/net/dev": dev("100", "1000000"), "1/net/route": route("eth0"),
	})
	r := New(Config{Proc: proc, Sys: proc})
	now := time.Unix(1_800_000_000, 0)
	r.now = func() time.Time { return now }
	read := func(want uint64) {
		t.Helper()
		var s metric.Set
		if _, err := r.Read(&s); err != nil {
			t.Fatal(err)
		}
		if got := s.Value(metric.NetworkReceiveBytes); got != want {
			t.Errorf("received %d, want %d", got, want)
		}
	}
	read(100)
	write(t, filepath.Join(proc, "1/net/route"), route("eth1"))
	write(t, filepath.Join(proc, "1/net/dev"), dev("150", "1000010"))
	read(150)
	now = now.Add(lookUpAgain)
	read(150)
	write(t, filepath.Join(proc, "1/net/dev"), dev("150", "1000030"))
	read(170)
	// The clock is set back: routes are looked at again, and not only when it is where it was.
	now = now.Add(-24 * time.Hour)
	write(t, filepath.Join(proc, "1/net/route"), route("eth0"))
	read(170)
	write(t, filepath.Join(proc, "1/net/dev"), dev("151", "1000030"))
	read(171)
}

func TestNetworkOfProcess(t *testing.T) {
	t.Parallel()
	r := New(Config{Proc: "testdata/vm/proc"})
	var s metric.Set
	if err := r.Network(4711, &s); err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{
		"network_receive_bytes": 1500, "network_receive_packets": 15, "network_receive_errors": 1, "network_receive_dropped": 2,
		"network_transmit_bytes": 2600, "network_transmit_packets": 26, "network_transmit_errors": 3, "network_transmit_dropped": 4,
	}
	if d := cmp.Diff(want, numbers(&s)); d != "" {
		t.Error(d)
	}
	if err := r.Network(4712, &s); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a process that is gone: %v", err)
	}
	for _, err := range []error{syscall.ESRCH, syscall.ENXIO} {
		if got := gone(err); !errors.Is(got, fs.ErrNotExist) || !errors.Is(got, err) {
			t.Errorf("gone(%v) = %v", err, got)
		}
	}
	if err := gone(syscall.EACCES); errors.Is(err, fs.ErrNotExist) {
		t.Error("a process that cannot be looked at is not gone")
	}
}

// A container that has containers of its own sees their packets on its own interface, on a bridge and on what connects them.
func TestNetworkOfContainers(t *testing.T) {
	t.Parallel()
	const (
		dev = "lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\neth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\ndocker0: 30 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n" +
			"veth1: 40 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"
		header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
		route  = header + "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\ndocker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
		other  = header + "eth9\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
		route6 = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000003 00000000 00450003    eth0\n"
	)
	for _, test := range []struct {
		name string
		net  map[string]string
		want uint64
	}{
		{"default route", map[string]string{"dev": dev, "route": route}, 100},
		{"default route of IPv6", map[string]string{"dev": dev, "route": header, "ipv6_route": route6}, 100},
		{"none", map[string]string{"dev": dev, "route": header}, 170},
		{"routes are not told", map[string]string{"dev": dev}, 170},
		{"of an interface that is not there", map[string]string{"dev": dev, "route": other}, 170},
		{"one interface", map[string]string{"dev": dev[:strings.Index(dev, "docker0")], "route": other}, 100},
		{"others rest", map[string]string{"dev": "eth0: 5 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\ntunl0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", "route": other}, 5},
		{"nothing yet", map[string]string{"dev": "eth0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"}, 0},
	} {
		proc := map[string]string{}
		for name, text := range test.net {
			proc["7/net/"+name] = text
		}
		var s metric.Set
		if err := New(Config{Proc: files(t, proc)}).Network(7, &s); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if v, ok := s.Get(metric.NetworkReceiveBytes); v != test.want || !ok {
			t.Errorf("%s: %d, %t, want %d", test.name, v, ok, test.want)
		}
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	dir := files(t, map[string]string{"large": strings.Repeat("x", maxFile+1), "small": "abc"})
	data, err := readFile(filepath.Join(dir, "large"), nil)
	if err != nil || len(data) < maxFile || cap(data) > 2*maxFile {
		t.Errorf("large: %d bytes of %d, %v", len(data), cap(data), err)
	}
	if data, err = readFile(filepath.Join(dir, "small"), data); err != nil || string(data) != "abc" {
		t.Errorf("small: %q, %v", data, err)
	}
	r := New(Config{Proc: dir})
	if _, err := r.read(dir, "large"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.read(dir, "small"); err != nil || cap(r.buf) > keptBuffer {
		t.Errorf("a buffer of %d bytes is kept, %v", cap(r.buf), err)
	}
}
