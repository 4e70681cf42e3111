// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

// logBackend is where pods and their logs come from. Commands cannot tell which one they have. It is used by one goroutine and
// closed by the command that opened it.
type logBackend interface {
	// ReadLogs is client.Client.ReadLogs. A record is valid during the call of the sink only.
	ReadLogs(ctx context.Context, req client.LogRequest, sink podlog.Sink) error
	Pods(ctx context.Context, sel inventory.PodSelector) (pods []inventory.Pod, problems []string, err error)
	Pod(ctx context.Context, namespace, name, uid string) (pod inventory.Pod, problems []string, err error)
	Containers(ctx context.Context, sel *inventory.PodSelector, ids []string) (pods []inventory.Pod, containers []inventory.Container, problems []string, err error)
	Close() error
}

// openLogs opens the log tree at root, or without one the noded of the options.
func (g *globals) openLogs(root string, follow bool) (logBackend, error) {
	if root != "" {
		return openLogTree(root, follow)
	}
	c, err := g.dial()
	if err != nil {
		if g.os != "linux" && hintOf(err) != "" {
			err = &usageError{err: fmt.Errorf("%w", err), hint: "--root DIR with a copy of /var/log/pods of a node"}
		}
		return nil, err
	}
	return c, nil
}

// logTree is the backend that reads a log tree in this process.
type logTree struct {
	inventory *inventory.Inventory
	logs      *podlog.Logs
	hub       *dirwatch.Hub
	// stop ends what follows the tree; nil if nothing does.
	stop func()
}

// openLogTree opens a log tree: dir itself, or what lies at var/log/pods below it.
func openLogTree(dir string, follow bool) (*logTree, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, &hintError{err: fmt.Errorf("open log tree: %w", err), hint: logTreeHint}
	}
	if !info.IsDir() {
		return nil, &notFoundError{err: fmt.Errorf("open log tree: %s is not a directory", dir), hint: logTreeHint}
	}
	below := filepath.Join(dir, "var", "log", "pods")
	if info, err := os.Stat(below); err == nil && info.IsDir() {
		dir = below
	}
	if _, err := os.ReadDir(dir); err != nil {
		return nil, &hintError{err: fmt.Errorf("open log tree: %w", err), hint: "sudo, or without --root to ask noded"}
	}
	root := safefs.NewRoot(dir)
	logger := slog.New(slog.DiscardHandler)
	t := &logTree{}
	if follow {
		t.hub = dirwatch.NewHub(logger)
	}
	t.inventory = inventory.New(inventory.Config{Tree: logtree.New(root), Hub: t.hub, Logger: logger})
	t.logs = podlog.New(podlog.Config{Pods: root, Hub: t.hub, Logger: logger})
	if follow {
		t.run()
	}
	return t, nil
}

// run keeps the inventory up to date until stop is called.
func (t *logTree) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	first, unsubscribe := t.inventory.Subscribe()
	go func() {
		defer close(ended)
		_ = t.inventory.Run(ctx) // the error is that of ctx
	}()
	// Before it runs it gives what it has once, and tells of no changes.
	select {
	case <-first:
	case <-ended:
	}
	unsubscribe()
	t.stop = func() {
		cancel()
		<-ended
	}
}

// logTreeHint is the next step when there is no log tree at a path.
const logTreeHint = "check the path; it holds directories named NAMESPACE_POD_UID, as /var/log/pods does"

// ReadLogs implements logBackend.
func (t *logTree) ReadLogs(ctx context.Context, req client.LogRequest, sink podlog.Sink) error {
	set, err := t.inventory.Logs(ctx, req.Selector, req.Query.Follow)
	if err != nil {
		return err
	}
	defer set.Close()
	if !req.Query.Follow {
		return t.logs.Read(ctx, endedSet{set}, req.Query, sink)
	}
	return t.logs.Read(ctx, set, req.Query, sink)
}

// endedSet is a set to which nothing more is written: lines that are unfinished in a copied tree will stay so.
type endedSet struct{ podlog.Set }

// Targets implements podlog.Set.
func (s endedSet) Targets(ctx context.Context) ([]podlog.Target, error) {
	targets, err := s.Set.Targets(ctx)
	targets = slices.Clone(targets)
	for i := range targets {
		targets[i].Ended = true
	}
	return targets, err
}

// Pods implements logBackend.
func (t *logTree) Pods(ctx context.Context, sel inventory.PodSelector) ([]inventory.Pod, []string, error) {
	s, err := t.inventory.Snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	pods, err := s.Select(sel)
	return pods, s.Problems, err
}

// Pod implements logBackend.
func (t *logTree) Pod(ctx context.Context, namespace, name, uid string) (inventory.Pod, []string, error) {
	s, err := t.inventory.Snapshot(ctx)
	if err != nil {
		return inventory.Pod{}, nil, err
	}
	pod, err := s.Pod(namespace, name, uid)
	return pod, s.Problems, err
}

// Containers implements logBackend.
func (t *logTree) Containers(ctx context.Context, sel *inventory.PodSelector, ids []string) ([]inventory.Pod, []inventory.Container, []string, error) {
	s, err := t.inventory.Snapshot(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	pods, containers, err := s.SelectContainers(sel, ids)
	return pods, containers, s.Problems, err
}

// Close implements logBackend.
func (t *logTree) Close() error {
	if t.stop == nil {
		return nil
	}
	t.stop()
	return t.hub.Close()
}
