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

// podFlags are the options of the commands that list pods and containers.
type podFlags struct {
	namespace     string
	allNamespaces bool
	selector      string
	format        string
	noHeaders     bool
	watch         bool
	showLabels    bool
	root          string
}

func (f *podFlags) define(g *globals, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	listFlag(cmd, &f.format, listFormats())
	flags.StringVarP(&f.namespace, "namespace", "n", "", "pods of this `NAMESPACE`; without it those of all")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "pods of all namespaces, which is the default")
	flags.StringVarP(&f.selector, "selector", "l", "", "pods with these labels (`LABELS`): app=web,tier!=cache")
	flags.BoolVar(&f.noHeaders, "no-headers", false, "leave out the line of headings")
	flags.StringVar(&f.root, "root", "", "list the copied log tree in `DIR`, laid out like /var/log/pods, with no daemon")
	complete(cmd, "selector")
	everywhere := ""
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("namespace", completePods(g, &f.root, &everywhere, namespaceWords))
	cmd.ValidArgsFunction = completePods(g, &f.root, &f.namespace, podNameWords)
}

// selectorOf returns the pods that the options and arguments name.
func (f *podFlags) selectorOf(args []string) (inventory.PodSelector, error) {
	switch {
	case len(args) > 0 && f.selector != "":
		return inventory.PodSelector{}, &usageError{err: errors.New("only a selector (-l) or names are allowed")}
	case f.root != "" && f.selector != "":
		return inventory.PodSelector{}, &usageError{err: errors.New("--selector cannot be used with --root: a log tree has no labels")}
	case f.root != "" && f.watch:
		return inventory.PodSelector{}, &usageError{err: errors.New("--watch cannot be used with --root: a copied tree does not change")}
	}
	sel := inventory.PodSelector{Names: args, LabelSelector: f.selector}
	if !f.allNamespaces {
		sel.Namespace = f.namespace
	}
	return sel, nil
}

func newGetPodsCommand(g *globals) *cobra.Command {
	f := &podFlags{}
	cmd := &cobra.Command{
		Use:     "pods [NAME | TYPE/NAME]...",
		Aliases: []string{"pod", "po"},
		Short:   "List the pods of the node",
		Long: `List the pods of the node, as its container runtime and its log tree know them: without the API server, so READY
counts the containers that run, and STATUS is what the runtime tells. A pod of which there is nothing but logs is LogsOnly.`,
		Example: "  nodectl get pods\n  nodectl get pods -n kube-system -o wide\n  nodectl get pods -l app=web --watch",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runGetPods(cmd.Context(), g, f, args)
		},
	}
	f.define(g, cmd)
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "go on with the changes")
	cmd.Flags().BoolVar(&f.showLabels, "show-labels", false, "show the labels, too")
	return cmd
}

func runGetPods(ctx context.Context, g *globals, f *podFlags, args []string) error {
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
	if f.watch {
		return watchPods(ctx, g, f, b, sel)
	}
	pods, problems, err := b.Pods(ctx, sel)
	if err != nil {
		return g.withFilesHint(advisePods(err, args, f.root), podFilesOption)
	}
	if err := printPods(g, f, pods); err != nil {
		return err
	}
	if len(pods) == 0 {
		g.tellNone(f, "pods")
	}
	return g.tellPodProblems(problems)
}

// tellNone says on stderr that there is nothing to list.
func (g *globals) tellNone(f *podFlags, what string) {
	where := "on this node"
	switch {
	case f.root != "":
		where = "in this log tree"
	case f.namespace != "" && !f.allNamespaces:
		where = fmt.Sprintf("in %s namespace on this node", visible(f.namespace))
	}
	fmt.Fprintf(g.Err, "No %s found %s.\n", what, where)
}

// tellPodProblems says on stderr what is known only in part.
func (g *globals) tellPodProblems(problems []string) error {
	for _, p := range problems {
		fmt.Fprintln(g.Err, visible(p))
	}
	return nil
}

// advisePods adds the next step to errors about pods. names are those that were given, root the log tree that was read instead of noded's.
func advisePods(err error, names []string, root string) error {
	switch {
	case err == nil, hintOf(err) != "":
		return err
	case slices.ContainsFunc(names, isPodPattern):
		return &hintError{err: err, hint: severalPodsHint}
	case errors.Is(err, inventory.ErrAmbiguous):
		return &hintError{err: err, hint: "-n NAMESPACE"}
	case errors.Is(err, inventory.ErrNotFound):
		hint := "nodectl get pods"
		if root != "" {
			hint += " --root " + root
		}
		return &hintError{err: err, hint: hint}
	case errors.Is(err, inventory.ErrBadSelector):
		return &hintError{err: err, hint: selectorHint(err, names)}
	}
	return err
}

func printPods(g *globals, f *podFlags, pods []inventory.Pod) error {
	switch f.format {
	case "json", "yaml":
		items := make([]podItem, len(pods))
		for i := range pods {
			items[i] = podItemOf(&pods[i])
		}
		return printValue(g.Out, f.format, items)
	case "name":
		var names []string
		for i := range pods {
			names = append(names, "pod/"+visible(pods[i].Name))
		}
		if len(names) == 0 {
			return nil
		}
		return printLines(g.Out, names)
	}
	if len(pods) == 0 {
		return nil
	}
	rows := make([][]string, len(pods))
	for i := range pods {
		rows[i] = podRow(f, &pods[i], time.Now())
	}
	var header []string
	if !f.noHeaders {
		header = podHeader(f)
	}
	return writeTable(g.Out, tableStyle{separator: "   "}, header, rows)
}

