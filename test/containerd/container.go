// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Container says what container is wanted.
type Container struct {
	Name string
	// Args are the steps that package workload does; without any it waits to be stopped.
	Args []string
	// Program replaces package workload.
	Program string
	// Attempt counts the restarts.
	Attempt uint32
	// Labels and Annotations are those of the container; the kubelet's come on top.
	Labels, Annotations map[string]string
	// MemoryLimit is in bytes, CPULimit and CPURequest in thousandths of a core; 0 for none.
	MemoryLimit, CPULimit, CPURequest int64
	// Mounts are files and directories of the machine that it sees.
	Mounts []*cri.Mount
}

// RunningContainer is a container that was started. Its methods are safe for concurrent use, but Rotate one at a time.
type RunningContainer struct {
	Container
	// ID is what the runtime calls it.
	ID  string
	pod *RunningPod
}

// Start creates and starts a container in the pod.
func (p *RunningPod) Start(ctx context.Context, c Container) (*RunningContainer, error) {
	out, err := p.Create(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := out.Start(ctx); err != nil {
		return nil, err
	}
	return out, nil
}

// Create makes a container in the pod that does not run yet.
func (p *RunningPod) Create(ctx context.Context, c Container) (*RunningContainer, error) {
	out := &RunningContainer{Container: c, pod: p}
	if err := os.MkdirAll(filepath.Dir(out.LogFile()), 0o755); err != nil {
		return nil, fmt.Errorf("start container %s: %w", c.Name, err)
	}
	created, err := p.runtime.runtimeAPI.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId: p.SandboxID, Config: p.containerConfig(&c), SandboxConfig: p.config,
	})
	if err != nil {
		return nil, fmt.Errorf("create container %s: %w", c.Name, err)
	}
	out.ID = created.GetContainerId()
	return out, nil
}

// Start starts a container that was created.
func (c *RunningContainer) Start(ctx context.Context) error {
	if _, err := c.pod.runtime.runtimeAPI.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: c.ID}); err != nil {
		return fmt.Errorf("start container %s: %w", c.Name, err)
	}
	return nil
}

// SetMemoryLimit changes a limit in place, as the kubelet does when a pod is resized.
func (c *RunningContainer) SetMemoryLimit(ctx context.Context, limit int64) error {
	if _, err := c.pod.runtime.runtimeAPI.UpdateContainerResources(ctx, &cri.UpdateContainerResourcesRequest{
		ContainerId: c.ID, Linux: &cri.LinuxContainerResources{MemoryLimitInBytes: limit},
	}); err != nil {
		return fmt.Errorf("set the memory limit of container %s: %w", c.Name, err)
	}
	return nil
}

// cpuPeriod is the kubelet's period of the processor limit, in microseconds.
const cpuPeriod = 100_000

func (p *RunningPod) containerConfig(c *Container) *cri.ContainerConfig {
	labels := map[string]string{
		labelContainer: c.Name, labelPodName: p.Name, labelPodNamespace: p.Namespace, labelPodUID: p.UID,
	}
	maps.Copy(labels, c.Labels)
	annotations := map[string]string{
		"io.kubernetes.container.hash":                     "5f3a1c2e",
		"io.kubernetes.container.restartCount":             strconv.FormatUint(uint64(c.Attempt), 10),
		"io.kubernetes.container.terminationMessagePath":   "/dev/termination-log",
		"io.kubernetes.container.terminationMessagePolicy": "File",
		"io.kubernetes.pod.terminationGracePeriod":         "30",
	}
	maps.Copy(annotations, c.Annotations)
	resources := &cri.LinuxContainerResources{MemoryLimitInBytes: c.MemoryLimit, CpuShares: c.CPURequest * 1024 / 1000}
	if c.CPULimit > 0 {
		resources.CpuPeriod, resources.CpuQuota = cpuPeriod, c.CPULimit*cpuPeriod/1000
	}
	var command []string
	if c.Program != "" {
		command = []string{c.Program}
	}
	return &cri.ContainerConfig{
		Metadata:    &cri.ContainerMetadata{Name: c.Name, Attempt: c.Attempt},
		Image:       &cri.ImageSpec{Image: Image, UserSpecifiedImage: Image},
		Command:     command,
		Args:        c.Args,
		Labels:      labels,
		Annotations: annotations,
		Mounts:      c.Mounts,
		LogPath:     filepath.Join(c.Name, logName(c.Attempt)),
		Linux: &cri.LinuxContainerConfig{
			Resources: resources,
			SecurityContext: &cri.LinuxContainerSecurityContext{
				NamespaceOptions: p.config.GetLinux().GetSecurityContext().GetNamespaceOptions(),
			},
		},
	}
}

