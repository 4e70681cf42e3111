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
	"github.com/spf13/pflag"

	"github.com/noded/noded/journal/unitname"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
)

// The values of --sort-by.
const (
	sortByCPU     = "cpu"
	sortByMemory  = "memory"
	sortByNetwork = "network"
	sortByDisk    = "disk"
	sortBySwap    = "swap"
)

func sortKeys() []string {
	return []string{sortByCPU, sortByMemory, sortByNetwork, sortByDisk, sortBySwap}
}

// topFlags are the options of nodectl top and what is beneath it.
type topFlags struct {
	kind          stats.Kind
	namespace     string
	allNamespaces bool
	selector      string
	ids           []string
	containers    bool
	sum           bool
	showCapacity  bool
	showSwap      bool
	tree          bool
	sortBy        string
	noHeaders     bool
	watch         bool
	since         string
	format        string
	// names are the arguments; of units the patterns. Set by check.
	names []string
	// withNode asks for the node, too.
	withNode bool
	// from is --since, the zero time if it was not given. Set by check.
	from time.Time
}

func newTopCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what the node, pods, containers and units use",
		Long: `Show the CPU time, memory, network and disk that the node, its pods and containers and its systemd units use. The node is
asked itself: there is no Metrics Server to wait for.`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTopNodeCommand(g), newTopPodCommand(g), newTopContainerCommand(g), newTopUnitCommand(g))
	return cmd
}

// define adds the options that all commands beneath top have.
func (f *topFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	listFlag(cmd, &f.format, listFormats())
	flags.StringVar(&f.sortBy, "sort-by", "", "sort by `WHAT`, greatest first: "+joinWords(sortKeys()))
	flags.BoolVar(&f.noHeaders, "no-headers", false, "leave out the line of headings")
	flags.BoolVarP(&f.watch, "watch", "w", false, "show a live screen; without a terminal print anew each second")
	flags.StringVar(&f.since, "since", "", "show mean, 95th percentile and maximum since this `TIME`: 10m, 14:00")
	complete(cmd, "sort-by", sortKeys()...)
	complete(cmd, "since", "5m", "10m", "15m")
}

// definePods adds the options that select pods.
func (f *topFlags) definePods(g *globals, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.namespace, "namespace", "n", "", "pods of this `NAMESPACE`; without it those of all")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "pods of all namespaces, which is the default")
	flags.StringVarP(&f.selector, "selector", "l", "", "pods with these labels (`LABELS`): app=web,tier!=cache")
	complete(cmd, "selector")
	noRoot, everywhere := "", ""
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("namespace", completePods(g, &noRoot, &everywhere, namespaceWords))
	cmd.ValidArgsFunction = completePods(g, &noRoot, &f.namespace, topPodWords)
}

func newTopNodeCommand(g *globals) *cobra.Command {
	f := &topFlags{kind: stats.KindNode}
	cmd := &cobra.Command{
		Use:     "node [NAME]",
		Aliases: []string{"nodes", "no"},
		Short:   "Show what the node uses",
		Long: `Show the CPU time and memory that the node uses, and how much that is of what it has. What is allocatable is known to the
API server only, so percentages are of the capacity, with and without --show-capacity.`,
		Example: "  nodectl top node\n  nodectl top node -o wide\n  nodectl top node --since 10m",
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), g, cmd.Flags(), args) },
	}
	f.define(cmd)
	cmd.Flags().BoolVar(&f.showCapacity, "show-capacity", false, "show percentages of the capacity, which is the default")
	cmd.Flags().BoolVar(&f.showSwap, "show-swap", false, "show swap, too")
	cmd.ValidArgsFunction = completeNode(g)
	return cmd
}

func newTopPodCommand(g *globals) *cobra.Command {
	f := &topFlags{kind: stats.KindPod}
	cmd := &cobra.Command{
		Use:     "pod [NAME | TYPE/NAME]...",
		Aliases: []string{"pods", "po"},
		Short:   "Show what pods use",
		Long: `Show the CPU time and memory that pods use: what their containers use together, as kubectl top does. Rates are of the last
look at the node, or of a moment if there was none yet.`,
		Example: "  nodectl top pod\n  nodectl top pod -n shop --sort-by memory --sum\n  nodectl top pod deployment/web --containers\n  nodectl top pod --watch",
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), g, cmd.Flags(), args) },
	}
	f.define(cmd)
	f.definePods(g, cmd)
	cmd.Flags().BoolVar(&f.containers, "containers", false, "show the containers of the pods")
	cmd.Flags().BoolVar(&f.sum, "sum", false, "show the sum, too")
	cmd.Flags().BoolVar(&f.showSwap, "show-swap", false, "show swap, too")
	return cmd
}

