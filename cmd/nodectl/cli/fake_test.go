// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/glob"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// fakeNode is a noded of a test: what it has, and what it was asked.
type fakeNode struct {
	units       []string
	invocations []journal.Invocation
	entries     []*journal.Record
	snapshot    inventory.Snapshot
	// lines are the lines of containers, by their names.
	lines  map[string][]*podlog.Record
	events []client.PodEvent

	logRequests     []client.LogRequest
	journalRequests []client.ReadRequest
}

var (
	_ backend    = (*fakeNode)(nil)
	_ logBackend = (*fakeNode)(nil)
	_ podWatcher = (*fakeNode)(nil)
)

func (n *fakeNode) Read(ctx context.Context, req client.ReadRequest, h client.Handler) error {
	n.journalRequests = append(n.journalRequests, req)
	for _, e := range n.entries {
		if err := h.Record(e); err != nil {
			return err
		}
	}
	if !req.Query.Follow {
		return nil
	}
	if err := h.Progress(journal.Progress{CaughtUp: true}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (n *fakeNode) ReadLogs(_ context.Context, req client.LogRequest, sink podlog.Sink) error {
	n.logRequests = append(n.logRequests, req)
	sel := req.Selector
	var names []string
	if sel.Pods != nil {
		pods, err := n.snapshot.Select(*sel.Pods)
		if err != nil {
			return err
		}
		for _, p := range pods {
			for _, c := range p.Containers {
				if len(sel.Containers) == 0 || slices.Contains(sel.Containers, c.Name) {
					names = append(names, c.Name)
				}
			}
		}
	}
	if len(sel.ContainerIDs) > 0 {
		pods, alone, err := n.snapshot.SelectContainers(nil, sel.ContainerIDs)
		if err != nil {
			return err
		}
		for _, p := range placed(pods, alone) {
			names = append(names, p.container.Name)
		}
	}
	for _, name := range names {
		for _, r := range n.lines[name] {
			if err := sink.Record(r); err != nil {
				return err
			}
		}
	}
	if req.Query.Follow {
		if err := sink.Progress(podlog.Progress{CaughtUp: true}); err != nil {
			return err
		}
	}
	return sink.Flush()
}

func (n *fakeNode) Pods(_ context.Context, sel inventory.PodSelector) ([]inventory.Pod, []string, error) {
	pods, err := n.snapshot.Select(sel)
	return pods, n.snapshot.Problems, err
}

func (n *fakeNode) Pod(_ context.Context, namespace, name, uid string) (inventory.Pod, []string, error) {
	pod, err := n.snapshot.Pod(namespace, name, uid)
	return pod, n.snapshot.Problems, err
}

func (n *fakeNode) Containers(_ context.Context, sel *inventory.PodSelector, ids []string) ([]inventory.Pod, []inventory.Container, []string, error) {
	pods, alone, err := n.snapshot.SelectContainers(sel, ids)
	return pods, alone, n.snapshot.Problems, err
}

func (n *fakeNode) WatchPods(_ context.Context, req client.PodWatchRequest, yield func(client.PodEvent) error) error {
	for _, e := range n.events {
		if err := yield(e); err != nil {
			return err
		}
		if e.Type == client.PodsSynced {
			req.OnBreak(client.Break{Cause: errors.New("connect: refused"), Wait: 30 * time.Second})
			req.OnResume(client.Resume{Away: 5 * time.Second})
		}
	}
	return nil
}

func (n *fakeNode) Units(_ context.Context, patterns []string, _ bool) ([]string, error) {
	var out []string
	for _, unit := range n.units {
		if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return glob.Match(p, unit) }) {
			out = append(out, unit)
		}
	}
	return out, nil
}

func (n *fakeNode) Invocations(context.Context, string, bool) ([]journal.Invocation, error) {
	return n.invocations, nil
}

func (n *fakeNode) Boots(context.Context) ([]journal.Boot, error)                 { return nil, nil }
func (n *fakeNode) FieldNames(context.Context) ([]string, error)                  { return nil, nil }
func (n *fakeNode) Usage(context.Context) (u journal.Usage, err error)            { return u, nil }
func (n *fakeNode) Close() error                                                  { return nil }
func (n *fakeNode) FieldValues(context.Context, string, func([]byte) error) error { return nil }

// controlPlane is a node with a static pod, the pod of a DaemonSet, a pod of a Deployment and a container of Docker.
func controlPlane() *fakeNode {
	n := &fakeNode{lines: map[string][]*podlog.Record{}}
	pod := func(namespace, name string, change func(*inventory.Pod), containers ...string) {
		p := inventory.Pod{Namespace: namespace, Name: name, UID: "uid-" + name}
		for _, c := range containers {
			p.Containers = append(p.Containers, inventory.Container{Name: c, ID: strings.Repeat(c[:1], 8)})
			source := &podlog.Source{Node: "node1", Namespace: namespace, Pod: name, UID: p.UID, Container: c, ID: "id-" + c}
			n.lines[c] = []*podlog.Record{{
				File: &podlog.File{Source: source, Run: 2}, Time: 1700000000e9, Stream: podlog.Stderr,
				Text: []byte("W1114 22:13:20.000000       1 x.go:1] line of " + c),
			}}
		}
		change(&p)
		n.snapshot.Pods = append(n.snapshot.Pods, p)
	}
	pod("kube-system", "kube-apiserver-node1", func(p *inventory.Pod) { p.Static = true }, "kube-apiserver")
	pod("kube-system", "kube-proxy-x7k2p", func(p *inventory.Pod) { p.Owner.Kind, p.Owner.Name = "daemonset", "kube-proxy" }, "kube-proxy")
	pod("shop", "web-5c9d8f6b7-4qk2n", func(p *inventory.Pod) { p.Owner.Kind, p.Owner.Name = "deployment", "web" }, "web")
	return n
}
