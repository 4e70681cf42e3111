// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	eventsapi "github.com/containerd/containerd/api/events"
	eventservice "github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/types"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRuntime is a container runtime. A test changes its fields before it is started, and under mu after that.
type fakeRuntime struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	runtimeapi.UnimplementedImageServiceServer
	eventservice.UnimplementedEventsServer
	name string
	// criEvents: it serves GetContainerEvents.
	criEvents bool

	mu         sync.Mutex
	sandboxes  map[string]*runtimeapi.PodSandboxStatus
	containers map[string]*fakeContainer
	// before is called with the name of each method; its error is the answer.
	before func(ctx context.Context, method string) error
	// stats and images are what ListContainerStats and ImageFsInfo answer; nil: it does not serve them.
	stats  []*runtimeapi.ContainerStats
	images []*runtimeapi.FilesystemUsage
	// wrongIDs: statuses are about something else.
	wrongIDs bool
	// stuck is the id of a container whose process hangs, and all that its verbose status waits for.
	stuck string

	calls      map[string]*atomic.Int64
	containerd feed[*types.Envelope]
	cri        feed[*runtimeapi.ContainerEventResponse]
}

type fakeContainer struct {
	*runtimeapi.ContainerStatus
	sandbox string
	info    string
}

// feed sends to all that listen.
type feed[T any] struct {
	mu   sync.Mutex
	subs map[chan T]bool
}

func (f *feed[T]) send(v T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.subs {
		select {
		case c <- v:
		default:
		}
	}
}

func (f *feed[T]) listen(ctx context.Context, send func(T) error) error {
	c := make(chan T, 100_000)
	f.mu.Lock()
	if f.subs == nil {
		f.subs = map[chan T]bool{}
	}
	f.subs[c] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs, c)
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case v := <-c:
			if err := send(v); err != nil {
				return err
			}
		}
	}
}

// awaitListener waits until somebody listens.
func (f *feed[T]) awaitListener(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		f.mu.Lock()
		n := len(f.subs)
		f.mu.Unlock()
		switch {
		case n > 0:
			return
		case time.Now().After(deadline):
			t.Fatal("nobody listens")
		}
	}
}

func newFake(name string) *fakeRuntime {
	f := &fakeRuntime{
		name: name, sandboxes: map[string]*runtimeapi.PodSandboxStatus{}, containers: map[string]*fakeContainer{},
		calls: map[string]*atomic.Int64{},
	}
	for _, method := range []string{"Version", "ListPodSandbox", "ListContainers", "PodSandboxStatus", "ContainerStatus", "ListContainerStats"} {
		f.calls[method] = new(atomic.Int64)
	}
	return f
}

