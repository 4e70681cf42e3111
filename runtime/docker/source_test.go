// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/noded/noded/runtime/docker"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// id makes an id of a container.
func id(n int) string { return fmt.Sprintf("%064x", n) }

// running is what inspecting a running container says.
func running(name string) map[string]any {
	return map[string]any{
		"Name": "/" + name, "Created": "2026-11-24T03:00:00.5Z", "Image": "sha256:abc", "RestartCount": 2,
		"State": map[string]any{
			"Status": "running", "Running": true, "Pid": 4711, "StartedAt": "2026-11-24T03:00:01Z", "FinishedAt": "2026-11-24T02:59:00Z",
			"ExitCode": 0,
		},
		"HostConfig": map[string]any{
			"LogConfig": map[string]any{"Type": "json-file"}, "NetworkMode": "default", "NanoCpus": 1500000000, "CpuShares": 512,
			"Memory": 64 << 20, "MemoryReservation": 32 << 20, "OomScoreAdj": 7,
		},
		"Mounts": []any{
			map[string]any{"Type": "bind", "Source": "/srv", "Destination": "/data", "RW": false},
			map[string]any{"Type": "tmpfs", "Destination": "/cache", "RW": true},
		},
		"Config": map[string]any{
			"Image": "app:1", "Env": []any{"PASSWORD=canary-env"}, "Cmd": []any{"app", "--token=canary-cmd"}, "Labels": map[string]any{"app": "web"},
		},
		"Path": "canary-cmd", "Args": []any{"canary-cmd"},
	}
}

// exited is what inspecting an exited container says.
func exited(name string, code int, oom bool) map[string]any {
	c := running(name)
	c["State"] = map[string]any{
		"Status": "exited", "Pid": 0, "ExitCode": code, "OOMKilled": oom, "StartedAt": "2026-11-24T03:00:01Z", "FinishedAt": "2026-11-24T03:00:02Z",
	}
	return c
}

// runner runs a source and waits for what it is to say.
type runner struct {
	*docker.Source
	changed chan struct{}
	log     *lockedBuffer
}

func run(t *testing.T, c docker.Config) *runner {
	t.Helper()
	r := &runner{changed: make(chan struct{}, 1), log: new(lockedBuffer)}
	c.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.Source = docker.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx, func() {
			select {
			case r.changed <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("Run does not end")
		}
	})
	return r
}

// wait waits until holds is true of the state, which is only looked at after changes are told.
func (r *runner) wait(t *testing.T, what string, holds func(pods []inventory.Pod, containers []inventory.Container, status inventory.RuntimeStatus) bool) {
	t.Helper()
	timeout := time.After(2 * time.Minute)
	for !holds(r.State()) {
		select {
		case <-r.changed:
		case <-timeout:
			pods, containers, status := r.State()
			t.Fatalf("no %s: %+v %+v %+v", what, pods, containers, status)
		}
	}
}

// waitContainers waits until there are n containers and the daemon answers.
func (r *runner) waitContainers(t *testing.T, n int) []inventory.Container {
	t.Helper()
	var out []inventory.Container
	r.wait(t, fmt.Sprintf("%d containers", n), func(_ []inventory.Pod, containers []inventory.Container, status inventory.RuntimeStatus) bool {
		out = containers
		return len(containers) == n && status.Err == nil && status.Events
	})
	return out
}

