// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	eventsapi "github.com/containerd/containerd/api/events"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

func TestState(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	f.exit("c0", 137, "OOMKilled")
	f.addContainer("c1", "aa", "app", 1)
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	pods := await(t, s, changed, "a pod", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return len(p) == 1 })
	code := int32(137)
	started := time.Unix(1_700_000_011, 0)
	want := inventory.Pod{
		Namespace: "prod", Name: "web-0", UID: "uid-web-0", Labels: map[string]string{"app": "web-0"},
		AnnotationNames: []string{annotationSource, "secret"}, State: inventory.StateReady, Created: time.Unix(1_700_000_000, 0),
		Addresses: []string{"10.0.0.1", "fd00::1"}, SandboxID: "aa", CgroupParent: "/kubepods/poduid-web-0",
		Containers: []inventory.Container{{
			Name: "app", ID: "c1", Type: inventory.TypeRegular, Image: "registry/app", ImageID: "sha256:1",
			State: inventory.ContainerRunning, Run: 1, Created: time.Unix(1_700_000_011, 0), Started: time.Unix(1_700_000_012, 0),
			Resources: inventory.Resources{CPULimit: 500, CPURequest: 250, MemoryLimit: 1 << 20, OOMScoreAdj: 936},
			Mounts:    []inventory.Mount{{ContainerPath: "/data", HostPath: "/srv", ReadOnly: true}},
			Previous: []inventory.Run{{
				ID: "c0", Started: started, Finished: started.Add(5 * time.Second), ExitCode: &code, Reason: "OOMKilled",
			}},
			Runtime: nameContainerd, PID: 4711,
			Log: &inventory.Log{Layout: podlog.LayoutCRI, Dir: "prod_web-0_uid-web-0/app"},
		}},
	}
	if d := cmp.Diff(want, pods[0]); d != "" {
		t.Error(d)
	}
	if strings.Contains(fmt.Sprintf("%+v", pods), "canary") {
		t.Error("environment, arguments or annotations were kept")
	}
	_, _, state := s.State()
	if state.Name != nameContainerd || state.Version != "1.2.3" || state.Err != nil || state.Since.IsZero() || !state.Events {
		t.Errorf("status = %+v", state)
	}
}

// runOnePod runs a source of a fake that has a pod, until that is known and the events of containerd are listened to.
func runOnePod(t *testing.T, f *fakeRuntime) (s inventory.Source, changed chan struct{}) {
	t.Helper()
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed = run(t, Config{Socket: socket})
	await(t, s, changed, "a pod", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return len(p) == 1 })
	f.containerd.awaitListener(t)
	return s, changed
}

func TestContainerdEvents(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "an answer", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool { return !r.Since.IsZero() })
	f.containerd.awaitListener(t)
	full := f.calls["ListPodSandbox"].Load()

	f.addPod("aa", "web-0", 0)
	f.event("/tasks/start", &eventsapi.TaskStart{ContainerID: "aa"})
	await(t, s, changed, "a pod", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return len(p) == 1 })
	// The event comes before the CRI knows the container.
	f.event("/containers/create", &eventsapi.ContainerCreate{ID: "c0"})
	time.Sleep(100 * time.Millisecond)
	f.addContainer("c0", "aa", "app", 0)
	await(t, s, changed, "a container", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return len(p[0].Containers) == 1 })
	// It has ended, and the CRI notices later.
	f.event("/tasks/exit", taskExit("c0"))
	time.Sleep(100 * time.Millisecond)
	f.exit("c0", 3, "Error")
	await(t, s, changed, "its end", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		c := p[0].Containers[0]
		return c.State == inventory.ContainerExited && *c.ExitCode == 3 && c.PID == 0
	})
	// Its resources are changed.
	f.mu.Lock()
	f.containers["c0"].Resources = &runtimeapi.ContainerResources{Linux: &runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 42}}
	f.mu.Unlock()
	f.event("/containers/update", &eventsapi.ContainerUpdate{ID: "c0"})
	await(t, s, changed, "its resources", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		return p[0].Containers[0].Resources.MemoryLimit == 42
	})
	f.mu.Lock()
	f.sandboxes["aa"].State = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
	f.mu.Unlock()
	f.event("/sandboxes/exit", &eventsapi.SandboxExit{SandboxID: "aa"})
	await(t, s, changed, "the end of the sandbox", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		return p[0].State == inventory.StateNotReady
	})
	f.remove("aa", "c0")
	f.event("/containers/delete", &eventsapi.ContainerDelete{ID: "aa"})
	await(t, s, changed, "no pod", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return len(p) == 0 })
	// Nothing of that took a list of everything: those that were asked for had an id.
	if n := f.calls["ListContainers"].Load(); n > 30 {
		t.Errorf("%d lists after %d", n, full)
	}
}

