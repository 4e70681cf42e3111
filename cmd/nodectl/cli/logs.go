// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// logsCommand is one run of nodectl logs.
type logsCommand struct {
	*globals
	*logsFlags
	*logsPlan
	backend logBackend
	show    *logShower
}

func newLogsCommand(g *globals) *cobra.Command {
	f := &logsFlags{}
	cmd := &cobra.Command{
		Use:   "logs [-f] [-p] (POD | TYPE/NAME) [CONTAINER]",
		Short: "Print the logs of containers",
		Long: `Print the logs of containers, as kubectl logs does, but from the node itself: rotated and compressed files and those of
earlier runs too, with no API server and no kubelet.

POD is the name of a pod; TYPE/NAME what made pods, such as deployment/web, and means all of them. Without --namespace
pods of all namespaces are looked at. The id of a container works too, as for docker logs and crictl logs, and so does
the name of a container of the control plane, or of a unit. Lines of several containers are merged by time.

Logs come from noded. With --root a copied log tree is read instead, with no daemon.

` + exitCodesHead + exitCodesTail,
		Example: `  nodectl logs web-5c9d8f6b7-4qk2n -f
  nodectl logs deployment/web --since 10m --level error
  nodectl logs -n kube-system -l k8s-app=kube-dns --all-containers --tail 50
  nodectl logs web-5c9d8f6b7-4qk2n app --previous
  nodectl logs 3f2a9c --timestamps
  nodectl logs --root /mnt/var/log/pods deployment/web --all-restarts`,
		Aliases:    []string{"log"},
		SuggestFor: []string{"tail", "stern", "cat"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogs(cmd.Context(), g, f, cmd, args)
		},
	}
	f.define(cmd.Flags())
	completeLogsFlags(cmd)
	completeFromLogs(g, f, cmd)
	return cmd
}

func runLogs(ctx context.Context, g *globals, f *logsFlags, cmd *cobra.Command, args []string) error {
	p, err := f.makePlan(cmd.Flags(), args, time.Now())
	if err != nil {
		return withHelpHint(err, cmd)
	}
	c := &logsCommand{globals: g, logsFlags: f, logsPlan: p}
	if c.backend, err = g.openLogs(f.root, p.query.Follow); err != nil {
		return err
	}
	defer c.backend.Close()
	c.show = c.newShow(cmd.Flags().Changed("prefix"))
	return g.withFilesHint(c.advise(ctx, c.run(ctx), args), podFilesOption)
}

