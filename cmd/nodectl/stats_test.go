// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc"

	"github.com/noded/noded/daemon/service"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// scriptStats knows what a node of the scripts uses: always the same, but for shop/db-0, which uses a millicore more each time.
type scriptStats struct {
	// mu guards the fields below.
	mu       sync.Mutex
	sequence uint64
	begun    time.Time
}

var _ service.Stats = (*scriptStats)(nil)

// Snapshot implements service.Stats.
func (s *scriptStats) Snapshot(context.Context) (*stats.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	now := time.Now()
	snapshot := &stats.Snapshot{Sequence: s.sequence, Time: now, Interval: time.Second, Node: s.usage(stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: "node1", Cgroup: "/"}, now, 1.25, 3<<30)}
	snapshot.Node.Numbers.Put(metric.ProcessLimit, 4096)
	for _, p := range []struct {
		namespace, name string
		cpu             float64
		memory          uint64
	}{
		{"kube-system", "kube-apiserver-node1", 0.25, 300 << 20}, {"shop", "db-0", 0.1 + float64(s.sequence)/1000, 500 << 20}, {"shop", "web-0", 0.0101, 20<<20 + 1},
	} {
		pod := stats.Entity{
			Key: stats.Key{Kind: stats.KindPod, ID: "uid-" + p.name}, Namespace: p.namespace, Pod: p.name, Name: p.name, UID: "uid-" + p.name,
			Labels: map[string]string{"app": p.name},
		}
		u := s.usage(pod, now, p.cpu, p.memory)
		u.Sum = stats.Sum{Containers: 1, CPU: p.cpu, Rated: true, WorkingSet: p.memory, HasWorkingSet: true, HasSwap: true}
		container := pod
		container.Key, container.Name, container.ContainerID = stats.Key{Kind: stats.KindContainer, ID: "id-" + p.name}, "app", "id-"+p.name
		container.Type, container.Runtime = inventory.TypeRegular, "containerd"
		snapshot.Usages = append(snapshot.Usages, u, s.usage(container, now, p.cpu, p.memory))
	}
	for _, name := range []string{"kubelet.service", "evil\x1b[31m.service"} {
		snapshot.Usages = append(snapshot.Usages, s.usage(stats.Entity{Key: stats.Key{Kind: stats.KindUnit, ID: "system.slice/" + name}, Name: name, Cgroup: "/system.slice/" + name}, now, 0.05, 40<<20))
	}
	return snapshot, nil
}

func (s *scriptStats) usage(e stats.Entity, now time.Time, cpu float64, memory uint64) stats.Usage {
	u := stats.Usage{Entity: &e, Time: now, Boot: time.Hour + now.Sub(s.begun), Window: time.Second}
	u.Numbers.Put(metric.CPUUsage, s.sequence*1e9)
	u.Numbers.Put(metric.MemoryWorkingSet, memory)
	u.Numbers.Put(metric.Processes, 7)
	u.Rates.Put(metric.CPUUsage, cpu)
	return u
}

// Rated implements service.Stats.
func (s *scriptStats) Rated(ctx context.Context) (*stats.Snapshot, error) { return s.Snapshot(ctx) }

// Subscribe implements service.Stats.
func (s *scriptStats) Subscribe(interval time.Duration) (changed <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ticks, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(max(interval, time.Second))
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			select {
			case ticks <- struct{}{}:
			default:
			}
		}
	}()
	return ticks, func() {
		cancel()
		<-done
	}
}

// Query implements service.Stats.
func (s *scriptStats) Query(ctx context.Context, q stats.QueryRequest) (stats.QueryResult, error) {
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return stats.QueryResult{}, err
	}
	usages, err := snapshot.Select(q.Selection)
	result := stats.QueryResult{Oldest: time.Now().Add(-10 * time.Minute)}
	for _, u := range usages {
		summary := stats.Summary{Samples: 60, First: result.Oldest, Last: time.Now(), Min: 0.1, Mean: 0.2, P95: 0.3, Max: 0.4, LastValue: 0.2}
		result.Series = append(result.Series, stats.Series{Entity: u.Entity, Metric: metric.CPUUsage, Summary: summary})
	}
	return result, err
}

// Machine implements service.Stats.
func (s *scriptStats) Machine() (stats.Machine, error) {
	return stats.Machine{CPUs: 4, MemoryBytes: 16 << 30, BootTime: s.begun.Add(-time.Hour), CgroupVersion: 2}, nil
}

// Filesystems implements service.Stats.
func (s *scriptStats) Filesystems(context.Context) ([]stats.Filesystem, error) {
	return []stats.Filesystem{{MountPoint: "/", Device: "/dev/sda1", Type: "ext4", CapacityBytes: 100 << 30, UsedBytes: 40 << 30, AvailableBytes: 55 << 30, Inodes: 100, InodesFree: 50}}, nil
}

// Directories implements service.Stats.
func (s *scriptStats) Directories(ctx context.Context) ([]stats.Directory, error) {
	all, err := s.Filesystems(ctx)
	return []stats.Directory{
		{Use: stats.DirectoryKubelet, Path: "/var/lib/kubelet", Filesystem: all[0]},
		{Use: stats.DirectoryImages, Path: "/var/lib/containerd", Filesystem: all[0]},
	}, err
}

// noUsage is a journal that takes no room.
type noUsage struct{ service.Journal }

func (noUsage) Usage(context.Context) (journal.Usage, error) { return journal.Usage{}, nil }

// serveStats serves what a node uses at a socket until stop is called.
func serveStats(socket string) (stop func() error, err error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	host := service.Host{Name: "node1", KernelRelease: "6.12.0", Architecture: "amd64", OperatingSystem: "Debian GNU/Linux 13 (trixie)"}
	server := grpc.NewServer(grpc.ForceServerCodecV2(new(wire.Codec)))
	begun := time.Now()
	nodedv1.RegisterStatsServiceServer(server, service.NewStats(service.StatsConfig{Host: host, Stats: &scriptStats{begun: begun}, Interval: time.Second}))
	nodedv1.RegisterNodeServiceServer(server, service.NewNode(service.NodeConfig{
		Host: host, Version: "v1.0.0", Started: begun, Journal: noUsage{}, Engine: "native", Location: "/var/log/journal", OpenStreams: func() int { return 0 },
	}))
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	return func() error {
		server.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			return fmt.Errorf("serve the figures: %w", err)
		}
		return nil
	}, nil
}

// startStats is the command "stats": a noded at $SOCKET that knows what a node uses, and little else.
func startStats(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 0 {
		ts.Fatalf("usage: stats")
	}
	stop, err := serveStats(ts.Getenv("SOCKET"))
	ts.Check(err)
	ts.Defer(func() { ts.Check(stop()) })
}
