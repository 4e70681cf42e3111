// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/noded/noded/runtime/inventory"
)

// shortID is how much of a container's id is shown, as docker ps and crictl ps do.
const shortID = 13

// placedContainer is a container and the pod that it is in, nil for none.
type placedContainer struct {
	pod       *inventory.Pod
	container *inventory.Container
}

func newGetContainersCommand(g *globals) *cobra.Command {
	f := &podFlags{}
	var ids []string
	cmd := &cobra.Command{
		Use:     "containers [POD | TYPE/NAME]...",
		Aliases: []string{"container"},
		Short:   "List the containers of the node",
		Long: `List the containers of all runtimes of the node, running and exited ones, also those that are in no pod. Of each
name the newest run is shown.`,
		Example: "  nodectl get containers\n  nodectl get containers web-5c9d8f6b7-4qk2n -o wide\n  nodectl get containers --id 3f2a9c -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runGetContainers(cmd.Context(), g, f, args, ids)
		},
	}
	f.define(g, cmd)
	cmd.Flags().StringSliceVar(&ids, "id", nil, "containers with this `ID`, or one that begins so")
	complete(cmd, "id")
	return cmd
}

func runGetContainers(ctx context.Context, g *globals, f *podFlags, args, ids []string) error {
	if err := checkFormat(f.format, listFormats()); err != nil {
		return err
	}
	sel, err := f.selectorOf(args)
	if err != nil {
		return err
	}
	b, err := g.openLogs(f.root, false)
	if err != nil {
		return err
	}
	defer b.Close()
	among := &sel
	if len(args) == 0 && sel.Namespace == "" && sel.LabelSelector == "" {
		among = nil
	}
	pods, alone, problems, err := b.Containers(ctx, among, ids)
	if err != nil {
		return g.withFilesHint(adviseContainers(err, args, f.root), podFilesOption)
	}
	list := placed(pods, alone)
	if err := printContainers(g, f, list); err != nil {
		return err
	}
	if len(list) == 0 {
		g.tellNone(f, "containers")
	}
	return g.tellPodProblems(problems)
}

// adviseContainers is advisePods for commands that list the containers of pods: an id, or the name of a container in no pod, is no name of a pod.
func adviseContainers(err error, names []string, root string) error {
	if at := slices.IndexFunc(names, looksLikeID); at >= 0 && errors.Is(err, inventory.ErrNotFound) {
		return &hintError{err: err, hint: "--id " + names[at]}
	}
	if at := slices.IndexFunc(names, func(n string) bool { return !strings.Contains(n, "/") }); at >= 0 && root == "" && errors.Is(err, inventory.ErrNotFound) {
		return &hintError{err: err, hint: "nodectl get pods, or --id " + names[at] + " if it is a container in no pod"}
	}
	return advisePods(err, names, root)
}

// placed lists the containers of pods, and those that are in none.
func placed(pods []inventory.Pod, alone []inventory.Container) []placedContainer {
	var list []placedContainer
	for i := range pods {
		for j := range pods[i].Containers {
			list = append(list, placedContainer{&pods[i], &pods[i].Containers[j]})
		}
	}
	for i := range alone {
		list = append(list, placedContainer{nil, &alone[i]})
	}
	return list
}

// item is the container as JSON and YAML list it.
func (p placedContainer) item() containerItem {
	item := containerItemOf(p.container)
	if p.pod != nil {
		item.Namespace, item.Pod, item.PodUID = p.pod.Namespace, p.pod.Name, p.pod.UID
	}
	return item
}

func printContainers(g *globals, f *podFlags, list []placedContainer) error {
	switch f.format {
	case "json", "yaml":
		items := make([]containerItem, len(list))
		for i, p := range list {
			items[i] = p.item()
		}
		return printValue(g.Out, f.format, items)
	case "name":
		var names []string
		for _, p := range list {
			names = append(names, "container/"+visible(firstNonEmpty(p.container.ID, p.container.Name)))
		}
		if len(names) == 0 {
			return nil
		}
		return printLines(g.Out, names)
	}
	if len(list) == 0 {
		return nil
	}
	now := time.Now()
	rows := make([][]string, len(list))
	for i, p := range list {
		rows[i] = containerRow(f, p, now)
	}
	var header []string
	if !f.noHeaders {
		header = []string{"NAMESPACE", "POD", "NAME", "TYPE", "STATE", "RESTARTS", "AGE", "ID"}
		if f.format == "wide" {
			header = append(header, "IMAGE", "PID", "RUNTIME")
		}
	}
	return writeTable(g.Out, tableStyle{separator: "   "}, header, rows)
}

func containerRow(f *podFlags, p placedContainer, now time.Time) []string {
	c := p.container
	namespace, pod := "<none>", "<none>"
	if p.pod != nil {
		namespace, pod = p.pod.Namespace, p.pod.Name
	}
	id := strings.TrimPrefix(c.ID, "sha256:")
	if f.format != "wide" {
		id = id[:min(len(id), shortID)]
	}
	row := []string{namespace, pod, c.Name, containerTypeName(c.Type), containerStatus(c), fmt.Sprint(c.Run), age(firstTime(c.Started, c.Created), now), firstNonEmpty(id, "<unknown>")}
	if f.format == "wide" {
		pid := "<none>"
		if c.PID != 0 {
			pid = fmt.Sprint(c.PID)
		}
		row = append(row, firstNonEmpty(c.Image, "<unknown>"), pid, firstNonEmpty(c.Runtime, "<none>"))
	}
	for i := range row {
		row[i] = visible(row[i])
	}
	return row
}

// firstTime returns the first of two times that is known.
func firstTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// containerStatus is the state of a container in a word, with why it ended.
func containerStatus(c *inventory.Container) string {
	switch c.State {
	case inventory.ContainerRunning:
		// Of another reason it did not end: containerd has one of a container in which some process ran out of memory.
		if c.Reason == "Paused" {
			return c.Reason
		}
		return "Running"
	case inventory.ContainerCreated:
		if c.Reason == "Restarting" {
			return c.Reason
		}
		return "Created"
	case inventory.ContainerExited:
		reason := exitReason(c)
		if c.ExitCode != nil && *c.ExitCode != 0 && c.Reason != "" {
			reason += fmt.Sprintf(" (%d)", *c.ExitCode)
		}
		return reason
	}
	if c.ID == "" {
		return "LogsOnly"
	}
	return "Unknown"
}