func podHeader(f *podFlags) []string {
	header := []string{"NAME", "READY", "STATUS", "RESTARTS", "AGE"}
	if f.namespace == "" || f.allNamespaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	if f.format == "wide" {
		header = append(header, "IP", "OWNER", "IMAGES", "UID")
	}
	if f.showLabels {
		header = append(header, "LABELS")
	}
	return header
}

func podRow(f *podFlags, p *inventory.Pod, now time.Time) []string {
	row := []string{visible(p.Name), podReady(p), visible(podStatus(p)), podRestarts(p, now), age(p.Created, now)}
	if f.namespace == "" || f.allNamespaces {
		row = append([]string{visible(p.Namespace)}, row...)
	}
	if f.format == "wide" {
		var images []string
		for i := range p.Containers {
			if image := p.Containers[i].Image; image != "" && !slices.Contains(images, image) {
				images = append(images, image)
			}
		}
		ip := strings.Join(p.Addresses, ",")
		if ip == "" && p.HostNetwork {
			ip = "host"
		}
		for _, cell := range []string{ip, p.Owner.String(), strings.Join(images, ","), p.UID} {
			row = append(row, visible(firstNonEmpty(cell, "<none>")))
		}
	}
	if f.showLabels {
		row = append(row, visible(firstNonEmpty(strings.Join(shownLabels(p.Labels), ","), "<none>")))
	}
	return row
}

// age says how long ago something was, <unknown> if it is not known when.
func age(t, now time.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return ago(max(now.Sub(t), 0))
}

// podReady counts the containers that run, of those that are to run together.
func podReady(p *inventory.Pod) string {
	running, all := 0, 0
	for i := range p.Containers {
		c := &p.Containers[i]
		if c.Type == inventory.TypeInit || c.Type == inventory.TypeEphemeral {
			continue
		}
		all++
		if c.State == inventory.ContainerRunning {
			running++
		}
	}
	if p.LogsOnly && !withoutSandbox(p) {
		return fmt.Sprintf("?/%d", all)
	}
	return fmt.Sprintf("%d/%d", running, all)
}

// withoutSandbox reports whether there is nothing of a pod but an empty directory for its logs: the kubelet makes that before the sandbox, which
// it tries to make for as long as it takes, as when the network of the pod cannot be set up.
func withoutSandbox(p *inventory.Pod) bool { return p.LogsOnly && len(p.Containers) == 0 }

// podStatus sums the states of a pod's containers up in a word, as kubectl does with what the API server knows.
func podStatus(p *inventory.Pod) string {
	if withoutSandbox(p) {
		return "ContainerCreating"
	}
	if p.LogsOnly {
		return "LogsOnly"
	}
	if status := initStatus(p); status != "" {
		return status
	}
	reason, running, created := "", false, 0
	for i := len(p.Containers) - 1; i >= 0; i-- {
		c := &p.Containers[i]
		if c.Type == inventory.TypeInit || c.Type == inventory.TypeEphemeral {
			continue
		}
		created++
		switch c.State {
		case inventory.ContainerRunning:
			running = true
		case inventory.ContainerExited:
			reason = exitReason(c)
		case inventory.ContainerCreated:
			reason = "ContainerCreating"
		}
	}
	switch {
	case p.State == inventory.StateNotReady && (running || reason == ""):
		return "NotReady"
	case created == 0 && p.State == inventory.StateReady:
		return "ContainerCreating"
	case reason == "Completed" && running, reason == "" && running:
		return "Running"
	case reason == "":
		return "Unknown"
	}
	return reason
}

// initStatus says how far the init containers are; empty when they are done.
func initStatus(p *inventory.Pod) string {
	done, all := 0, 0
	status := ""
	for i := range p.Containers {
		c := &p.Containers[i]
		if c.Type != inventory.TypeInit {
			if c.Type != inventory.TypeEphemeral && !ofEarlierSandbox(p, c) {
				// The others begin when the init containers are done.
				return ""
			}
			continue
		}
		all++
		switch {
		case ofEarlierSandbox(p, c):
			// It runs again in each sandbox.
		case c.State == inventory.ContainerExited && c.ExitCode != nil && *c.ExitCode == 0:
			done++
		case c.State == inventory.ContainerExited && status == "":
			status = "Init:" + exitReason(c)
		}
	}
	if all == 0 || status != "" {
		return status
	}
	if done == all {
		return "PodInitializing"
	}
	return fmt.Sprintf("Init:%d/%d", done, all)
}

// ofEarlierSandbox reports whether a container is of a sandbox before the one that the pod has now, as after a restart of the node.
func ofEarlierSandbox(p *inventory.Pod, c *inventory.Container) bool {
	return !c.Created.IsZero() && c.Created.Before(p.Created)
}

// exitReason is why a container ended, in a word.
func exitReason(c *inventory.Container) string {
	switch {
	case c.Reason != "":
		return c.Reason
	case c.ExitCode == nil:
		return "Exited"
	case *c.ExitCode == 0:
		return "Completed"
	}
	return fmt.Sprintf("ExitCode:%d", *c.ExitCode)
}

// podRestarts counts the restarts of the containers, those of init containers only while there are no others, and says when the last one
// was.
func podRestarts(p *inventory.Pod, now time.Time) string {
	total := 0
	var last time.Time
	begun := slices.ContainsFunc(p.Containers, func(c inventory.Container) bool { return c.Type == inventory.TypeRegular })
	for i := range p.Containers {
		c := &p.Containers[i]
		if begun && c.Type == inventory.TypeInit {
			continue
		}
		total += int(c.Run)
		if c.Run > 0 && len(c.Previous) > 0 && c.Previous[0].Finished.After(last) {
			last = c.Previous[0].Finished
		}
	}
	if last.IsZero() {
		return fmt.Sprint(total)
	}
	return fmt.Sprintf("%d (%s ago)", total, age(last, now))
}