// containerd 1.6 tells of an end before it knows that it was for want of memory.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	s, changed := runOnePod(t, f)
	f.exit("c0", 137, "Error")
	f.event("/tasks/oom", &eventsapi.TaskOOM{ContainerID: "c0"})
	f.event("/tasks/exit", taskExit("c0"))
	await(t, s, changed, "an end", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return p[0].Containers[0].Reason == "Error" })
	f.exit("c0", 137, "OOMKilled")
	await(t, s, changed, "its reason", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		return p[0].Containers[0].Reason == "OOMKilled"
	})
}

func TestExecIsIgnored(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	runOnePod(t, f)
	before := f.calls["ContainerStatus"].Load()
	for n := range 100 {
		f.event("/tasks/exit", &eventsapi.TaskExit{ContainerID: "c0", ID: fmt.Sprintf("exec-%d", n)})
	}
	time.Sleep(200 * time.Millisecond)
	if after := f.calls["ContainerStatus"].Load(); after != before {
		t.Errorf("probes caused %d calls", after-before)
	}
}

// TestStartFails: no event tells that a container could not be started.
func TestStartFails(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	s, changed := runOnePod(t, f)
	f.addContainer("c0", "aa", "app", 0)
	f.mu.Lock()
	f.containers["c0"].State, f.containers["c0"].StartedAt = runtimeapi.ContainerState_CONTAINER_CREATED, 0
	f.mu.Unlock()
	f.event("/containers/create", &eventsapi.ContainerCreate{ID: "c0"})
	await(t, s, changed, "a container", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		return len(p[0].Containers) == 1 && p[0].Containers[0].State == inventory.ContainerCreated
	})
	f.exit("c0", 128, "StartError")
	await(t, s, changed, "the failure", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		c := p[0].Containers[0]
		return c.State == inventory.ContainerExited && c.Reason == "StartError" && *c.ExitCode == 128
	})
}

// The event of new limits comes before they are made, and is not the last one.
func TestUpdateShowsLater(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	s, changed := runOnePod(t, f)
	// Until everything has been listed a second time, its status is asked for anyway.
	for f.calls["ListPodSandbox"].Load() < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	before := f.calls["ContainerStatus"].Load()
	f.event("/containers/update", &eventsapi.ContainerUpdate{ID: "c0"})
	for f.calls["ContainerStatus"].Load() == before {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // it has been answered
	f.mu.Lock()
	f.containers["c0"].Resources = &runtimeapi.ContainerResources{Linux: &runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 42}}
	f.mu.Unlock()
	await(t, s, changed, "its resources", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		return p[0].Containers[0].Resources.MemoryLimit == 42
	})
}

