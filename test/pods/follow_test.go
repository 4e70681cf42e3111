// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/test/containerd"
)

// TestFollow follows containers that are rotated, restarted, and come and go.
func TestFollow(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		w.T.Run("rotation", func(t *testing.T) { w.with(t).testFollowRotation() })
		w.T.Run("restarts", func(t *testing.T) { w.with(t).testFollowRestarts() })
		w.T.Run("new pods", func(t *testing.T) { w.with(t).testFollowNewPods() })
		w.T.Run("end", func(t *testing.T) { w.with(t).testFollowEnd() })
	})
}

func (w *world) testFollowRotation() {
	pod := w.RunPod(containerd.Pod{Name: "rotated", HostNetwork: true})
	c := w.start(pod, "writer", "lines:3000@1000", "pause")
	w.untilRunning(c, pod)
	got, _ := w.follow(selectPod(pod, "writer"), nil)
	for range 8 {
		time.Sleep(200 * time.Millisecond)
		// All files stay: a follower that has to wait for a processor may be slower than this.
		if err := c.Rotate(w.Ctx, containerd.Rotation{MaxFiles: 10}); err != nil {
			w.T.Fatal(err)
		}
	}
	got.until(w.T, "3,000 lines", func() bool { return len(got.records) >= 3000 })
	if last := checkNumbers(w.T, got.texts(), 1); last != 3000 || len(got.gaps) > 0 {
		w.T.Errorf("%d lines, gaps %+v", last, got.gaps)
	}
}

// testFollowRestarts: a crash loop, of which the runtime forgets all but the last dead container.
func (w *world) testFollowRestarts() {
	pod := w.RunPod(containerd.Pod{Name: "restarted", HostNetwork: true})
	c := w.start(pod, "app", "lines:10", "exit:1")
	w.wait(c)
	w.untilContainer(pod, "app", "there", func(got *inventory.Container) bool { return got.ID == c.ID && got.Log != nil })
	got, _ := w.follow(selectPod(pod, "app"), nil)
	const restarts = 5
	for range restarts {
		next := w.restart(c, "lines:10", "exit:1")
		if err := c.Remove(w.Ctx); err != nil {
			w.T.Fatal(err)
		}
		c = next
	}
	const want = 10 * (restarts + 1)
	got.until(w.T, "the lines of all runs", func() bool { return len(got.records) >= want })
	for i, r := range got.records {
		if r.run != uint32(i/10) {
			w.T.Fatalf("record %d is of run %d", i, r.run)
		}
	}
	for i := 0; i < want; i += 10 {
		checkNumbers(w.T, got.texts()[i:i+10], 1)
	}
}

// testFollowNewPods: pods that begin to match while they are followed.
func (w *world) testFollowNewPods() {
	labels := map[string]string{"app": "late"}
	sel := inventory.LogSelector{Pods: &inventory.PodSelector{LabelSelector: "app=late"}, AllContainers: true}
	got, _ := w.follow(sel, nil)
	var want []string
	for _, name := range []string{"late-a", "late-b"} {
		pod := w.RunPod(containerd.Pod{Name: name, HostNetwork: true, Labels: labels})
		w.wait(w.start(pod, "short", "out:short of "+name))
		w.start(pod, "long", "out:long of "+name, "pause")
		want = append(want, "long of "+name, "short of "+name)
	}
	other := w.RunPod(containerd.Pod{Name: "late-c", HostNetwork: true, Labels: map[string]string{"app": "other"}})
	w.wait(w.start(other, "app", "out:not this"))
	got.until(w.T, "the lines of both pods", func() bool { return len(got.records) >= len(want) })
	slices.Sort(want)
	if texts := slices.Sorted(slices.Values(got.texts())); !slices.Equal(texts, want) {
		w.T.Errorf("followed %q, want %q", texts, want)
	}
}

// testFollowEnd: following a pod by name ends with the pod, after its last line.
func (w *world) testFollowEnd() {
	pod := w.RunPod(containerd.Pod{Name: "ends-soon", HostNetwork: true})
	c := w.start(pod, "app", "out:first", "pause")
	w.untilRunning(c, pod)
	got, ended := w.follow(logsOf("", "ends-soon"), func(q *podlog.Query) { q.Tail = 10 })
	got.until(w.T, "the first line", func() bool { return len(got.records) == 1 })
	if err := pod.Remove(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.Ctx, within)
	defer cancel()
	select {
	case err := <-ended:
		if err != nil {
			w.T.Error(err)
		}
	case <-ctx.Done():
		w.T.Errorf("the follow of a pod that is gone goes on after %v", within)
	}
}
