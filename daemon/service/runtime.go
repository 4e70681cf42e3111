// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"reflect"
	"slices"

	"google.golang.org/grpc"

	"github.com/noded/noded/daemon/audit"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
)

// RuntimeConfig is what a RuntimeService needs.
type RuntimeConfig struct {
	// Node is the name that every answer carries.
	Node      string
	Inventory Inventory
}

// RuntimeService serves noded.v1.RuntimeService. It is safe for concurrent use.
type RuntimeService struct {
	nodedv1.UnimplementedRuntimeServiceServer
	config RuntimeConfig
}

// NewRuntime returns the service.
func NewRuntime(c RuntimeConfig) *RuntimeService { return &RuntimeService{config: c} }

// ListPods implements nodedv1.RuntimeServiceServer.
func (s *RuntimeService) ListPods(ctx context.Context, req *nodedv1.ListPodsRequest) (*nodedv1.ListPodsResponse, error) {
	call := audit.FromContext(ctx)
	selector := wire.PodSelectorFromProto(req.GetSelector())
	call.Select(podSelectors(&selector))
	if err := checkPodSelector(&selector); err != nil {
		return nil, wire.Status(err)
	}
	snapshot, err := s.config.Inventory.Snapshot(ctx)
	if err != nil {
		return nil, wire.Status(err)
	}
	pods, err := snapshot.Select(selector)
	if err != nil {
		return nil, wire.Status(err)
	}
	call.AddRecords(len(pods))
	return &nodedv1.ListPodsResponse{Node: s.config.Node, Pods: wire.PodsToProto(pods), Problems: wire.TextsToProto(snapshot.Problems)}, nil
}

// GetPod implements nodedv1.RuntimeServiceServer.
func (s *RuntimeService) GetPod(ctx context.Context, req *nodedv1.GetPodRequest) (*nodedv1.GetPodResponse, error) {
	call := audit.FromContext(ctx)
	call.Select(podNameSelectors(req))
	if err := checkPod(req.GetNamespace(), req.GetName(), req.GetUid()); err != nil {
		return nil, wire.Status(err)
	}
	snapshot, err := s.config.Inventory.Snapshot(ctx)
	if err != nil {
		return nil, wire.Status(err)
	}
	pod, err := snapshot.Pod(req.GetNamespace(), req.GetName(), req.GetUid())
	if err != nil {
		return nil, wire.Status(err)
	}
	call.AddRecords(1)
	return &nodedv1.GetPodResponse{Node: s.config.Node, Pod: wire.PodToProto(&pod), Problems: wire.TextsToProto(snapshot.Problems)}, nil
}

// ListContainers implements nodedv1.RuntimeServiceServer.
func (s *RuntimeService) ListContainers(ctx context.Context, req *nodedv1.ListContainersRequest) (*nodedv1.ListContainersResponse, error) {
	call := audit.FromContext(ctx)
	selector := containerSelector(req)
	call.Select(containerSelectors(selector, req.GetIds()))
	if selector != nil {
		if err := checkPodSelector(selector); err != nil {
			return nil, wire.Status(err)
		}
	}
	if err := checkContainerIDs(req.GetIds()); err != nil {
		return nil, wire.Status(err)
	}
	snapshot, err := s.config.Inventory.Snapshot(ctx)
	if err != nil {
		return nil, wire.Status(err)
	}
	pods, containers, err := snapshot.SelectContainers(selector, req.GetIds())
	if err != nil {
		return nil, wire.Status(err)
	}
	for i := range pods {
		call.AddRecords(len(pods[i].Containers))
	}
	call.AddRecords(len(containers))
	return &nodedv1.ListContainersResponse{
		Node: s.config.Node, Pods: wire.PodsToProto(pods), Containers: wire.ContainersToProto(containers),
		Problems: wire.TextsToProto(snapshot.Problems),
	}, nil
}

// containerSelector returns the selector of pods of a request; nil if it has none.
func containerSelector(req *nodedv1.ListContainersRequest) *inventory.PodSelector {
	if req.GetSelector() == nil {
		return nil
	}
	selector := wire.PodSelectorFromProto(req.GetSelector())
	return &selector
}