func TestCRIEvents(t *testing.T) {
	t.Parallel()
	f := newFake("cri-o")
	f.criEvents = true
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "an answer", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool { return !r.Since.IsZero() && !r.Events })
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	send := func(id string, kind runtimeapi.ContainerEventType) {
		f.cri.send(&runtimeapi.ContainerEventResponse{
			ContainerId: id, ContainerEventType: kind, PodSandboxStatus: &runtimeapi.PodSandboxStatus{Id: "aa"},
		})
	}
	f.cri.awaitListener(t)
	send("c0", runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT)
	await(t, s, changed, "a container", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
		return len(p) == 1 && len(p[0].Containers) == 1 && r.Events
	})
	f.remove("c0")
	send("c0", runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT)
	await(t, s, changed, "no container", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		return len(p) == 1 && len(p[0].Containers) == 0
	})
}

func TestPolling(t *testing.T) {
	t.Parallel()
	f := newFake(nameDocker)
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "an answer", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool { return !r.Since.IsZero() })
	s.(inventory.Attentive).Attend(true)
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	pods := await(t, s, changed, "a container", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return len(p) == 1 })
	if d := cmp.Diff(&inventory.Log{Layout: podlog.LayoutDocker, Dir: "c0"}, pods[0].Containers[0].Log); d != "" {
		t.Error(d)
	}
	// Polling is faster while somebody watches, and tells nothing while nothing changes. The change above may be told after it is seen.
	polls := f.calls["ListPodSandbox"]
	for end := time.Now().Add(2 * time.Minute); ; {
		select {
		case <-changed:
		default:
		}
		seen, began := polls.Load(), time.Now()
		for polls.Load() < seen+2 && time.Now().Before(end) {
			time.Sleep(10 * time.Millisecond)
		}
		took := time.Since(began)
		if took < pollIdle && len(changed) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("two polls took %v, and %d changes were told although nothing changed", took, len(changed))
		}
	}
}

func TestRuntimeComesAndGoes(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	socket := filepath.Join(t.TempDir(), "containerd.sock")
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "no runtime", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool {
		return errors.Is(r.Err, fs.ErrNotExist) && r.Since.IsZero() && r.Name == nameContainerd
	})
	stop := f.serve(t, socket)
	await(t, s, changed, "a pod", func(p []inventory.Pod, r inventory.RuntimeStatus) bool { return len(p) == 1 && r.Err == nil })
	stop()
	await(t, s, changed, "its end", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
		return len(p) == 1 && r.Err != nil && !r.Since.IsZero() && !r.Events
	})
	f.remove("aa")
	f.addPod("bb", "web-1", 0)
	f.serve(t, socket)
	await(t, s, changed, "the other pod", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
		return len(p) == 1 && p[0].Name == "web-1" && r.Err == nil
	})
}

// What changed while there was no connection is found, also where no state did.
func TestChangesWhileAway(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	socket := socketOf(t)
	stop := f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "a pod", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return len(p) == 1 })
	stop()
	f.mu.Lock()
	f.containers["c0"].Resources = &runtimeapi.ContainerResources{Linux: &runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 42}}
	f.mu.Unlock()
	f.serve(t, socket)
	await(t, s, changed, "its resources", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		return p[0].Containers[0].Resources.MemoryLimit == 42
	})
}

func TestDeadSocket(t *testing.T) {
	t.Parallel()
	socket := socketOf(t)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "a refusal", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool {
		return r.Err != nil && strings.Contains(r.Err.Error(), "connection refused")
	})
}

func TestHangs(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Version", "ListContainers", "ListPodSandbox"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			f := newFake(nameContainerd)
			f.addPod("aa", "web-0", 0)
			f.before = func(ctx context.Context, m string) error {
				if m == method {
					<-ctx.Done()
				}
				return nil
			}
			socket := socketOf(t)
			f.serve(t, socket)
			s, changed := run(t, Config{Socket: socket, Timeout: 200 * time.Millisecond})
			await(t, s, changed, "an error", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool {
				return r.Err != nil && r.Err.Error() == "no answer within 200ms"
			})
			f.mu.Lock()
			f.before = nil
			f.mu.Unlock()
			await(t, s, changed, "a pod", func(p []inventory.Pod, r inventory.RuntimeStatus) bool { return len(p) == 1 && r.Err == nil })
		})
	}
}