func newTopContainerCommand(g *globals) *cobra.Command {
	f := &topFlags{kind: stats.KindContainer}
	cmd := &cobra.Command{
		Use:     "container [POD | TYPE/NAME]...",
		Aliases: []string{"containers"},
		Short:   "Show what containers use",
		Long: `Show what the containers of the node use, those that are in no pod too, and how much of its limit of memory each has used
up. -o wide shows network (of those in no pod: the others have their pod's), disk, tasks and how much of the time the limit of CPU time held the container back, too.`,
		Example: "  nodectl top container\n  nodectl top container -o wide --sort-by cpu\n  nodectl top container --id 3f2a9c -o json",
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), g, cmd.Flags(), args) },
	}
	f.define(cmd)
	f.definePods(g, cmd)
	cmd.Flags().StringSliceVar(&f.ids, "id", nil, "containers with this `ID`, one that begins so, or this name")
	cmd.Flags().BoolVar(&f.sum, "sum", false, "show the sum, too")
	cmd.Flags().BoolVar(&f.showSwap, "show-swap", false, "show swap, too")
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("id", completeStats(g, containerIDWords))
	return cmd
}

func newTopUnitCommand(g *globals) *cobra.Command {
	f := &topFlags{kind: stats.KindUnit}
	cmd := &cobra.Command{
		Use:     "unit [PATTERN]...",
		Aliases: []string{"units"},
		Short:   "Show what systemd units use",
		Long:    "Show what the units of systemd use, slices and what is in them, by the path of their control groups.",
		Example: "  nodectl top unit\n  nodectl top unit --tree\n  nodectl top unit kubelet containerd\n  nodectl top unit '*.slice' --sort-by memory",
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), g, cmd.Flags(), args) },
	}
	f.define(cmd)
	cmd.Flags().BoolVar(&f.showSwap, "show-swap", false, "show swap, too")
	cmd.Flags().BoolVar(&f.tree, "tree", false, "indent units beneath the slice that they are in")
	cmd.ValidArgsFunction = completeStats(g, unitWords)
	return cmd
}

// check checks the options and arguments.
func (f *topFlags) check(flags *pflag.FlagSet, args []string, now time.Time) error {
	if err := checkFormat(f.format, listFormats()); err != nil {
		return err
	}
	if f.sortBy != "" && !slices.Contains(sortKeys(), f.sortBy) {
		return &usageError{err: fmt.Errorf("--sort-by %q: want one of %s", f.sortBy, joinWords(sortKeys())), hint: "--sort-by cpu"}
	}
	if len(args) > 0 && f.selector != "" {
		return &usageError{err: errors.New("only a selector (-l) or names are allowed")}
	}
	if f.kind == stats.KindNode && len(args) > 1 {
		return &usageError{err: errors.New("top node wants one name at most"), hint: "nodectl top node"}
	}
	f.names = args
	if f.kind == stats.KindNode {
		f.names = withoutKind("node", args)
	}
	f.ids = withoutKind("container", f.ids)
	if f.kind == stats.KindUnit {
		f.names = nil
		for _, arg := range args {
			pattern, err := unitname.Mangle(arg, true)
			if err != nil {
				return err
			}
			f.names = append(f.names, pattern)
		}
	}
	if err := f.exclusive(flags); err != nil {
		return err
	}
	if f.since == "" {
		return nil
	}
	from, err := parseLogTime("since", f.since, now)
	if err == nil && !from.Before(now) {
		err = &usageError{err: fmt.Errorf("--since %s is not in the past", f.since), hint: "--since 10m"}
	}
	f.from = from
	return err
}

// withoutKind takes names as -o name prints them, too: node/node1.
func withoutKind(kind string, names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, strings.TrimPrefix(name, kind+"/"))
	}
	return out
}