// serve serves the runtime at a socket until the test ends or stop is called.
func (f *fakeRuntime) serve(t *testing.T, socket string) (stop func()) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxSendMsgSize(1 << 30))
	runtimeapi.RegisterRuntimeServiceServer(server, f)
	runtimeapi.RegisterImageServiceServer(server, f)
	if f.name == nameContainerd {
		eventservice.RegisterEventsServer(server, f)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Stop
	}()
	stop = sync.OnceFunc(func() {
		server.Stop()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

func (f *fakeRuntime) called(ctx context.Context, method string) error {
	f.calls[method].Add(1)
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		return before(ctx, method)
	}
	return nil
}

func (f *fakeRuntime) Version(ctx context.Context, _ *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{RuntimeName: f.name, RuntimeVersion: "1.2.3"}, f.called(ctx, "Version")
}

func (f *fakeRuntime) ListPodSandbox(ctx context.Context, r *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	if err := f.called(ctx, "ListPodSandbox"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &runtimeapi.ListPodSandboxResponse{}
	for id, s := range f.sandboxes {
		if strings.HasPrefix(id, r.GetFilter().GetId()) {
			out.Items = append(out.Items, &runtimeapi.PodSandbox{
				Id: id, Metadata: s.Metadata, State: s.State, CreatedAt: s.CreatedAt, Labels: s.Labels, Annotations: s.Annotations,
			})
		}
	}
	return out, nil
}

func (f *fakeRuntime) ListContainers(ctx context.Context, r *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	if err := f.called(ctx, "ListContainers"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &runtimeapi.ListContainersResponse{}
	for id, c := range f.containers {
		if strings.HasPrefix(id, r.GetFilter().GetId()) {
			out.Containers = append(out.Containers, &runtimeapi.Container{
				Id: id, PodSandboxId: c.sandbox, Metadata: c.Metadata, Image: c.Image, ImageRef: c.ImageRef, State: c.State,
				CreatedAt: c.CreatedAt, Labels: c.Labels,
			})
		}
	}
	return out, nil
}

func (f *fakeRuntime) PodSandboxStatus(ctx context.Context, r *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	if err := f.called(ctx, "PodSandboxStatus"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sandboxes[r.PodSandboxId]
	if s == nil {
		return nil, status.Error(codes.NotFound, "no such sandbox")
	}
	s = proto.Clone(s).(*runtimeapi.PodSandboxStatus)
	if f.wrongIDs {
		s.Id = "other"
	}
	return &runtimeapi.PodSandboxStatusResponse{Status: s, Info: map[string]string{
		"info": `{"config":{"linux":{"cgroup_parent":"/kubepods/pod` + s.Metadata.Uid + `"}}}`,
	}}, nil
}

func (f *fakeRuntime) ContainerStatus(ctx context.Context, r *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	if err := f.called(ctx, "ContainerStatus"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	stuck := f.stuck != "" && f.stuck == r.ContainerId
	f.mu.Unlock()
	if stuck && r.Verbose {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.containers[r.ContainerId]
	if c == nil {
		return nil, status.Error(codes.NotFound, "no such container")
	}
	s := proto.Clone(c.ContainerStatus).(*runtimeapi.ContainerStatus)
	if f.wrongIDs {
		s.Id = "other"
	}
	if !r.Verbose {
		return &runtimeapi.ContainerStatusResponse{Status: s}, nil
	}
	return &runtimeapi.ContainerStatusResponse{Status: s, Info: map[string]string{"info": c.info}}, nil
}

func (f *fakeRuntime) ListContainerStats(ctx context.Context, _ *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error) {
	if err := f.called(ctx, "ListContainerStats"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stats == nil {
		return nil, status.Error(codes.Unimplemented, "no stats")
	}
	return &runtimeapi.ListContainerStatsResponse{Stats: f.stats}, nil
}

func (f *fakeRuntime) ImageFsInfo(context.Context, *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.images == nil {
		return nil, status.Error(codes.Unimplemented, "no images")
	}
	return &runtimeapi.ImageFsInfoResponse{ImageFilesystems: f.images}, nil
}

func (f *fakeRuntime) GetContainerEvents(_ *runtimeapi.GetEventsRequest, stream grpc.ServerStreamingServer[runtimeapi.ContainerEventResponse]) error {
	if !f.criEvents {
		return status.Error(codes.Unimplemented, "events are off")
	}
	return f.cri.listen(stream.Context(), stream.Send)
}

func (f *fakeRuntime) Subscribe(_ *eventservice.SubscribeRequest, stream eventservice.Events_SubscribeServer) error {
	return f.containerd.listen(stream.Context(), stream.Send)
}

// event sends an event of containerd.
func (f *fakeRuntime) event(topic string, m proto.Message) {
	body, err := proto.Marshal(m)
	if err != nil {
		return
	}
	f.containerd.send(&types.Envelope{
		Namespace: "k8s.io", Topic: topic, Event: &anypb.Any{TypeUrl: string(m.ProtoReflect().Descriptor().FullName()), Value: body},
	})
}

// addPod adds a pod with a sandbox, without an event.
func (f *fakeRuntime) addPod(id, name string, attempt uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sandboxes[id] = &runtimeapi.PodSandboxStatus{
		Id:       id,
		Metadata: &runtimeapi.PodSandboxMetadata{Namespace: "prod", Name: name, Uid: "uid-" + name, Attempt: attempt},
		State:    runtimeapi.PodSandboxState_SANDBOX_READY, CreatedAt: int64(1_700_000_000+attempt) * 1e9,
		Labels:      map[string]string{"app": name},
		Annotations: map[string]string{"secret": "canary", annotationSource: "api"},
		Network:     &runtimeapi.PodSandboxNetworkStatus{Ip: "10.0.0.1", AdditionalIps: []*runtimeapi.PodIP{{Ip: "fd00::1"}}},
		Linux:       &runtimeapi.LinuxPodSandboxStatus{Namespaces: &runtimeapi.Namespace{Options: &runtimeapi.NamespaceOption{}}},
	}
}

// addContainer adds a running container to a pod, without an event.
func (f *fakeRuntime) addContainer(id, sandbox, name string, attempt uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.sandboxes[sandbox].Metadata
	f.containers[id] = &fakeContainer{sandbox: sandbox, ContainerStatus: &runtimeapi.ContainerStatus{
		Id: id, Metadata: &runtimeapi.ContainerMetadata{Name: name, Attempt: attempt},
		State: runtimeapi.ContainerState_CONTAINER_RUNNING, CreatedAt: int64(1_700_000_010+attempt) * 1e9,
		StartedAt: int64(1_700_000_011+attempt) * 1e9, Image: &runtimeapi.ImageSpec{Image: "registry/" + name}, ImageRef: "sha256:1",
		Mounts:  []*runtimeapi.Mount{{ContainerPath: "/data", HostPath: "/srv", Readonly: true}},
		LogPath: fmt.Sprintf("/var/log/pods/prod_%s_%s/%s/%d.log", m.Name, m.Uid, name, attempt),
	}, info: `{"pid":4711,"config":{"envs":[{"key":"PASSWORD","value":"canary"}]},"runtimeSpec":{"process":{"args":["canary"],"env":["A=canary"],"oomScoreAdj":936},
		"linux":{"resources":{"cpu":{"shares":256,"quota":50000,"period":100000},"memory":{"limit":1048576}}}}}`}
}

// exit ends a container, without an event.
func (f *fakeRuntime) exit(id string, code int32, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.containers[id]
	c.State, c.ExitCode, c.Reason = runtimeapi.ContainerState_CONTAINER_EXITED, code, reason
	c.FinishedAt = c.StartedAt + 5e9
}

func (f *fakeRuntime) remove(ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		delete(f.sandboxes, id)
		delete(f.containers, id)
	}
}

// run runs a source until the test ends. changed has a value after changes.
func run(t *testing.T, c Config) (s inventory.Source, changed chan struct{}) {
	t.Helper()
	s = New(c)
	return s, runSource(t, s)
}

// runSource runs a source until the test ends.
func runSource(t *testing.T, s inventory.Source) (changed chan struct{}) {
	t.Helper()
	changed = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return changed
}

// await waits until what a source knows is as wanted.
func await(t *testing.T, s inventory.Source, changed <-chan struct{}, what string, wanted func([]inventory.Pod, inventory.RuntimeStatus) bool) []inventory.Pod {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		pods, _, state := s.State()
		if wanted(pods, state) {
			return pods
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: still %+v, %+v", what, state, pods)
		}
	}
}

func socketOf(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "s.sock")
}

// taskExit and the others are events of containerd.
func taskExit(id string) *eventsapi.TaskExit { return &eventsapi.TaskExit{ContainerID: id, ID: id} }
