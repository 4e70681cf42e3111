// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal/glob"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// fakeStats is a noded of a test that knows what is used.
type fakeStats struct {
	// mu guards the fields below.
	mu      sync.Mutex
	node    client.NodeStats
	usages  []stats.Usage
	history stats.QueryResult
	err     error
	// problems are those of lists.
	problems []string
	// rateless is how many times it is asked before it has rates; asked counts.
	rateless, asked int
	queries         []stats.QueryRequest
	// looks makes WatchStatsList tell of a look, and every does so each time that it is over; look counts both.
	looks chan struct{}
	every time.Duration
	look  int
	// breaks are told to who watches.
	breaks chan error
	// watched are the requests of WatchStatsList.
	watched []client.StatsListWatchRequest
}

var _ nodeSource = (*fakeStats)(nil)

// fakeNow is the clock of the fake node.
var fakeNow = time.Date(2026, 11, 23, 18, 0, 10, 0, time.UTC)

func (n *fakeStats) NodeStats(context.Context) (*client.NodeStats, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return nil, n.err
	}
	node := n.node
	node.Usage = n.ask(node.Usage)
	node.Usage.Time = node.Usage.Time.Add(time.Duration(n.look) * time.Second)
	node.Filesystems, node.Directories = nil, nil
	return &node, nil
}

func (n *fakeStats) NodeStatsWithFilesystems(ctx context.Context) (*client.NodeStats, error) {
	node, err := n.NodeStats(ctx)
	if err == nil {
		node.Filesystems, node.Directories = n.node.Filesystems, n.node.Directories
	}
	return node, err
}

// ask is what is used as long as there are no rates, and after that. n.mu is held.
func (n *fakeStats) ask(u stats.Usage) stats.Usage {
	n.asked++
	if n.asked <= n.rateless {
		u.Rates, u.Window = metric.Rates{}, 0
		u.Sum.Rated = false
	}
	return u
}

func (n *fakeStats) ListStats(_ context.Context, sel stats.Selection) (*client.StatsList, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return nil, n.err
	}
	list := &client.StatsList{Node: "node1", Now: fakeNow, Interval: time.Second, Problems: n.problems, Time: fakeNow.Add(time.Duration(n.look) * time.Second)}
	if slices.Contains(sel.Kinds, stats.KindNode) {
		u := n.ask(n.node.Usage)
		u.Time = u.Time.Add(time.Duration(n.look) * time.Second)
		list.Usages = append(list.Usages, u)
	}
	for _, name := range sel.Units {
		if !glob.IsPattern(name) && !slices.ContainsFunc(n.usages, func(u stats.Usage) bool { return u.Entity.Name == name }) {
			return nil, &inventory.NotFoundError{Kind: "units", Name: name}
		}
	}
	for _, u := range n.usages {
		e := u.Entity
		switch {
		case !slices.Contains(sel.Kinds, e.Key.Kind):
		case e.Key.Kind == stats.KindUnit && len(sel.Units) > 0 && !slices.ContainsFunc(sel.Units, func(p string) bool { return glob.Match(p, e.Name) }):
		case len(sel.Containers) > 0 && !slices.Contains(sel.Containers, e.ContainerID):
		case sel.Pods != nil && sel.Pods.Namespace != "" && sel.Pods.Namespace != e.Namespace:
		case sel.Pods != nil && len(sel.Pods.Names) > 0 && !slices.Contains(sel.Pods.Names, firstNonEmpty(e.Pod, e.Name)):
		default:
			list.Usages = append(list.Usages, n.ask(u))
		}
	}
	if sel.Pods != nil && len(sel.Pods.Names) > 0 && len(list.Usages) == 0 && sel.Pods.Names[0] != "sleeper" {
		return nil, &inventory.NotFoundError{Kind: "pods", Name: sel.Pods.Names[0]}
	}
	if len(sel.Containers) > 0 && len(list.Usages) == 0 && sel.Containers[0] != "sleeping" {
		return nil, &inventory.NotFoundError{Kind: "containers", Name: sel.Containers[0]}
	}
	return list, nil
}

func (n *fakeStats) QueryStats(_ context.Context, req stats.QueryRequest) (*client.StatsHistory, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queries = append(n.queries, req)
	return &client.StatsHistory{Node: "node1", QueryResult: n.history}, n.err
}

