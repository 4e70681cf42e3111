// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	cgroups "github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs"

	"github.com/noded/noded/runtime/stats/metric"
)

// reference reads cgroups of version 1 as runc and cAdvisor do.
func reference(t testing.TB, dirs []string) *fs.Manager {
	t.Helper()
	paths := make(map[string]string)
	for _, c := range []string{"cpu", "cpuacct", "memory", "pids", "blkio"} {
		paths[c] = dirOf(t, dirs, c)
	}
	m, err := fs.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, paths)
	must(t, err)
	return m
}

// makeLimited makes cgroups with a CPU quota, as those of containers have. No process is in them.
func makeLimited(b *testing.B, n int) (paths []string, dirs [][]string) {
	b.Helper()
	parent, parents := makeCgroup(b)
	for i := range n {
		name := fmt.Sprintf("c%03d", i)
		paths, dirs = append(paths, parent+"/"+name), append(dirs, makeIn(b, parents, name))
		must(b, os.WriteFile(filepath.Join(dirOf(b, dirs[i], "cpu"), "cpu.cfs_quota_us"), []byte("30000"), 0))
	}
	return paths, dirs
}

func BenchmarkRead(b *testing.B) {
	paths, dirs := makeLimited(b, 1)
	tree := openTree(b)
	for _, kept := range []bool{true, false} {
		if !kept {
			tree.maxKept.Store(0)
		}
		b.Run(fmt.Sprint("kept=", kept), func(b *testing.B) {
			g, err := tree.Open(paths[0])
			must(b, err)
			defer g.Close()
			b.ReportAllocs()
			for b.Loop() {
				var s metric.Set
				if _, err := g.Read(&s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("all", func(b *testing.B) {
		tree := openTree(b)
		g, err := tree.Open(paths[0])
		must(b, err)
		defer g.Close()
		b.ReportAllocs()
		for b.Loop() {
			var s metric.Set
			g.seldomAt = 0
			if _, err := g.Read(&s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("opencontainers", func(b *testing.B) {
		m := reference(b, dirs[0])
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.GetStats(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSweep reads 250 cgroups, as noded does each second.
func BenchmarkSweep(b *testing.B) {
	const n = 250
	paths, dirs := makeLimited(b, n)
	b.Run("noded", func(b *testing.B) {
		tree := openTree(b)
		groups := make([]*Group, n)
		for i, path := range paths {
			g, err := tree.Open(path)
			must(b, err)
			defer g.Close()
			groups[i] = g
		}
		b.ReportAllocs()
		for b.Loop() {
			for _, g := range groups {
				var s metric.Set
				if _, err := g.Read(&s); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/group")
	})
	b.Run("opencontainers", func(b *testing.B) {
		managers := make([]*fs.Manager, n)
		for i := range managers {
			managers[i] = reference(b, dirs[i])
		}
		b.ReportAllocs()
		for b.Loop() {
			for _, m := range managers {
				if _, err := m.GetStats(); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/group")
	})
	b.Run("list", func(b *testing.B) {
		tree := openTree(b)
		b.ReportAllocs()
		for b.Loop() {
			if paths, err := tree.List(); err != nil || len(paths) < n {
				b.Fatal(len(paths), err)
			}
		}
	})
}
