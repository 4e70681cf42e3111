// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats/disk"
	"github.com/noded/noded/runtime/stats/metric"
)

const (
	sandboxID    = "6210c0bf05396716df932f0729df69de0533933e5ad9871fd07b61811c4c28df"
	podDirect    = "/kubepods/burstable/pod" + uid
	podSystemd   = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uidSlice + ".slice"
	scopeSystemd = podSystemd + "/cri-containerd-" + id + ".scope"
)

// TestFixtures reads the trees of testdata: what is in the files by the names of the documentation of metric.
func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		archive, path string
		version       int
		want          values
	}{
		{"v1.txtar", podDirect + "/" + id, 1, values{
			metric.CPUUsage: 1335884057, metric.CPUUser: 570_000_000, metric.CPUSystem: 760_000_000,
			metric.CPUPeriods: 49, metric.CPUThrottledPeriods: 38, metric.CPUThrottled: 1696963145, metric.CPULimit: 300, metric.CPUShares: 307,
			metric.MemoryUsage: 28266496, metric.MemoryWorkingSet: 28266496 - 4096, metric.MemoryRSS: 28004352, metric.MemoryAnon: 28004352,
			metric.MemoryCache: 4096, metric.MemoryFile: 4096, metric.MemoryActiveFile: 0, metric.MemoryShmem: 0, metric.MemoryMapped: 0,
			metric.MemorySwap: 0, metric.MemoryKernel: 167936, metric.MemoryPeak: 67108864, metric.MemoryLimit: 67108864,
			metric.MemoryFaults: 23769, metric.MemoryMajorFaults: 12, metric.MemoryFailures: 205, metric.OOMKills: 1,
			metric.Processes: 1, metric.ProcessLimit: 100,
			metric.IOReadBytes: 2392064, metric.IOWriteBytes: 4194304, metric.IOReads: 62, metric.IOWrites: 64,
			metric.PressureCPUSome: 1712664000, metric.PressureCPUFull: 1712664000, metric.PressureMemorySome: 6955000, metric.PressureMemoryFull: 6955000,
			metric.PressureIOSome: 3936000, metric.PressureIOFull: 3936000,
		}},
		{"v1.txtar", "/system.slice/cron.service", 1, values{}},
		{"hybrid.txtar", scopeSystemd, 1, values{
			metric.CPUUsage: 5000000123, metric.CPUUser: 3_200_000_000, metric.CPUSystem: 1_800_000_000,
			metric.CPUPeriods: 50, metric.CPUThrottledPeriods: 5, metric.CPUThrottled: 250000000, metric.CPULimit: 1500, metric.CPUShares: 512,
			metric.MemoryUsage: 62914560, metric.MemoryWorkingSet: 62914560 - 10485760, metric.MemoryRSS: 41943040, metric.MemoryAnon: 41943040,
			metric.MemoryCache: 20971520, metric.MemoryFile: 20971520, metric.MemoryActiveFile: 9437184, metric.MemoryShmem: 4096, metric.MemoryMapped: 8192,
			metric.MemorySwap: 12288, metric.MemoryKernel: 1048576, metric.MemoryPeak: 62914560, metric.MemoryLimit: 134217728, metric.MemorySwapLimit: 268435456 - 134217728,
			metric.MemoryFaults: 4000, metric.MemoryMajorFaults: 50, metric.MemoryFailures: 3, metric.OOMKills: 2,
			metric.Processes:   7,
			metric.IOReadBytes: 8192, metric.IOWriteBytes: 8192, metric.IOReads: 2, metric.IOWrites: 2,
			metric.PressureCPUSome: 21000, metric.PressureMemorySome: 30000, metric.PressureMemoryFull: 40000, metric.PressureIOSome: 50000, metric.PressureIOFull: 60000,
		}},
		{"hybrid.txtar", "/system.slice/cron.service", 1, values{}},
		{"v2.txtar", scopeSystemd, 2, values{
			metric.CPUUsage: 48023111000, metric.CPUUser: 40011001000, metric.CPUSystem: 8012110000,
			metric.CPUPeriods: 1200, metric.CPUThrottledPeriods: 37, metric.CPUThrottled: 1843210000, metric.CPULimit: 300, metric.CPUShares: 50,
			metric.MemoryUsage: 322961408, metric.MemoryWorkingSet: 322961408 - 73400320, metric.MemoryRSS: 209825792, metric.MemoryAnon: 209825792,
			metric.MemoryCache: 104873984, metric.MemoryFile: 104873984, metric.MemoryActiveFile: 31469568, metric.MemoryShmem: 4096, metric.MemoryMapped: 28102656,
			metric.MemorySlab: 2608184, metric.MemorySlabReclaimable: 1622856, metric.MemoryKernel: 5877760,
			metric.MemorySwap: 1048576, metric.MemorySwapLimit: 0, metric.MemoryPeak: 340000768, metric.MemoryLimit: 536870912,
			metric.MemoryFaults: 190562, metric.MemoryMajorFaults: 312, metric.MemoryFailures: 12, metric.OOMKills: 1,
			metric.Processes: 17, metric.ProcessLimit: 1024,
			metric.IOReadBytes: 1052672, metric.IOWriteBytes: 2097152, metric.IOReads: 17, metric.IOWrites: 32,
			metric.PressureCPUSome: 1530211000, metric.PressureCPUFull: 1400123000, metric.PressureMemorySome: 4021000, metric.PressureMemoryFull: 3999000,
			metric.PressureIOSome: 90210000, metric.PressureIOFull: 80100000,
		}},
		// More inactive file pages than usage, no limits, no peak, nothing read or written.
		{"v2.txtar", podSystemd, 2, values{
			metric.CPUUsage: 48123111000, metric.CPUUser: 40061001000, metric.CPUSystem: 8062110000,
			metric.CPUPeriods: 0, metric.CPUThrottledPeriods: 0, metric.CPUThrottled: 0, metric.CPUShares: 1024,
			metric.MemoryUsage: 323485696, metric.MemoryWorkingSet: 0, metric.MemoryRSS: 210000000, metric.MemoryAnon: 210000000,
			metric.MemoryCache: 104873984, metric.MemoryFile: 104873984, metric.MemoryFailures: 0, metric.OOMKills: 1, metric.Processes: 18,
			metric.IOReadBytes: 0, metric.IOWriteBytes: 0, metric.IOReads: 0, metric.IOWrites: 0,
		}},
		// The root has no usage of memory and no processes.
		{"v2.txtar", "/", 2, values{
			metric.CPUUsage: 912345678000, metric.CPUUser: 612345000000, metric.CPUSystem: 300000678000,
			metric.MemoryRSS: 1209825792, metric.MemoryAnon: 1209825792, metric.MemoryCache: 3104873984, metric.MemoryFile: 3104873984,
			metric.MemoryActiveFile: 1431469568, metric.MemoryShmem: 9404096, metric.MemoryMapped: 228102656, metric.MemorySlab: 302608184,
			metric.MemorySlabReclaimable: 201622856, metric.MemoryKernel: 405877760, metric.MemoryFaults: 99190562, metric.MemoryMajorFaults: 8312,
			metric.IOReadBytes: 5368709120, metric.IOWriteBytes: 10737418240, metric.IOReads: 131072, metric.IOWrites: 262144,
			metric.PressureCPUSome: 7617593000, metric.PressureCPUFull: 0, metric.PressureMemorySome: 2875000, metric.PressureMemoryFull: 769000,
			metric.PressureIOSome: 13986444000, metric.PressureIOFull: 6080440000,
		}},
		{"recorded2.txtar", "/", 2, values{
			metric.CPUUsage: 36896000000, metric.CPUUser: 15092000000, metric.CPUSystem: 21804000000,
			metric.CPUPeriods: 0, metric.CPUThrottledPeriods: 0, metric.CPUThrottled: 0,
			metric.MemoryRSS: 25534464, metric.MemoryAnon: 25534464, metric.MemoryCache: 116523008, metric.MemoryFile: 116523008,
			metric.MemoryActiveFile: 16384000, metric.MemoryShmem: 53157888, metric.MemoryMapped: 42803200, metric.MemorySlab: 5037792,
			metric.MemorySlabReclaimable: 3985216, metric.MemoryKernel: 6651904, metric.MemoryFaults: 60524, metric.MemoryMajorFaults: 417,
			metric.IOReadBytes: 4096 + 1102848, metric.IOWriteBytes: 4096, metric.IOReads: 1 + 57, metric.IOWrites: 1,
			metric.PressureCPUSome: 5671895000, metric.PressureCPUFull: 0, metric.PressureMemorySome: 0, metric.PressureMemoryFull: 0,
			metric.PressureIOSome: 324676000, metric.PressureIOFull: 267213000,
		}},
		{"recorded2.txtar", "/system.slice/web.service", 2, values{
			metric.CPUUsage: 15752543000, metric.CPUUser: 1142497000, metric.CPUSystem: 14610046000,
			metric.CPUPeriods: 430, metric.CPUThrottledPeriods: 383, metric.CPUThrottled: 43988792000, metric.CPULimit: 400, metric.CPUShares: 421,
			metric.MemoryUsage: 33501184, metric.MemoryWorkingSet: 33501184 - 172032, metric.MemoryRSS: 28360704, metric.MemoryAnon: 28360704,
			metric.MemoryCache: 184320, metric.MemoryFile: 184320, metric.MemoryActiveFile: 12288, metric.MemoryShmem: 0, metric.MemoryMapped: 0,
			metric.MemorySlab: 105480, metric.MemorySlabReclaimable: 10712, metric.MemoryKernel: 589824,
			metric.MemorySwap: 56385536, metric.MemorySwapLimit: 64 << 20, metric.MemoryPeak: 33558528, metric.MemoryLimit: 32 << 20,
			metric.MemoryFaults: 19403, metric.MemoryMajorFaults: 515, metric.MemoryFailures: 987, metric.OOMKills: 1,
			metric.Processes: 8, metric.ProcessLimit: 99,
			// Of the disk that it swaps to, and of that of its file.
			metric.IOReadBytes: 1126400 + 1056768, metric.IOWriteBytes: 67678208 + 3170304, metric.IOReads: 275 + 18, metric.IOWrites: 16523 + 54,
			metric.PressureCPUSome: 28518177000, metric.PressureCPUFull: 26747244000, metric.PressureMemorySome: 17710332000, metric.PressureMemoryFull: 13945449000,
			metric.PressureIOSome: 2439380000, metric.PressureIOFull: 1243531000,
		}},
		{"recorded2.txtar", scopeSystemd, 2, values{
			metric.CPUUsage: 1163751000, metric.CPUUser: 182875000, metric.CPUSystem: 980875000,
			metric.CPUPeriods: 31, metric.CPUThrottledPeriods: 29, metric.CPUThrottled: 3376067000, metric.CPULimit: 300, metric.CPUShares: 64,
			metric.MemoryUsage: 9224192, metric.MemoryWorkingSet: 9224192, metric.MemoryRSS: 8814592, metric.MemoryAnon: 8814592,
			metric.MemoryCache: 0, metric.MemoryFile: 0, metric.MemoryActiveFile: 0, metric.MemoryShmem: 0, metric.MemoryMapped: 0,
			metric.MemorySlab: 139920, metric.MemorySlabReclaimable: 18640, metric.MemoryKernel: 409600,
			metric.MemorySwap: 0, metric.MemoryPeak: 64 << 20, metric.MemoryLimit: 64 << 20,
			metric.MemoryFaults: 1030, metric.MemoryMajorFaults: 0, metric.MemoryFailures: 36, metric.OOMKills: 1,
			metric.Processes: 8, metric.ProcessLimit: 3568, // systemd's default
			metric.IOReadBytes: 0, metric.IOWriteBytes: 0, metric.IOReads: 0, metric.IOWrites: 0,
			metric.PressureCPUSome: 2026297000, metric.PressureCPUFull: 1857705000, metric.PressureMemorySome: 53281000, metric.PressureMemoryFull: 11964000,
			metric.PressureIOSome: 0, metric.PressureIOFull: 0,
		}},
		// With its sandbox, and the process of its container that was killed.
		{"recorded2.txtar", podSystemd, 2, values{
			metric.CPUUsage: 1683522000, metric.CPUUser: 359587000, metric.CPUSystem: 1323935000,
			metric.CPUPeriods: 0, metric.CPUThrottledPeriods: 0, metric.CPUThrottled: 0, metric.CPUShares: 1024,
			metric.MemoryUsage: 14053376, metric.MemoryWorkingSet: 14053376, metric.MemoryRSS: 13275136, metric.MemoryAnon: 13275136,
			metric.MemoryCache: 0, metric.MemoryFile: 0, metric.MemoryActiveFile: 0, metric.MemoryShmem: 0, metric.MemoryMapped: 0,
			metric.MemorySlab: 285864, metric.MemorySlabReclaimable: 68840, metric.MemoryKernel: 778240, metric.MemorySwap: 0, metric.MemoryPeak: 71938048,
			metric.MemoryFaults: 1632, metric.MemoryMajorFaults: 0, metric.MemoryFailures: 36, metric.OOMKills: 1, metric.Processes: 14,
			metric.IOReadBytes: 0, metric.IOWriteBytes: 0, metric.IOReads: 0, metric.IOWrites: 0,
			metric.PressureCPUSome: 2215097000, metric.PressureCPUFull: 1951340000, metric.PressureMemorySome: 53290000, metric.PressureMemoryFull: 11960000,
			metric.PressureIOSome: 0, metric.PressureIOFull: 0,
		}},
		{"recorded2.txtar", podDirect + "/" + id, 2, values{
			metric.CPUUsage: 1171188000, metric.CPUUser: 234237000, metric.CPUSystem: 936951000,
			metric.CPUPeriods: 28, metric.CPUThrottledPeriods: 25, metric.CPUThrottled: 3249116000, metric.CPULimit: 300, metric.CPUShares: 64,
			metric.MemoryUsage: 11403264, metric.MemoryWorkingSet: 11403264, metric.MemoryRSS: 8896512, metric.MemoryAnon: 8896512,
			metric.MemoryCache: 0, metric.MemoryFile: 0, metric.MemoryActiveFile: 0, metric.MemoryShmem: 0, metric.MemoryMapped: 0,
			metric.MemorySlab: 140680, metric.MemorySlabReclaimable: 18640, metric.MemoryKernel: 409600,
			metric.MemorySwap: 0, metric.MemorySwapLimit: 0, metric.MemoryPeak: 64 << 20, metric.MemoryLimit: 64 << 20,
			metric.MemoryFaults: 1766, metric.MemoryMajorFaults: 0, metric.MemoryFailures: 20, metric.OOMKills: 1, metric.Processes: 8,
			metric.IOReadBytes: 0, metric.IOWriteBytes: 0, metric.IOReads: 0, metric.IOWrites: 0,
			metric.PressureCPUSome: 2013304000, metric.PressureCPUFull: 1821374000, metric.PressureMemorySome: 12266000, metric.PressureMemoryFull: 12031000,
			metric.PressureIOSome: 0, metric.PressureIOFull: 0,
		}},
	} {
		for _, kept := range []bool{true, false} {
			tree, err := Open(unpack(t, tt.archive))
			must(t, err)
			if tree.Version() != tt.version {
				t.Errorf("%s has version %d, want %d", tt.archive, tree.Version(), tt.version)
			}
			if !kept {
				tree.maxKept.Store(0)
			}
			g, err := tree.Open(tt.path)
			must(t, err)
			for range 2 { // the second reading does not read what changes seldom
				var s metric.Set
				r, err := g.Read(&s)
				must(t, err)
				if diff := cmp.Diff(tt.want, valuesOf(&s)); diff != "" {
					t.Errorf("%s %s (-want +got):\n%s", tt.archive, tt.path, diff)
				}
				if time.Since(r.Time).Abs() > time.Minute || r.Boot <= 0 || r.Inode == 0 {
					t.Errorf("reading %+v", r)
				}
			}
			g.Close()
			if n := tree.kept.Load(); n != 0 {
				t.Errorf("%d descriptors are held after all", n)
			}
		}
	}
}