func logName(attempt uint32) string { return strconv.FormatUint(uint64(attempt), 10) + ".log" }

// LogFile is the path of its log.
func (c *RunningContainer) LogFile() string {
	return filepath.Join(c.pod.LogDirectory(), c.Name, logName(c.Attempt))
}

// Status returns what the runtime says about it.
func (c *RunningContainer) Status(ctx context.Context) (*cri.ContainerStatus, error) {
	answer, err := c.pod.runtime.runtimeAPI.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: c.ID})
	if err != nil {
		return nil, fmt.Errorf("status of container %s: %w", c.Name, err)
	}
	return answer.GetStatus(), nil
}

// oomTimeout is how long containerd 1.6 may take to notice why a container was killed: until then it calls that an error.
const oomTimeout = 20 * time.Second

// Wait waits until it has ended and its log is whole, and returns what the runtime says about it. The runtime may miss want of memory
// before Start has returned.
func (c *RunningContainer) Wait(ctx context.Context) (*cri.ContainerStatus, error) {
	var ended time.Time
	for {
		status, err := c.Status(ctx)
		if err != nil {
			return nil, err
		}
		if status.GetState() == cri.ContainerState_CONTAINER_EXITED {
			if ended.IsZero() {
				ended = time.Now()
			}
			unsure := c.MemoryLimit > 0 && status.GetExitCode() == 137 && status.GetReason() == "Error"
			if !unsure || time.Since(ended) > oomTimeout {
				return status, c.pod.runtime.waitClosed(ctx, c.LogFile())
			}
		}
		if err := wait(ctx, pollInterval); err != nil {
			return nil, fmt.Errorf("wait for container %s: %w", c.Name, err)
		}
	}
}

// Stop ends it: with SIGTERM, and after grace with SIGKILL.
func (c *RunningContainer) Stop(ctx context.Context, grace time.Duration) error {
	_, err := c.pod.runtime.runtimeAPI.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: c.ID, Timeout: int64(grace / time.Second)})
	if err != nil {
		return fmt.Errorf("stop container %s: %w", c.Name, err)
	}
	return nil
}

// Remove makes the runtime forget it. Its log stays.
func (c *RunningContainer) Remove(ctx context.Context) error {
	_, err := c.pod.runtime.runtimeAPI.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: c.ID})
	if err != nil {
		return fmt.Errorf("remove container %s: %w", c.Name, err)
	}
	return nil
}

// Restart starts the next attempt of a container that has ended, with other steps if there are any.
func (c *RunningContainer) Restart(ctx context.Context, args ...string) (*RunningContainer, error) {
	next := c.Container
	next.Attempt++
	if len(args) > 0 {
		next.Args = args
	}
	return c.pod.Start(ctx, next)
}

// Hungry is a container that is killed for want of memory once eat is called. With a start in between the runtime is ready to notice.
func Hungry(tb testing.TB) (c Container, eat func(testing.TB)) {
	tb.Helper()
	dir := tb.TempDir()
	c = Container{
		Name: "hungry", Args: []string{"await:/table/served", "alloc:64"}, MemoryLimit: 16 << 20,
		Mounts: []*cri.Mount{{ContainerPath: "/table", HostPath: dir, Readonly: true}},
	}
	return c, func(tb testing.TB) {
		tb.Helper()
		if err := os.WriteFile(filepath.Join(dir, "served"), nil, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}
