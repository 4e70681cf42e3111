// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/cri"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/test/containerd"
)

// TestInventory compares what is known of pods with what was started.
func TestInventory(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		w.T.Run("pod", func(t *testing.T) { w.with(t).testPod() })
		w.T.Run("ends", func(t *testing.T) { w.with(t).testEnds() })
		w.T.Run("restarts", func(t *testing.T) { w.with(t).testRestarts() })
		w.T.Run("another sandbox", func(t *testing.T) { w.with(t).testAnotherSandbox() })
		w.T.Run("static", func(t *testing.T) { w.with(t).testStatic() })
		w.T.Run("names", func(t *testing.T) { w.with(t).testNames() })
		w.T.Run("another UID", func(t *testing.T) { w.with(t).testAnotherUID() })
		w.T.Run("removed", func(t *testing.T) { w.with(t).testRemoved() })
	})
}

// with returns the world for a subtest.
func (w *world) with(t *testing.T) *world {
	return &world{Pods: w.With(t), logs: w.logs}
}

func (w *world) testPod() {
	t := w.T
	began := time.Now()
	labels := map[string]string{"app": "web", "pod-template-hash": "7d4b9c6f5"}
	pod := w.RunPod(containerd.Pod{Namespace: "shop", Name: "web-7d4b9c6f5-x2x7k", Labels: labels, Annotations: map[string]string{
		"kubectl.kubernetes.io/default-container": "server", "note": "canary-value",
	}})
	w.waitKnown(pod, w.start(pod, "migrate", "lines:3"))
	started := w.Start(pod, containerd.Container{
		Name: "server", Args: []string{"lines:2", "pause"}, MemoryLimit: 32 << 20, CPULimit: 500, CPURequest: 250,
		Mounts: []*criapi.Mount{{ContainerPath: "/data", HostPath: w.Containerd.SocketDirectory(), Readonly: true}},
	})
	sidecar := w.start(pod, "sidecar", "mixed:4", "pause")
	w.untilRunning(started, pod)
	w.untilRunning(sidecar, pod)
	s := w.until("all logs are known", func(s *inventory.Snapshot) bool {
		p := findPod(s, pod.UID)
		return p != nil && len(p.Containers) == 3 && !slices.ContainsFunc(p.Containers, func(c inventory.Container) bool { return len(c.LoggedRuns) == 0 })
	})

	p := findPod(s, pod.UID)
	if p.State != inventory.StateReady || p.LogsOnly || p.HostNetwork || p.Static || p.SandboxID != pod.SandboxID {
		t.Errorf("pod %+v", p)
	}
	if len(p.Addresses) != 1 || !strings.HasPrefix(p.Addresses[0], "10.88.") {
		t.Errorf("addresses %q", p.Addresses)
	}
	if p.Labels["app"] != "web" {
		t.Errorf("labels %v", p.Labels)
	}
	if !slices.Contains(p.AnnotationNames, "note") {
		t.Errorf("names of annotations %q", p.AnnotationNames)
	}
	if p.DefaultContainer != "server" {
		t.Errorf("default container %q", p.DefaultContainer)
	}
	if want := (inventory.Workload{Kind: "deployment", Name: "web"}); p.Owner != want {
		t.Errorf("owner %v, want %v", p.Owner, want)
	}
	if p.Created.Before(began) || p.Created.After(time.Now()) {
		t.Errorf("created %v", p.Created)
	}
	var names []string
	for _, c := range p.Containers {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"migrate", "server", "sidecar"}, names); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if c := findContainer(p, "migrate"); c.Type != inventory.TypeInit || c.State != inventory.ContainerExited || c.ExitCode == nil || *c.ExitCode != 0 {
		t.Errorf("init container %+v", c)
	}
	w.checkServer(findContainer(p, "server"), started, began)
	const limit = 48 << 20
	if err := started.SetMemoryLimit(w.Ctx, limit); err != nil {
		t.Fatal(err)
	}
	w.untilContainer(pod, "server", "resized", func(c *inventory.Container) bool { return c.Resources.MemoryLimit == limit })
}

