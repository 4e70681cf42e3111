// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package stats_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/noded/noded/runtime/cri"
	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/safefs"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/cgroup"
	"github.com/noded/noded/runtime/stats/host"
	"github.com/noded/noded/runtime/stats/sources"
	"github.com/noded/noded/test/containerd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is how long anything may take that happens soon.
const within = 30 * time.Second

// world is a containerd with the figures that noded has of it.
type world struct {
	t         *testing.T
	ctx       context.Context
	cd        *containerd.Runtime
	inventory *inventory.Inventory
	sampler   *stats.Sampler
	changed   <-chan struct{}
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
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	hub := dirwatch.NewHub(logger)
	pods := inventory.New(inventory.Config{
		Sources: []inventory.Source{cri.New(cri.Config{Socket: cd.Socket(), Logger: logger})},
		Tree:    logtree.New(safefs.NewRoot(cd.LogRoot())), Hub: hub, Logger: logger,
	})
	tree, err := cgroup.Open(cgroup.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: ctx, cd: cd, inventory: pods, sampler: stats.New(stats.Config{
		Node: "node-1", Tree: sources.Tree(tree), Inventory: pods, Logger: logger,
		Host: sources.Host(host.New(host.Config{Proc: cd.Proc(), Logger: logger}), cd.Proc()),
	})}
	var group sync.WaitGroup
	group.Go(func() { _ = pods.Run(ctx) })      // it ends with ctx
	group.Go(func() { _ = w.sampler.Run(ctx) }) // it ends with ctx
	var unsubscribe func()
	w.changed, unsubscribe = w.sampler.Subscribe(time.Second)
	t.Cleanup(func() {
		unsubscribe()
		cancel()
		group.Wait()
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) runPod(p containerd.Pod) *containerd.RunningPod {
	w.t.Helper()
	pod, err := w.cd.RunPod(w.ctx, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return pod
}

func (w *world) start(pod *containerd.RunningPod, c containerd.Container) *containerd.RunningContainer {
	w.t.Helper()
	out, err := pod.Start(w.ctx, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// each calls look for every snapshot until it says that it is done.
func (w *world) each(what string, look func(s *stats.Snapshot) (done bool)) *stats.Snapshot {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, within)
	defer cancel()
	for {
		s, err := w.sampler.Snapshot(ctx)
		if err != nil {
			w.t.Fatalf("%s: %v", what, err)
		}
		if look(s) {
			return s
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			w.t.Fatalf("not within %v: %s\nproblems: %q\n%s", within, what, s.Problems, describe(s))
		}
	}
}

// until waits for a snapshot in which there is a usage, with rates, of which something holds.
func (w *world) until(what string, kind stats.Kind, id string, holds func(u *stats.Usage) bool) *stats.Usage {
	w.t.Helper()
	var found *stats.Usage
	w.each(what, func(s *stats.Snapshot) bool {
		found = find(s, kind, id)
		return found != nil && holds(found)
	})
	return found
}

// find returns the usage of a pod by its UID, a container by its id, or a unit by its name; nil if there is none.
func find(s *stats.Snapshot, kind stats.Kind, id string) *stats.Usage {
	for i := range s.Usages {
		e := s.Usages[i].Entity
		if e.Key.Kind == kind && (e.Key.ID == id || kind == stats.KindUnit && e.Name == id) {
			return &s.Usages[i]
		}
	}
	return nil
}

func rated(u *stats.Usage) bool { return u.Window > 0 }

func describe(s *stats.Snapshot) string {
	var b strings.Builder
	for i := range s.Usages {
		u := &s.Usages[i]
		if u.Entity.Key.Kind != stats.KindUnit {
			fmt.Fprintf(&b, "%+v window %v\n", *u.Entity, u.Window)
		}
	}
	return b.String()
}

// logOf returns what a container has written so far.
func logOf(t *testing.T, c *containerd.RunningContainer) string {
	t.Helper()
	text, err := os.ReadFile(c.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
