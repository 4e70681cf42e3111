// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/inventory"
)

// PodsToProto converts a list of pods.
func PodsToProto(pods []inventory.Pod) []*nodedv1.Pod {
	out := make([]*nodedv1.Pod, len(pods))
	for i := range pods {
		out[i] = PodToProto(&pods[i])
	}
	return out
}

// PodsFromProto converts a list of pods.
func PodsFromProto(pods []*nodedv1.Pod) []inventory.Pod {
	out := make([]inventory.Pod, len(pods))
	for i, m := range pods {
		out[i] = PodFromProto(m)
	}
	return out
}

// PodToProto converts a pod.
func PodToProto(p *inventory.Pod) *nodedv1.Pod {
	return &nodedv1.Pod{
		Namespace:        Text(p.Namespace),
		Name:             Text(p.Name),
		Uid:              Text(p.UID),
		Labels:           textMap(p.Labels),
		AnnotationNames:  TextsToProto(p.AnnotationNames),
		State:            nodedv1.PodState(p.State),
		CreateTime:       timeToProto(p.Created),
		Addresses:        TextsToProto(p.Addresses),
		HostNetwork:      p.HostNetwork,
		Static:           p.Static,
		Owner:            Text(p.Owner.String()),
		SandboxId:        Text(p.SandboxID),
		SandboxAttempt:   p.SandboxAttempt,
		CgroupParent:     Text(p.CgroupParent),
		Containers:       ContainersToProto(p.Containers),
		LogsOnly:         p.LogsOnly,
		RuntimeHandler:   Text(p.RuntimeHandler),
		DefaultContainer: Text(p.DefaultContainer),
	}
}

// PodFromProto converts a pod. States that this build does not know become unknown.
func PodFromProto(m *nodedv1.Pod) inventory.Pod {
	p := inventory.Pod{
		Namespace:        m.GetNamespace(),
		Name:             m.GetName(),
		UID:              m.GetUid(),
		Labels:           m.GetLabels(),
		AnnotationNames:  m.GetAnnotationNames(),
		Created:          timeFromProto(m.GetCreateTime()),
		Addresses:        m.GetAddresses(),
		HostNetwork:      m.GetHostNetwork(),
		Static:           m.GetStatic(),
		SandboxID:        m.GetSandboxId(),
		SandboxAttempt:   m.GetSandboxAttempt(),
		CgroupParent:     m.GetCgroupParent(),
		Containers:       ContainersFromProto(m.GetContainers()),
		LogsOnly:         m.GetLogsOnly(),
		RuntimeHandler:   m.GetRuntimeHandler(),
		DefaultContainer: m.GetDefaultContainer(),
	}
	if kind, name, ok := strings.Cut(m.GetOwner(), "/"); ok {
		p.Owner = inventory.Workload{Kind: kind, Name: name}
	}
	if _, known := nodedv1.PodState_name[int32(m.GetState())]; known {
		p.State = inventory.State(m.GetState())
	}
	return p
}

// ContainersToProto converts a list of containers.
func ContainersToProto(containers []inventory.Container) []*nodedv1.Container {
	out := make([]*nodedv1.Container, len(containers))
	for i := range containers {
		out[i] = containerToProto(&containers[i])
	}
	return out
}

// ContainersFromProto converts a list of containers; none is nil.
func ContainersFromProto(containers []*nodedv1.Container) []inventory.Container {
	if len(containers) == 0 {
		return nil
	}
	out := make([]inventory.Container, len(containers))
	for i, m := range containers {
		out[i] = containerFromProto(m)
	}
	return out
}

