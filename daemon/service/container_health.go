// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
)

// ContainerHealth tells how well pods, containers and their logs can be seen. A machine without containers is well.
type ContainerHealth struct {
	Inventory Inventory
	// PodsDirectory is the log tree; empty if none is read.
	PodsDirectory string
	// Watching returns why directories are looked at now and then instead of watched; nil when all is well.
	Watching func() error
	// Named has the directories and sockets that somebody has configured: those must exist.
	Named map[string]bool
}

// sources returns the sources logs and runtime/NAME.
func (h *ContainerHealth) sources(ctx context.Context) []*nodedv1.SourceHealth {
	snapshot, err := h.Inventory.Snapshot(ctx)
	if err != nil {
		return []*nodedv1.SourceHealth{{
			Name: "runtime", State: nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE, Message: wire.Text(err.Error()),
		}}
	}
	var out []*nodedv1.SourceHealth
	if h.PodsDirectory != "" {
		out = append(out, h.logs(snapshot))
	}
	return append(out, h.runtimes(snapshot)...)
}

// logs tells how the log tree is.
func (h *ContainerHealth) logs(snapshot *inventory.Snapshot) *nodedv1.SourceHealth {
	m := &nodedv1.SourceHealth{Name: "logs", Location: wire.Text(h.PodsDirectory), State: nodedv1.SourceState_SOURCE_STATE_OK}
	files, running := 0, 0
	for i := range snapshot.Pods {
		if !snapshot.Pods[i].LogsOnly {
			running++
		}
		for k := range snapshot.Pods[i].Containers {
			files += len(snapshot.Pods[i].Containers[k].LoggedRuns)
		}
	}
	m.Files = uint32(min(files, math.MaxInt32))
	switch err := snapshot.LogTree; {
	case err == nil:
		if err := h.Watching(); err != nil {
			m.State = nodedv1.SourceState_SOURCE_STATE_DEGRADED
			m.Message = wire.Text(fmt.Sprintf("new lines are looked for now and then: %v", err))
		}
	case errors.Is(err, fs.ErrNotExist):
		m.Message = wire.Text(fmt.Sprintf("the directory %s does not exist: no kubelet has run here", h.PodsDirectory))
		switch {
		case running > 0:
			m.State = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE
			m.Message = wire.Text(fmt.Sprintf("the directory %s does not exist, although there are pods: check logs.pods_directory", h.PodsDirectory))
		case h.Named[h.PodsDirectory]:
			m.State = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE
			m.Message = wire.Text(fmt.Sprintf("the directory %s does not exist: check logs.pods_directory", h.PodsDirectory))
		}
	case errors.Is(err, fs.ErrPermission):
		m.State = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE
		m.Message = wire.Text(fmt.Sprintf("%s may not be read by noded: run it as root", h.PodsDirectory))
	default:
		m.State, m.Message = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE, wire.Text(err.Error())
	}
	return m
}

// runtimes tells how each runtime is that the machine has, or that somebody has named. Without one it says which were looked
// for.
func (h *ContainerHealth) runtimes(snapshot *inventory.Snapshot) []*nodedv1.SourceHealth {
	var out []*nodedv1.SourceHealth
	var absent []string
	for i := range snapshot.Runtimes {
		r := &snapshot.Runtimes[i]
		if r.Since.IsZero() && (r.Err == nil || errors.Is(r.Err, fs.ErrNotExist)) && !h.Named[r.Socket] {
			where := "no socket at " + cmp.Or(r.Socket, "the usual places")
			if errors.Is(r.Err, errors.ErrUnsupported) {
				where = "what listens at " + r.Socket + " does not serve version 1 of the CRI"
			}
			if !slices.Contains(absent, where) {
				absent = append(absent, where)
			}
			continue
		}
		out = append(out, h.runtime(r))
	}
	if len(out) == 0 && len(absent) > 0 {
		return []*nodedv1.SourceHealth{{
			Name: "runtime", State: nodedv1.SourceState_SOURCE_STATE_OK,
			Message: wire.Text("there is no container runtime: " + strings.Join(absent, ", ")),
		}}
	}
	return out
}

func (h *ContainerHealth) runtime(r *inventory.RuntimeStatus) *nodedv1.SourceHealth {
	m := &nodedv1.SourceHealth{
		Name:     wire.Text("runtime/" + cmp.Or(r.Name, "unknown")),
		Location: wire.Text(r.Socket),
		Engine:   wire.Text(r.Version),
		State:    nodedv1.SourceState_SOURCE_STATE_OK,
	}
	if r.Err == nil && !r.Since.IsZero() {
		return m
	}
	m.State = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE
	why := "it has not answered yet"
	switch {
	case errors.Is(r.Err, fs.ErrNotExist):
		why = fmt.Sprintf("there is no socket at %s", r.Socket)
	case errors.Is(r.Err, fs.ErrPermission):
		why = fmt.Sprintf("noded may not connect to %s", r.Socket)
	case r.Err != nil:
		why = r.Err.Error()
	}
	switch {
	case r.Since.IsZero():
		m.Message = wire.Text(why + "; its pods are known by their logs only")
	default:
		m.Message = wire.Text(fmt.Sprintf("does not answer since %s: %s; pods are shown as they were then", r.Since.UTC().Format(time.RFC3339), why))
	}
	return m
}
