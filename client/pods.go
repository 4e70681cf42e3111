// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"reflect"
	"slices"

	"google.golang.org/grpc"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
)

// Pods lists the pods that a selector names, by namespace, name and UID. problems say what is known only in part, and why.
func (c *Client) Pods(ctx context.Context, sel inventory.PodSelector) (pods []inventory.Pod, problems []string, err error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.runtime.ListPods(ctx, &nodedv1.ListPodsRequest{Selector: wire.PodSelectorToProto(&sel)})
	if err != nil {
		return nil, nil, c.callError(err)
	}
	return wire.PodsFromProto(resp.GetPods()), resp.GetProblems(), nil
}

// Pod returns one pod. namespace may be empty for the only one that has a pod of that name, uid for the newest of
// them.
func (c *Client) Pod(ctx context.Context, namespace, name, uid string) (pod inventory.Pod, problems []string, err error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.runtime.GetPod(ctx, &nodedv1.GetPodRequest{Namespace: wire.Text(namespace), Name: wire.Text(name), Uid: wire.Text(uid)})
	if err != nil {
		return inventory.Pod{}, nil, c.callError(err)
	}
	return wire.PodFromProto(resp.GetPod()), resp.GetProblems(), nil
}

// Containers lists containers: those of the pods that sel names, with those pods; nil for all of them and those that are in no
// pod. ids, if there are some, restrict them to the containers with these ids, beginnings of ids, or names of containers
// in no pod.
func (c *Client) Containers(ctx context.Context, sel *inventory.PodSelector, ids []string) (pods []inventory.Pod, containers []inventory.Container, problems []string, err error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	req := &nodedv1.ListContainersRequest{Ids: wire.TextsToProto(ids)}
	if sel != nil {
		req.Selector = wire.PodSelectorToProto(sel)
	}
	resp, err := c.runtime.ListContainers(ctx, req)
	if err != nil {
		return nil, nil, nil, c.callError(err)
	}
	return wire.PodsFromProto(resp.GetPods()), wire.ContainersFromProto(resp.GetContainers()), resp.GetProblems(), nil
}

// PodEvent says what happened to a pod.
type PodEvent struct {
	Type PodEventType
	// Pod is the pod; after PodDeleted as it was last.
	Pod inventory.Pod
	// Problems say what is known only in part, and why, with PodsSynced and PodProblems.
	Problems []string
}

// PodEventType is what happened.
type PodEventType uint8

// The types of events.
const (
	// PodAdded: the pod is there, or came.
	PodAdded PodEventType = iota + 1
	// PodModified: something about it changed.
	PodModified
	// PodDeleted: it is gone.
	PodDeleted
	// PodsSynced: the pods that were there at the beginning have been told. There is no pod.
	PodsSynced
	// PodProblems: what is known only in part is something else than before. There is no pod.
	PodProblems
)

// PodWatchRequest says which pods are watched.
type PodWatchRequest struct {
	inventory.PodSelector
	// OnResume is called when the watch broke and goes on, OnBreak when noded is away for more than a second; they may be nil.
	OnResume func(Resume)
	OnBreak  func(Break)
}

// WatchPods calls yield for each pod that a selector names, and then for every change, until ctx ends or yield returns an
// error, which is returned. Names need not exist yet. After a break it goes on: what changed meanwhile is told as
// one change.
func (c *Client) WatchPods(ctx context.Context, req PodWatchRequest, yield func(PodEvent) error) error {
	w := podWatching{
		attempts: attempts{client: c, onResume: req.OnResume, onBreak: req.OnBreak},
		selector: req.PodSelector, yield: yield, known: make(map[podKey]*knownPod),
	}
	return w.run(ctx, w.attempt)
}

// podWatching is the state of one WatchPods across its attempts. It belongs to one goroutine.
type podWatching struct {
	attempts
	selector inventory.PodSelector
	yield    func(PodEvent) error

	message nodedv1.RuntimeServiceWatchResponse
	known   map[podKey]*knownPod
	// round counts the streams; synced tells that one of them has told all pods.
	round  int
	synced bool
	// problems are those that were told last.
	problems []string
}

type podKey struct{ namespace, name, uid string }

// knownPod is a pod that was told, in round last.
type knownPod struct {
	pod   inventory.Pod
	round int
}

// attempt watches with one stream until it ends.
func (w *podWatching) attempt(ctx context.Context) error {
	w.round++
	req := &nodedv1.RuntimeServiceWatchRequest{Selector: wire.PodSelectorToProto(&w.selector)}
	start := func(ctx context.Context) (grpc.ClientStream, error) { return w.client.runtime.Watch(ctx, req) }
	return w.stream(ctx, start, &w.message, w.deliver, endedStream())
}

func (w *podWatching) deliver() error {
	w.backOff.reset()
	pod := wire.PodFromProto(w.message.GetPod())
	key := podKey{pod.Namespace, pod.Name, pod.UID}
	known := w.known[key]
	switch w.message.GetType() {
	case nodedv1.RuntimeServiceWatchResponse_TYPE_ADDED, nodedv1.RuntimeServiceWatchResponse_TYPE_MODIFIED:
		w.known[key] = &knownPod{pod, w.round}
		switch {
		case known == nil:
			return w.yield(PodEvent{Type: PodAdded, Pod: pod})
		case !reflect.DeepEqual(known.pod, pod):
			return w.yield(PodEvent{Type: PodModified, Pod: pod})
		}
	case nodedv1.RuntimeServiceWatchResponse_TYPE_DELETED:
		if known == nil {
			return nil
		}
		delete(w.known, key)
		return w.yield(PodEvent{Type: PodDeleted, Pod: pod})
	case nodedv1.RuntimeServiceWatchResponse_TYPE_SYNCED:
		return w.sync()
	case nodedv1.RuntimeServiceWatchResponse_TYPE_PROBLEMS:
		return w.tellProblems()
	}
	return nil
}

// sync tells the pods that went away during a break, or that all have been told for the first time.
func (w *podWatching) sync() error {
	for key, known := range w.known {
		if known.round == w.round {
			continue
		}
		delete(w.known, key)
		if err := w.yield(PodEvent{Type: PodDeleted, Pod: known.pod}); err != nil {
			return err
		}
	}
	if w.synced {
		return w.tellProblems()
	}
	w.synced, w.problems = true, w.message.GetProblems()
	return w.yield(PodEvent{Type: PodsSynced, Problems: w.problems})
}

// tellProblems tells what is known only in part, if it is something else than before.
func (w *podWatching) tellProblems() error {
	problems := w.message.GetProblems()
	if slices.Equal(problems, w.problems) {
		return nil
	}
	w.problems = problems
	return w.yield(PodEvent{Type: PodProblems, Problems: problems})
}
