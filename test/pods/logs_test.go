// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/test/containerd"
	"github.com/noded/noded/test/containerd/lines"
)

// TestLogs reads what real containers wrote.
func TestLogs(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		w.T.Run("text", func(t *testing.T) { w.with(t).testText() })
		w.T.Run("runs", func(t *testing.T) { w.with(t).testRuns() })
		w.T.Run("rotation", func(t *testing.T) { w.with(t).testRotation() })
		w.T.Run("merged", func(t *testing.T) { w.with(t).testMerged() })
		w.T.Run("ids", func(t *testing.T) { w.with(t).testIDs() })
	})
}

// testText: both streams, long lines, and a last line without a newline.
func (w *world) testText() {
	began := time.Now()
	pod := w.RunPod(containerd.Pod{Name: "text", HostNetwork: true})
	c := w.start(pod, "app", "mixed:4", "long:40000", "err:oops", "raw:no newline")
	w.waitKnown(pod, c)
	sel := selectPod(pod, "app")
	for _, tt := range []struct {
		name    string
		streams []podlog.Stream
		want    string
	}{
		{"stdout", []podlog.Stream{podlog.Stdout}, lines.Make(1, 0) + "\n" + lines.Make(3, 0) + "\n" + lines.Make(5, 40_000) + "\nno newline"},
		{"stderr", []podlog.Stream{podlog.Stderr}, lines.Make(2, 0) + "\n" + lines.Make(4, 0) + "\noops\n"},
	} {
		records := w.read(sel, func(q *podlog.Query) { q.Filter.Streams = tt.streams })
		if diff := cmp.Diff(tt.want, joined(records)); diff != "" {
			w.T.Errorf("%s (-want +got):\n%.1000s", tt.name, diff)
		}
	}
	all := w.read(sel, nil)
	if len(all) != 7 {
		w.T.Errorf("%d records, want 7: %.200q", len(all), texts(all))
	}
	for _, r := range all {
		if r.source != "default/text/app" || r.run != 0 || r.time < began.UnixNano() || r.time > time.Now().UnixNano() {
			w.T.Errorf("record %.200v", r)
		}
	}
	grep := w.read(sel, func(q *podlog.Query) { q.Filter.Grep = "^oo" })
	if got := texts(grep); !slices.Equal(got, []string{"oops"}) {
		w.T.Errorf("grep: %q", got)
	}
	tail := w.read(sel, func(q *podlog.Query) { q.Tail, q.Filter.Streams = 2, []podlog.Stream{podlog.Stdout} })
	if len(tail) != 2 || tail[0].text != lines.Make(5, 40_000) || tail[1].text != "no newline" {
		w.T.Errorf("tail of 2: %.200q", texts(tail))
	}
}

// testRuns: the newest run, the one before it, and all of them, also of those that the runtime has forgotten.
func (w *world) testRuns() {
	pod := w.RunPod(containerd.Pod{Name: "runs", HostNetwork: true})
	first := w.start(pod, "app", "out:first", "exit:1")
	second := w.restart(first, "out:second", "exit:1")
	if err := first.Remove(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	third := w.restart(second, "out:third", "pause")
	w.untilContainer(pod, "app", "in its third run", func(c *inventory.Container) bool { return c.ID == third.ID && len(c.LoggedRuns) == 3 })
	for _, tt := range []struct {
		name string
		runs podlog.Runs
		want []string
	}{
		{"current", podlog.RunsCurrent, []string{"third"}},
		{"previous", podlog.RunsPrevious, []string{"second"}},
		{"all", podlog.RunsAll, []string{"first", "second", "third"}},
	} {
		// The text of the run is written a moment after it is known to run.
		w.eventually(tt.name, func() (string, bool) {
			got := w.read(logsOf("", "runs"), func(q *podlog.Query) { q.Runs = tt.runs })
			return cmp.Diff(tt.want, texts(got)), slices.Equal(texts(got), tt.want)
		})
	}
}

// eventually repeats a look until it is satisfied.
func (w *world) eventually(what string, look func() (why string, ok bool)) {
	w.T.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		why, ok := look()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			w.T.Fatalf("%s: not within %v: %s", what, within, why)
		}
	}
}