// Watch implements nodedv1.RuntimeServiceServer.
func (s *RuntimeService) Watch(req *nodedv1.RuntimeServiceWatchRequest, stream grpc.ServerStreamingServer[nodedv1.RuntimeServiceWatchResponse]) error {
	ctx := stream.Context()
	call := audit.FromContext(ctx)
	selector := wire.PodSelectorFromProto(req.GetSelector())
	call.Select(podSelectors(&selector))
	if err := checkPodSelector(&selector); err != nil {
		return wire.Status(err)
	}
	matcher, err := inventory.NewMatcher(selector)
	if err != nil {
		return wire.Status(err)
	}
	// What changes after the first snapshot is told here.
	changed, stop := s.config.Inventory.Subscribe()
	defer stop()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	w := podWatch{node: s.config.Node, matches: matcher.Matches, call: call, send: stream.Send}
	for {
		snapshot, err := s.config.Inventory.Snapshot(ctx)
		if err != nil {
			return wire.Status(err)
		}
		if err := w.update(snapshot); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return wire.Status(ctx.Err())
		case <-changed:
		}
	}
}

// podWatch tells a caller what changes from one snapshot to the next. It belongs to one goroutine.
type podWatch struct {
	node    string
	matches func(*inventory.Pod) bool
	call    *audit.Call
	send    func(*nodedv1.RuntimeServiceWatchResponse) error

	// last is the snapshot that was told last, and known the pods of it that match.
	last  *inventory.Snapshot
	known map[podKey]*inventory.Pod
	// problems are those that were told last.
	problems []string
}

// podKey names a pod for as long as it exists.
type podKey struct{ namespace, name, uid string }

// update tells what is different in a snapshot.
func (w *podWatch) update(snapshot *inventory.Snapshot) error {
	if snapshot == w.last {
		return nil
	}
	first := w.last == nil
	before := w.known
	w.last, w.known = snapshot, make(map[podKey]*inventory.Pod, len(before))
	for i := range snapshot.Pods {
		if pod := &snapshot.Pods[i]; w.matches(pod) {
			w.known[podKey{pod.Namespace, pod.Name, pod.UID}] = pod
		}
	}
	for key, pod := range before {
		if w.known[key] == nil {
			if err := w.tell(nodedv1.RuntimeServiceWatchResponse_TYPE_DELETED, pod); err != nil {
				return err
			}
		}
	}
	for i := range snapshot.Pods {
		pod := &snapshot.Pods[i]
		key := podKey{pod.Namespace, pod.Name, pod.UID}
		if w.known[key] != pod {
			continue
		}
		kind := nodedv1.RuntimeServiceWatchResponse_TYPE_ADDED
		if old := before[key]; old != nil {
			if reflect.DeepEqual(old, pod) {
				continue
			}
			kind = nodedv1.RuntimeServiceWatchResponse_TYPE_MODIFIED
		}
		if err := w.tell(kind, pod); err != nil {
			return err
		}
	}
	return w.tellProblems(snapshot.Problems, first)
}

// tellProblems tells what is known only in part, if it is something else than before; the first time also that all pods were told.
func (w *podWatch) tellProblems(problems []string, first bool) error {
	kind := nodedv1.RuntimeServiceWatchResponse_TYPE_PROBLEMS
	if first {
		kind = nodedv1.RuntimeServiceWatchResponse_TYPE_SYNCED
	} else if slices.Equal(problems, w.problems) {
		return nil
	}
	w.problems = problems
	return w.send(&nodedv1.RuntimeServiceWatchResponse{Type: kind, Node: w.node, Problems: wire.TextsToProto(problems)})
}

func (w *podWatch) tell(kind nodedv1.RuntimeServiceWatchResponse_Type, pod *inventory.Pod) error {
	err := w.send(&nodedv1.RuntimeServiceWatchResponse{Type: kind, Node: w.node, Pod: wire.PodToProto(pod)})
	if err == nil {
		w.call.AddRecords(1)
	}
	return err
}