func TestListFixtures(t *testing.T) {
	t.Parallel()
	for archive, want := range map[string][]string{
		"v1.txtar":     {"/", "/kubepods", "/kubepods/burstable", podDirect, podDirect + "/" + id, "/system.slice", "/system.slice/cron.service"},
		"hybrid.txtar": {"/", "/kubepods.slice", "/kubepods.slice/kubepods-burstable.slice", podSystemd, scopeSystemd, "/system.slice", "/system.slice/cron.service"},
		"v2.txtar": {"/", "/init.scope", "/kubepods.slice", "/kubepods.slice/kubepods-burstable.slice", podSystemd,
			podSystemd + "/cri-containerd-" + sandboxID + ".scope", scopeSystemd, "/system.slice", "/system.slice/ssh.service"},
		"recorded2.txtar": {"/", "/kubepods", "/kubepods.slice", "/kubepods.slice/kubepods-burstable.slice", podSystemd, scopeSystemd,
			"/kubepods/burstable", podDirect, podDirect + "/" + id, "/system.slice", "/system.slice/web.service"},
	} {
		tree, err := Open(unpack(t, archive))
		must(t, err)
		got, err := tree.List()
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", archive, diff)
		}
	}
}

// TestOpenNone: there are no cgroups, or not this one.
func TestOpenNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, root := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := Open(Config{Root: root, Proc: dir}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%s) = %v", root, err)
		}
	}
	tree, err := Open(unpack(t, "v2.txtar"))
	must(t, err)
	if _, err := tree.Open("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of none = %v", err)
	}
	for _, p := range []string{"", "system.slice", "/system.slice/", "/../etc", "/a/../system.slice", "//", "/" + strings.Repeat("a/", 3000) + "a"} {
		if _, err := tree.Open(p); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Open(%.20q) = %v", p, err)
		}
	}
	if g, err := tree.Open("/system.slice/ssh.service/cpu.stat"); err == nil {
		t.Errorf("a file was opened as a cgroup: %+v", g)
	}
}

