// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/inventory"
)

func testPods(names ...string) *inventory.Snapshot {
	s := &inventory.Snapshot{Problems: []string{"containerd does not answer"}}
	for _, name := range names {
		s.Pods = append(s.Pods, inventory.Pod{
			Namespace: "default", Name: name, UID: "u-" + name, Labels: map[string]string{"app": name},
			Containers: []inventory.Container{{Name: "app", ID: "id" + name}},
		})
	}
	return s
}

func TestRuntimeService(t *testing.T) {
	t.Parallel()
	snapshot := testPods("a", "b")
	snapshot.Containers = []inventory.Container{{Name: "alone", ID: "ffff"}}
	var failure error
	service := NewRuntime(RuntimeConfig{Node: "n", Inventory: &fakeInventory{snapshot: func() (*inventory.Snapshot, error) { return snapshot, failure }}})
	ctx := t.Context()
	list, err := service.ListPods(ctx, &nodedv1.ListPodsRequest{Selector: &nodedv1.PodSelector{LabelSelector: "app=b"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.GetPods()) != 1 || list.GetPods()[0].GetName() != "b" || list.GetNode() != "n" || len(list.GetProblems()) != 1 {
		t.Errorf("ListPods() = %v", list)
	}
	pod, err := service.GetPod(ctx, &nodedv1.GetPodRequest{Name: "a"})
	if err != nil || pod.GetPod().GetUid() != "u-a" || len(pod.GetProblems()) != 1 {
		t.Errorf("GetPod() = %v, %v", pod, err)
	}
	containers, err := service.ListContainers(ctx, &nodedv1.ListContainersRequest{})
	if err != nil || len(containers.GetPods()) != 2 || len(containers.GetContainers()) != 1 {
		t.Errorf("ListContainers() = %v, %v", containers, err)
	}
	containers, err = service.ListContainers(ctx, &nodedv1.ListContainersRequest{Ids: []string{"idb"}})
	if err != nil || len(containers.GetPods()) != 1 || containers.GetPods()[0].GetName() != "b" || len(containers.GetContainers()) != 0 {
		t.Errorf("ListContainers(idb) = %v, %v", containers, err)
	}

	calls := map[string]func(sel *nodedv1.PodSelector) error{
		"ListPods": func(sel *nodedv1.PodSelector) error {
			_, err := service.ListPods(ctx, &nodedv1.ListPodsRequest{Selector: sel})
			return err
		},
		"ListContainers": func(sel *nodedv1.PodSelector) error {
			_, err := service.ListContainers(ctx, &nodedv1.ListContainersRequest{Selector: sel})
			return err
		},
		"GetPod": func(sel *nodedv1.PodSelector) error {
			_, err := service.GetPod(ctx, &nodedv1.GetPodRequest{Namespace: sel.GetNamespace(), Name: sel.GetNames()[0]})
			return err
		},
	}
	for name, call := range calls {
		if err := call(&nodedv1.PodSelector{Names: []string{"none"}}); status.Code(err) != codes.NotFound {
			t.Errorf("%s of an unknown pod: %v", name, err)
		}
		if err := call(&nodedv1.PodSelector{Names: []string{"../x"}}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s of a bad name: %v", name, err)
		}
		failure = errors.New("broken")
		if err := call(&nodedv1.PodSelector{Names: []string{"a"}}); status.Code(err) != codes.Internal {
			t.Errorf("%s of a broken inventory: %v", name, err)
		}
		failure = nil
	}
	if _, err := service.ListContainers(ctx, &nodedv1.ListContainersRequest{Ids: []string{"a/b"}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("ListContainers of a bad id: %v", err)
	}
	if _, err := service.GetPod(ctx, &nodedv1.GetPodRequest{Name: "a", Uid: "a/b"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("GetPod of a bad uid: %v", err)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	modified := testPods("b", "c")
	modified.Pods[0].State = inventory.StateReady
	snapshots := []*inventory.Snapshot{testPods("a", "b", "x"), testPods("a", "b", "x"), modified, modified, testPods("a")}
	modified.Problems, snapshots[4].Problems = nil, []string{"gone"}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changed := make(chan struct{}, 1)
	next := 0
	fake := &fakeInventory{changed: changed, snapshot: func() (*inventory.Snapshot, error) {
		if next == len(snapshots) {
			cancel()
			return snapshots[next-1], nil
		}
		next++
		changed <- struct{}{}
		return snapshots[next-1], nil
	}}
	service := NewRuntime(RuntimeConfig{Node: "n", Inventory: fake})
	s := &stream[nodedv1.RuntimeServiceWatchResponse]{ctx: ctx}
	err := service.Watch(&nodedv1.RuntimeServiceWatchRequest{Selector: &nodedv1.PodSelector{LabelSelector: "app!=x"}}, s)
	if status.Code(err) != codes.Canceled {
		t.Errorf("Watch() = %v", err)
	}
	var got []string
	for _, m := range s.sent {
		text := fmt.Sprintf("%s %s", m.GetType().String()[len("TYPE_"):], m.GetPod().GetName())
		if len(m.GetProblems()) > 0 {
			text += fmt.Sprintf(" %s", m.GetProblems())
		}
		got = append(got, text)
	}
	want := []string{
		"ADDED a", "ADDED b", "SYNCED  [containerd does not answer]", "DELETED a", "MODIFIED b", "ADDED c", "PROBLEMS ", "DELETED b", "DELETED c", "ADDED a", "PROBLEMS  [gone]",
	}
	// Deletions of one snapshot come in any order.
	if len(got) == len(want) && got[7] == "DELETED c" {
		got[7], got[8] = got[8], got[7]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if fake.stopped != 1 || s.headers != 1 {
		t.Errorf("%d subscriptions ended, %d headers", fake.stopped, s.headers)
	}
	for _, sel := range []*nodedv1.PodSelector{{LabelSelector: "!!"}, {Namespace: "/"}} {
		if err := service.Watch(&nodedv1.RuntimeServiceWatchRequest{Selector: sel}, s); status.Code(err) != codes.InvalidArgument {
			t.Errorf("Watch(%v) = %v", sel, err)
		}
	}
}
