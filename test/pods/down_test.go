// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/test/containerd"
)

// TestDown: with containerd away names and logs are still served; when it comes back, all is known again.
func TestDown(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		pod := w.RunPod(containerd.Pod{Name: "stays", HostNetwork: true, Labels: map[string]string{"app": "stays"}})
		first := w.start(pod, "app", "out:first", "exit:1")
		second := w.restart(first, "out:second", "pause")
		w.untilRunning(second, pod)
		w.eventually("the log", func() (string, bool) {
			got := texts(w.read(logsOf("", "stays"), nil))
			return fmt.Sprintf("%q", got), slices.Equal(got, []string{"second"})
		})
		w.T.Run("down", func(t *testing.T) { w.with(t).testAway(w.Containerd.Down, w.Containerd.Up, true, pod) })
		w.T.Run("killed", func(t *testing.T) { w.with(t).testAway(w.Containerd.Kill, w.Containerd.Up, true, pod) })
		// Nothing tells a containerd that hangs from one that has nothing to say, until it is asked something.
		freeze := func(context.Context) error { return w.Containerd.Freeze() }
		thaw := func(context.Context) error { return w.Containerd.Thaw() }
		w.T.Run("frozen", func(t *testing.T) { w.with(t).testAway(freeze, thaw, false, pod) })
	})
}

// testAway takes containerd away and brings it back. noticed: its absence is known at once.
func (w *world) testAway(leave, comeBack func(context.Context) error, noticed bool, pod *containerd.RunningPod) {
	if err := leave(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	back := false
	defer func() {
		if !back {
			if err := comeBack(w.Ctx); err != nil {
				w.T.Error(err)
			}
		}
	}()
	s := w.until("a runtime that does not answer", func(s *inventory.Snapshot) bool {
		return !noticed || len(s.Runtimes) == 1 && s.Runtimes[0].Err != nil && len(s.Problems) > 0
	})
	w.T.Logf("problems: %q", s.Problems)
	p := findPod(s, pod.UID)
	if p == nil || p.Labels["app"] != "stays" {
		w.T.Errorf("the pod is %+v", p)
	}
	byLabel := inventory.LogSelector{Pods: &inventory.PodSelector{LabelSelector: "app=stays"}}
	for name, sel := range map[string]inventory.LogSelector{"name": logsOf("", "stays"), "label": byLabel} {
		current := texts(w.read(sel, func(q *podlog.Query) { q.Limit = 1 }))
		previous := texts(w.read(sel, func(q *podlog.Query) { q.Runs = podlog.RunsPrevious }))
		if !slices.Equal(current, []string{"second"}) || !slices.Equal(previous, []string{"first"}) {
			w.T.Errorf("by %s: %q, and of the previous run %q", name, current, previous)
		}
	}
	if err := comeBack(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	back = true
	w.until("the runtime answers", func(s *inventory.Snapshot) bool {
		return s.Runtimes[0].Err == nil && len(s.Problems) == 0
	})
	// It is told of changes again.
	next := w.RunPod(containerd.Pod{Name: "next", HostNetwork: true})
	c := w.start(next, "app", "pause")
	before := time.Now()
	w.untilRunning(c, next)
	w.T.Logf("a new container is known %v after it was started", time.Since(before).Round(time.Millisecond))
	if err := next.Remove(w.Ctx); err != nil {
		w.T.Error(err)
	}
}