// waitError waits until the daemon is held to be away.
func (r *runner) waitError(t *testing.T, words string) {
	t.Helper()
	r.wait(t, "error "+words, func(_ []inventory.Pod, _ []inventory.Container, status inventory.RuntimeStatus) bool {
		return status.Err != nil && strings.Contains(status.Err.Error(), words) && !status.Events
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestContainers(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(id(1), "", running("web"))
	f.set(id(2), "", exited("batch", 3, false))
	f.set(id(3), "", exited("hungry", 137, true))
	f.set(id(4), "", exited("done", 0, false))
	f.start(t)
	got := run(t, docker.Config{Socket: f.Socket}).waitContainers(t, 4)
	slices.SortFunc(got, func(a, b inventory.Container) int { return strings.Compare(a.ID, b.ID) })
	base := func(n int, name string) inventory.Container {
		return inventory.Container{
			Name: name, ID: id(n), Image: "app:1", ImageID: "sha256:abc", Run: 2, Created: at("2026-11-24T03:00:00.5Z"),
			Started: at("2026-11-24T03:00:01Z"), Labels: map[string]string{"app": "web"}, Runtime: "docker",
			Resources: inventory.Resources{CPULimit: 1500, CPURequest: 500, MemoryLimit: 64 << 20, MemoryRequest: 32 << 20, OOMScoreAdj: 7},
			Mounts:    []inventory.Mount{{ContainerPath: "/cache"}, {ContainerPath: "/data", HostPath: "/srv", ReadOnly: true}},
			Log:       &inventory.Log{Layout: podlog.LayoutDocker, Dir: id(n)},
		}
	}
	ended := func(n int, name string, code int32, reason string) inventory.Container {
		c := base(n, name)
		c.State, c.ExitCode, c.Reason, c.Finished = inventory.ContainerExited, &code, reason, at("2026-11-24T03:00:02Z")
		return c
	}
	web := base(1, "web")
	web.State, web.PID = inventory.ContainerRunning, 4711
	web.Previous = []inventory.Run{{Number: 1, Finished: at("2026-11-24T02:59:00Z")}}
	want := []inventory.Container{web, ended(2, "batch", 3, "Error"), ended(3, "hungry", 137, "OOMKilled"), ended(4, "done", 0, "Completed")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if text := fmt.Sprintf("%+v", got); strings.Contains(text, "canary") {
		t.Errorf("environment or command line in %s", text)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	code := func(n int32) *int32 { return &n }
	tests := map[string]struct {
		state  map[string]any
		want   inventory.ContainerState
		reason string
		code   *int32
	}{
		"created":    {map[string]any{"Status": "created", "StartedAt": "0001-01-01T00:00:00Z"}, inventory.ContainerCreated, "", nil},
		"paused":     {map[string]any{"Status": "paused", "Paused": true}, inventory.ContainerRunning, "Paused", nil},
		"restarting": {map[string]any{"Status": "restarting", "Running": true, "Restarting": true, "ExitCode": 1}, inventory.ContainerCreated, "Restarting", nil},
		"dead":       {map[string]any{"Status": "dead", "Dead": true, "ExitCode": -1}, inventory.ContainerExited, "Error", code(-1)},
		"not run":    {map[string]any{"Status": "created", "ExitCode": 127, "Error": "no such file"}, inventory.ContainerExited, "ContainerCannotRun", code(127)},
		"nonsense":   {map[string]any{"Status": "\x00"}, inventory.ContainerUnknown, "", nil},
		"none":       {nil, inventory.ContainerUnknown, "", nil},
	}
	f := newFake(t)
	n := 0
	for name, test := range tests {
		c := running(name)
		c["State"] = test.state
		f.set(id(n), "", c)
		n++
	}
	f.start(t)
	for _, got := range run(t, docker.Config{Socket: f.Socket}).waitContainers(t, len(tests)) {
		test := tests[got.Name]
		if got.State != test.want || got.Reason != test.reason || !cmp.Equal(got.ExitCode, test.code) {
			t.Errorf("%s: %v %q %v", got.Name, got.State, got.Reason, got.ExitCode)
		}
		if got.Name == "restarting" {
			want := []inventory.Run{{Number: 1, ExitCode: code(1), Reason: "Error"}}
			if diff := cmp.Diff(want, got.Previous); diff != "" {
				t.Errorf("runs before (-want +got):\n%s", diff)
			}
		}
	}
}

func TestLogDrivers(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	f := newFake(t)
	for n, driver := range []string{"json-file", "journald", "local", "none", "", "json-file"} {
		c := running(fmt.Sprint("c", n))
		c["HostConfig"] = map[string]any{"LogConfig": map[string]any{"Type": driver}}
		c["LogPath"] = "/elsewhere/x-json.log"
		f.set(id(n), "", c)
		if n < 5 {
			if err := os.Mkdir(filepath.Join(root, id(n)), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.start(t)
	want := []string{"", "CONTAINER_ID=000000000000", `log driver is "local"`, "log driver is none", "does not tell", `"/elsewhere/x-json.log"`}
	for i, c := range run(t, docker.Config{Socket: f.Socket, Root: root}).waitContainers(t, len(want)) {
		if (c.Log != nil) != (want[i] == "") || !strings.Contains(c.Message, want[i]) {
			t.Errorf("%s: %+v, %q", c.Name, c.Log, c.Message)
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(id(1), "", running("one"))
	f.start(t)
	r := run(t, docker.Config{Socket: f.Socket})
	r.waitContainers(t, 1)
	f.set(id(2), "create", running("two"))
	r.waitContainers(t, 2)
	f.set(id(2), "die", exited("two", 5, false))
	r.wait(t, "exit", func(_ []inventory.Pod, containers []inventory.Container, _ inventory.RuntimeStatus) bool {
		return containers[1].State == inventory.ContainerExited && *containers[1].ExitCode == 5
	})
	before := len(f.asked())
	f.set(id(2), "rename", exited("zwei", 5, false))
	r.wait(t, "new name", func(_ []inventory.Pod, containers []inventory.Container, _ inventory.RuntimeStatus) bool {
		return containers[1].Name == "zwei"
	})
	if asked := f.asked()[before:]; len(asked) != 1 {
		t.Errorf("an event made the requests %q", asked)
	}
	f.remove(id(1))
	r.waitContainers(t, 1)
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(id(1), "", running("one"))
	f.start(t)
	r := run(t, docker.Config{Socket: f.Socket, Refresh: 50 * time.Millisecond})
	r.waitContainers(t, 1)
	_, _, before := r.State()
	// No event tells of these.
	f.set(id(2), "", running("two"))
	r.waitContainers(t, 2)
	f.mu.Lock()
	delete(f.containers, id(1))
	f.mu.Unlock()
	r.waitContainers(t, 1)
	if _, _, after := r.State(); !after.Since.After(before.Since) {
		t.Error("Since stays")
	}
	// Nothing changes any more, so nothing is told. The last change may be told after it is seen.
	for end := time.Now().Add(time.Minute); ; {
		for len(r.changed) > 0 {
			<-r.changed
		}
		asked := len(f.asked())
		for len(f.asked()) < asked+6 {
			time.Sleep(10 * time.Millisecond)
		}
		if len(r.changed) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("changes are told, and there are none")
		}
	}
}

// TestStartFails: no event of a container tells that it could not be started.
func TestStartFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before map[string]any
		event  map[string]any
		want   string
	}{
		"the first time": {before: map[string]any{"Status": "created"}, want: "ContainerCannotRun"},
		"later": {
			before: map[string]any{"Status": "exited", "ExitCode": 1},
			event:  map[string]any{"Type": "network", "Action": "disconnect", "Actor": map[string]any{"ID": id(77), "Attributes": map[string]any{"container": id(1)}}},
			want:   "ContainerCannotRun",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.start(t)
			r := run(t, docker.Config{Socket: f.Socket, Refresh: time.Hour})
			r.waitContainers(t, 0)
			before, after := running("broken"), running("broken")
			before["State"] = tt.before
			after["State"] = map[string]any{"Status": tt.before["Status"], "ExitCode": 127, "Error": "no such file"}
			f.set(id(1), "create", before)
			if c := r.waitContainers(t, 1)[0]; c.Message != "" {
				t.Fatalf("container %+v", c)
			}
			f.set(id(1), "", after)
			if tt.event != nil {
				f.send(tt.event)
			}
			r.wait(t, "failed start", func(_ []inventory.Pod, containers []inventory.Container, _ inventory.RuntimeStatus) bool {
				c := containers[0]
				return c.State == inventory.ContainerExited && c.Reason == tt.want && *c.ExitCode == 127 && c.Message == "no such file"
			})
		})
	}
}

func TestAwayAndBack(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(id(1), "", running("one"))
	r := run(t, docker.Config{Socket: f.Socket})
	r.waitError(t, "no such file")
	f.start(t)
	r.waitContainers(t, 1)
	f.stop()
	r.waitError(t, "connect to docker")
	// What was known stays.
	if _, containers, status := r.State(); len(containers) != 1 || status.Version != "20.10.24" || status.Since.IsZero() {
		t.Errorf("state after the daemon went: %v %+v", containers, status)
	}
	f.mu.Lock()
	delete(f.containers, id(1))
	f.mu.Unlock()
	f.set(id(2), "", running("two"))
	f.set(id(3), "", running("three"))
	f.start(t)
	r.waitContainers(t, 2)
	if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings in\n%s", n, r.log)
	}
}

func TestStreamOfEventsEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(id(1), "", running("one"))
	end := make(chan struct{})
	var once sync.Once
	f.events = func(w http.ResponseWriter, r *http.Request) {
		first := false
		once.Do(func() { first = true })
		if !first {
			f.serveEvents(w, r)
			return
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-end
	}
	f.start(t)
	r := run(t, docker.Config{Socket: f.Socket})
	r.waitContainers(t, 1)
	f.set(id(2), "", running("two"))
	close(end)
	r.waitContainers(t, 2)
	if f.subscribers() != 1 {
		t.Errorf("%d subscribers", f.subscribers())
	}
}

// hang answers nothing until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestHangingDaemon(t *testing.T) {
	t.Parallel()
	tests := map[string]func(f *fake){
		"version": func(f *fake) { f.version = hang },
		"list":    func(f *fake) { f.list = hang },
		"events":  func(f *fake) { f.events = hang },
		"inspect": func(f *fake) { f.inspect = hang },
		"half an answer": func(f *fake) {
			f.list = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, `[{"Id":"`)
				w.(http.Flusher).Flush()
				hang(w, r)
			}
		},
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			for n := range 20 {
				f.set(id(n), "", running(fmt.Sprint("c", n)))
			}
			set(f)
			f.start(t)
			run(t, docker.Config{Socket: f.Socket, Timeout: 100 * time.Millisecond}).waitError(t, "within 100ms")
		})
	}
}

