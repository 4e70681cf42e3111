// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a node that a test changes. The time since its boot goes on with that of the test, and so does its wall clock until it is set.
type world struct {
	start time.Time
	// step is by how much the wall clock was set, asleep how long the world slept.
	step, asleep atomic.Int64

	// mu guards the fields below.
	mu       sync.Mutex
	groups   map[string]*group
	listErr  error
	lists    int
	opened   int
	cores    float64
	cpus     int
	hostErr  error
	procs    map[int]*process
	names    *inventory.Snapshot
	namesErr error
	watched  int
	inode    uint64
}

// booted is how long the world had been up when it began.
const booted = 1000 * time.Second

// group is a cgroup: it uses cores since born.
type group struct {
	inode  uint64
	born   time.Duration
	cores  float64
	extra  metric.Set
	gone   bool
	err    error
	offset uint64
}

type process struct {
	container string
	host      bool
	rx, tx    uint64
}

func newWorld() *world {
	return &world{start: time.Now(), groups: map[string]*group{}, procs: map[int]*process{}, cores: 1, cpus: 4, names: &inventory.Snapshot{}}
}

func (w *world) boot() time.Duration {
	return booted + time.Since(w.start) + time.Duration(w.asleep.Load())
}
func (w *world) wall() time.Time {
	return time.Now().Add(time.Duration(w.step.Load() + w.asleep.Load()))
}

// change changes the world.
func (w *world) change(f func(w *world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

// put makes a cgroup, or another one at a path.
func (w *world) put(path string, cores float64, memory uint64) *group {
	if g := w.groups[path]; g != nil {
		g.gone = true
	}
	w.inode++
	g := &group{inode: w.inode, born: w.boot(), cores: cores}
	g.extra.Put(metric.MemoryUsage, memory+1<<20)
	g.extra.Put(metric.MemoryWorkingSet, memory)
	w.groups[path] = g
	return g
}

func (w *world) remove(path string) {
	w.groups[path].gone = true
	delete(w.groups, path)
}

// fakeTree, fakeHost and fakeInventory are how the Sampler sees the world.
type fakeTree struct{ *world }

func (fakeTree) Version() int { return 2 }

func (t fakeTree) List() ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lists++
	if t.listErr != nil {
		return nil, t.listErr
	}
	return append([]string{"/"}, slices.Sorted(maps.Keys(t.groups))...), nil
}

func (t fakeTree) Open(path string) (Group, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[path]
	if g == nil {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	t.opened++
	return &fakeGroup{t.world, g}, nil
}

// Classify knows /kubepods/podUID, /kubepods/podUID/ID, /docker/ID, what is called an ID in one of these, and units.
func (fakeTree) Classify(path string) Name {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	last := parts[len(parts)-1]
	switch {
	case parts[0] == "kubepods" && len(parts) == 2:
		return Name{Kind: KindPod, PodUID: strings.TrimPrefix(parts[1], "pod")}
	case parts[0] == "kubepods" && len(parts) == 3:
		return Name{Kind: KindContainer, PodUID: strings.TrimPrefix(parts[1], "pod"), ContainerID: last}
	case parts[0] == "docker" && len(parts) == 2:
		return Name{Kind: KindContainer, ContainerID: last}
	case strings.HasSuffix(last, ".service"), strings.HasSuffix(last, ".slice"):
		return Name{Kind: KindUnit, Unit: last, Nested: parts[0] == "kubepods" || parts[0] == "docker"}
	}
	if (parts[0] == "kubepods" || parts[0] == "docker") && len(parts) > 2 {
		return Name{Kind: KindContainer, ContainerID: last, Nested: true}
	}
	return Name{}
}

type fakeGroup struct {
	world *world
	group *group
}

func (f *fakeGroup) Read(to *metric.Set) (Reading, error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	g := f.group
	if g.gone {
		return Reading{}, fmt.Errorf("read: %w", fs.ErrNotExist)
	}
	if g.err != nil {
		to.Put(metric.CPUUsage, 1) // torn
		return Reading{}, g.err
	}
	boot := f.world.boot()
	to.Merge(&g.extra)
	if g.cores >= 0 {
		to.Put(metric.CPUUsage, g.offset+uint64(math.Round(g.cores*float64(boot-g.born))))
	}
	return Reading{Time: f.world.wall(), Boot: boot, Inode: g.inode}, nil
}

func (f *fakeGroup) Close() {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	f.world.opened--
}

type fakeHost struct{ *world }

func (h fakeHost) Machine() (Machine, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Machine{CPUs: h.cpus}, nil
}
func (fakeHost) Filesystems(context.Context) ([]Filesystem, error) {
	return []Filesystem{{MountPoint: "/"}}, nil
}
func (fakeHost) Directories(_ context.Context, images []string) ([]Directory, error) {
	dirs := []Directory{{Use: DirectoryKubelet, Path: "/var/lib/kubelet"}}
	for _, dir := range images {
		dirs = append(dirs, Directory{Use: DirectoryImages, Path: dir})
	}
	return dirs, nil
}
func (h fakeHost) HostNetwork(pid int) (bool, error) {
	return h.with(pid, func(p *process) bool { return p.host })
}
func (h fakeHost) InContainer(pid int, container string) (bool, error) {
	return h.with(pid, func(p *process) bool { return p.container == container })
}

func (h fakeHost) with(pid int, is func(p *process) bool) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.procs[pid]
	if p == nil {
		return false, fs.ErrNotExist
	}
	return is(p), nil
}

func (h fakeHost) Read(to *metric.Set) (Reading, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hostErr != nil {
		return Reading{}, h.hostErr
	}
	boot := h.boot()
	to.Put(metric.CPUUsage, uint64(h.cores*float64(boot)))
	to.Put(metric.MemoryWorkingSet, 1<<30)
	return Reading{Time: h.wall(), Boot: boot}, nil
}

func (h fakeHost) Network(pid int, to *metric.Set) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.procs[pid]
	if p == nil {
		return fs.ErrNotExist
	}
	to.Put(metric.NetworkReceiveBytes, p.rx)
	to.Put(metric.NetworkTransmitBytes, p.tx)
	return nil
}

