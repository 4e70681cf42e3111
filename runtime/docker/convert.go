// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// The words for how a container ended, as the CRI has them.
const (
	reasonCompleted = "Completed"
	reasonError     = "Error"
	reasonOOMKilled = "OOMKilled"
	// reasonCannotRun is that of a container that could not be started.
	reasonCannotRun = "ContainerCannotRun"
	// reasonPaused is that of a running container that is paused, reasonRestarting that of one which is about to be started again.
	reasonPaused     = "Paused"
	reasonRestarting = "Restarting"
)

const (
	jsonFile = "json-file"
	journald = "journald"
	// defaultPeriod is the period of a quota of CPU time without one, in microseconds.
	defaultPeriod = 100_000
)

func stateOf(state container.ContainerState) inventory.ContainerState {
	switch state {
	case container.StateCreated, container.StateRestarting:
		// A container that is restarting waits for its next start, and is counted to have begun another run already.
		return inventory.ContainerCreated
	case container.StateRunning, container.StatePaused:
		return inventory.ContainerRunning
	case container.StateExited, container.StateDead, container.StateRemoving:
		return inventory.ContainerExited
	default:
		return inventory.ContainerUnknown
	}
}

// fromSummary takes what the list says, which is little.
func (k *known) fromSummary(s *container.Summary) *entry {
	e := &entry{labels: s.Labels, status: s.State}
	for _, name := range s.Names {
		// The others are links, /OTHER/ALIAS.
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			e.name = name
		}
	}
	e.container = inventory.Container{
		Name: e.name, ID: s.ID, Image: s.Image, ImageID: s.ImageID, State: stateOf(s.State),
		Created: time.Unix(s.Created, 0).UTC(), Mounts: mounts(s.Mounts), Runtime: k.runtime,
	}
	e.sandbox.hostNetwork = s.HostConfig.NetworkMode == "host"
	e.setLabels(s.Labels)
	return e
}

// fromInspect takes over what is wanted of an answer. Environment and command line are not.
func (k *known) fromInspect(id string, r *container.InspectResponse) *entry {
	e := &entry{name: strings.TrimPrefix(r.Name, "/")}
	c := inventory.Container{
		Name: e.name, ID: id, ImageID: r.Image, Created: parseTime(r.Created),
		Run:    uint32(min(max(r.RestartCount, 0), math.MaxInt32)),
		Mounts: mounts(r.Mounts), Runtime: k.runtime,
	}
	if r.Config != nil {
		c.Image = r.Config.Image
		e.labels = r.Config.Labels
	}
	if r.State != nil {
		e.status = r.State.Status
		setState(&c, r.State)
	}
	if r.HostConfig != nil {
		c.Resources = resources(r.HostConfig)
		e.sandbox.hostNetwork = r.HostConfig.NetworkMode == "host"
		e.sandbox.cgroupParent = r.HostConfig.CgroupParent
	}
	var unread string
	if c.Log, unread = k.log(id, r); unread != "" {
		c.Message = strings.TrimPrefix(c.Message+"; "+unread, "; ")
	}
	e.sandbox.addresses = addresses(r.NetworkSettings)
	e.container = c
	e.setLabels(e.labels)
	return e
}

