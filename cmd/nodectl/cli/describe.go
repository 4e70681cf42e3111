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

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// describedLines is how many of the last lines of a previous run are shown.
const describedLines = 10

// describeFlags are the options of nodectl describe.
type describeFlags struct {
	namespace     string
	allNamespaces bool
	selector      string
	root          string
	lines         int64
}

func newDescribeCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "describe",
		Short: "Show what is known of a pod, a container or the node",
		Long: `Show what the node knows of a pod or a container: its state, why it ended, and the last lines of its previous run; or
of itself: what it has and uses.`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDescribePodCommand(g), newDescribeContainerCommand(g), newDescribeNodeCommand(g))
	return cmd
}

func (f *describeFlags) define(g *globals, cmd *cobra.Command, namespaceHelp string) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.namespace, "namespace", "n", "", namespaceHelp)
	flags.Int64Var(&f.lines, "tail", describedLines, "show the last `N` lines of previous runs; 0: none")
	flags.StringVar(&f.root, "root", "", "describe what is in the copied log tree in `DIR`, with no daemon")
	complete(cmd, "tail")
	everywhere := ""
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("namespace", completePods(g, &f.root, &everywhere, namespaceWords))
}

func newDescribePodCommand(g *globals) *cobra.Command {
	f := &describeFlags{}
	cmd := &cobra.Command{
		Use:     "pod [NAME | TYPE/NAME]...",
		Aliases: []string{"pods", "po"},
		Short:   "Show what is known of a pod",
		Long: `Show what the container runtime and the log tree of the node know of pods, and the last lines of the previous runs of their
containers. Without names that is all pods, of the namespace or the labels that are given.`,
		Example: "  nodectl describe pod web-5c9d8f6b7-4qk2n\n  nodectl describe pod -n kube-system kube-apiserver-node1 --tail 50\n" +
			"  nodectl describe pod deployment/web\n  nodectl describe pod -l app=web",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.runPods(cmd.Context(), g, args)
		},
	}
	f.define(g, cmd, "pods of this `NAMESPACE`; without it those of all, or the only one of a name")
	cmd.Flags().BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "pods of all namespaces, which is the default")
	cmd.Flags().StringVarP(&f.selector, "selector", "l", "", "pods with these labels (`LABELS`): app=web,tier!=cache")
	complete(cmd, "selector")
	cmd.SetFlagErrorFunc(flagErrorWithoutOutput("nodectl get pods NAME -o yaml"))
	cmd.ValidArgsFunction = completePods(g, &f.root, &f.namespace, podNameWords)
	return cmd
}

// runPods describes the pods that the options and arguments name.
func (f *describeFlags) runPods(ctx context.Context, g *globals, args []string) error {
	list := &podFlags{namespace: f.namespace, allNamespaces: f.allNamespaces, selector: f.selector, root: f.root}
	sel, err := list.selectorOf(args)
	if err != nil {
		return err
	}
	if slices.Contains(args, "") {
		return &usageError{err: errors.New("the name of the pod is empty"), hint: "nodectl get pods"}
	}
	return f.run(ctx, g, args, func(ctx context.Context, d *describer) error {
		pods, problems, err := d.pods(ctx, sel)
		if err != nil {
			return err
		}
		for i := range pods {
			if i > 0 {
				d.text.WriteString("\n\n")
			}
			d.pod(ctx, &pods[i])
		}
		if len(pods) == 0 {
			g.tellNone(list, "pods")
		}
		return d.end(problems)
	})
}

// pods returns the pods that a selector names. One name alone is that of one pod.
func (d *describer) pods(ctx context.Context, sel inventory.PodSelector) ([]inventory.Pod, []string, error) {
	if len(sel.Names) != 1 {
		return d.backend.Pods(ctx, sel)
	}
	kind, name, typed := strings.Cut(sel.Names[0], "/")
	switch {
	case !typed:
		name = sel.Names[0]
	case !slices.Contains([]string{"pod", "pods", "po"}, strings.ToLower(kind)):
		return d.backend.Pods(ctx, sel)
	}
	pod, problems, err := d.backend.Pod(ctx, sel.Namespace, name, "")
	return []inventory.Pod{pod}, problems, err
}

