// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/output"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// container writes what is known of a container, in the order of kubectl describe.
func (d *describer) container(ctx context.Context, indent int, p placedContainer) {
	c := p.container
	d.row(indent, "Container ID", strings.TrimPrefix(c.Runtime+"://"+c.ID, "://"))
	d.row(indent, "Image", c.Image)
	d.row(indent, "Image ID", c.ImageID)
	d.row(indent, "State", stateTitle(c))
	d.ending(indent+2, c.Reason, c.Message, c.ExitCode)
	d.row(indent+2, "Started", d.moment(c.Started))
	d.row(indent+2, "Finished", d.moment(c.Finished))
	if c.PID != 0 {
		d.row(indent+2, "PID", fmt.Sprint(c.PID))
	}
	d.row(indent, "Restart Count", fmt.Sprint(c.Run))
	d.resources(indent, &c.Resources)
	var mounts []string
	for _, m := range c.Mounts {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		mounts = append(mounts, fmt.Sprintf("%s from %s (%s)", m.ContainerPath, m.HostPath, mode))
	}
	d.list(indent, "Mounts", mounts)
	d.row(indent, "Logged Runs", runList(c.LoggedRuns))
	for i := range c.Previous {
		r := &c.Previous[i]
		title := fmt.Sprintf("run %d", r.Number)
		if r.ID == "" && r.Reason == "" && r.ExitCode == nil {
			title += ", of which nothing but the log is known"
		}
		d.row(indent, "Last State", title)
		d.ending(indent+2, r.Reason, r.Message, r.ExitCode)
		d.row(indent+2, "Started", d.moment(r.Started))
		d.row(indent+2, "Finished", d.moment(r.Finished))
	}
	if c.State == inventory.ContainerExited && c.ExitCode != nil && *c.ExitCode != 0 {
		d.lastLines(ctx, indent, p, podlog.RunsCurrent, "Last lines")
	}
	if slices.ContainsFunc(c.Previous, func(r inventory.Run) bool { return r.Logged }) {
		d.lastLines(ctx, indent, p, podlog.RunsPrevious, "Last lines of the previous run")
	}
}

// ending writes why a container ended.
func (d *describer) ending(indent int, reason, message string, code *int32) {
	d.row(indent, "Reason", reason)
	d.row(indent, "Message", message)
	if code != nil {
		d.row(indent, "Exit Code", fmt.Sprint(*code))
	}
}

// resources writes limits and requests.
func (d *describer) resources(indent int, r *inventory.Resources) {
	pair := func(cpu, memory int64) string {
		var parts []string
		if cpu != 0 {
			parts = append(parts, fmt.Sprintf("cpu %dm", cpu))
		}
		if memory != 0 {
			parts = append(parts, "memory "+quantity(memory))
		}
		return strings.Join(parts, ", ")
	}
	d.row(indent, "Limits", pair(r.CPULimit, r.MemoryLimit))
	d.row(indent, "Requests", pair(r.CPURequest, r.MemoryRequest))
}

// quantity writes bytes in the largest unit in which they are whole.
func quantity(n int64) string {
	units := []string{"", "Ki", "Mi", "Gi", "Ti"}
	at := 0
	for n != 0 && n%1024 == 0 && at < len(units)-1 {
		n /= 1024
		at++
	}
	return fmt.Sprintf("%d%s", n, units[at])
}

func stateTitle(c *inventory.Container) string {
	switch c.State {
	case inventory.ContainerRunning:
		return "Running"
	case inventory.ContainerCreated:
		return "Created"
	case inventory.ContainerExited:
		return "Terminated"
	}
	return "Unknown"
}

// runList writes numbers of runs, those in a row as FIRST-LAST.
func runList(runs []uint32) string {
	var parts []string
	for i := 0; i < len(runs); {
		j := i
		for j+1 < len(runs) && runs[j+1] == runs[j]+1 {
			j++
		}
		part := fmt.Sprint(runs[i])
		if j > i {
			part += fmt.Sprintf("-%d", runs[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// shownLabels writes labels as KEY=VALUE, but for those in which the kubelet repeats the names.
func shownLabels(labels map[string]string) []string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		switch key {
		case "io.kubernetes.pod.name", "io.kubernetes.pod.namespace", "io.kubernetes.pod.uid", "io.kubernetes.container.name":
		default:
			pairs = append(pairs, key+"="+labels[key])
		}
	}
	return pairs
}

// lineSink keeps lines, safe for a terminal.
type lineSink struct{ lines []string }

// maxLineBytes is how much of a line is kept.
const maxLineBytes = 4096

// Record implements podlog.Sink.
func (s *lineSink) Record(r *podlog.Record) error {
	s.lines = append(s.lines, string(output.AppendTerminal(nil, r.Text[:min(len(r.Text), maxLineBytes)])))
	return nil
}

// Gap implements podlog.Sink.
func (s *lineSink) Gap(journal.Gap) error { return nil }

// Progress implements podlog.Sink.
func (s *lineSink) Progress(podlog.Progress) error { return nil }

// Flush implements podlog.Sink.
func (s *lineSink) Flush() error { return nil }