// setState sets how a container is, or how it ended.
func setState(c *inventory.Container, s *container.State) {
	c.State = stateOf(s.Status)
	c.Started = parseTime(s.StartedAt)
	c.Message = s.Error
	if s.Pid > 0 && s.Pid <= math.MaxInt32 && c.State == inventory.ContainerRunning {
		c.PID = int32(s.Pid)
	}
	if s.Paused {
		c.Reason = reasonPaused
	}
	switch {
	case s.Status == container.StateRestarting:
		last := inventory.Run{Started: c.Started, Finished: parseTime(s.FinishedAt), ExitCode: exitCode(s.ExitCode), Reason: endReason(s)}
		if c.Run > 0 {
			last.Number = c.Run - 1
		}
		c.Previous = []inventory.Run{last}
		c.Reason, c.Started = reasonRestarting, time.Time{}
	case c.State == inventory.ContainerRunning && c.Run > 0:
		// All that is told of the run before is when it ended.
		if finished := parseTime(s.FinishedAt); !finished.IsZero() {
			c.Previous = []inventory.Run{{Number: c.Run - 1, Finished: finished}}
		}
	case c.State == inventory.ContainerCreated && s.ExitCode != 0:
		// It could not be started.
		c.State, c.Reason, c.ExitCode = inventory.ContainerExited, reasonCannotRun, exitCode(s.ExitCode)
	case c.State == inventory.ContainerExited:
		// Of a running container these are those of the run before.
		c.Finished, c.ExitCode, c.Reason = parseTime(s.FinishedAt), exitCode(s.ExitCode), endReason(s)
	}
}

// endReason is why a container ended.
func endReason(s *container.State) string {
	switch {
	case s.OOMKilled:
		return reasonOOMKilled
	case s.Error != "" && s.Status == container.StateExited:
		// It was started again, in vain.
		return reasonCannotRun
	case s.ExitCode == 0:
		return reasonCompleted
	default:
		return reasonError
	}
}

func exitCode(code int) *int32 {
	code32 := int32(min(max(code, math.MinInt32), math.MaxInt32))
	return &code32
}

// log says where the log of a container is, or why it cannot be read.
func (k *known) log(id string, r *container.InspectResponse) (log *inventory.Log, unread string) {
	driver := ""
	if r.HostConfig != nil {
		driver = r.HostConfig.LogConfig.Type
	}
	switch driver {
	case jsonFile:
	case "":
		return nil, "docker does not tell its log driver, so its log cannot be read"
	case "none":
		return nil, "its log driver is none: its output is not kept"
	case journald:
		return nil, "its log driver is journald: its output is in the journal, as CONTAINER_ID=" + id[:12]
	default:
		return nil, fmt.Sprintf("its log driver is %q: its output cannot be read here", driver)
	}
	if k.root != "" {
		if _, err := os.Lstat(filepath.Join(k.root, id)); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Sprintf("its log is %q, which is not beneath %s", r.LogPath, k.root)
		}
	}
	return &inventory.Log{Layout: podlog.LayoutDocker, Dir: id}, ""
}

func resources(h *container.HostConfig) inventory.Resources {
	r := inventory.Resources{
		CPULimit: h.NanoCPUs / 1_000_000, CPURequest: h.CPUShares * 1000 / 1024,
		MemoryLimit: max(h.Memory, 0), MemoryRequest: max(h.MemoryReservation, 0), OOMScoreAdj: int64(h.OomScoreAdj),
	}
	if h.NanoCPUs <= 0 && h.CPUQuota > 0 {
		period := h.CPUPeriod
		if period <= 0 {
			period = defaultPeriod
		}
		r.CPULimit = h.CPUQuota * 1000 / period
	}
	return r
}

func mounts(points []container.MountPoint) []inventory.Mount {
	if len(points) == 0 {
		return nil
	}
	out := make([]inventory.Mount, 0, len(points))
	for i := range points {
		p := &points[i]
		out = append(out, inventory.Mount{ContainerPath: p.Destination, HostPath: p.Source, ReadOnly: !p.RW})
	}
	// The daemon gives them in another order each time.
	slices.SortFunc(out, func(a, b inventory.Mount) int { return strings.Compare(a.ContainerPath, b.ContainerPath) })
	return out
}

// addresses returns the addresses of a container in all networks, sorted.
func addresses(s *container.NetworkSettings) []string {
	if s == nil {
		return nil
	}
	var out []string
	for _, network := range s.Networks {
		if network == nil {
			continue
		}
		if network.IPAddress.IsValid() {
			out = append(out, network.IPAddress.String())
		}
		if network.GlobalIPv6Address.IsValid() {
			out = append(out, network.GlobalIPv6Address.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