// TestHangingContainer: one container that cannot be inspected does not hide the others.
func TestHangingContainer(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"hangs": hang,
		"fails": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message":"broken"}`, http.StatusInternalServerError)
		},
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"State":5}`) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"Name":"`)
			for {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			for n := range 5 {
				f.set(id(n), "", running(fmt.Sprint("c", n)))
			}
			f.inspect = func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, id(3)) {
					answer(w, r)
					return
				}
				f.serveInspect(w, r)
			}
			f.start(t)
			r := run(t, docker.Config{Socket: f.Socket, Timeout: 10 * time.Second})
			containers := r.waitContainers(t, 5)
			if c := containers[3]; c.Name != "c3" || c.State != inventory.ContainerRunning || c.Image != "fake:1" || c.Log != nil {
				t.Errorf("the container is %+v", c)
			}
			if containers[4].Image != "app:1" {
				t.Errorf("another container is %+v", containers[4])
			}
			if problems := r.Problems(); len(problems) != 1 || !strings.Contains(problems[0], "c3") {
				t.Errorf("problems: %q", problems)
			}
		})
	}
}

// Several hang, and others do not: that is not the daemon. Who hung is not waited for so long the next time.
func TestSeveralHang(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	const hanging = 5
	for n := range hanging + 1 {
		f.set(id(n), "", running(fmt.Sprint("c", n)))
	}
	f.inspect = func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, id(hanging)) {
			f.serveInspect(w, r)
			return
		}
		hang(w, r)
	}
	f.start(t)
	r := run(t, docker.Config{Socket: f.Socket, Timeout: 1500 * time.Millisecond, Refresh: 100 * time.Millisecond})
	r.waitContainers(t, hanging+1)
	r.wait(t, "less patience", func(_ []inventory.Pod, containers []inventory.Container, _ inventory.RuntimeStatus) bool {
		problems := r.Problems()
		return containers[hanging].Image == "app:1" && len(problems) == hanging && !slices.ContainsFunc(problems, func(p string) bool { return !strings.HasSuffix(p, "within 1s") })
	})
}