// A runtime that answers no more is noticed, and its pods stay.
func TestHangsLater(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket, Timeout: 200 * time.Millisecond})
	await(t, s, changed, "a pod", func(p []inventory.Pod, r inventory.RuntimeStatus) bool { return len(p) == 1 && r.Err == nil })
	f.mu.Lock()
	f.before = func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return nil
	}
	f.mu.Unlock()
	f.event("/sandboxes/exit", &eventsapi.SandboxExit{SandboxID: "aa"})
	await(t, s, changed, "an error", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
		return len(p) == 1 && errors.Is(r.Err, errNoAnswer) && !r.Since.IsZero()
	})
}

// Statuses that cannot be had leave what the lists tell.
func TestStatusFails(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(context.Context) error{
		"hangs": func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"error": func(context.Context) error { return status.Error(codes.Internal, "broken") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(nameContainerd)
			f.addPod("aa", "web-0", 0)
			f.addContainer("c0", "aa", "app", 0)
			f.before = func(ctx context.Context, m string) error {
				if strings.HasSuffix(m, "Status") {
					return before(ctx)
				}
				return nil
			}
			socket := socketOf(t)
			f.serve(t, socket)
			s, changed := run(t, Config{Socket: socket, Timeout: 200 * time.Millisecond})
			await(t, s, changed, "a container", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
				return len(p) == 1 && len(p[0].Containers) == 1 && p[0].Containers[0].State == inventory.ContainerRunning && r.Err == nil
			})
		})
	}
}

// A process that hangs behind one container hides neither what else can be told of it nor the others.
func TestOneHangs(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	f.addContainer("c1", "aa", "sidecar", 0)
	f.stuck = "c0"
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	want := []string{"containerd does not tell all about prod/web-0/app: no answer in time"}
	await(t, s, changed, "all that can be told", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
		if len(p) != 1 || len(p[0].Containers) != 2 || r.Err != nil {
			return false
		}
		stuck, other := p[0].Containers[0], p[0].Containers[1]
		return stuck.ID == "c0" && !stuck.Started.IsZero() && stuck.PID == 0 && other.PID == 4711 &&
			slices.Equal(s.(inventory.Troubled).Problems(), want)
	})
	// It is killed.
	f.mu.Lock()
	f.stuck = ""
	f.mu.Unlock()
	f.exit("c0", 137, "Error")
	// It is waited for less than the others now, so a busy machine may need several attempts.
	stop := make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	defer close(stop)
	group.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			f.event("/tasks/exit", taskExit("c0"))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	await(t, s, changed, "no problem", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		return p[0].Containers[0].State == inventory.ContainerExited && len(s.(inventory.Troubled).Problems()) == 0
	})
}

func TestNonsense(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.wrongIDs = true
	f.addPod("aa", "web-0", 0)
	f.addContainer("c0", "aa", "app", 0)
	f.addPod("bb", "web-1", 0)
	f.sandboxes["bb"].Metadata = nil
	f.addPod("cc", "..", 0)
	f.addContainer("c2", "cc", "../../etc", 0)
	f.addContainer("c3", "aa", "orphan", 0)
	f.containers["c3"].sandbox = "none"
	f.addContainer("c4", "aa", "app", 9)
	f.containers["c4"].Metadata = nil
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	pods := await(t, s, changed, "pods", func(p []inventory.Pod, r inventory.RuntimeStatus) bool { return len(p) == 2 && r.Err == nil })
	if p := pods[0]; p.Name != ".." || p.Containers[0].Log != nil {
		t.Errorf("a pod with a bad name: %+v", p)
	}
	if p := pods[1]; len(p.Containers) != 1 || p.Containers[0].ID != "c0" || p.Addresses != nil {
		t.Errorf("a pod with answers about another one: %+v", p)
	}
	// Events that cannot be decoded.
	f.event("/tasks/exit", &eventsapi.TaskStart{})
	f.event("/none", &eventsapi.TaskStart{ContainerID: "x"})
	for n := range 2 * maxHints {
		f.event("/tasks/exit", taskExit(fmt.Sprintf("unknown-%d", n)))
	}
	f.addPod("dd", "web-2", 0)
	f.event("/sandboxes/start", &eventsapi.SandboxStart{SandboxID: "dd"})
	await(t, s, changed, "another pod", func(p []inventory.Pod, r inventory.RuntimeStatus) bool { return len(p) == 3 && r.Err == nil })
}

