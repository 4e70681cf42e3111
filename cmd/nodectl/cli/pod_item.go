// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"time"

	"github.com/noded/noded/runtime/inventory"
)

// podItem is a pod in JSON and YAML. Its names are a contract: docs/logs.md.
type podItem struct {
	Namespace       string            `json:"namespace"`
	Name            string            `json:"name"`
	UID             string            `json:"uid"`
	Status          string            `json:"status"`
	State           string            `json:"state"`
	LogsOnly        bool              `json:"logs_only"`
	Static          bool              `json:"static"`
	Owner           string            `json:"owner,omitempty"`
	CreateTime      *time.Time        `json:"create_time,omitempty"`
	Addresses       []string          `json:"addresses,omitempty"`
	HostNetwork     bool              `json:"host_network"`
	Labels          map[string]string `json:"labels,omitempty"`
	AnnotationNames []string          `json:"annotation_names,omitempty"`
	SandboxID       string            `json:"sandbox_id,omitempty"`
	SandboxAttempt  uint32            `json:"sandbox_attempt"`
	CgroupParent    string            `json:"cgroup_parent,omitempty"`
	RuntimeHandler  string            `json:"runtime_handler,omitempty"`
	Containers      []containerItem   `json:"containers"`
}

// containerItem is a container. Namespace and the pod's members are set only where containers are listed.
type containerItem struct {
	Namespace    string            `json:"namespace,omitempty"`
	Pod          string            `json:"pod,omitempty"`
	PodUID       string            `json:"pod_uid,omitempty"`
	Name         string            `json:"name"`
	ID           string            `json:"id,omitempty"`
	Type         string            `json:"type"`
	State        string            `json:"state"`
	RestartCount uint32            `json:"restart_count"`
	CreateTime   *time.Time        `json:"create_time,omitempty"`
	StartTime    *time.Time        `json:"start_time,omitempty"`
	FinishTime   *time.Time        `json:"finish_time,omitempty"`
	ExitCode     *int32            `json:"exit_code,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Message      string            `json:"message,omitempty"`
	Image        string            `json:"image,omitempty"`
	ImageID      string            `json:"image_id,omitempty"`
	Runtime      string            `json:"runtime,omitempty"`
	PID          int32             `json:"pid,omitempty"`
	Resources    *resourcesItem    `json:"resources,omitempty"`
	Mounts       []mountItem       `json:"mounts,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	LoggedRuns   []uint32          `json:"logged_runs,omitempty"`
	Previous     []runItem         `json:"previous,omitempty"`
}

type resourcesItem struct {
	CPULimitMillicores   int64 `json:"cpu_limit_millicores"`
	CPURequestMillicores int64 `json:"cpu_request_millicores"`
	MemoryLimitBytes     int64 `json:"memory_limit_bytes"`
	MemoryRequestBytes   int64 `json:"memory_request_bytes"`
	OOMScoreAdj          int64 `json:"oom_score_adj"`
}

type mountItem struct {
	ContainerPath string `json:"container_path"`
	HostPath      string `json:"host_path"`
	ReadOnly      bool   `json:"read_only"`
}

// runItem is an earlier run.
type runItem struct {
	Run        uint32     `json:"run"`
	ID         string     `json:"id,omitempty"`
	StartTime  *time.Time `json:"start_time,omitempty"`
	FinishTime *time.Time `json:"finish_time,omitempty"`
	ExitCode   *int32     `json:"exit_code,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Message    string     `json:"message,omitempty"`
	Logged     bool       `json:"logged"`
}

// known returns a time, nil if it is not known.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func podItemOf(p *inventory.Pod) podItem {
	item := podItem{
		Namespace: p.Namespace, Name: p.Name, UID: p.UID, Status: podStatus(p), State: podStateName(p.State), LogsOnly: p.LogsOnly,
		Static: p.Static, Owner: p.Owner.String(), CreateTime: known(p.Created), Addresses: p.Addresses, HostNetwork: p.HostNetwork,
		Labels: p.Labels, AnnotationNames: p.AnnotationNames, SandboxID: p.SandboxID, SandboxAttempt: p.SandboxAttempt,
		CgroupParent: p.CgroupParent, RuntimeHandler: p.RuntimeHandler, Containers: make([]containerItem, len(p.Containers)),
	}
	for i := range p.Containers {
		item.Containers[i] = containerItemOf(&p.Containers[i])
	}
	return item
}

func containerItemOf(c *inventory.Container) containerItem {
	item := containerItem{
		Name: c.Name, ID: c.ID, Type: containerTypeName(c.Type), State: containerStateName(c.State), RestartCount: c.Run,
		CreateTime: known(c.Created), StartTime: known(c.Started), FinishTime: known(c.Finished), ExitCode: c.ExitCode,
		Reason: c.Reason, Message: c.Message, Image: c.Image, ImageID: c.ImageID, Runtime: c.Runtime, PID: c.PID,
		Labels: c.Labels, LoggedRuns: c.LoggedRuns,
	}
	if r := c.Resources; r != (inventory.Resources{}) {
		item.Resources = resourcesItemOf(r)
	}
	for _, m := range c.Mounts {
		item.Mounts = append(item.Mounts, mountItem(m))
	}
	for _, r := range c.Previous {
		item.Previous = append(item.Previous, runItem{
			Run: r.Number, ID: r.ID, StartTime: known(r.Started), FinishTime: known(r.Finished), ExitCode: r.ExitCode,
			Reason: r.Reason, Message: r.Message, Logged: r.Logged,
		})
	}
	return item
}

func resourcesItemOf(r inventory.Resources) *resourcesItem {
	return &resourcesItem{
		CPULimitMillicores: r.CPULimit, CPURequestMillicores: r.CPURequest,
		MemoryLimitBytes: r.MemoryLimit, MemoryRequestBytes: r.MemoryRequest, OOMScoreAdj: r.OOMScoreAdj,
	}
}

func podStateName(s inventory.State) string {
	switch s {
	case inventory.StateReady:
		return "ready"
	case inventory.StateNotReady:
		return "not_ready"
	default:
		return "unknown"
	}
}

func containerStateName(s inventory.ContainerState) string {
	switch s {
	case inventory.ContainerCreated:
		return "created"
	case inventory.ContainerRunning:
		return "running"
	case inventory.ContainerExited:
		return "exited"
	default:
		return "unknown"
	}
}

func containerTypeName(t inventory.ContainerType) string {
	switch t {
	case inventory.TypeRegular:
		return "regular"
	case inventory.TypeInit:
		return "init"
	case inventory.TypeEphemeral:
		return "ephemeral"
	default:
		return "unknown"
	}
}