// TestBroken: files that are not as documented leave their numbers unset.
func TestBroken(t *testing.T) {
	t.Parallel()
	c := unpack(t, "v2.txtar")
	dir := filepath.Join(c.Root, "system.slice", "ssh.service")
	long := strings.Repeat("8:0 rbytes=1 wbytes=1 rios=1 wios=1\n", maxFile/36+1)
	for name, text := range map[string]string{
		"cpu.stat": "usage_usec 99999999999999999999\nuser_usec 12", "memory.current": "\x00\x00\x00", "memory.stat": "anon\nfile x\n \n\n",
		"memory.max": strings.Repeat("9", 5000), "pids.current": "", "io.stat": long, "cpu.pressure": "some", "memory.events": "oom_kill -1\n",
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	must(t, os.Mkdir(filepath.Join(dir, "memory.peak"), 0o755))
	must(t, os.Symlink("cgroup.procs", filepath.Join(dir, "pids.max")))
	tree, err := Open(c)
	must(t, err)
	g, err := tree.Open("/system.slice/ssh.service")
	must(t, err)
	defer g.Close()
	for range 2 {
		var s metric.Set
		_, err := g.Read(&s)
		must(t, err)
		if diff := cmp.Diff(values{metric.CPUUser: 12000}, valuesOf(&s)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// TestLayers: what is read and written through several layers of block devices is counted once, as by the layer that has more of it.
func TestLayers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text                  string
		reads, writes, bytesWritten uint64
	}{
		{"LVM on LUKS", "259:0 wbytes=100 rios=10 wios=20\n253:0 wbytes=100 rios=10 wios=20\n253:1 wbytes=100 rios=10 wios=20\n", 10, 20, 100},
		{"and a filesystem beside", "259:0 wbytes=150 rios=11 wios=22\n253:0 wbytes=100 rios=10 wios=20\n253:1 wbytes=100 rios=10 wios=20\n", 11, 22, 150},
		{"the kernel encrypts by itself", "259:0 wbytes=0 rios=10 wios=0\n253:0 wbytes=0 rios=10 wios=0\n253:1 wbytes=100 rios=10 wios=20\n", 10, 20, 100},
		{"two disks", "259:0 wbytes=1 rios=1 wios=1\n8:16 wbytes=2 rios=2 wios=2\n", 3, 3, 3},
		{"swap in memory", "252:0 wbytes=1 rios=1 wios=1\n8:16 wbytes=2 rios=2 wios=2\n", 2, 2, 2},
		{"paths of NVMe", "259:0 wbytes=1 rios=1 wios=1\n(unknown) wbytes=0 rios=1 wios=1\n", 1, 1, 1},
	} {
		c := unpack(t, "v2.txtar")
		for name, text := range map[string]string{
			"nvme0n1/dev": "259:0\n", "dm-0/dev": "253:0\n", "dm-0/slaves/nvme0n1p2/x": "", "dm-0/holders/dm-1/x": "",
			"dm-1/dev": "253:1\n", "dm-1/slaves/dm-0/x": "", "zram0/dev": "252:0\n",
		} {
			name = filepath.Join(c.Sys, "block", name)
			must(t, os.MkdirAll(filepath.Dir(name), 0o755))
			must(t, os.WriteFile(name, []byte(text), 0o644))
		}
		must(t, os.WriteFile(filepath.Join(c.Root, "system.slice", "ssh.service", "io.stat"), []byte(tt.text), 0o644))
		tree, err := Open(c)
		must(t, err)
		g, err := tree.Open("/system.slice/ssh.service")
		must(t, err)
		defer g.Close()
		var s metric.Set
		_, err = g.Read(&s)
		must(t, err)
		if reads, writes, n := s.Value(metric.IOReads), s.Value(metric.IOWrites), s.Value(metric.IOWriteBytes); reads != tt.reads || writes != tt.writes || n != tt.bytesWritten {
			t.Errorf("%s: %d reads, %d writes of %d bytes, want %d, %d, %d", tt.name, reads, writes, n, tt.reads, tt.writes, tt.bytesWritten)
		}
		if s.Value(metric.IOReadBytes) != 0 {
			t.Errorf("%s: %d bytes read", tt.name, s.Value(metric.IOReadBytes))
		}
	}
}

// TestDevices: block devices that come later are known after a while, and those that were known stay so without sysfs.
func TestDevices(t *testing.T) {
	t.Parallel()
	c := unpack(t, "v2.txtar")
	tree, err := Open(c)
	must(t, err)
	dm := filepath.Join(c.Sys, "block", "dm-0")
	must(t, os.MkdirAll(filepath.Join(dm, "slaves", "sda"), 0o755))
	must(t, os.WriteFile(filepath.Join(dm, "dev"), []byte("253:0\n"), 0o644))
	kind := func() disk.Kind {
		_, err := tree.List()
		must(t, err)
		return tree.devices.Load().Kind(disk.Number{Major: 253})
	}
	if k := kind(); k != disk.Disk {
		t.Errorf("at once it is %d", k)
	}
	tree.devicesAt = tree.devicesAt.Add(-devicesEvery)
	if k := kind(); k != disk.Stacked {
		t.Errorf("later it is %d", k)
	}
	must(t, os.RemoveAll(c.Sys))
	tree.devicesAt = tree.devicesAt.Add(-devicesEvery)
	if k := kind(); k != disk.Stacked {
		t.Errorf("without sysfs it is %d", k)
	}
}

// TestLong: a file of many devices is read whole.
func TestLong(t *testing.T) {
	t.Parallel()
	c := unpack(t, "v2.txtar")
	const n = 5000
	text := strings.Repeat("253:17 rbytes=1000000 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n", n)
	must(t, os.WriteFile(filepath.Join(c.Root, "system.slice", "ssh.service", "io.stat"), []byte(text), 0o644))
	tree, err := Open(c)
	must(t, err)
	g, err := tree.Open("/system.slice/ssh.service")
	must(t, err)
	defer g.Close()
	var s metric.Set
	_, err = g.Read(&s)
	must(t, err)
	if got := s.Value(metric.IOReadBytes); got != n*1000000 {
		t.Errorf("%d bytes read, want %d", got, uint64(n*1000000))
	}
}

// TestAdds: a reading leaves what else is in the set, and an error all of it.
func TestAdds(t *testing.T) {
	t.Parallel()
	c := unpack(t, "v2.txtar")
	tree, err := Open(c)
	must(t, err)
	g, err := tree.Open("/system.slice/ssh.service")
	must(t, err)
	defer g.Close()
	var s metric.Set
	s.Put(metric.NetworkReceiveBytes, 7)
	_, err = g.Read(&s)
	must(t, err)
	if s.Value(metric.NetworkReceiveBytes) != 7 || s.Value(metric.CPUUsage) != 1200000000 {
		t.Errorf("%v", valuesOf(&s))
	}
	must(t, os.RemoveAll(filepath.Join(c.Root, "system.slice")))
	before := s
	if _, err := g.Read(&s); !errors.Is(err, fs.ErrNotExist) || s != before {
		t.Errorf("Read = %v, %v", err, valuesOf(&s))
	}
}

// TestJoins: a cgroup that a runtime makes in one hierarchy after the other is found in all.
func TestJoins(t *testing.T) {
	t.Parallel()
	c := unpack(t, "v1.txtar")
	cpu, aside := filepath.Join(c.Root, "cpuacct", podDirect), filepath.Join(t.TempDir(), "pod")
	must(t, os.Rename(cpu, aside))
	tree, err := Open(c)
	must(t, err)
	g, err := tree.Open(podDirect + "/" + id)
	must(t, err)
	defer g.Close()
	var s metric.Set
	first, err := g.Read(&s)
	must(t, err)
	if s.Has(metric.CPUUsage) || !s.Has(metric.MemoryUsage) {
		t.Errorf("%v", valuesOf(&s))
	}
	must(t, os.Rename(aside, cpu))
	second, err := g.Read(&s)
	must(t, err)
	if !s.Has(metric.CPUUsage) || first.Inode != second.Inode {
		t.Errorf("%+v, %+v, %v", first, second, valuesOf(&s))
	}
}

// TestSeldom: what changes seldom is read again after a while.
func TestSeldom(t *testing.T) {
	t.Parallel()
	c := unpack(t, "v2.txtar")
	tree, err := Open(c)
	must(t, err)
	g, err := tree.Open(scopeSystemd)
	must(t, err)
	defer g.Close()
	read := func() (s metric.Set) {
		_, err := g.Read(&s)
		must(t, err)
		return s
	}
	read()
	must(t, os.WriteFile(filepath.Join(c.Root, scopeSystemd, "memory.max"), []byte("max\n"), 0o644))
	must(t, os.Remove(filepath.Join(c.Root, scopeSystemd, "memory.peak")))
	if s := read(); s.Value(metric.MemoryLimit) != 536870912 {
		t.Errorf("limit %d at once", s.Value(metric.MemoryLimit))
	}
	g.seldomAt -= seldomEvery
	if s := read(); s.Has(metric.MemoryLimit) || s.Has(metric.MemoryPeak) || !s.Has(metric.CPULimit) {
		t.Errorf("later %v", valuesOf(&s))
	}
}

// TestResting: what stays as it is while no task runs is read when one has, and after a while all the same.
func TestResting(t *testing.T) {
	t.Parallel()
	c := unpack(t, "v1.txtar")
	tree, err := Open(c)
	must(t, err)
	const path = podDirect + "/" + id
	g, err := tree.Open(path)
	must(t, err)
	defer g.Close()
	write := func(name, text string) {
		must(t, os.WriteFile(filepath.Join(c.Root, "cpuacct", path, name), []byte(text), 0o644))
	}
	want := func(when string, usage, ticks uint64) {
		t.Helper()
		var s metric.Set
		_, err := g.Read(&s)
		must(t, err)
		if s.Value(metric.CPUUsage) != usage || s.Value(metric.CPUUser) != ticks*nanosPerTick || !s.Has(metric.CPUThrottled) {
			t.Errorf("%s: %v", when, valuesOf(&s))
		}
	}
	write("cpuacct.usage", "1000\n")
	write("cpuacct.stat", "user 1\nsystem 1\n")
	want("first", 1000, 1)
	write("cpuacct.stat", "user 2\nsystem 1\n")
	want("at rest", 1000, 1)
	write("cpuacct.usage", "1001\n")
	want("after it ran", 1001, 2)
	write("cpuacct.stat", "user 3\nsystem 1\n")
	want("at rest again", 1001, 2)
	g.seldomAt -= seldomEvery
	want("later", 1001, 3)
}

// TestDescriptors: groups beyond the bound hold none.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	tree, err := Open(unpack(t, "v2.txtar"))
	must(t, err)
	tree.maxKept.Store(2)
	paths, err := tree.List()
	must(t, err)
	for _, path := range paths {
		g, err := tree.Open(path)
		must(t, err)
		defer g.Close()
		var s metric.Set
		_, err = g.Read(&s)
		must(t, err)
	}
	if got := tree.kept.Load(); got != 2 {
		t.Errorf("%d descriptors are kept, want 2", got)
	}
}
