// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package known starts a containerd for a test, with the inventory that noded has of it.
package known

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/noded/noded/runtime/cri"
	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/safefs"
	"github.com/noded/noded/test/containerd"
)

// longest is how long a test may take.
const longest = 12 * time.Minute

// Pods are those of a containerd, and what noded knows of them. They are there until the test ends.
type Pods struct {
	T *testing.T
	// Ctx ends after some minutes, or with the test.
	Ctx        context.Context
	Containerd *containerd.Runtime
	Inventory  *inventory.Inventory
	// Root is the directory of the logs, Hub watches directories, Logger writes to the test.
	Root   *safefs.Root
	Hub    *dirwatch.Hub
	Logger *slog.Logger

	group *sync.WaitGroup
}

// EachRelease runs a test with every release of containerd, in parallel.
func EachRelease(t *testing.T, test func(p *Pods)) {
	t.Helper()
	for _, release := range containerd.Releases {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			test(start(t, containerd.Start(t, release)))
		})
	}
}

func start(t *testing.T, cd *containerd.Runtime) *Pods {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	p := &Pods{T: t, Ctx: ctx, Containerd: cd, Root: safefs.NewRoot(cd.LogRoot()), Hub: dirwatch.NewHub(logger), Logger: logger, group: new(sync.WaitGroup)}
	p.Inventory = inventory.New(inventory.Config{
		Sources: []inventory.Source{cri.New(cri.Config{Socket: cd.Socket(), Logger: logger})},
		Tree:    logtree.New(p.Root), Hub: p.Hub, Logger: logger,
	})
	p.Go(p.Inventory.Run)
	t.Cleanup(func() {
		cancel()
		p.group.Wait()
		if err := p.Hub.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// With returns the same for a subtest.
func (p *Pods) With(t *testing.T) *Pods {
	sub := *p
	sub.T = t
	return &sub
}

// Go runs something until Ctx ends; the test waits for its end.
func (p *Pods) Go(run func(ctx context.Context) error) {
	p.group.Go(func() { _ = run(p.Ctx) }) // it ends with the context
}

// RunPod starts a pod.
func (p *Pods) RunPod(pod containerd.Pod) *containerd.RunningPod {
	p.T.Helper()
	out, err := p.Containerd.RunPod(p.Ctx, pod)
	if err != nil {
		p.T.Fatal(err)
	}
	return out
}

// Start starts a container of a pod.
func (p *Pods) Start(pod *containerd.RunningPod, c containerd.Container) *containerd.RunningContainer {
	p.T.Helper()
	out, err := pod.Start(p.Ctx, c)
	if err != nil {
		p.T.Fatal(err)
	}
	return out
}
