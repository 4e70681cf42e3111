// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// IDs of the containers of the runtime of the scripts: the run of app that is, and the one before.
const (
	appID         = "aaaa111111111111111111111111111111111111111111111111111111111111"
	previousAppID = "aaaa000000000000000000000000000000000000000000000000000000000000"
	sideID        = "bbbb111111111111111111111111111111111111111111111111111111111111"
	otherID       = "cccc111111111111111111111111111111111111111111111111111111111111"
	staticID      = "dddd111111111111111111111111111111111111111111111111111111111111"
)

// scriptRuntime is the container runtime that the noded of a script asks. It knows the two pods of deployment/web and the static
// pod; the other pods of the log tree are no more.
type scriptRuntime struct {
	cri.UnimplementedRuntimeServiceServer
	sandboxes  []*cri.PodSandbox
	containers []*cri.ContainerStatus
	// sandboxOf has the sandboxes of containers.
	sandboxOf map[string]string
}

func newScriptRuntime() *scriptRuntime {
	r := &scriptRuntime{sandboxOf: map[string]string{}}
	const web, other = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	r.pod("sandbox1", "web-5c9d8f6b7-4qk2n", web, "blue")
	r.pod("sandbox2", "web-5c9d8f6b7-x7x7x", other, "green")
	r.container("sandbox1", previousAppID, "app", 0).State = cri.ContainerState_CONTAINER_EXITED
	ended := r.containers[0]
	ended.FinishedAt, ended.ExitCode, ended.Reason = ended.StartedAt+2e9, 2, "Error"
	r.container("sandbox1", appID, "app", 1)
	r.container("sandbox1", sideID, "side", 0)
	r.container("sandbox2", otherID, "app", 0)
	r.sandboxes = append(r.sandboxes, &cri.PodSandbox{
		Id: "sandbox3", Metadata: &cri.PodSandboxMetadata{Namespace: "kube-system", Name: "kube-apiserver-node1", Uid: "0123456789abcdef0123456789abcdef"},
		State: cri.PodSandboxState_SANDBOX_READY, CreatedAt: firstSecond * 1e9, Annotations: map[string]string{"kubernetes.io/config.source": "file"},
	})
	r.container("sandbox3", staticID, "kube-apiserver", 0)
	return r
}

func (r *scriptRuntime) pod(id, name, uid, color string) {
	r.sandboxes = append(r.sandboxes, &cri.PodSandbox{
		Id: id, Metadata: &cri.PodSandboxMetadata{Namespace: "default", Name: name, Uid: uid}, State: cri.PodSandboxState_SANDBOX_READY,
		CreatedAt: firstSecond * 1e9, Labels: map[string]string{"app": "web", "color": color, "pod-template-hash": "5c9d8f6b7"},
	})
}

func (r *scriptRuntime) container(sandbox, id, name string, attempt uint32) *cri.ContainerStatus {
	started := int64(firstSecond+60*int64(attempt)) * 1e9
	c := &cri.ContainerStatus{
		Id: id, Metadata: &cri.ContainerMetadata{Name: name, Attempt: attempt}, State: cri.ContainerState_CONTAINER_RUNNING,
		CreatedAt: started, StartedAt: started, Image: &cri.ImageSpec{Image: "registry.test/" + name + ":1"}, ImageRef: "sha256:" + strings.Repeat("5", 64),
		Mounts: []*cri.Mount{{ContainerPath: "/data", HostPath: "/srv/data", Readonly: true}},
	}
	r.containers, r.sandboxOf[id] = append(r.containers, c), sandbox
	return c
}

// serve serves the runtime at a socket until the script ends.
func (r *scriptRuntime) serve(ts *testscript.TestScript, socket string) {
	listener, err := net.Listen("unix", socket)
	ts.Check(err)
	server := grpc.NewServer()
	cri.RegisterRuntimeServiceServer(server, r)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	ts.Defer(func() {
		server.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			ts.Fatalf("serve the runtime: %v", err)
		}
	})
}

// Version implements the CRI.
func (r *scriptRuntime) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{RuntimeName: "script", RuntimeVersion: "1.0", RuntimeApiVersion: "v1"}, nil
}

// ListPodSandbox implements the CRI.
func (r *scriptRuntime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return &cri.ListPodSandboxResponse{Items: r.sandboxes}, nil
}

// PodSandboxStatus implements the CRI.
func (r *scriptRuntime) PodSandboxStatus(_ context.Context, req *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	for _, s := range r.sandboxes {
		if s.GetId() == req.GetPodSandboxId() {
			return &cri.PodSandboxStatusResponse{Status: &cri.PodSandboxStatus{
				Id: s.GetId(), Metadata: s.GetMetadata(), State: s.GetState(), CreatedAt: s.GetCreatedAt(), Labels: s.GetLabels(),
				Network: &cri.PodSandboxNetworkStatus{Ip: "10.0.0.7"},
			}}, nil
		}
	}
	return nil, status.Error(codes.NotFound, "no such sandbox")
}

// ListContainers implements the CRI.
func (r *scriptRuntime) ListContainers(context.Context, *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	resp := &cri.ListContainersResponse{}
	for _, c := range r.containers {
		resp.Containers = append(resp.Containers, &cri.Container{
			Id: c.GetId(), PodSandboxId: r.sandboxOf[c.GetId()], Metadata: c.GetMetadata(), Image: c.GetImage(), ImageRef: c.GetImageRef(),
			State: c.GetState(), CreatedAt: c.GetCreatedAt(),
		})
	}
	return resp, nil
}

// ContainerStatus implements the CRI.
func (r *scriptRuntime) ContainerStatus(_ context.Context, req *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	for _, c := range r.containers {
		if c.GetId() == req.GetContainerId() {
			return &cri.ContainerStatusResponse{Status: c}, nil
		}
	}
	return nil, status.Error(codes.NotFound, "no such container")
}
