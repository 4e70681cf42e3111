// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// tellNothing says on stderr why no line was shown: because no pod is selected, or the logs are empty, or a container could not be started.
func (c *logsCommand) tellNothing(ctx context.Context) {
	switch {
	case c.quiet:
	case c.wanted.Pods != nil:
		pods, problems, err := c.backend.Pods(ctx, *c.wanted.Pods)
		switch {
		case err != nil:
		case len(pods) > 0:
			c.tellEmpty(pods, nil)
		case len(c.wanted.Pods.Names) == 0:
			c.tellNoPods(problems)
		}
	case len(c.wanted.ContainerIDs) > 0:
		if pods, alone, _, err := c.backend.Containers(ctx, nil, c.wanted.ContainerIDs); err == nil {
			c.tellEmpty(pods, alone)
		}
	}
}

// tellNoPods says that a selector selects no pod.
func (c *logsCommand) tellNoPods(problems []string) {
	where := "on this node"
	switch {
	case c.root != "":
		where = "in this log tree"
	case c.wanted.Pods.Namespace != "":
		where = fmt.Sprintf("in %s namespace on this node", visible(c.wanted.Pods.Namespace))
	}
	waiting := ""
	if c.query.Follow {
		waiting = "; waiting for one"
	}
	fmt.Fprintf(c.Err, "No resources found %s%s.\n", where, waiting)
	for _, p := range problems {
		fmt.Fprintln(c.Err, visible(p))
	}
}

// tellEmpty says why the logs of pods, and of containers in none, have no lines, if all lines were asked for and nothing else was told.
func (c *logsCommand) tellEmpty(pods []inventory.Pod, alone []inventory.Container) {
	q := &c.query
	f := &q.Filter
	if q.Tail == 0 || q.Runs != podlog.RunsCurrent || q.Since != nil || q.Until != nil ||
		f.Grep != "" || f.Exclude != "" || f.MaxLevel != journal.LevelUnknown || len(f.Streams) > 0 || c.show.gaps > 0 {
		return
	}
	var empty []string
	for i := range pods {
		if len(pods[i].Containers) == 0 {
			empty = append(empty, fmt.Sprintf("pod %s/%s has no container yet, or none that has a log", pods[i].Namespace, pods[i].Name))
		}
	}
	for _, p := range placed(pods, alone) {
		if !c.wants(p.container) {
			continue
		}
		name := "container " + p.container.Name
		if p.pod != nil {
			name += fmt.Sprintf(" of pod %s/%s", p.pod.Namespace, p.pod.Name)
		}
		if neverStarted(p.container) {
			why := strings.Trim(p.container.Reason+": "+p.container.Message, ": ")
			fmt.Fprintln(c.Err, visible(name+" could not be started: "+firstNonEmpty(why, "why is not known")))
			continue
		}
		empty = append(empty, "the log of "+name+" is empty")
	}
	if len(empty) == 1 {
		fmt.Fprintln(c.Err, visible(empty[0]))
	}
}

// wants reports whether the log of a container was asked for, of a pod or a container that is selected. Of a pod with several that is known only if
// they are named.
func (c *logsCommand) wants(container *inventory.Container) bool {
	if len(c.wanted.Containers) > 0 {
		return slices.Contains(c.wanted.Containers, container.Name)
	}
	return c.wanted.AllContainers || len(c.wanted.ContainerIDs) > 0 || container.Type == inventory.TypeRegular || container.Type == inventory.TypeUnknown
}

// neverStarted reports whether a container ended before it ran.
func neverStarted(c *inventory.Container) bool {
	return c.State == inventory.ContainerExited && c.Started.IsZero()
}

// describeCommand is the command that describes what was asked for.
func (c *logsCommand) describeCommand() string {
	switch {
	case len(c.wanted.ContainerIDs) == 1:
		return "nodectl describe container " + c.wanted.ContainerIDs[0]
	case c.wanted.Pods != nil && len(c.wanted.Pods.Names) == 1:
		return "nodectl describe pod " + c.wanted.Pods.Names[0]
	}
	return "nodectl describe pod NAME"
}