// testRotation: a log is whole over its live, rotated and compressed files.
func (w *world) testRotation() {
	pod := w.RunPod(containerd.Pod{Name: "rotation", HostNetwork: true})
	c := w.start(pod, "writer", "lines:all@2000")
	const rotations, each = 4, 150
	for n := range rotations + 1 {
		if n > 0 {
			w.rotate(c)
		}
		w.eventually("lines are written", func() (string, bool) {
			text, err := os.ReadFile(c.LogFile())
			return fmt.Sprint(len(text), " bytes, ", err), bytes.Count(text, []byte("\n")) >= each
		})
	}
	if err := c.Stop(w.Ctx, time.Minute); err != nil {
		w.T.Fatal(err)
	}
	w.wait(c)
	w.untilContainer(pod, "writer", "ended", func(c *inventory.Container) bool { return c.State == inventory.ContainerExited })
	sel := selectPod(pod, "writer")
	all := w.read(sel, nil)
	last := checkNumbers(w.T, texts(all), 1)
	if last < (rotations+1)*each {
		w.T.Errorf("only %d lines", last)
	}
	// Over more than one file.
	tail := w.read(sel, func(q *podlog.Query) { q.Tail = int64(last - 10) })
	checkNumbers(w.T, texts(tail), 11)
	since := all[len(all)/2].time
	later := w.read(sel, func(q *podlog.Query) { q.Since = &since })
	want := slices.IndexFunc(all, func(r record) bool { return r.time >= since }) + 1
	if got := checkNumbers(w.T, texts(later), want); got != last {
		w.T.Errorf("since the middle: the last line is %d, want %d", got, last)
	}
	reverse := w.read(sel, func(q *podlog.Query) { q.Reverse, q.Limit = true, 600 })
	slices.Reverse(reverse)
	checkNumbers(w.T, texts(reverse), last-len(reverse)+1)
}

// checkNumbers checks that lines are numbered one after the other and undamaged, and returns the last number.
func checkNumbers(t *testing.T, texts []string, first int) int {
	t.Helper()
	next := first
	for _, text := range texts {
		n, ok := lines.Number(text)
		if !ok || n != next {
			t.Fatalf("line %.100q, want number %d", text, next)
		}
		next++
	}
	return next - 1
}

// testMerged: the containers of several pods in the order of time, by label and by workload.
func (w *world) testMerged() {
	var pods []*containerd.RunningPod
	for _, name := range []string{"db-0", "db-1"} {
		pod := w.RunPod(containerd.Pod{Namespace: "data", Name: name, HostNetwork: true, Labels: map[string]string{
			"app": "db", "statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": name[3:],
		}})
		w.waitKnown(pod, w.start(pod, "init", "out:init of "+name))
		w.untilRunning(w.start(pod, "db", "out:one of "+name, "sleep:300ms", "out:two of "+name, "pause"), pod)
		pods = append(pods, pod)
	}
	want := []string{"one of db-0", "one of db-1", "two of db-0", "two of db-1"}
	for name, sel := range map[string]inventory.PodSelector{
		"label":       {LabelSelector: "app in (db)"},
		"workload":    {Names: []string{"sts/db"}},
		"in its name": {Namespace: "data", Names: []string{"statefulset/db"}},
		"both names":  {Namespace: "data", Names: []string{"db-0", "db-1"}},
	} {
		w.eventually(name, func() (string, bool) {
			got := w.read(inventory.LogSelector{Pods: &sel}, nil)
			inOrder := slices.IsSortedFunc(got, func(a, b record) int { return int(a.time - b.time) })
			sorted := slices.Sorted(slices.Values(texts(got)))
			return strings.Join(texts(got), ", "), inOrder && slices.Equal(sorted, want)
		})
	}
	all := w.read(inventory.LogSelector{Pods: &inventory.PodSelector{LabelSelector: "app=db"}, AllContainers: true}, nil)
	if len(all) != 6 {
		w.T.Errorf("all containers: %q", texts(all))
	}
	init := w.read(selectPod(pods[0], "init"), nil)
	if got := texts(init); !slices.Equal(got, []string{"init of db-0"}) {
		w.T.Errorf("init container: %q", got)
	}
}

// testIDs: containers by their ids, as docker logs and crictl logs take them.
func (w *world) testIDs() {
	pod := w.RunPod(containerd.Pod{Name: "ids", HostNetwork: true})
	c := w.start(pod, "app", "out:by id")
	w.waitKnown(pod, c)
	for _, id := range []string{c.ID, c.ID[:12], "containerd://" + c.ID} {
		if got := texts(w.read(inventory.LogSelector{ContainerIDs: []string{id}}, nil)); !slices.Equal(got, []string{"by id"}) {
			w.T.Errorf("%s: %q", id, got)
		}
	}
}