func newDescribeContainerCommand(g *globals) *cobra.Command {
	f := &describeFlags{}
	cmd := &cobra.Command{
		Use:     "container (ID | POD CONTAINER)",
		Aliases: []string{"containers"},
		Short:   "Show what is known of a container",
		Long: `Show what the container runtime and the log tree of the node know of a container, and the last lines of its previous
run. A container that is in no pod is named by its id or its name.`,
		Example: "  nodectl describe container 3f2a9c\n  nodectl describe container web-5c9d8f6b7-4qk2n app",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 || args[0] == "" {
				return &usageError{err: errors.New("describe container wants an id, or a pod and a container"), hint: "nodectl get containers"}
			}
			return f.run(cmd.Context(), g, args, func(ctx context.Context, d *describer) error {
				found, problems, err := f.find(ctx, d.backend, args)
				if err != nil {
					return err
				}
				d.placed(ctx, found)
				return d.end(problems)
			})
		},
	}
	f.define(g, cmd, "the pod of this `NAMESPACE`; without it of the only one that has it")
	cmd.SetFlagErrorFunc(flagErrorWithoutOutput("nodectl get containers POD -o yaml"))
	cmd.ValidArgsFunction = completePods(g, &f.root, &f.namespace, func(pods []inventory.Pod, args []string, prefix string) []cobra.Completion {
		switch len(args) {
		case 0:
			return podNameWords(pods, nil, prefix)
		case 1:
			return containerWords(pods, args, prefix)
		}
		return nil
	})
	return cmd
}

// run opens what the options name and describes something of it.
func (f *describeFlags) run(ctx context.Context, g *globals, names []string, describe func(context.Context, *describer) error) error {
	if f.lines < 0 {
		return &usageError{err: errors.New("--tail must not be negative"), hint: "--tail 10"}
	}
	b, err := g.openLogs(f.root, false)
	if err != nil {
		return err
	}
	defer b.Close()
	err = describe(ctx, &describer{globals: g, backend: b, lines: f.lines, now: time.Now()})
	return g.withFilesHint(advisePods(err, names, f.root), podFilesOption)
}

// find returns the container that the arguments name.
func (f *describeFlags) find(ctx context.Context, b logBackend, args []string) (placedContainer, []string, error) {
	if len(args) == 1 {
		pods, alone, problems, err := b.Containers(ctx, nil, args)
		if errors.Is(err, inventory.ErrNotFound) {
			return placedContainer{}, nil, f.adviseContainer(ctx, b, err, args[0])
		}
		if err != nil {
			return placedContainer{}, nil, err
		}
		if all := placed(pods, alone); len(all) > 0 {
			return all[0], problems, nil
		}
		return placedContainer{}, nil, &inventory.NotFoundError{Kind: "containers", Name: args[0]}
	}
	pod, problems, err := b.Pod(ctx, f.namespace, strings.TrimPrefix(args[0], "pod/"), "")
	if err != nil {
		return placedContainer{}, nil, err
	}
	var names []string
	for i := range pod.Containers {
		if pod.Containers[i].Name == args[1] {
			return placedContainer{&pod, &pod.Containers[i]}, problems, nil
		}
		names = append(names, pod.Containers[i].Name)
	}
	return placedContainer{}, nil, &notFoundError{
		err:  fmt.Errorf("container %s is not valid for pod %s, choose one of: %s", args[1], pod.Name, names),
		hint: "nodectl describe pod " + pod.Name,
	}
}

// adviseContainer adds the next step when a word is no id of a container.
func (f *describeFlags) adviseContainer(ctx context.Context, b logBackend, err error, word string) error {
	option := ""
	if f.root != "" {
		option = " --root " + f.root
	}
	hint := ""
	if pods, _, perr := b.Pods(ctx, inventory.PodSelector{Namespace: f.namespace}); perr == nil {
		hint = podsOfContainer("nodectl describe container"+option, pods, word)
	}
	return &hintError{err: err, hint: firstNonEmpty(hint, "nodectl get containers"+option)}
}

// describer writes descriptions.
type describer struct {
	*globals
	backend logBackend
	lines   int64
	now     time.Time
	text    strings.Builder
}

// end prints what was written, and what is known only in part.
func (d *describer) end(problems []string) error {
	if _, err := d.Out.Write([]byte(d.text.String())); err != nil {
		return err
	}
	return d.tellPodProblems(problems)
}

// row writes a name and a value, which are left out if there is no value.
func (d *describer) row(indent int, name, value string) {
	const column = 18
	if value == "" {
		return
	}
	fmt.Fprintf(&d.text, "%s%-*s %s\n", strings.Repeat(" ", indent), column-indent, name+":", visible(value))
}

