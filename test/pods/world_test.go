// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/cri"
	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
	"github.com/noded/noded/test/containerd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is how long anything may take that happens soon.
const within = 20 * time.Second

// world is a containerd with what noded makes of it.
type world struct {
	t         *testing.T
	ctx       context.Context
	cd        *containerd.Runtime
	inventory *inventory.Inventory
	logs      *podlog.Logs
}

// eachRelease runs a test with every release of containerd.
func eachRelease(t *testing.T, test func(w *world)) {
	t.Helper()
	for _, release := range containerd.Releases {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, containerd.Start(t, release)))
		})
	}
}

func newWorld(t *testing.T, cd *containerd.Runtime) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	hub := dirwatch.NewHub(logger)
	root := safefs.NewRoot(cd.LogRoot())
	w := &world{
		t: t, ctx: ctx, cd: cd,
		inventory: inventory.New(inventory.Config{
			Sources: []inventory.Source{cri.New(cri.Config{Socket: cd.Socket(), Logger: logger})},
			Tree:    logtree.New(root),
			Hub:     hub,
			Logger:  logger,
		}),
		logs: podlog.New(podlog.Config{Pods: root, Hub: hub, Logger: logger}),
	}
	var group sync.WaitGroup
	group.Go(func() { _ = w.inventory.Run(ctx) }) // it ends with ctx
	t.Cleanup(func() {
		cancel()
		group.Wait()
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// runPod starts a pod.
func (w *world) runPod(p containerd.Pod) *containerd.RunningPod {
	w.t.Helper()
	pod, err := w.cd.RunPod(w.ctx, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return pod
}

// start starts a container of package workload.
func (w *world) start(pod *containerd.RunningPod, name string, steps ...string) *containerd.RunningContainer {
	w.t.Helper()
	return w.startContainer(pod, containerd.Container{Name: name, Args: steps})
}

func (w *world) startContainer(pod *containerd.RunningPod, c containerd.Container) *containerd.RunningContainer {
	w.t.Helper()
	out, err := pod.Start(w.ctx, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// restart starts the next run of a container that has ended, or will.
func (w *world) restart(c *containerd.RunningContainer, steps ...string) *containerd.RunningContainer {
	w.t.Helper()
	w.wait(c)
	out, err := c.Restart(w.ctx, steps...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// wait waits for the end of a container.
func (w *world) wait(c *containerd.RunningContainer) *criapi.ContainerStatus {
	w.t.Helper()
	status, err := c.Wait(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return status
}

// rotate rotates a log.
func (w *world) rotate(c *containerd.RunningContainer) {
	w.t.Helper()
	if err := c.Rotate(w.ctx, containerd.Rotation{}); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for a snapshot of which something holds.
func (w *world) until(what string, holds func(s *inventory.Snapshot) bool) *inventory.Snapshot {
	w.t.Helper()
	changed, stop := w.inventory.Subscribe()
	defer stop()
	ctx, cancel := context.WithTimeout(w.ctx, within)
	defer cancel()
	for {
		s, err := w.inventory.Snapshot(ctx)
		if err != nil {
			w.t.Fatalf("until %s: %v", what, err)
		}
		if holds(s) {
			return s
		}
		select {
		case <-changed:
		case <-ctx.Done():
			w.t.Fatalf("not within %v: %s\npods: %+v\nproblems: %q\nruntimes: %+v", within, what, s.Pods, s.Problems, s.Runtimes)
		}
	}
}

// untilContainer waits for a container of a pod of which something holds.
func (w *world) untilContainer(pod *containerd.RunningPod, name, what string, holds func(*inventory.Container) bool) *inventory.Container {
	w.t.Helper()
	var found *inventory.Container
	w.until(fmt.Sprintf("%s/%s is %s", pod.Name, name, what), func(s *inventory.Snapshot) bool {
		if p := findPod(s, pod.UID); p != nil {
			found = findContainer(p, name)
		}
		return found != nil && holds(found)
	})
	return found
}

// untilRunning waits until a run of a container is known to run.
func (w *world) untilRunning(c *containerd.RunningContainer, pod *containerd.RunningPod) {
	w.t.Helper()
	w.untilContainer(pod, c.Name, "running", func(got *inventory.Container) bool {
		return got.ID == c.ID && got.State == inventory.ContainerRunning
	})
}

// waitKnown waits until the end of a container is known.
func (w *world) waitKnown(pod *containerd.RunningPod, c *containerd.RunningContainer) {
	w.t.Helper()
	w.wait(c)
	w.untilContainer(pod, c.Name, "ended", func(got *inventory.Container) bool {
		return got.ID == c.ID && got.State == inventory.ContainerExited && got.Log != nil
	})
}

// findPod returns the pod of a UID; nil if there is none.
func findPod(s *inventory.Snapshot, uid string) *inventory.Pod {
	i := slices.IndexFunc(s.Pods, func(p inventory.Pod) bool { return p.UID == uid })
	if i < 0 {
		return nil
	}
	return &s.Pods[i]
}

// findContainer returns the container of a name; nil if there is none.
func findContainer(p *inventory.Pod, name string) *inventory.Container {
	i := slices.IndexFunc(p.Containers, func(c inventory.Container) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Containers[i]
}

// record is a podlog.Record that stays valid.
type record struct {
	source, text string
	run          uint32
	stream       podlog.Stream
	partial      bool
	time         int64
}

// sink collects what a read finds. It is safe for concurrent use.
type sink struct {
	mu       sync.Mutex
	records  []record      // mu guards it
	gaps     []journal.Gap // mu guards it
	caughtUp bool          // mu guards it
	// changed has a value after any of them changed.
	changed chan struct{}
}

func newSink() *sink { return &sink{changed: make(chan struct{}, 1)} }

func (s *sink) change(f func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return nil
}

// Record implements podlog.Sink.
func (s *sink) Record(r *podlog.Record) error {
	return s.change(func() {
		s.records = append(s.records, record{
			source: r.File.Source.String(), text: string(r.Text), run: r.File.Run, stream: r.Stream, partial: r.Partial, time: r.Time,
		})
	})
}

// Gap implements podlog.Sink.
func (s *sink) Gap(g journal.Gap) error { return s.change(func() { s.gaps = append(s.gaps, g) }) }

// Progress implements podlog.Sink.
func (s *sink) Progress(p podlog.Progress) error {
	return s.change(func() { s.caughtUp = s.caughtUp || p.CaughtUp })
}

// Flush implements podlog.Sink.
func (s *sink) Flush() error { return nil }

// texts returns the texts so far.
func (s *sink) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, r := range s.records {
		out = append(out, r.text)
	}
	return out
}

// until waits for something that the sink collected.
func (s *sink) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		s.mu.Lock()
		ok := holds()
		n, gaps := len(s.records), s.gaps
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-s.changed:
		case <-timer.C:
			t.Fatalf("not within %v: %s; %d records, gaps %+v, the last records: %q", within, what, n, gaps, lastOf(s.texts(), 5))
		}
	}
}

func lastOf(all []string, n int) []string { return all[max(0, len(all)-n):] }

// selectPod selects a pod by its UID, or all containers of it.
func selectPod(pod *containerd.RunningPod, containers ...string) inventory.LogSelector {
	return inventory.LogSelector{
		Pods:       &inventory.PodSelector{Namespace: pod.Namespace, Names: []string{pod.Name}, UIDs: []string{pod.UID}},
		Containers: containers, AllContainers: len(containers) == 0,
	}
}

// read reads to the end, without gaps.
func (w *world) read(sel inventory.LogSelector, change func(q *podlog.Query)) []record {
	w.t.Helper()
	q := podlog.NewQuery()
	if change != nil {
		change(&q)
	}
	set, err := w.inventory.Logs(w.ctx, sel, false)
	if err != nil {
		w.t.Fatal(err)
	}
	defer set.Close()
	s := newSink()
	if err := w.logs.Read(w.ctx, set, q, s); err != nil {
		w.t.Fatal(err)
	}
	if len(s.gaps) > 0 {
		w.t.Errorf("gaps: %+v", s.gaps)
	}
	return s.records
}

// follow starts a follower and returns it when it has caught up. stop ends it and returns the error of the read.
func (w *world) follow(sel inventory.LogSelector, change func(q *podlog.Query)) (s *sink, ended <-chan error) {
	w.t.Helper()
	q := podlog.NewQuery()
	q.Follow = true
	if change != nil {
		change(&q)
	}
	set, err := w.inventory.Logs(w.ctx, sel, true)
	if err != nil {
		w.t.Fatal(err)
	}
	s = newSink()
	ctx, cancel := context.WithCancel(w.ctx)
	result := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer set.Close()
		result <- w.logs.Read(ctx, set, q, s)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
	s.until(w.t, "the follower has caught up", func() bool { return s.caughtUp })
	return s, result
}

// texts returns the texts of records.
func texts(records []record) []string {
	var out []string
	for _, r := range records {
		out = append(out, r.text)
	}
	return out
}

// joined returns the texts of records as a terminal shows them: partial ones without a newline.
func joined(records []record) string {
	var b strings.Builder
	for _, r := range records {
		b.WriteString(r.text)
		if !r.partial {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
