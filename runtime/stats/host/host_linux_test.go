// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	cadvisorfs "github.com/google/cadvisor/lib/fs"
	"github.com/google/cadvisor/lib/machine"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"golang.org/x/sys/unix"

	"github.com/noded/noded/runtime/stats/metric"
	"github.com/noded/noded/test/need"
)

// The facts of this machine are those that cAdvisor and /proc tell.
func TestMachineLikeOthers(t *testing.T) {
	t.Parallel()
	got, err := New(Config{}).Machine()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got)
	filesystems, err := cadvisorfs.NewFsInfo(cadvisorfs.Context{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := machine.Info(sysfs.NewRealSysFs(), filesystems, true)
	if err != nil {
		need.Missing(t, "cAdvisor does not know this machine: ", err)
	}
	if got.CPUs != want.NumCores || got.Sockets != want.NumSockets || got.Sockets == 1 && got.Cores != want.NumPhysicalCores {
		t.Errorf("processors %d, cores %d, sockets %d, want %d, %d, %d", got.CPUs, got.Cores, got.Sockets, want.NumCores, want.NumPhysicalCores, want.NumSockets)
	}
	if got.MemoryBytes != want.MemoryCapacity || got.SwapBytes != want.SwapCapacity {
		t.Errorf("memory %d, swap %d, want %d, %d", got.MemoryBytes, got.SwapBytes, want.MemoryCapacity, want.SwapCapacity)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		t.Fatal(err)
	}
	booted := time.Now().Add(-time.Duration(info.Uptime) * time.Second)
	if d := got.BootTime.Sub(booted).Abs(); d > 3*time.Second {
		t.Errorf("boot time %v, want about %v", got.BootTime, booted)
	}
	if cpus := count(t, "/proc/cpuinfo", "\nprocessor"); got.CPUs != cpus+1 && cpus > 0 {
		t.Errorf("%d processors, want %d", got.CPUs, cpus+1)
	}
	_, err = os.Stat("/proc/pressure/cpu")
	if got.Pressure != (err == nil) {
		t.Errorf("pressure %t, but %v", got.Pressure, err)
	}
}

func count(t *testing.T, path, text string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(data), text)
}

// number returns the number in a file, or after a word in it; false if there is no such file.
func number(t *testing.T, path, word string) (uint64, bool) {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if word == "" && len(f) == 1 || len(f) == 2 && f[0] == word {
			v, err := strconv.ParseUint(f[len(f)-1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v, true
		}
	}
	t.Fatalf("%s has no %q", path, word)
	return 0, false
}

// rootCgroup returns CPU time, usage and working set as the root cgroup has them, as the kubelet reads them.
func rootCgroup(t *testing.T) (cpu, usage, workingSet uint64) {
	t.Helper()
	if v, ok := number(t, "/sys/fs/cgroup/memory/memory.usage_in_bytes", ""); ok {
		cpu, _ = number(t, "/sys/fs/cgroup/cpuacct/cpuacct.usage", "")
		inactive, _ := number(t, "/sys/fs/cgroup/memory/memory.stat", "total_inactive_file")
		return cpu, v, v - inactive
	}
	anon, ok := number(t, "/sys/fs/cgroup/memory.stat", "anon")
	if !ok {
		need.Missing(t, "the root cgroup has no memory")
	}
	file, _ := number(t, "/sys/fs/cgroup/memory.stat", "file")
	inactive, _ := number(t, "/sys/fs/cgroup/memory.stat", "inactive_file")
	cpu, _ = number(t, "/sys/fs/cgroup/cpu.stat", "usage_usec")
	return cpu * 1000, anon + file, anon + file - inactive
}

// The node's CPU time and memory are those of the root cgroup. Not parallel: it looks at what the machine does meanwhile.
func TestReadLikeRootCgroup(t *testing.T) {
	r := New(Config{})
	var before, after metric.Set
	// What it reads lies between what the root cgroup says before and after it.
	before0, _, _ := rootCgroup(t)
	if _, err := r.Read(&before); err != nil {
		t.Fatal(err)
	}
	after0, _, _ := rootCgroup(t)
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		_ = bytes.Repeat([]byte("work"), 1000)
	}
	before1, usage, workingSet := rootCgroup(t)
	reading, err := r.Read(&after)
	if err != nil {
		t.Fatal(err)
	}
	after1, usageAfter, workingSetAfter := rootCgroup(t)
	used := time.Duration(after.Value(metric.CPUUsage) - before.Value(metric.CPUUsage))
	least, most := time.Duration(before1-after0), time.Duration(after1-before0)
	t.Logf("CPU %v, of the root cgroup %v to %v; memory %d of %d, working set %d of %d", used, least, most,
		after.Value(metric.MemoryUsage), usage, after.Value(metric.MemoryWorkingSet), workingSet)
	if slack := most/10 + 100*time.Millisecond; used < least-slack || used > most+slack {
		t.Errorf("CPU time %v, want %v to %v", used, least, most)
	}
	for id, want := range map[metric.ID][2]uint64{
		metric.MemoryUsage: {usage, usageAfter}, metric.MemoryWorkingSet: {workingSet, workingSetAfter},
	} {
		got, least, most := after.Value(id), min(want[0], want[1]), max(want[0], want[1])
		// Per-processor counters are not added up at once.
		if slack := most/50 + 32<<20; got+slack < least || got > most+slack {
			t.Errorf("%s = %d, want %d to %d", id, got, least, most)
		}
	}
	if d := time.Since(reading.Time).Abs(); d > time.Minute {
		t.Errorf("time = %v", reading.Time)
	}
	for _, id := range []metric.ID{
		metric.MemoryTotal, metric.MemoryAvailable, metric.MemoryFaults, metric.MemoryMajorFaults, metric.Processes, metric.ProcessLimit,
	} {
		if !after.Has(id) {
			t.Errorf("no %s", id)
		}
	}
	if after.Value(metric.MemoryFaults) < before.Value(metric.MemoryFaults) || after.Value(metric.Processes) == 0 {
		t.Errorf("%v", numbers(&after))
	}
	t.Log(numbers(&after))
}

