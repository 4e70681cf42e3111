// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// TestPodStatus: what kubectl says of the same pod, as far as the runtime tells.
func TestPodStatus(t *testing.T) {
	t.Parallel()
	code := func(n int32) *int32 { return &n }
	running := inventory.Container{Type: inventory.TypeRegular, State: inventory.ContainerRunning}
	ended := func(n int32, reason string) inventory.Container {
		return inventory.Container{Type: inventory.TypeRegular, State: inventory.ContainerExited, ExitCode: code(n), Reason: reason}
	}
	asInit := func(c inventory.Container) inventory.Container { c.Type = inventory.TypeInit; return c }
	booted := time.Unix(1700000000, 0)
	before := func(c inventory.Container) inventory.Container { c.Created = booted.Add(-time.Hour); return c }
	after := func(c inventory.Container) inventory.Container { c.Created = booted.Add(time.Second); return c }
	tests := []struct {
		name          string
		pod           inventory.Pod
		status, ready string
	}{
		{"running", inventory.Pod{State: inventory.StateReady, Containers: []inventory.Container{running, running}}, "Running", "2/2"},
		{"one has ended well", inventory.Pod{State: inventory.StateReady, Containers: []inventory.Container{running, ended(0, "Completed")}}, "Running", "1/2"},
		{"one was killed", inventory.Pod{State: inventory.StateReady, Containers: []inventory.Container{running, ended(137, "OOMKilled")}}, "OOMKilled", "1/2"},
		{"all have ended", inventory.Pod{State: inventory.StateNotReady, Containers: []inventory.Container{ended(0, "Completed")}}, "Completed", "0/1"},
		{"without a reason", inventory.Pod{State: inventory.StateNotReady, Containers: []inventory.Container{ended(3, "")}}, "ExitCode:3", "0/1"},
		{"no container yet", inventory.Pod{State: inventory.StateReady}, "ContainerCreating", "0/0"},
		{"the sandbox is gone", inventory.Pod{State: inventory.StateNotReady, Containers: []inventory.Container{running}}, "NotReady", "1/1"},
		{"in init", inventory.Pod{State: inventory.StateReady, Containers: []inventory.Container{asInit(ended(0, "")), asInit(running)}}, "Init:1/2", "0/0"},
		{"init failed", inventory.Pod{State: inventory.StateReady, Containers: []inventory.Container{asInit(ended(1, "Error"))}}, "Init:Error", "0/0"},
		{"after init", inventory.Pod{State: inventory.StateReady, Containers: []inventory.Container{asInit(ended(0, "")), running}}, "Running", "1/1"},
		{"init is done", inventory.Pod{State: inventory.StateReady, Containers: []inventory.Container{asInit(ended(0, ""))}}, "PodInitializing", "0/0"},
		{"init again", inventory.Pod{State: inventory.StateReady, Created: booted, Containers: []inventory.Container{
			asInit(before(ended(0, ""))), before(ended(255, "Error")),
		}}, "Init:0/1", "0/1"},
		{"after init again", inventory.Pod{State: inventory.StateReady, Created: booted, Containers: []inventory.Container{
			asInit(after(ended(0, ""))), after(running),
		}}, "Running", "1/1"},
		{"again without init", inventory.Pod{State: inventory.StateReady, Created: booted, Containers: []inventory.Container{
			before(ended(255, "Error")),
		}}, "Error", "0/1"},
		{"no sandbox yet", inventory.Pod{LogsOnly: true}, "ContainerCreating", "0/0"},
		{"only logs", inventory.Pod{LogsOnly: true, Containers: []inventory.Container{{}}}, "LogsOnly", "?/1"},
	}
	for _, tt := range tests {
		if status, ready := podStatus(&tt.pod), podReady(&tt.pod); status != tt.status || ready != tt.ready {
			t.Errorf("%s: %s %s, want %s %s", tt.name, ready, status, tt.ready, tt.status)
		}
	}
}

func TestPodRestarts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	p := inventory.Pod{Containers: []inventory.Container{
		{Run: 3, Previous: []inventory.Run{{Number: 2, Finished: now.Add(-5 * time.Minute)}}}, {Run: 1}, {Type: inventory.TypeInit, Run: 6},
	}}
	if got := podRestarts(&p, now); got != "10 (5m ago)" {
		t.Errorf("podRestarts = %s", got)
	}
	p.Containers[0].Type = inventory.TypeRegular
	if got := podRestarts(&p, now); got != "4 (5m ago)" {
		t.Errorf("podRestarts after init = %s", got)
	}
	if got := podRestarts(&inventory.Pod{Containers: []inventory.Container{{Run: 1}}}, now); got != "1" {
		t.Errorf("podRestarts = %s", got)
	}
}

func TestContainerStatus(t *testing.T) {
	t.Parallel()
	code := int32(3)
	for want, c := range map[string]inventory.Container{
		"Running":    {State: inventory.ContainerRunning, Reason: "OOMKilled"},
		"Paused":     {State: inventory.ContainerRunning, Reason: "Paused"},
		"Created":    {State: inventory.ContainerCreated},
		"Restarting": {State: inventory.ContainerCreated, Reason: "Restarting"},
		"Error (3)":  {State: inventory.ContainerExited, Reason: "Error", ExitCode: &code},
		"Unknown":    {ID: "c0"},
		"LogsOnly":   {},
	} {
		if got := containerStatus(&c); got != want {
			t.Errorf("containerStatus = %s, want %s", got, want)
		}
	}
}