// run prints the lines that the plan selects.
func (c *logsCommand) run(ctx context.Context) error {
	if err := c.guard(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.query.Follow {
		defer c.watchOutput(ctx, func() { cancel(syscall.EPIPE) })()
	} else {
		widenPipe(c.Out)
	}
	c.show.nothing = func() { c.tellNothing(ctx) }
	var err error
	if c.word == "" || isPodName(c.word) {
		err = c.read(ctx, c.wanted)
	} else {
		err = &inventory.NotFoundError{Kind: "pods", Name: c.word, Namespace: c.wanted.Pods.Namespace}
	}
	if errors.Is(err, inventory.ErrNotFound) && c.word != "" && c.show.shown == 0 {
		err = c.readOther(ctx, err)
	}
	if err != nil && isBrokenPipe(context.Cause(ctx)) {
		err = syscall.EPIPE
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	if c.show.terminal && c.output == logText {
		c.show.printer.endLine()
	}
	if ferr := c.show.printer.flush(); err == nil || isBrokenPipe(ferr) {
		err = ferr
	}
	if err != nil || c.show.shown > 0 || c.query.Tail == 0 {
		return err
	}
	if c.root != "" && c.show.denied > 0 && c.show.denied == c.show.gaps {
		return &hintError{err: fmt.Errorf("no log may be read: %w", fs.ErrPermission), hint: "sudo, or without --root to ask noded"}
	}
	if !c.query.Follow {
		c.tellNothing(ctx)
	}
	if c.query.Filter.Grep != "" {
		// As grep does, so that scripts can ask.
		return &silentError{code: ExitFailure}
	}
	return nil
}

// read prints the logs of what sel names.
func (c *logsCommand) read(ctx context.Context, sel inventory.LogSelector) error {
	return c.backend.ReadLogs(ctx, client.LogRequest{
		Selector: sel, Query: c.query, OnResume: c.show.resumed, OnBreak: c.show.broken,
	}, c.show)
}

// guard refuses to follow more containers than the user wants to.
func (c *logsCommand) guard(ctx context.Context) error {
	if c.maxRequests == 0 || !c.query.Follow || c.wanted.Pods == nil {
		return nil
	}
	pods, _, err := c.backend.Pods(ctx, *c.wanted.Pods)
	if err != nil {
		return nil //nolint:nilerr // the read has the better error, or finds something else of that name
	}
	streams := 0
	for i := range pods {
		switch {
		case c.wanted.AllContainers:
			streams += len(pods[i].Containers)
		case len(pods[i].Containers) > 0:
			streams++
		}
	}
	if streams <= c.maxRequests {
		return nil
	}
	return &usageError{
		err: fmt.Errorf("you are attempting to follow %d log streams, but maximum allowed concurrency is %d, use --max-log-requests to increase the limit",
			streams, c.maxRequests),
		hint: fmt.Sprintf("--max-log-requests %d", streams),
	}
}

// advise adds the next step to an error.
func (c *logsCommand) advise(ctx context.Context, err error, args []string) error {
	if err == nil || hintOf(err) != "" {
		return err
	}
	list := "nodectl get pods"
	if looksLikeID(c.word) {
		list = "nodectl get containers"
	}
	if c.root != "" {
		list += " --root " + c.root
	}
	switch {
	case c.word != "" && isPodPattern(c.word) && errors.Is(err, inventory.ErrNotFound):
		return &hintError{err: err, hint: severalPodsHint}
	case errors.Is(err, inventory.ErrChooseContainer):
		return &hintError{err: err, hint: "-c NAME, or --all-containers"}
	case errors.Is(err, inventory.ErrAmbiguous) && c.namespace == "" && strings.Contains(err.Error(), "namespaces"):
		return &hintError{err: err, hint: "-n NAMESPACE"}
	case errors.Is(err, inventory.ErrAmbiguous):
		return &hintError{err: err, hint: "more letters of the id, or nodectl get containers"}
	case errors.Is(err, podlog.ErrNoPrevious):
		return &hintError{err: err, hint: "without --previous for the current run, or " + c.describeCommand() + " for what ended it"}
	case errors.Is(err, inventory.ErrNotFound) && len(args) == 2 && slices.Contains(workloadTypes(), args[0]):
		return &hintError{err: err, hint: fmt.Sprintf("nodectl logs %s/%s", args[0], args[1])}
	case errors.Is(err, inventory.ErrNotFound):
		return &hintError{err: err, hint: firstNonEmpty(c.meantHint(ctx), list)}
	case errors.Is(err, inventory.ErrBadSelector):
		return &hintError{err: err, hint: selectorHint(err, args[:min(len(args), 1)])}
	}
	return err
}

// meantHint returns what a word was perhaps meant to be that is nothing that has a log; empty if there is nothing to say.
func (c *logsCommand) meantHint(ctx context.Context) string {
	pods, _, err := c.backend.Pods(ctx, inventory.PodSelector{})
	if err != nil {
		return ""
	}
	if c.root != "" && len(pods) == 0 {
		return logTreeHint
	}
	if c.word == "" {
		return ""
	}
	command := "nodectl logs"
	if c.root != "" {
		command += " --root " + c.root
	}
	if hint := podsOfContainer(command, pods, c.word); hint != "" {
		return hint
	}
	if _, alone, _, err := c.backend.Containers(ctx, nil, nil); err == nil && c.namespace == "" {
		var names []string
		for i := range alone {
			names = append(names, alone[i].Name)
		}
		if near := nearNames(c.word, names); len(near) > 0 {
			return command + " " + strings.Join(near, ", "+command+" ")
		}
	}
	return c.meantUnits(ctx)
}

// meantUnits returns the commands that show the units which a word was perhaps meant to be.
func (c *logsCommand) meantUnits(ctx context.Context) string {
	b, ok := c.backend.(backend)
	if !ok {
		return ""
	}
	units, err := b.Units(ctx, nil, false)
	if err != nil {
		return ""
	}
	if c.namespace != "" {
		if slices.Contains(units, c.word+".service") {
			return "nodectl logs " + c.word + ", as a unit is in no namespace"
		}
		return ""
	}
	if near := misspeltUnits(c.word, units); len(near) > 0 {
		return "nodectl logs " + strings.Join(near, ", nodectl logs ")
	}
	return ""
}

// workloadTypes are the words that are a TYPE, in the forms that people type most.
func workloadTypes() []string {
	return []string{
		"pod", "pods", "po", "deployment", "deployments", "deploy", "replicaset", "replicasets", "rs", "statefulset", "statefulsets", "sts",
		"daemonset", "daemonsets", "ds", "job", "jobs", "cronjob", "cronjobs", "cj",
	}
}