// What is known of the end of a run stays when the next one runs.
func TestPreviousRun(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(id(1), "", running("one"))
	f.start(t)
	r := run(t, docker.Config{Socket: f.Socket})
	r.waitContainers(t, 1)
	const ended = "2026-11-24T05:00:09.5Z"
	waiting := running("one")
	waiting["RestartCount"] = 3
	waiting["State"] = map[string]any{
		"Status": "restarting", "Restarting": true, "Running": true, "ExitCode": 7,
		"StartedAt": "2026-11-24T05:00:00.5Z", "FinishedAt": ended,
	}
	f.set(id(1), "die", waiting)
	code := int32(7)
	want := []inventory.Run{{Number: 2, Started: at("2026-11-24T05:00:00.5Z"), Finished: at(ended), ExitCode: &code, Reason: "Error"}}
	hold := func(state inventory.ContainerState) {
		t.Helper()
		r.wait(t, "the run before", func(_ []inventory.Pod, containers []inventory.Container, _ inventory.RuntimeStatus) bool {
			return containers[0].State == state && cmp.Equal(containers[0].Previous, want)
		})
	}
	hold(inventory.ContainerCreated)
	again := func(run int, before string) map[string]any {
		c := running("one")
		c["RestartCount"] = run
		c["State"].(map[string]any)["FinishedAt"] = before
		return c
	}
	f.set(id(1), "start", again(3, ended))
	hold(inventory.ContainerRunning)
	f.set(id(1), "update", again(3, ended))
	hold(inventory.ContainerRunning)
	// Of another run before nothing but its time is known.
	f.set(id(1), "start", again(4, "2026-11-24T06:00:00Z"))
	want = []inventory.Run{{Number: 3, Finished: at("2026-11-24T06:00:00Z")}}
	hold(inventory.ContainerRunning)
}