func TestNoCRI(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.before = func(context.Context, string) error { return status.Error(codes.Unimplemented, "unknown service") }
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "an error", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool {
		return errors.Is(r.Err, errors.ErrUnsupported)
	})
}

func TestHugeAnswer(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "a pod", func(p []inventory.Pod, r inventory.RuntimeStatus) bool { return len(p) == 1 && r.Err == nil })
	f.mu.Lock()
	f.sandboxes["aa"].Annotations["large"] = strings.Repeat("x", maxMessageBytes)
	f.mu.Unlock()
	f.event("/sandboxes/exit", &eventsapi.SandboxExit{SandboxID: "aa"})
	await(t, s, changed, "an error", func(p []inventory.Pod, r inventory.RuntimeStatus) bool { return len(p) == 1 && r.Err != nil })
	f.mu.Lock()
	delete(f.sandboxes["aa"].Annotations, "large")
	f.mu.Unlock()
	await(t, s, changed, "the pod again", func(p []inventory.Pod, r inventory.RuntimeStatus) bool { return len(p) == 1 && r.Err == nil })
}

// What happens before the runtime sends events is found by a second look.
func TestEventIsMissed(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "an answer", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool { return !r.Since.IsZero() })
	f.addPod("aa", "web-0", 0)
	await(t, s, changed, "a pod", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool { return len(p) == 1 })
}

// A hundred pods a second come and go. In the end what is known is what is there, and the runtime was asked within bounds.
func TestChurn(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	socket := socketOf(t)
	f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket})
	await(t, s, changed, "an answer", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool { return !r.Since.IsZero() })
	const pods, kept = 300, 20
	for n := range pods {
		pod, c := fmt.Sprintf("a%03d", n), fmt.Sprintf("c%03d", n)
		f.addPod(pod, "web-"+pod, 0)
		f.event("/sandboxes/start", &eventsapi.SandboxStart{SandboxID: pod})
		f.addContainer(c, pod, "app", 0)
		f.event("/containers/create", &eventsapi.ContainerCreate{ID: c})
		f.event("/tasks/start", &eventsapi.TaskStart{ContainerID: c})
		if n >= kept {
			f.exit(c, 0, "Completed")
			f.event("/tasks/exit", taskExit(c))
			f.remove(pod, c)
			f.event("/containers/delete", &eventsapi.ContainerDelete{ID: c})
			f.event("/containers/delete", &eventsapi.ContainerDelete{ID: pod})
		}
		time.Sleep(10 * time.Millisecond)
	}
	got := await(t, s, changed, "those that stay", func(p []inventory.Pod, _ inventory.RuntimeStatus) bool {
		for i := range p {
			if len(p[i].Containers) != 1 || p[i].Containers[0].PID == 0 {
				return false
			}
		}
		return len(p) == kept
	})
	if got[0].Name != "web-a000" {
		t.Errorf("the first pod is %s", got[0].Name)
	}
	var calls int64
	for _, n := range f.calls {
		calls += n.Load()
	}
	if calls > 20*pods {
		t.Errorf("%d calls for %d pods", calls, pods)
	}
	t.Logf("%d calls for %d pods", calls, pods)
}