// checkServer compares a container with limits and a mount.
func (w *world) checkServer(c *inventory.Container, started *containerd.RunningContainer, began time.Time) {
	w.T.Helper()
	if c.ID != started.ID || c.Type != inventory.TypeRegular || c.State != inventory.ContainerRunning || c.Run != 0 || c.ExitCode != nil {
		w.T.Errorf("container %+v", c)
	}
	if c.Image != containerd.Image || !strings.HasPrefix(c.ImageID, "sha256:") {
		w.T.Errorf("image %q, id %q", c.Image, c.ImageID)
	}
	if c.Runtime != "containerd" {
		w.T.Errorf("runtime %q", c.Runtime)
	}
	if c.PID <= 0 {
		w.T.Errorf("process %d", c.PID)
	}
	if c.Created.Before(began) || c.Started.Before(c.Created) || c.Started.After(time.Now()) {
		w.T.Errorf("created %v, started %v", c.Created, c.Started)
	}
	resources := inventory.Resources{CPULimit: 500, CPURequest: 250, MemoryLimit: 32 << 20}
	got := c.Resources
	got.OOMScoreAdj = 0 // the test runs with that of its parent
	if diff := cmp.Diff(resources, got); diff != "" {
		w.T.Errorf("resources (-want +got):\n%s", diff)
	}
	mount := inventory.Mount{ContainerPath: "/data", HostPath: w.Containerd.SocketDirectory(), ReadOnly: true}
	if !slices.Contains(c.Mounts, mount) {
		w.T.Errorf("mounts %v, want one %v", c.Mounts, mount)
	}
	if c.Log == nil || c.Log.Layout != podlog.LayoutCRI || !strings.HasSuffix(c.Log.Dir, "/server") {
		w.T.Errorf("log %+v", c.Log)
	}
	if diff := cmp.Diff([]uint32{0}, c.LoggedRuns); diff != "" {
		w.T.Errorf("logged runs (-want +got):\n%s", diff)
	}
}

// testEnds: exit codes and reasons are told as soon as containers end.
func (w *world) testEnds() {
	pod := w.RunPod(containerd.Pod{Name: "ends", HostNetwork: true})
	hungry, eat := containerd.Hungry(w.T)
	for _, tt := range []struct {
		c      containerd.Container
		code   int32
		reason string
	}{
		{containerd.Container{Name: "done", Args: []string{"sleep:50ms"}}, 0, "Completed"},
		{containerd.Container{Name: "fails", Args: []string{"sleep:50ms", "exit:3"}}, 3, "Error"},
		{hungry, 137, "OOMKilled"},
	} {
		started := w.Start(pod, tt.c)
		eat(w.T)
		w.wait(started)
		before := time.Now()
		// containerd 1.6 calls want of memory an error at first.
		if tt.reason == "OOMKilled" && !w.saysOutOfMemory(started) {
			tt.reason = "Error"
		}
		got := w.untilContainer(pod, tt.c.Name, "ended", func(c *inventory.Container) bool {
			return c.State == inventory.ContainerExited && c.Reason == tt.reason
		})
		w.T.Logf("the end of %s is known %v later", tt.c.Name, time.Since(before).Round(time.Millisecond))
		if got.ExitCode == nil || *got.ExitCode != tt.code || got.Finished.IsZero() {
			w.T.Errorf("%s: %+v, want exit code %d", tt.c.Name, got, tt.code)
		}
	}
	w.testCannotStart(pod)
	p := findPod(w.until("there", func(*inventory.Snapshot) bool { return true }), pod.UID)
	if !p.HostNetwork {
		w.T.Error("the pod is not on the network of the node")
	}
	if err := pod.Stop(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	w.until("the sandbox is not ready", func(s *inventory.Snapshot) bool {
		p := findPod(s, pod.UID)
		return p != nil && p.State == inventory.StateNotReady
	})
}

// saysOutOfMemory reports whether containerd knows that a container ran out of memory: on a busy machine it can miss that itself.
func (w *world) saysOutOfMemory(c *containerd.RunningContainer) bool {
	w.T.Helper()
	api, _ := w.Containerd.CRI()
	for deadline := time.Now().Add(within / 2); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		r, err := api.ContainerStatus(w.Ctx, &criapi.ContainerStatusRequest{ContainerId: c.ID})
		if err != nil {
			w.T.Fatal(err)
		}
		if r.GetStatus().GetReason() == "OOMKilled" {
			return true
		}
	}
	w.T.Log("containerd does not know that it ran out of memory")
	return false
}

// testCannotStart: no event of the runtime tells that a container could not be started.
func (w *world) testCannotStart(pod *containerd.RunningPod) {
	broken, err := pod.Create(w.Ctx, containerd.Container{Name: "broken", Program: "/nothing"})
	if err != nil {
		w.T.Fatal(err)
	}
	w.untilContainer(pod, "broken", "created", func(c *inventory.Container) bool { return c.State == inventory.ContainerCreated })
	if err := broken.Start(w.Ctx); err == nil {
		w.T.Fatal("a program that is not there runs")
	}
	before := time.Now()
	got := w.untilContainer(pod, "broken", "ended", func(c *inventory.Container) bool { return c.State == inventory.ContainerExited })
	w.T.Logf("the failed start is known %v later", time.Since(before).Round(time.Millisecond))
	if got.ExitCode == nil || *got.ExitCode == 0 || got.Reason != "StartError" || !strings.Contains(got.Message, "/nothing") {
		w.T.Errorf("container %+v", got)
	}
}

