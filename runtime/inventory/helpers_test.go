// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/logtree"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource is a Source that a test changes.
type fakeSource struct {
	mu         sync.Mutex
	pods       []Pod
	containers []Container
	status     RuntimeStatus
	changed    func()
	watched    bool
}

// Run implements Source.
func (f *fakeSource) Run(ctx context.Context, changed func()) {
	f.mu.Lock()
	f.changed = changed
	f.mu.Unlock()
	changed()
	<-ctx.Done()
}

// State implements Source.
func (f *fakeSource) State() ([]Pod, []Container, RuntimeStatus) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pods, f.containers, f.status
}

// Attend implements Attentive.
func (f *fakeSource) Attend(watched bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watched = watched
}

func (f *fakeSource) isWatched() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.watched
}

// set changes the source.
func (f *fakeSource) set(change func(f *fakeSource)) {
	f.mu.Lock()
	f.pods, f.containers = slices.Clone(f.pods), slices.Clone(f.containers)
	change(f)
	changed := f.changed
	f.mu.Unlock()
	if changed != nil {
		changed()
	}
}

// answering returns a source that answers with pods.
func answering(pods ...Pod) *fakeSource {
	return &fakeSource{pods: pods, status: RuntimeStatus{Name: "containerd", Socket: "/run/c.sock", Since: at(0)}}
}

// fakeTree is a log tree that a test changes.
type fakeTree struct {
	mu      sync.Mutex
	pods    []logtree.Pod
	omitted logtree.Omitted
	err     error
	lists   int
	changed func()
	newest  map[string]time.Time
}

// Pods implements tree.
func (f *fakeTree) Pods() ([]logtree.Pod, logtree.Omitted, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	return f.pods, f.omitted, f.err
}

func (f *fakeTree) watch(ctx context.Context, _ *dirwatch.Hub, changed func()) {
	f.mu.Lock()
	f.changed = changed
	f.mu.Unlock()
	changed()
	<-ctx.Done()
}

func (f *fakeTree) newestLog(p *Pod) time.Time { return f.newest[p.UID] }

func (f *fakeTree) set(pods ...logtree.Pod) {
	f.mu.Lock()
	f.pods = pods
	changed := f.changed
	f.mu.Unlock()
	if changed != nil {
		changed()
	}
}

// logged is a pod in a log tree, of containers written as name:run,run.
func logged(namespace, name, uid string, containers ...logtree.Container) logtree.Pod {
	return logtree.Pod{
		Namespace: namespace, Name: name, UID: uid, Dir: fmt.Sprintf("%s_%s_%s", namespace, name, uid), Containers: containers,
	}
}

func ran(name string, runs ...uint32) logtree.Container {
	return logtree.Container{Name: name, Runs: runs}
}

// pod is a pod that a runtime knows.
func pod(namespace, name, uid string, containers ...Container) Pod {
	p := Pod{Namespace: namespace, Name: name, UID: uid, State: StateReady, Created: at(0), SandboxID: "5a9d" + uid, Containers: containers}
	for i := range p.Containers {
		c := &p.Containers[i]
		c.Runtime = "containerd"
		if dir, ok := LogDir(namespace, name, uid, c.Name); ok {
			c.Log = &Log{Dir: dir}
		}
		if c.ID == "" {
			c.ID = fmt.Sprintf("%x", name+c.Name+uid)
		}
		if c.Type == TypeUnknown {
			c.Type = TypeRegular
		}
	}
	return p
}

// with returns an inventory of sources and a tree, nil for none.
func with(t *fakeTree, sources ...*fakeSource) *Inventory {
	c := Config{}
	for _, s := range sources {
		c.Sources = append(c.Sources, s)
	}
	i := New(c)
	if t != nil {
		i.tree = t
	}
	return i
}

// start runs an inventory until the test ends.
func start(t *testing.T, i *Inventory) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- i.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != context.Canceled { //nolint:errorlint // Run returns the error of ctx itself
			t.Errorf("Run: %v", err)
		}
	})
}

func snapshotOf(t *testing.T, i *Inventory) *Snapshot {
	t.Helper()
	s, err := i.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// await waits until a snapshot is as wanted.
func await(t *testing.T, i *Inventory, what string, wanted func(*Snapshot) bool) *Snapshot {
	t.Helper()
	changed, stop := i.Subscribe()
	defer stop()
	deadline := time.After(2 * time.Minute)
	for {
		s := snapshotOf(t, i)
		if wanted(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: still %+v", what, s)
		}
	}
}

var errMissing = &fs.PathError{Op: "open", Path: "/var/log/pods", Err: fs.ErrNotExist}
