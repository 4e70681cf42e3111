// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"os"
	"testing"

	"github.com/noded/noded/runtime/stats/metric"
)

func seed(f *testing.F, names ...string) {
	f.Helper()
	for _, name := range names {
		data, err := os.ReadFile("testdata/vm/proc/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// FuzzParse gives all parsers the same bytes. What they find is in range.
func FuzzParse(f *testing.F) {
	seed(f, "stat", "meminfo", "vmstat", "loadavg", "diskstats", "cpuinfo", "pressure/cpu", "pressure/memory", "1/net/dev", "1/net/route",
		"1/net/ipv6_route", "4711/net/dev")
	f.Fuzz(func(t *testing.T, data []byte) {
		var s metric.Set
		if stat, err := parseStat(data); err == nil {
			stat.put(&s)
			if stat.usage != stat.user+stat.system || s.Value(metric.CPUUsage) < s.Value(metric.CPUUser) {
				t.Errorf("CPU time wraps around: %+v", stat)
			}
		}
		if m, err := parseMeminfo(data); err == nil {
			m.put(&s)
			if s.Value(metric.MemoryWorkingSet) > s.Value(metric.MemoryUsage) || s.Value(metric.MemorySwap) > m.swapTotal.v {
				t.Errorf("memory wraps around: %+v", m)
			}
		}
		putVMStat(data, &s)
		for i := range pressureFiles {
			pressureFiles[i].put(data, &s)
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		n := 0
		eachInterface(data, func(name []byte, _ row) {
			n++
			if len(name) == 0 || bytes.ContainsRune(name, '\n') {
				t.Errorf("interface %q", name)
			}
		})
		eachDisk(data, func(name []byte, counters row) {
			n++
			if len(name) == 0 || counters[1]%sectorBytes != 0 {
				t.Errorf("disk %q: %v", name, counters)
			}
		})
		if n > 2*lines {
			t.Errorf("%d of %d lines", n, lines)
		}
		names := map[string]bool{}
		defaultRoutes(data, names)
		defaultRoutes6(data, names)
		if names[loopback] || names[""] {
			t.Errorf("interfaces %v", names)
		}
		parseLoadavg(data)
		if len(cpuModel(data)) > 3*256 {
			t.Error("a long name")
		}
		if len(parseList(string(data[:min(len(data), 20)]))) > maxCPUs+1 {
			t.Error("a long list")
		}
	})
}