// testRestarts: each run is known, by the runtime or by its log alone.
func (w *world) testRestarts() {
	pod := w.RunPod(containerd.Pod{Name: "restarts", HostNetwork: true})
	first := w.start(pod, "app", "lines:1", "exit:1")
	second := w.restart(first, "lines:1", "exit:2")
	third := w.restart(second, "lines:1", "pause")
	w.untilRunning(third, pod)
	check := func(what string, known ...*containerd.RunningContainer) {
		w.T.Helper()
		c := w.untilContainer(pod, "app", what, func(c *inventory.Container) bool {
			ids := 0
			for _, run := range c.Previous {
				// The end of one may be known a moment after the next one runs.
				if run.ID != "" && run.ExitCode != nil {
					ids++
				}
			}
			return c.Run == 2 && len(c.LoggedRuns) == 3 && len(c.Previous) == 2 && ids == len(known)
		})
		for i, run := range c.Previous {
			number := uint32(1 - i)
			if run.Number != number || !run.Logged {
				w.T.Errorf("%s: run %+v, want number %d with a log", what, run, number)
			}
		}
		for _, k := range known {
			run := c.Previous[1-k.Attempt]
			if run.ID != k.ID || run.ExitCode == nil || *run.ExitCode != int32(k.Attempt+1) {
				w.T.Errorf("%s: run %+v, want id %s and exit code %d", what, run, k.ID, k.Attempt+1)
			}
		}
	}
	check("three runs", first, second)
	// The kubelet keeps one dead container only.
	if err := first.Remove(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	check("the first one forgotten", second)
}

// testAnotherSandbox: after a restart of the node everything of a pod begins again in a new sandbox, while the runtime still has the old
// ones.
func (w *world) testAnotherSandbox() {
	pod := w.RunPod(containerd.Pod{Name: "reborn", HostNetwork: true})
	w.waitKnown(pod, w.start(pod, "migrate", "lines:1"))
	w.untilRunning(w.start(pod, "app", "pause"), pod)
	if err := pod.Stop(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	w.until("the sandbox is not ready", func(s *inventory.Snapshot) bool { return findPod(s, pod.UID).State == inventory.StateNotReady })
	again := w.RunPod(containerd.Pod{Name: "reborn", UID: pod.UID, Attempt: 1, HostNetwork: true})
	w.wait(w.Start(again, containerd.Container{Name: "migrate", Args: []string{"lines:1"}, Attempt: 1}))
	w.untilRunning(w.Start(again, containerd.Container{Name: "app", Args: []string{"pause"}, Attempt: 1}), again)

	holds := func(s *inventory.Snapshot) bool {
		p := findPod(s, pod.UID)
		return p != nil && p.State == inventory.StateReady && p.SandboxID == again.SandboxID && p.SandboxAttempt == 1 && len(p.Containers) == 2 &&
			!slices.ContainsFunc(p.Containers, func(c inventory.Container) bool { return c.Run != 1 || len(c.Previous) != 1 }) &&
			findContainer(p, "migrate").Type == inventory.TypeInit && findContainer(p, "app").Type == inventory.TypeRegular
	}
	w.until("all has begun again", holds)
	// One that did not see what was before finds the same.
	fresh := w.with(w.T)
	fresh.Inventory = inventory.New(inventory.Config{
		Sources: []inventory.Source{cri.New(cri.Config{Socket: w.Containerd.Socket(), Logger: w.Logger})},
		Tree:    logtree.New(w.Root), Hub: w.Hub, Logger: w.Logger,
	})
	fresh.Go(fresh.Inventory.Run)
	fresh.until("all has begun again, by its traces", holds)
}

func (w *world) testStatic() {
	pod := w.RunPod(containerd.Pod{
		Namespace: "kube-system", Name: "kube-apiserver-node1", UID: "0123456789abcdef0123456789abcdef", HostNetwork: true,
		Labels:      map[string]string{"component": "kube-apiserver", "tier": "control-plane"},
		Annotations: map[string]string{"kubernetes.io/config.source": "file", "kubernetes.io/config.hash": "0123456789abcdef0123456789abcdef"},
	})
	w.untilRunning(w.start(pod, "kube-apiserver"), pod)
	p := findPod(w.until("there", func(*inventory.Snapshot) bool { return true }), pod.UID)
	if !p.Static || p.Owner != (inventory.Workload{}) {
		w.T.Errorf("pod %+v, want a static one without an owner", p)
	}
}

// testNames: names that mean nothing, or too much.
func (w *world) testNames() {
	one := w.RunPod(containerd.Pod{Namespace: "blue", Name: "cache-0", HostNetwork: true})
	two := w.RunPod(containerd.Pod{Namespace: "green", Name: "cache-0", HostNetwork: true})
	w.untilRunning(w.start(one, "redis"), one)
	w.untilRunning(w.start(two, "redis"), two)
	w.untilRunning(w.start(two, "metrics"), two)
	for _, tt := range []struct {
		name string
		sel  inventory.LogSelector
		want error
		text []string
	}{
		{"unknown", logsOf("blue", "cash-0"), inventory.ErrNotFound, []string{`pods "cash-0" not found`, "cache-0"}},
		{"ambiguous", logsOf("", "cache-0"), inventory.ErrAmbiguous, []string{"blue green"}},
		{"other namespace", logsOf("red", "cache-0"), inventory.ErrNotFound, []string{`namespace "red"`}},
		{
			"several containers", logsOf("green", "cache-0"), inventory.ErrChooseContainer,
			[]string{"a container name must be specified for pod cache-0, choose one of: [redis metrics]"},
		},
		{"unknown container", logsOf("blue", "cache-0", "redi"), nil, []string{"container redi is not valid for pod cache-0"}},
		{"selector", inventory.LogSelector{Pods: &inventory.PodSelector{LabelSelector: "a in ("}}, inventory.ErrBadSelector, nil},
		{"id", inventory.LogSelector{ContainerIDs: []string{"ffffffffffff"}}, inventory.ErrNotFound, nil},
	} {
		set, err := w.Inventory.Logs(w.Ctx, tt.sel, false)
		if err == nil {
			set.Close()
			w.T.Errorf("%s: no error", tt.name)
			continue
		}
		if tt.want != nil && !errors.Is(err, tt.want) {
			w.T.Errorf("%s: %v is not %v", tt.name, err, tt.want)
		}
		for _, text := range tt.text {
			if !strings.Contains(err.Error(), text) {
				w.T.Errorf("%s: %q does not say %q", tt.name, err, text)
			}
		}
	}
}

func logsOf(namespace, pod string, containers ...string) inventory.LogSelector {
	return inventory.LogSelector{Pods: &inventory.PodSelector{Namespace: namespace, Names: []string{pod}}, Containers: containers}
}

// testAnotherUID: a name that was used again means the newer pod, and both are there.
func (w *world) testAnotherUID() {
	old := w.RunPod(containerd.Pod{Name: "again-0", HostNetwork: true})
	w.wait(w.start(old, "app", "out:old"))
	if err := old.Remove(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	next := w.RunPod(containerd.Pod{Name: "again-0", HostNetwork: true})
	c := w.start(next, "app", "out:new", "pause")
	w.untilRunning(c, next)
	w.untilContainer(next, "app", "logged", func(c *inventory.Container) bool { return len(c.LoggedRuns) == 1 })
	s := w.until("the old one is known by its log", func(s *inventory.Snapshot) bool {
		p := findPod(s, old.UID)
		return p != nil && p.LogsOnly && len(p.Containers) == 1 && len(p.Containers[0].LoggedRuns) == 1
	})
	got, err := s.Pod("default", "again-0", "")
	if err != nil || got.UID != next.UID {
		w.T.Errorf("Pod = %s, %v, want %s", got.UID, err, next.UID)
	}
	w.eventually("log of the name", func() (string, bool) {
		got := texts(w.read(logsOf("default", "again-0"), nil))
		return fmt.Sprintf("%q", got), slices.Equal(got, []string{"new"})
	})
	if got := texts(w.read(selectPod(old), nil)); !slices.Equal(got, []string{"old"}) {
		w.T.Errorf("log of the old UID: %q", got)
	}
}

// testRemoved: a pod is there as long as its logs.
func (w *world) testRemoved() {
	pod := w.RunPod(containerd.Pod{Name: "leaves", HostNetwork: true, Labels: map[string]string{"app": "leaves"}})
	w.waitKnown(pod, w.start(pod, "app", "out:bye"))
	if err := pod.Remove(w.Ctx); err != nil {
		w.T.Fatal(err)
	}
	w.until("only logs", func(s *inventory.Snapshot) bool {
		p := findPod(s, pod.UID)
		return p != nil && p.LogsOnly && len(p.Containers) == 1
	})
	if got := texts(w.read(logsOf("", "leaves"), nil)); !slices.Equal(got, []string{"bye"}) {
		w.T.Errorf("log of a removed pod: %q", got)
	}
	if err := pod.RemoveLogs(); err != nil {
		w.T.Fatal(err)
	}
	w.until("gone", func(s *inventory.Snapshot) bool { return findPod(s, pod.UID) == nil })
}