func (n *fakeStats) WatchStatsList(ctx context.Context, req client.StatsListWatchRequest, yield func(*client.StatsList) error) error {
	n.mu.Lock()
	n.watched = append(n.watched, req)
	n.mu.Unlock()
	var tick <-chan time.Time
	if n.every > 0 {
		ticker := time.NewTicker(n.every)
		defer ticker.Stop()
		tick = ticker.C
	}
	var away error
	for {
		list, err := n.ListStats(ctx, req.Selection)
		var missing *inventory.NotFoundError
		if errors.As(err, &missing) {
			n.mu.Lock()
			list = &client.StatsList{Node: "node1", Now: fakeNow, Interval: time.Second, Problems: []string{err.Error()}, Time: fakeNow.Add(time.Duration(n.look) * time.Second)}
			n.mu.Unlock()
			err = nil
		}
		if err == nil && away != nil && req.OnResume != nil {
			req.OnResume(client.Resume{Cause: away, Away: 5 * time.Second})
		}
		away = nil
		if err == nil {
			err = yield(list)
		}
		if err != nil {
			return err
		}
		for looked := false; !looked; {
			select {
			case <-n.looks:
				looked = true
			case <-tick:
				looked = true
			case away = <-n.breaks:
				req.OnBreak(client.Break{Cause: away, Wait: 30 * time.Second})
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		n.mu.Lock()
		n.look++
		n.mu.Unlock()
	}
}

func (n *fakeStats) Node(context.Context) (*nodedv1.Node, error) {
	return &nodedv1.Node{
		Name: "node1", MachineId: bytes.Repeat([]byte{0xd0}, 16), BootId: bytes.Repeat([]byte{0xb0}, 16), KernelRelease: "6.12.0", Architecture: "amd64",
		OperatingSystem: "Debian GNU/Linux 13 (trixie)", Version: "v1.0.0",
	}, nil
}

func (n *fakeStats) Health(context.Context) (*nodedv1.GetHealthResponse, error) {
	return &nodedv1.GetHealthResponse{Sources: []*nodedv1.SourceHealth{
		{Name: "journal", State: nodedv1.SourceState_SOURCE_STATE_OK, Engine: "native"},
		{Name: "runtime/containerd", State: nodedv1.SourceState_SOURCE_STATE_DEGRADED, Engine: "2.1.0", Message: "slow \x1b[2J"},
	}}, nil
}

func (n *fakeStats) Close() error { return nil }

// figures are numbers and rates of a usage.
type figures struct {
	cpu                   float64
	memory, limit, tasks  uint64
	receive, send         float64
	read, write           float64
	swap                  uint64
	noRates, noWorkingSet bool
	old                   time.Duration
}

func (f figures) of(e stats.Entity) stats.Usage {
	u := stats.Usage{Entity: &e, Time: fakeNow.Add(-time.Second - f.old), Window: time.Second}
	u.Numbers.Put(metric.CPUUsage, 5e9)
	if !f.noWorkingSet {
		u.Numbers.Put(metric.MemoryWorkingSet, f.memory)
	}
	u.Numbers.Put(metric.MemorySwap, f.swap)
	u.Numbers.Put(metric.Processes, f.tasks)
	if f.limit > 0 {
		u.Numbers.Put(metric.MemoryLimit, f.limit)
	}
	if f.noRates {
		u.Window = 0
		return u
	}
	u.Rates.Put(metric.CPUUsage, f.cpu)
	u.Rates.Put(metric.IOReadBytes, f.read)
	u.Rates.Put(metric.IOWriteBytes, f.write)
	if e.Key.Kind != stats.KindContainer && !e.HostNetwork {
		u.Rates.Put(metric.NetworkReceiveBytes, f.receive)
		u.Rates.Put(metric.NetworkTransmitBytes, f.send)
	}
	return u
}

// busyNode is a node with two pods, of which one has two containers, a container of its own, and units.
func busyNode() *fakeStats {
	n := &fakeStats{looks: make(chan struct{}), breaks: make(chan error)}
	n.node = client.NodeStats{
		Node: "node1", Now: fakeNow, Interval: time.Second,
		Machine: stats.Machine{CPUs: 8, Cores: 4, Sockets: 1, MemoryBytes: 16 << 30, SwapBytes: 2 << 30, CPUModel: "EPYC", BootTime: fakeNow.Add(-72 * time.Hour), CgroupVersion: 2, Pressure: true},
		Usage:   figures{cpu: 1.2341, memory: 3 << 30, tasks: 512, receive: 2048, send: 1536, read: 1 << 20, swap: 1 << 20}.of(stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: "node1", Cgroup: "/"}),
		Filesystems: []stats.Filesystem{
			{MountPoint: "/", Device: "/dev/sda1", Type: "ext4", CapacityBytes: 100 << 30, UsedBytes: 60 << 30, AvailableBytes: 35 << 30, Inodes: 1000, InodesFree: 900},
			{MountPoint: "/var/lib/containerd", Device: "/dev/sdb", Type: "xfs", CapacityBytes: 200 << 30, UsedBytes: 180 << 30, AvailableBytes: 20 << 30, Inodes: 1000, InodesFree: 40},
		},
	}
	n.node.Directories = []stats.Directory{
		{Use: stats.DirectoryKubelet, Path: "/var/lib/kubelet", Filesystem: n.node.Filesystems[0]},
		{Use: stats.DirectoryImages, Path: "/var/lib/containerd", Filesystem: n.node.Filesystems[1]},
	}
	n.node.Usage.Numbers.Put(metric.ProcessLimit, 4096)
	n.node.Usage.Rates.Put(metric.PressureCPUSome, 0.125)
	n.node.Usage.Rates.Put(metric.PressureIOSome, 0.5)
	n.node.Usage.Rates.Put(metric.PressureIOFull, 0.25)
	pod := func(namespace, name string, sum stats.Sum, f figures, change func(*stats.Entity)) {
		e := stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: "uid-" + name}, Namespace: namespace, Name: name, UID: "uid-" + name, Labels: map[string]string{"app": name}}
		change(&e)
		u := f.of(e)
		u.Sum = sum
		u.Sum.HasWorkingSet, u.Sum.HasSwap = true, true
		n.usages = append(n.usages, u)
	}
	container := func(namespace, pod, name string, run uint32, f figures) {
		e := stats.Entity{Key: stats.Key{Kind: stats.KindContainer, ID: "id-" + name}, Namespace: namespace, Pod: pod, Name: name, ContainerID: "id-" + name, Run: run, Type: inventory.TypeRegular, Runtime: "containerd"}
		if pod != "" {
			e.UID = "uid-" + pod
		}
		n.usages = append(n.usages, f.of(e))
	}
	unit := func(path, name string, f figures) {
		n.usages = append(n.usages, f.of(stats.Entity{Key: stats.Key{Kind: stats.KindUnit, ID: path}, Name: name, Cgroup: "/" + path}))
	}
	pod("default", "web-1", stats.Sum{Containers: 2, CPU: 0.3005, Rated: true, WorkingSet: 250 << 20}, figures{receive: 1000, send: 500, tasks: 12}, func(*stats.Entity) {})
	container("default", "web-1", "app", 3, figures{cpu: 0.3, memory: 200 << 20, limit: 256 << 20, tasks: 10, read: 4096})
	container("default", "web-1", "side", 0, figures{cpu: 0.0005, memory: 50 << 20, tasks: 2})
	pod("kube-system", "proxy-x", stats.Sum{Containers: 1, WorkingSet: 400 << 20}, figures{noRates: true, tasks: 5, old: 9 * time.Second}, func(e *stats.Entity) { e.HostNetwork = true })
	container("kube-system", "proxy-x", "proxy", 0, figures{noRates: true, memory: 400 << 20, tasks: 5, old: 9 * time.Second})
	container("", "", "lonely\x1b[31m", 0, figures{cpu: 0.01, memory: 1 << 20, tasks: 1})
	unit("system.slice", "system.slice", figures{cpu: 0.5, memory: 900 << 20, tasks: 80, read: 2 << 20, write: 100})
	unit("system.slice/kubelet.service", "kubelet.service", figures{cpu: 0.25, memory: 120 << 20, tasks: 20, write: 5000})
	unit("system.slice/ssh.service", "ssh.service", figures{memory: 5 << 20, tasks: 1})
	return n
}