func TestNonsenseDaemon(t *testing.T) {
	t.Parallel()
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, set := range map[string]func(f *fake){
		"version":         func(f *fake) { f.version = write("hello") },
		"other service":   func(f *fake) { f.version = write("{}") },
		"list":            func(f *fake) { f.list = write(`{"message":"what?"}`) },
		"list not found":  func(f *fake) { f.list = http.NotFound },
		"events":          func(f *fake) { f.events = write("\x00\x01") },
		"events redirect": func(f *fake) { f.events = http.RedirectHandler("http://192.0.2.1/", http.StatusFound).ServeHTTP },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			set(f)
			f.start(t)
			run(t, docker.Config{Socket: f.Socket}).waitError(t, "")
		})
	}
	t.Run("ids", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.set("../../etc", "", running("bad"))
		f.set(id(1), "", running("good"))
		f.start(t)
		r := run(t, docker.Config{Socket: f.Socket})
		r.waitContainers(t, 1)
		f.set(strings.ToUpper(id(10)), "create", running("bad"))
		f.set(id(2), "create", running("good"))
		r.waitContainers(t, 2)
		if problems := r.Problems(); len(problems) != 1 || !strings.Contains(problems[0], "1 containers without a valid id") {
			t.Errorf("problems: %q", problems)
		}
	})
}