// runUsual runs the sources for the usual places beneath a directory, which it makes.
func runUsual(t *testing.T) (root string, sources []inventory.Source, changed []chan struct{}) {
	t.Helper()
	root, err := os.MkdirTemp("", "cri") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	for _, dir := range []string{"run/containerd", "run/crio", "run/k3s/containerd", "var"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../run", filepath.Join(root, "var/run")); err != nil {
		t.Fatal(err)
	}
	for _, s := range Usual(root, Config{}) {
		sources = append(sources, s)
		changed = append(changed, runSource(t, s))
	}
	return root, sources, changed
}

// The sources for the usual places, in their order.
const (
	usualContainerd = iota
	usualK3s
	usualK0s
	usualCRIO
	usualDockerd
)

// Several runtimes are on one machine: that of the kubelet is not the first that answers.
func TestUsual(t *testing.T) {
	t.Parallel()
	root, sources, changed := runUsual(t)
	for i, s := range sources {
		await(t, s, changed[i], "no socket", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool {
			return errors.Is(r.Err, fs.ErrNotExist) && r.Since.IsZero() && r.Socket == ""
		})
	}
	if err := os.WriteFile(filepath.Join(root, "run/cri-dockerd.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	idle := newFake(nameContainerd)
	stop := idle.serve(t, filepath.Join(root, "run/containerd/containerd.sock"))
	crio := newFake("cri-o")
	crio.addPod("aa", "web-0", 0)
	socket := filepath.Join(root, "run/crio/crio.sock")
	crio.serve(t, socket)
	await(t, sources[usualContainerd], changed[usualContainerd], "an idle runtime", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
		return len(p) == 0 && r.Err == nil && !r.Since.IsZero()
	})
	await(t, sources[usualCRIO], changed[usualCRIO], "the other runtime", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
		return len(p) == 1 && r.Name == "cri-o" && r.Socket == socket
	})
	for _, i := range []int{usualK3s, usualK0s, usualDockerd} {
		if _, _, r := sources[i].State(); !errors.Is(r.Err, fs.ErrNotExist) {
			t.Errorf("%s is there: %+v", r.Name, r)
		}
	}
	// The idle one is removed.
	stop()
	await(t, sources[usualContainerd], changed[usualContainerd], "nothing again", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool {
		return errors.Is(r.Err, fs.ErrNotExist) && r.Since.IsZero()
	})
}

// The containerd of Docker serves no CRI, so it is no runtime of pods.
func TestUsualWithoutCRI(t *testing.T) {
	t.Parallel()
	root, sources, changed := runUsual(t)
	none := newFake(nameContainerd)
	none.before = func(context.Context, string) error { return status.Error(codes.Unimplemented, "unknown service") }
	socket := filepath.Join(root, "run/containerd/containerd.sock")
	none.serve(t, socket)
	await(t, sources[usualContainerd], changed[usualContainerd], "no runtime", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool {
		return errors.Is(r.Err, errors.ErrUnsupported) && errors.Is(r.Err, fs.ErrNotExist) && r.Since.IsZero() && r.Socket == socket
	})
	none.mu.Lock()
	none.before = nil
	none.mu.Unlock()
	await(t, sources[usualContainerd], changed[usualContainerd], "an answer", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool {
		return r.Err == nil && !r.Since.IsZero()
	})
}

// A socket that has the name of another place too is asked once.
func TestUsualLink(t *testing.T) {
	t.Parallel()
	root, sources, changed := runUsual(t)
	f := newFake(nameContainerd)
	f.addPod("aa", "web-0", 0)
	f.serve(t, filepath.Join(root, "run/k3s/containerd/containerd.sock"))
	link := filepath.Join(root, "run/containerd/containerd.sock")
	if err := os.Symlink("../k3s/containerd/containerd.sock", link); err != nil {
		t.Fatal(err)
	}
	await(t, sources[usualContainerd], changed[usualContainerd], "a pod", func(p []inventory.Pod, r inventory.RuntimeStatus) bool {
		return len(p) == 1 && r.Socket == link
	})
	if socket, err := socketAt(root, usualK3s); err == nil {
		t.Errorf("%s is asked too", socket)
	}
}
