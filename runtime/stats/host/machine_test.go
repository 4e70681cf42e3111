// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats"
)

// cpuTree adds the files of processors to a tree: one is at socket and core.
func cpuTree(to map[string]string, node string, cpus map[int][2]int) map[string]string {
	for cpu, at := range cpus {
		for _, dir := range []string{"devices/system/cpu", node} {
			if dir == "" {
				continue
			}
			to[fmt.Sprintf("%s/cpu%d/topology/physical_package_id", dir, cpu)] = fmt.Sprintln(at[0])
			to[fmt.Sprintf("%s/cpu%d/topology/core_id", dir, cpu)] = fmt.Sprintln(at[1])
		}
	}
	return to
}

func TestMachineFixture(t *testing.T) {
	t.Parallel()
	// Two sockets with cores of the same numbers, two threads in a core, one processor offline.
	sys := map[string]string{"devices/system/cpu/online": "0-6\n"}
	cpuTree(sys, "devices/system/node/node0", map[int][2]int{0: {0, 0}, 1: {0, 1}, 2: {0, 0}, 3: {0, 1}})
	cpuTree(sys, "devices/system/node/node1", map[int][2]int{4: {1, 0}, 5: {1, 1}, 6: {1, 0}, 7: {1, 1}})
	got, err := New(Config{Proc: "testdata/vm/proc", Sys: files(t, sys)}).Machine()
	if err != nil {
		t.Fatal(err)
	}
	want := stats.Machine{
		CPUs: 2, Cores: 4, Sockets: 2, NUMANodes: 2, MemoryBytes: 24683656 * kib, CPUModel: "Intel(R) Xeon(R) Processor",
		BootTime: time.Unix(1_795_667_272, 0), Pressure: true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestMachineTopology(t *testing.T) {
	t.Parallel()
	proc := map[string]string{"stat": "cpu 1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 2 3 4\n", "meminfo": "MemTotal: 1 kB\nSwapTotal: 2 kB\n"}
	cores := map[int][2]int{0: {0, 0}, 1: {3, 0}}
	for _, test := range []struct {
		name string
		sys  map[string]string
		want stats.Machine
	}{
		{"without NUMA", cpuTree(map[string]string{}, "", cores), stats.Machine{Cores: 2, Sockets: 2}},
		{"without topology", map[string]string{"devices/system/cpu/cpu0/": "", "devices/system/node/node0/cpu0/": ""}, stats.Machine{}},
		{"rubbish", map[string]string{
			"devices/system/cpu/cpu0/topology/core_id": "x\n", "devices/system/cpu/cpu0/topology/physical_package_id": "x\n",
		}, stats.Machine{}},
		{"nothing", nil, stats.Machine{}},
	} {
		got, err := New(Config{Proc: files(t, proc), Sys: files(t, test.sys)}).Machine()
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		test.want.CPUs, test.want.MemoryBytes, test.want.SwapBytes = 2, kib, 2*kib
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
	for _, missing := range []string{"stat", "meminfo"} {
		some := map[string]string{}
		for name, text := range proc {
			if name != missing {
				some[name] = text
			}
		}
		if _, err := New(Config{Proc: files(t, some)}).Machine(); err == nil {
			t.Errorf("without %s: no error", missing)
		}
	}
}

func TestParseList(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"0-3,8": 5, "0": 1, "": 0, "x,1": 1, "5-2": 0, "1-": 0, "0-4294967295": maxCPUs, "7-9-11": 0,
	} {
		if got := len(parseList(text)); got != want {
			t.Errorf("parseList(%q) has %d, want %d", text, got, want)
		}
	}
}

func TestCPUModel(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"processor\t: 0\nmodel\t\t: 7\nmodel name\t: A (R) B\n": "A (R) B",
		"processor\t: 0\ncpu\t\t: POWER9, altivec\n":            "POWER9, altivec",
		"processor\t: 0\nBogoMIPS\t: 50.00\n":                   "",
		"":                                                      "",
		"model name: \xff\n":                                    "\uFFFD",
	} {
		if got := cpuModel([]byte(text)); got != want {
			t.Errorf("cpuModel(%q) = %q, want %q", text, got, want)
		}
	}
}