func containerToProto(c *inventory.Container) *nodedv1.Container {
	m := &nodedv1.Container{
		Name:         Text(c.Name),
		Id:           Text(c.ID),
		Type:         nodedv1.ContainerType(c.Type),
		Image:        Text(c.Image),
		ImageId:      Text(c.ImageID),
		State:        nodedv1.ContainerState(c.State),
		RestartCount: c.Run,
		CreateTime:   timeToProto(c.Created),
		StartTime:    timeToProto(c.Started),
		FinishTime:   timeToProto(c.Finished),
		ExitCode:     c.ExitCode,
		Reason:       Text(c.Reason),
		Message:      Text(c.Message),
		Labels:       textMap(c.Labels),
		LoggedRuns:   c.LoggedRuns,
		Runtime:      Text(c.Runtime),
		Pid:          c.PID,
	}
	if c.Resources != (inventory.Resources{}) {
		m.Resources = &nodedv1.ContainerResources{
			CpuLimitMillicores: c.Resources.CPULimit, CpuRequestMillicores: c.Resources.CPURequest,
			MemoryLimitBytes: c.Resources.MemoryLimit, MemoryRequestBytes: c.Resources.MemoryRequest, OomScoreAdj: c.Resources.OOMScoreAdj,
		}
	}
	for _, mount := range c.Mounts {
		m.Mounts = append(m.Mounts, &nodedv1.Mount{
			ContainerPath: Text(mount.ContainerPath), HostPath: Text(mount.HostPath), ReadOnly: mount.ReadOnly,
		})
	}
	for i := range c.Previous {
		run := &c.Previous[i]
		m.Previous = append(m.Previous, &nodedv1.ContainerRun{
			Run: run.Number, Id: Text(run.ID), StartTime: timeToProto(run.Started), FinishTime: timeToProto(run.Finished),
			ExitCode: run.ExitCode, Reason: Text(run.Reason), Message: Text(run.Message), Logged: run.Logged,
		})
	}
	return m
}

func containerFromProto(m *nodedv1.Container) inventory.Container {
	c := inventory.Container{
		Name:       m.GetName(),
		ID:         m.GetId(),
		Image:      m.GetImage(),
		ImageID:    m.GetImageId(),
		Run:        m.GetRestartCount(),
		Created:    timeFromProto(m.GetCreateTime()),
		Started:    timeFromProto(m.GetStartTime()),
		Finished:   timeFromProto(m.GetFinishTime()),
		ExitCode:   m.ExitCode,
		Reason:     m.GetReason(),
		Message:    m.GetMessage(),
		Labels:     m.GetLabels(),
		LoggedRuns: m.GetLoggedRuns(),
		Runtime:    m.GetRuntime(),
		PID:        m.GetPid(),
	}
	if _, known := nodedv1.ContainerType_name[int32(m.GetType())]; known {
		c.Type = inventory.ContainerType(m.GetType())
	}
	if _, known := nodedv1.ContainerState_name[int32(m.GetState())]; known {
		c.State = inventory.ContainerState(m.GetState())
	}
	if r := m.GetResources(); r != nil {
		c.Resources = inventory.Resources{
			CPULimit: r.GetCpuLimitMillicores(), CPURequest: r.GetCpuRequestMillicores(),
			MemoryLimit: r.GetMemoryLimitBytes(), MemoryRequest: r.GetMemoryRequestBytes(), OOMScoreAdj: r.GetOomScoreAdj(),
		}
	}
	for _, mount := range m.GetMounts() {
		c.Mounts = append(c.Mounts, inventory.Mount{
			ContainerPath: mount.GetContainerPath(), HostPath: mount.GetHostPath(), ReadOnly: mount.GetReadOnly(),
		})
	}
	for _, run := range m.GetPrevious() {
		c.Previous = append(c.Previous, inventory.Run{
			Number: run.GetRun(), ID: run.GetId(), Started: timeFromProto(run.GetStartTime()), Finished: timeFromProto(run.GetFinishTime()),
			ExitCode: run.ExitCode, Reason: run.GetReason(), Message: run.GetMessage(), Logged: run.GetLogged(),
		})
	}
	return c
}

// timeToProto converts a time; the zero time is not set.
func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// timeFromProto converts a time, to UTC.
func timeFromProto(m *timestamppb.Timestamp) time.Time {
	if m == nil {
		return time.Time{}
	}
	return m.AsTime()
}

// textMap returns a map that a message can carry, see Text.
func textMap(m map[string]string) map[string]string {
	for key, value := range m {
		if utf8.ValidString(key) && utf8.ValidString(value) {
			continue
		}
		out := make(map[string]string, len(m))
		// Names that become one keep the value of the last of them.
		for _, key := range slices.Sorted(maps.Keys(m)) {
			out[Text(key)] = Text(m[key])
		}
		return out
	}
	return m
}
