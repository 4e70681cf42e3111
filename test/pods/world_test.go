// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/test/containerd"
	"github.com/noded/noded/test/containerd/known"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is how long anything may take that happens soon.
const within = 2 * time.Minute

// world is a containerd with what noded makes of it.
type world struct {
	*known.Pods
	logs *podlog.Logs
}

// eachRelease runs a test with every release of containerd.
func eachRelease(t *testing.T, test func(w *world)) {
	t.Helper()
	known.EachRelease(t, func(p *known.Pods) {
		test(&world{Pods: p, logs: podlog.New(podlog.Config{Pods: p.Root, Hub: p.Hub, Logger: p.Logger})})
	})
}

// start starts a container of package workload.
func (w *world) start(pod *containerd.RunningPod, name string, steps ...string) *containerd.RunningContainer {
	w.T.Helper()
	return w.Start(pod, containerd.Container{Name: name, Args: steps})
}

// restart starts the next run of a container that has ended, or will.
func (w *world) restart(c *containerd.RunningContainer, steps ...string) *containerd.RunningContainer {
	w.T.Helper()
	w.wait(c)
	out, err := c.Restart(w.Ctx, steps...)
	if err != nil {
		w.T.Fatal(err)
	}
	return out
}

// wait waits for the end of a container.
func (w *world) wait(c *containerd.RunningContainer) *criapi.ContainerStatus {
	w.T.Helper()
	status, err := c.Wait(w.Ctx)
	if err != nil {
		w.T.Fatal(err)
	}
	return status
}

// rotate rotates a log.
func (w *world) rotate(c *containerd.RunningContainer) {
	w.T.Helper()
	if err := c.Rotate(w.Ctx, containerd.Rotation{}); err != nil {
		w.T.Fatal(err)
	}
}

// until waits for a snapshot of which something holds.
func (w *world) until(what string, holds func(s *inventory.Snapshot) bool) *inventory.Snapshot {
	w.T.Helper()
	changed, stop := w.Inventory.Subscribe()
	defer stop()
	ctx, cancel := context.WithTimeout(w.Ctx, within)
	defer cancel()
	for {
		s, err := w.Inventory.Snapshot(ctx)
		if err != nil {
			w.T.Fatalf("until %s: %v", what, err)
		}
		if holds(s) {
			return s
		}
		select {
		case <-changed:
		case <-ctx.Done():
			w.T.Fatalf("not within %v: %s\npods: %+v\nproblems: %q\nruntimes: %+v", within, what, s.Pods, s.Problems, s.Runtimes)
		}
	}
}

// untilContainer waits for a container of a pod of which something holds.
func (w *world) untilContainer(pod *containerd.RunningPod, name, what string, holds func(*inventory.Container) bool) *inventory.Container {
	w.T.Helper()
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
	w.T.Helper()
	w.untilContainer(pod, c.Name, "running", func(got *inventory.Container) bool {
		return got.ID == c.ID && got.State == inventory.ContainerRunning
	})
}

// waitKnown waits until the end of a container is known.
func (w *world) waitKnown(pod *containerd.RunningPod, c *containerd.RunningContainer) {
	w.T.Helper()
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
	w.T.Helper()
	q := podlog.NewQuery()
	if change != nil {
		change(&q)
	}
	set, err := w.Inventory.Logs(w.Ctx, sel, false)
	if err != nil {
		w.T.Fatal(err)
	}
	defer set.Close()
	s := newSink()
	if err := w.logs.Read(w.Ctx, set, q, s); err != nil {
		w.T.Fatal(err)
	}
	if len(s.gaps) > 0 {
		w.T.Errorf("gaps: %+v", s.gaps)
	}
	return s.records
}

// follow starts a follower and returns it when it has caught up. stop ends it and returns the error of the read.
func (w *world) follow(sel inventory.LogSelector, change func(q *podlog.Query)) (s *sink, ended <-chan error) {
	w.T.Helper()
	q := podlog.NewQuery()
	q.Follow = true
	if change != nil {
		change(&q)
	}
	set, err := w.Inventory.Logs(w.Ctx, sel, true)
	if err != nil {
		w.T.Fatal(err)
	}
	s = newSink()
	ctx, cancel := context.WithCancel(w.Ctx)
	result := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer set.Close()
		result <- w.logs.Read(ctx, set, q, s)
	}()
	w.T.Cleanup(func() {
		cancel()
		<-done
	})
	s.until(w.T, "the follower has caught up", func() bool { return s.caughtUp })
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
