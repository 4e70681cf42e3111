// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The labels by which the kubelet names what it starts.
const (
	labelPodName      = "io.kubernetes.pod.name"
	labelPodNamespace = "io.kubernetes.pod.namespace"
	labelPodUID       = "io.kubernetes.pod.uid"
	labelContainer    = "io.kubernetes.container.name"
)

// Pod says what pod is wanted. The zero value of each field but Name is of use.
type Pod struct {
	// Namespace is "default" if it is empty. UID is made up if it is empty.
	Namespace, Name, UID string
	// Labels and Annotations are those of the pod; the kubelet's come on top.
	Labels, Annotations map[string]string
	// Attempt counts the sandboxes that the pod had.
	Attempt uint32
	// HostNetwork: it has no address of its own.
	HostNetwork bool
}

// RunningPod is a pod with a sandbox. Its methods are safe for concurrent use.
type RunningPod struct {
	Pod
	// SandboxID is what the runtime calls it.
	SandboxID string
	runtime   *Runtime
	config    *cri.PodSandboxConfig
}

// RunPod starts a sandbox.
func (r *Runtime) RunPod(ctx context.Context, p Pod) (*RunningPod, error) {
	if p.Namespace == "" {
		p.Namespace = "default"
	}
	if p.UID == "" {
		p.UID = newUID()
	}
	pod := &RunningPod{Pod: p, runtime: r, config: r.sandboxConfig(&p)}
	if err := os.MkdirAll(pod.LogDirectory(), 0o755); err != nil {
		return nil, fmt.Errorf("run pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	answer, err := r.runtimeAPI.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: pod.config})
	if err != nil {
		return nil, fmt.Errorf("run pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	pod.SandboxID = answer.GetPodSandboxId()
	return pod, nil
}

// newUID returns a random UID.
func newUID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it cannot fail
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func (r *Runtime) sandboxConfig(p *Pod) *cri.PodSandboxConfig {
	labels := map[string]string{labelPodName: p.Name, labelPodNamespace: p.Namespace, labelPodUID: p.UID}
	maps.Copy(labels, p.Labels)
	annotations := map[string]string{
		"kubernetes.io/config.seen": "2026-01-02T03:04:05.678901234Z", "kubernetes.io/config.source": "api",
	}
	maps.Copy(annotations, p.Annotations)
	root := r.config.PodsDirectory
	if root == "" {
		root = r.LogRoot()
	}
	config := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: p.Name, Namespace: p.Namespace, Uid: p.UID, Attempt: p.Attempt},
		LogDirectory: filepath.Join(root, p.Namespace+"_"+p.Name+"_"+p.UID),
		Labels:       labels,
		Annotations:  annotations,
		Linux: &cri.LinuxPodSandboxConfig{
			CgroupParent: r.cgroupParent(p),
			SecurityContext: &cri.LinuxSandboxSecurityContext{
				NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER},
			},
		},
	}
	if p.HostNetwork {
		config.Linux.SecurityContext.NamespaceOptions.Network = cri.NamespaceMode_NODE
	} else {
		config.Hostname = p.Name
	}
	return config
}

// cgroupParent returns the cgroup of a pod, as the kubelet calls it.
func (r *Runtime) cgroupParent(p *Pod) string {
	if r.config.SystemdCgroup {
		root := r.slice()
		names := []string{root, root + "-kubepods", root + "-kubepods-burstable", root + "-kubepods-burstable-pod" + strings.ReplaceAll(p.UID, "-", "_")}
		return "/" + strings.Join(names, ".slice/") + ".slice"
	}
	return path.Join("/", r.name, "kubepods", "burstable", "pod"+p.UID)
}

// slice is the name, without its end, of systemd's slice for what the runtime runs.
func (r *Runtime) slice() string { return strings.ReplaceAll(r.name, "-", "_") }

// LogDirectory is where the logs of its containers are, in directories by their names.
func (p *RunningPod) LogDirectory() string {
	return filepath.Join(p.runtime.LogRoot(), p.Namespace+"_"+p.Name+"_"+p.UID)
}

// Stop ends the containers and the sandbox. Both are still known to the runtime.
func (p *RunningPod) Stop(ctx context.Context) error {
	_, err := p.runtime.runtimeAPI.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.SandboxID})
	if err != nil {
		return fmt.Errorf("stop pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}

// Remove ends the pod and makes the runtime forget it. Its logs stay until RemoveLogs.
func (p *RunningPod) Remove(ctx context.Context) error {
	if err := p.Stop(ctx); err != nil {
		return err
	}
	_, err := p.runtime.runtimeAPI.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: p.SandboxID})
	if err != nil {
		return fmt.Errorf("remove pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}

// RemoveLogs removes the pod's directory of logs, as the kubelet does some time after the pod is gone.
func (p *RunningPod) RemoveLogs() error { return os.RemoveAll(p.LogDirectory()) }