// exclusive refuses options that exclude each other.
func (f *topFlags) exclusive(flags *pflag.FlagSet) error {
	switch {
	case flags.Changed("since") && f.since == "":
		return &usageError{err: errors.New("--since wants a time"), hint: "--since 10m"}
	case f.since != "" && f.watch:
		return &usageError{err: errors.New("--since cannot be used with --watch: it is about what was")}
	case f.since != "" && f.sum:
		return &usageError{err: errors.New("--since cannot be used with --sum: maxima of different times have no sum")}
	case f.sum && slices.Contains([]string{"json", "yaml", "name"}, f.format):
		return &usageError{err: fmt.Errorf("--sum cannot be used with -o %s: it has no place there", f.format)}
	case f.tree && (f.sortBy != "" || f.since != "" || f.watch):
		return &usageError{err: errors.New("--tree cannot be used with --sort-by, --since or --watch: it has an order of its own, and is of now"), hint: "nodectl top unit --tree"}
	case f.tree && slices.Contains([]string{"json", "yaml", "name"}, f.format):
		return &usageError{err: fmt.Errorf("--tree cannot be used with -o %s: the path of the control group tells there", f.format)}
	case f.sortBy == sortByNetwork && f.kind == stats.KindUnit:
		return &usageError{err: errors.New("--sort-by network cannot be used for units: they have no network of their own"), hint: "--sort-by cpu"}
	case f.sortBy == sortByNetwork && f.containers:
		return &usageError{err: errors.New("--sort-by network cannot be used with --containers: the containers of a pod have its network"), hint: "nodectl top pod --sort-by network"}
	case f.watch && (f.format == "yaml" || f.format == "name"):
		return &usageError{err: fmt.Errorf("--watch cannot be used with -o %s", f.format), hint: "-o json"}
	}
	return nil
}

// rowKind is the kind of what has a row.
func (f *topFlags) rowKind() stats.Kind {
	if f.containers {
		return stats.KindContainer
	}
	return f.kind
}

// selection is what the options and arguments select.
func (f *topFlags) selection() stats.Selection {
	sel := stats.Selection{Kinds: []stats.Kind{f.rowKind()}}
	if f.withNode {
		sel.Kinds = append(sel.Kinds, stats.KindNode)
	}
	switch f.kind {
	case stats.KindUnit:
		sel.Units = f.names
	case stats.KindPod, stats.KindContainer:
		sel.Containers = f.ids
		sel.Pods = f.podSelector()
	case stats.KindUnknown, stats.KindNode:
	}
	return sel
}

// podSelector selects pods; nil for all.
func (f *topFlags) podSelector() *inventory.PodSelector {
	s := &inventory.PodSelector{Names: f.names, LabelSelector: f.selector}
	if !f.allNamespaces {
		s.Namespace = f.namespace
	}
	if len(s.Names) == 0 && s.LabelSelector == "" && s.Namespace == "" {
		return nil
	}
	return s
}

// withNamespace: rows tell the namespace.
func (f *topFlags) withNamespace() bool { return f.namespace == "" || f.allNamespaces }

func (f *topFlags) run(ctx context.Context, g *globals, flags *pflag.FlagSet, args []string) error {
	if err := f.check(flags, args, time.Now()); err != nil {
		return err
	}
	b, err := g.openStats()
	if err != nil {
		return err
	}
	defer b.Close()
	switch {
	case f.since != "":
		err = f.runSince(ctx, g, b)
	case f.watch:
		err = f.runWatch(ctx, g, b)
	default:
		err = f.runOnce(ctx, g, b)
	}
	if f.kind == stats.KindUnit && errors.Is(err, inventory.ErrNotFound) && hintOf(err) == "" {
		return &hintError{err: err, hint: "nodectl top unit"}
	}
	if f.kind == stats.KindContainer {
		return adviseContainers(err, f.names, "")
	}
	return advisePods(err, f.names, "")
}

// runOnce prints what is used now.
func (f *topFlags) runOnce(ctx context.Context, g *globals, b statsBackend) error {
	look, err := f.firstLook(ctx, b)
	if err != nil {
		return err
	}
	if err := f.print(g, look); err != nil {
		return err
	}
	return f.tell(g, look)
}

// tell says on stderr what is missing.
func (f *topFlags) tell(g *globals, look *topLook) error {
	if err := f.unmatched(g, look); err != nil {
		return err
	}
	switch {
	case len(look.rows) > 0:
	case len(f.names)+len(f.ids) > 0:
		fmt.Fprintf(g.Err, "No figures of %s: nothing of it runs.\n", visible(joinWords(slices.Concat(f.names, f.ids))))
	default:
		g.tellNone(&podFlags{namespace: f.namespace, allNamespaces: f.allNamespaces}, plural(f.rowKind()))
	}
	return g.tellPodProblems(look.problems)
}

func plural(kind stats.Kind) string {
	switch kind {
	case stats.KindPod:
		return "pods"
	case stats.KindContainer:
		return "containers"
	case stats.KindUnit:
		return "units"
	case stats.KindNode, stats.KindUnknown:
	}
	return "figures"
}