type fakeInventory struct{ *world }

func (i fakeInventory) Snapshot(ctx context.Context) (*inventory.Snapshot, error) {
	i.mu.Lock()
	names, err := i.names, i.namesErr
	i.mu.Unlock()
	if names == nil && err == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return names, err
}

func (i fakeInventory) Subscribe() (<-chan struct{}, func()) {
	i.change(func(w *world) { w.watched++ })
	return make(chan struct{}, 1), func() { i.change(func(w *world) { w.watched-- }) }
}

// knownPod is a pod that a runtime knows, of containers whose names are ids too; pids are of them in their order.
func knownPod(namespace, name, uid string, containers ...inventory.Container) inventory.Pod {
	return inventory.Pod{
		Namespace: namespace, Name: name, UID: uid, SandboxID: "sandbox-" + uid, Labels: map[string]string{"app": name}, Containers: containers,
		State: inventory.StateReady,
	}
}

func running(name, id string, pid int32) inventory.Container {
	return inventory.Container{Name: name, ID: id, PID: pid, State: inventory.ContainerRunning, Runtime: "containerd", Type: inventory.TypeRegular}
}

// know replaces what the inventory knows.
func (w *world) know(pods ...inventory.Pod) {
	w.names = &inventory.Snapshot{Pods: pods, Runtimes: []inventory.RuntimeStatus{{Name: "containerd", Since: time.Now()}}}
}

// run runs a Sampler of a world in a bubble until test returns.
func run(t *testing.T, setUp func(w *world, c *Config), test func(t *testing.T, w *world, s *Sampler)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		c := Config{Node: "n1", Tree: fakeTree{w}, Host: fakeHost{w}, Inventory: fakeInventory{w}, Now: w.wall}
		setUp(w, &c)
		s := New(c)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != context.Canceled { //nolint:errorlint // Run returns the error of ctx itself
				t.Errorf("Run: %v", err)
			}
			if w.opened != 0 {
				t.Errorf("%d cgroups are open", w.opened)
			}
		}()
		test(t, w, s)
	})
}

// after lets time go by, and returns what is known then.
func after(t *testing.T, s *Sampler, d time.Duration) *Snapshot {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	n, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// lines are figures in short, of all but the node.
func lines(n *Snapshot) []string {
	out := []string{}
	for i := range n.Usages {
		out = append(out, line(&n.Usages[i]))
	}
	return out
}

func line(u *Usage) string {
	e := u.Entity
	var b strings.Builder
	switch e.Key.Kind {
	case KindNode:
		b.WriteString("node " + e.Name)
	case KindPod:
		fmt.Fprintf(&b, "pod %s/%s", e.Namespace, e.Name)
	case KindContainer:
		fmt.Fprintf(&b, "container %s/%s/%s", e.Namespace, e.Pod, e.Name)
	case KindUnit:
		b.WriteString("unit " + e.Key.ID)
	}
	if r, ok := u.Rates.Get(metric.CPUUsage); ok {
		fmt.Fprintf(&b, " cpu=%.3f", r)
	}
	if v, ok := u.Numbers.Get(metric.MemoryWorkingSet); ok {
		fmt.Fprintf(&b, " mem=%d", v>>20)
	}
	if v, ok := u.Numbers.Get(metric.NetworkReceiveBytes); ok {
		fmt.Fprintf(&b, " rx=%d", v)
	}
	if r, ok := u.Rates.Get(metric.NetworkReceiveBytes); ok {
		fmt.Fprintf(&b, " rx/s=%.0f", r)
	}
	if e.Key.Kind == KindPod {
		fmt.Fprintf(&b, " sum=%d", u.Sum.Containers)
		if u.Sum.Rated {
			fmt.Fprintf(&b, ",%.3f", u.Sum.CPU)
		}
		if u.Sum.HasWorkingSet {
			fmt.Fprintf(&b, ",%d", u.Sum.WorkingSet>>20)
		}
		if u.Sum.HasSwap {
			fmt.Fprintf(&b, ",swap=%d", u.Sum.Swap>>20)
		}
	}
	if u.Window > 0 {
		fmt.Fprintf(&b, " w=%v", u.Window)
	}
	return b.String()
}

// find returns the figures whose line begins so.
func find(t *testing.T, n *Snapshot, prefix string) *Usage {
	t.Helper()
	for i := range n.Usages {
		if strings.HasPrefix(line(&n.Usages[i]), prefix) {
			return &n.Usages[i]
		}
	}
	t.Fatalf("no %s in %v", prefix, lines(n))
	return nil
}

func has(n *Snapshot, prefix string) bool {
	return slices.ContainsFunc(lines(n), func(l string) bool { return strings.HasPrefix(l, prefix) })
}
