// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package stats_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/cgroup"
	"github.com/noded/noded/runtime/stats/host"
	"github.com/noded/noded/runtime/stats/kernel"
	"github.com/noded/noded/runtime/stats/sources"
	"github.com/noded/noded/test/containerd"
	"github.com/noded/noded/test/containerd/known"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// longest is how long anything may take that happens soon.
const longest = 2 * time.Minute

// world is a containerd with the figures that noded has of it.
type world struct {
	*known.Pods
	sampler *stats.Sampler
	changed <-chan struct{}
}

// eachRelease runs a test with every release of containerd.
func eachRelease(t *testing.T, test func(w *world)) {
	t.Helper()
	known.EachRelease(t, func(p *known.Pods) { test(newWorld(p)) })
}

func newWorld(p *known.Pods) *world {
	p.T.Helper()
	tree, err := cgroup.Open(cgroup.Config{})
	if err != nil {
		p.T.Fatal(err)
	}
	proc := p.Containerd.Proc()
	w := &world{Pods: p, sampler: stats.New(stats.Config{
		Node: "node-1", Tree: sources.Tree(tree), Inventory: p.Inventory, Logger: p.Logger,
		Host: sources.Host(host.New(host.Config{Proc: proc, Logger: p.Logger}), proc),
	})}
	p.Go(w.sampler.Run)
	var unsubscribe func()
	w.changed, unsubscribe = w.sampler.Subscribe(time.Second)
	p.T.Cleanup(unsubscribe)
	return w
}

// each calls look for every snapshot until it says that it is done.
func (w *world) each(what string, look func(s *stats.Snapshot) (done bool)) *stats.Snapshot {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.Ctx, longest)
	defer cancel()
	for {
		s, err := w.sampler.Snapshot(ctx)
		if err != nil {
			w.T.Fatalf("%s: %v", what, err)
		}
		if look(s) {
			return s
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			w.T.Fatalf("not within %v: %s\nproblems: %q\n%s", longest, what, s.Problems, describe(s))
		}
	}
}

// until waits for a snapshot in which there is a usage, with rates, of which something holds.
func (w *world) until(what string, kind stats.Kind, id string, holds func(u *stats.Usage) bool) *stats.Usage {
	w.T.Helper()
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

// told waits until a container has written a line, and returns the time since the boot then: what is read later is of the time after that.
func (w *world) told(c *containerd.RunningContainer, line string) time.Duration {
	w.T.Helper()
	w.each(c.Name+" writes "+line, func(*stats.Snapshot) bool { return strings.Contains(logOf(w.T, c), " "+line+"\n") })
	now, err := kernel.BootTime()
	if err != nil {
		w.T.Fatal(err)
	}
	return now
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