// pod writes what is known of a pod.
func (d *describer) pod(ctx context.Context, p *inventory.Pod) {
	d.row(0, "Name", p.Name)
	d.row(0, "Namespace", p.Namespace)
	d.row(0, "UID", p.UID)
	d.row(0, "Status", podStatus(p))
	switch {
	case withoutSandbox(p):
		d.row(0, "Note", "nothing but a directory for its logs is there: it has no sandbox yet, or the runtime that knows does not answer")
	case p.LogsOnly:
		d.row(0, "Note", "nothing but its logs is known: no runtime knows it, or the one that did does not answer")
	}
	owner := p.Owner.String()
	if p.LogsOnly && owner != "" {
		owner += " (guessed from its name)"
	}
	d.row(0, "Controlled By", owner)
	if p.Static {
		d.row(0, "Static", "yes, made from a file on the node")
	}
	d.row(0, "Created", d.moment(p.Created))
	switch {
	case len(p.Addresses) > 0:
		d.row(0, "IPs", strings.Join(p.Addresses, ", "))
	case p.HostNetwork:
		d.row(0, "IPs", "those of the node")
	}
	d.row(0, "Sandbox", p.SandboxID)
	if p.SandboxAttempt > 0 {
		d.row(0, "Sandbox Attempt", fmt.Sprint(p.SandboxAttempt))
	}
	d.row(0, "Runtime Handler", p.RuntimeHandler)
	d.row(0, "Cgroup Parent", p.CgroupParent)
	d.list(0, "Labels", shownLabels(p.Labels))
	d.list(0, "Annotations", p.AnnotationNames)
	for _, kind := range []struct {
		title string
		types []inventory.ContainerType
	}{
		{"Init Containers", []inventory.ContainerType{inventory.TypeInit}},
		{"Containers", []inventory.ContainerType{inventory.TypeRegular, inventory.TypeUnknown}},
		{"Ephemeral Containers", []inventory.ContainerType{inventory.TypeEphemeral}},
	} {
		d.containers(ctx, p, kind.title, kind.types)
	}
}

// containers writes the containers of some types under a title.
func (d *describer) containers(ctx context.Context, p *inventory.Pod, title string, types []inventory.ContainerType) {
	begun := false
	for i := range p.Containers {
		c := &p.Containers[i]
		for _, t := range types {
			if c.Type != t {
				continue
			}
			if !begun {
				fmt.Fprintf(&d.text, "%s:\n", title)
				begun = true
			}
			fmt.Fprintf(&d.text, "  %s:\n", visible(c.Name))
			d.container(ctx, 4, placedContainer{p, c})
		}
	}
}

// placed writes what is known of a container and of where it is.
func (d *describer) placed(ctx context.Context, c placedContainer) {
	d.row(0, "Name", c.container.Name)
	if c.pod != nil {
		d.row(0, "Namespace", c.pod.Namespace)
		d.row(0, "Pod", c.pod.Name)
		d.row(0, "Pod UID", c.pod.UID)
		if c.container.Type != inventory.TypeUnknown {
			d.row(0, "Type", containerTypeName(c.container.Type))
		}
	}
	d.container(ctx, 0, c)
	d.list(0, "Labels", shownLabels(c.container.Labels))
}

// list writes several values beneath each other.
func (d *describer) list(indent int, name string, values []string) {
	for i, v := range values {
		if i == 0 {
			d.row(indent, name, v)
			continue
		}
		fmt.Fprintf(&d.text, "%19s%s\n", "", visible(v))
	}
}

// moment says when something was, and how long ago; nothing if that is not known.
func (d *describer) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s (%s ago)", t.Local().Format(time.RFC1123Z), age(t, d.now))
}

// lastLines writes the last lines of a run of a container under a title. Why there are none is no matter here: describe shows what there
// is.
func (d *describer) lastLines(ctx context.Context, indent int, c placedContainer, runs podlog.Runs, title string) {
	if d.lines == 0 {
		return
	}
	sel := inventory.LogSelector{ContainerIDs: []string{c.container.ID}}
	if c.pod != nil {
		sel = inventory.LogSelector{
			Pods:       &inventory.PodSelector{Namespace: c.pod.Namespace, UIDs: []string{c.pod.UID}},
			Containers: []string{c.container.Name},
		}
	}
	q := podlog.NewQuery()
	q.Runs, q.Tail = runs, d.lines
	lines := &lineSink{}
	if err := d.backend.ReadLogs(ctx, client.LogRequest{Selector: sel, Query: q}, lines); err != nil || len(lines.lines) == 0 {
		return
	}
	fmt.Fprintf(&d.text, "%s%s:\n", strings.Repeat(" ", indent), title)
	for _, line := range lines.lines {
		fmt.Fprintf(&d.text, "%s%s\n", strings.Repeat(" ", indent+2), line)
	}
}
