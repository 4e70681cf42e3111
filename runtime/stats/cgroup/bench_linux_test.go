// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"testing"

	cgroups "github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"

	"github.com/noded/noded/runtime/stats/metric"
)

// reader is what reads cgroups as runc and cAdvisor do.
type reader interface {
	GetStats() (*cgroups.Stats, error)
}

func reference(t testing.TB, dirs []string) reader {
	t.Helper()
	config := &cgroups.Cgroup{Resources: &cgroups.Resources{}}
	if dir, is2 := controller(t, dirs, "memory"); is2 {
		m, err := fs2.NewManager(config, dir)
		must(t, err)
		return m
	}
	paths := make(map[string]string)
	for _, c := range []string{"cpu", "cpuacct", "memory", "pids", "blkio"} {
		paths[c], _ = controller(t, dirs, c)
	}
	m, err := fs.NewManager(config, paths)
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
		must(b, os.WriteFile(file(b, dirs[i], "cpu", "cpu.cfs_quota_us", "cpu.max"), []byte("30000"), 0))
	}
	return paths, dirs
}

// ways are what groups hold open between readings.
var ways = []struct {
	name              string
	maxDirs, maxFiles int64
}{{"files", maxDirs, maxFiles}, {"directories", maxDirs, 0}, {"nothing", 0, 0}}

// perGroup reports the CPU time that f took for each of n: on a machine with other work it tells more than the time.
func perGroup(b *testing.B, n int, f func() error) {
	b.Helper()
	b.ReportAllocs()
	before := used()
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((used()-before).Nanoseconds())/1000/float64(b.N*n), "cpu-us/group")
}

// BenchmarkRead reads one cgroup, and 250 in turn, as noded does each second.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{1, 250} {
		paths, dirs := makeLimited(b, n)
		for _, way := range ways {
			b.Run(fmt.Sprintf("groups=%d/open=%s", n, way.name), func(b *testing.B) {
				tree := openTree(b)
				tree.maxKept.Store(way.maxDirs)
				tree.maxFiles.Store(way.maxFiles)
				groups := make([]*Group, n)
				for i, path := range paths {
					g, err := tree.Open(path)
					must(b, err)
					defer g.Close()
					groups[i] = g
				}
				perGroup(b, n, func() error {
					for _, g := range groups {
						var s metric.Set
						if _, err := g.Read(&s); err != nil {
							return err
						}
					}
					return nil
				})
			})
		}
		b.Run(fmt.Sprintf("groups=%d/opencontainers", n), func(b *testing.B) {
			managers := make([]reader, n)
			for i := range managers {
				managers[i] = reference(b, dirs[i])
			}
			perGroup(b, n, func() error {
				for _, m := range managers {
					if _, err := m.GetStats(); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

func BenchmarkList(b *testing.B) {
	const n = 250
	makeLimited(b, n)
	tree := openTree(b)
	perGroup(b, n, func() error {
		paths, err := tree.List()
		if err == nil && len(paths) < n {
			err = fmt.Errorf("%d cgroups", len(paths))
		}
		return err
	})
}