func TestRunListAndQuantity(t *testing.T) {
	t.Parallel()
	if got := runList([]uint32{0, 1, 2, 5, 7, 8}); got != "0-2, 5, 7-8" {
		t.Errorf("runList = %s", got)
	}
	for n, want := range map[int64]string{0: "0", 1000: "1000", 1024: "1Ki", 128 << 20: "128Mi", 3 << 29: "1536Mi", 1 << 40: "1Ti"} {
		if got := quantity(n); got != want {
			t.Errorf("quantity(%d) = %s, want %s", n, got, want)
		}
	}
}

// TestWatchPods: a table of what there is, then a row for each change.
func TestWatchPods(t *testing.T) {
	t.Parallel()
	pod := func(name string, state inventory.ContainerState) inventory.Pod {
		return inventory.Pod{Namespace: "shop", Name: name, State: inventory.StateReady, Containers: []inventory.Container{{Type: inventory.TypeRegular, State: state}}}
	}
	n := &fakeNode{events: []client.PodEvent{
		{Type: client.PodAdded, Pod: pod("web-with-a-long-name", inventory.ContainerRunning)},
		{Type: client.PodAdded, Pod: pod("db", inventory.ContainerCreated)},
		{Type: client.PodsSynced, Problems: []string{"containerd is away"}},
		{Type: client.PodModified, Pod: pod("db", inventory.ContainerRunning)},
		{Type: client.PodProblems, Problems: []string{"containerd is away", "docker is away"}},
		{Type: client.PodProblems},
		{Type: client.PodDeleted, Pod: pod("db", inventory.ContainerRunning)},
	}}
	for format, want := range map[string]string{
		"table": `NAMESPACE   NAME                   READY   STATUS              RESTARTS   AGE
shop        web-with-a-long-name   1/1     Running             0          <unknown>
shop        db                     0/1     ContainerCreating   0          <unknown>
shop        db                     1/1     Running             0          <unknown>
shop        db                     1/1     Deleted             0          <unknown>
`,
		"name": "pod/web-with-a-long-name\npod/db\npod/db\npod/db\n",
	} {
		var out, errs bytes.Buffer
		g := newGlobals(Streams{Out: &out, Err: &errs, Getenv: func(string) string { return "" }})
		if err := watchPods(context.Background(), g, &podFlags{format: format}, n, inventory.PodSelector{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("-o %s: -want +got\n%s", format, diff)
		}
		if diff := cmp.Diff("containerd is away\nnoded went away; waiting up to 30s: connect: refused\nnoded is back after 5s\n"+
			"docker is away\nall is known again\n", errs.String()); diff != "" {
			t.Errorf("-o %s, what is known only in part: -want +got\n%s", format, diff)
		}
	}
	var out, errs bytes.Buffer
	g := newGlobals(Streams{Out: &out, Err: &errs, Getenv: func(string) string { return "" }})
	if err := watchPods(context.Background(), g, &podFlags{format: "json"}, n, inventory.PodSelector{}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[3], `{"type":"deleted","pod":{"namespace":"shop","name":"db"`) {
		t.Errorf("-o json: %s", out.String())
	}
}

// TestDescribe: what the runtime tells, in the order of kubectl describe.
func TestDescribe(t *testing.T) {
	t.Parallel()
	n := controlPlane()
	p := &n.snapshot.Pods[2]
	code := int32(137)
	p.Labels, p.AnnotationNames, p.Addresses = map[string]string{"app": "web", "tier": "front", "io.kubernetes.pod.name": p.Name}, []string{"a/b"}, []string{"10.0.0.7"}
	p.State = inventory.StateReady
	c := &p.Containers[0]
	c.Type, c.Runtime, c.Image, c.State, c.Run, c.PID = inventory.TypeRegular, "containerd", "registry/web:1", inventory.ContainerRunning, 3, 4711
	c.Resources = inventory.Resources{CPULimit: 1500, MemoryLimit: 128 << 20, CPURequest: 100}
	c.Mounts = []inventory.Mount{{ContainerPath: "/data", HostPath: "/var/lib/x", ReadOnly: true}, {ContainerPath: "/tmp", HostPath: "/y\x1b[2J"}}
	c.LoggedRuns = []uint32{2, 3}
	c.Previous = []inventory.Run{{Number: 2, ExitCode: &code, Reason: "OOMKilled", Logged: true, Finished: time.Unix(1700000000, 0)}}
	n.lines["web"][0].Text = []byte("last words \x1b]0;x\x07")
	var out bytes.Buffer
	g := newGlobals(Streams{Out: &out, Err: &out, Getenv: func(string) string { return "" }})
	d := &describer{globals: g, backend: n, lines: 10, now: time.Unix(1700000060, 0)}
	d.pod(context.Background(), p)
	if err := d.end(nil); err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(out.String(), time.Unix(1700000000, 0).Format(time.RFC1123Z), "TIME")
	want := `Name:              web-5c9d8f6b7-4qk2n
Namespace:         shop
UID:               uid-web-5c9d8f6b7-4qk2n
Status:            Running
Controlled By:     deployment/web
IPs:               10.0.0.7
Labels:            app=web
                   tier=front
Annotations:       a/b
Containers:
  web:
    Container ID:  containerd://wwwwwwww
    Image:         registry/web:1
    State:         Running
      PID:         4711
    Restart Count: 3
    Limits:        cpu 1500m, memory 128Mi
    Requests:      cpu 100m
    Mounts:        /data from /var/lib/x (ro)
                   /tmp from /y\x1b[2J (rw)
    Logged Runs:   2-3
    Last State:    run 2
      Reason:      OOMKilled
      Exit Code:   137
      Finished:    TIME (60s ago)
    Last lines of the previous run:
      last words \x1b]0;x\x07
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(n.logRequests) != 1 || n.logRequests[0].Query.Runs != podlog.RunsPrevious || n.logRequests[0].Query.Tail != 10 {
		t.Errorf("asked for %+v", n.logRequests)
	}
}