// start starts a process that waits, in a network namespace of its own.
func start(t *testing.T) *exec.Cmd {
	t.Helper()
	command := exec.Command("sleep", "3600")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		need.Missing(t, "a network namespace is not to be had: ", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

func TestHostNetwork(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	own, errOwn := os.Readlink("/proc/self/ns/net")
	node, errNode := os.Readlink("/proc/1/ns/net")
	got, err := r.HostNetwork(os.Getpid())
	if err != nil {
		need.Missing(t, "PID 1 is not to be seen: ", err)
	}
	if errOwn != nil || errNode != nil {
		t.Log("the namespaces are not to be seen: ", errOwn, errNode)
	} else if got != (own == node) {
		t.Errorf("HostNetwork(self) = %t, want %t", got, own == node)
	}
	command := start(t)
	pid := command.Process.Pid
	if got, err := r.HostNetwork(pid); got || err != nil {
		t.Errorf("HostNetwork(%d) = %t, %v, want false", pid, got, err)
	}
	var s metric.Set
	if err := r.Network(pid, &s); err != nil || !s.Has(metric.NetworkReceiveBytes) || s.Value(metric.NetworkReceiveBytes) != 0 {
		t.Errorf("Network(%d): %v, %v", pid, err, numbers(&s))
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// It has ended, and nobody has asked for its status yet.
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err := r.Network(pid, &s); err != nil {
			break
		}
	}
	if err := r.Network(pid, &s); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a zombie: %v", err)
	}
	_ = command.Wait()
	for name, err := range map[string]error{
		"Network": r.Network(pid, &s), "HostNetwork": second(r.HostNetwork(pid)),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of a process that has ended: %v, want %v", name, err, fs.ErrNotExist)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestFilesystemsOfMachine(t *testing.T) {
	t.Parallel()
	got, err := New(Config{}).Filesystems(t.Context())
	if err != nil && !errors.Is(err, ErrHidden) && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	t.Logf("%+v %v", got, err)
	if len(got) == 0 || got[0].MountPoint != "/" {
		t.Fatalf("no root in %v", got)
	}
	var s unix.Statfs_t
	if err := unix.Statfs("/", &s); err != nil {
		t.Fatal(err)
	}
	if want := s.Blocks * uint64(s.Frsize); got[0].CapacityBytes != want || got[0].UsedBytes > want || got[0].Inodes != s.Files {
		t.Errorf("%+v, want capacity %d, inodes %d", got[0], want, s.Files)
	}
}

func TestStatfsKnowsCovers(t *testing.T) {
	t.Parallel()
	if _, err := statfs("/", 1<<60); !errors.Is(err, ErrHidden) {
		t.Errorf("another mount id: %v, want %v", err, ErrHidden)
	}
	if _, err := statfs(filepath.Join(t.TempDir(), "none"), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
}

func BenchmarkRead(b *testing.B) {
	r := New(Config{})
	var s metric.Set
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read(&s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNetwork(b *testing.B) {
	r := New(Config{})
	var s metric.Set
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Network(os.Getpid(), &s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMachine(b *testing.B) {
	r := New(Config{})
	for b.Loop() {
		if _, err := r.Machine(); err != nil {
			b.Fatal(err)
		}
	}
}
