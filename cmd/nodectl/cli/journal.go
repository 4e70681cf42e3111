// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/engines"
	"github.com/noded/noded/journal/output"
	"github.com/noded/noded/journal/syslogname"
)

// journalCommand is one run of nodectl journal.
type journalCommand struct {
	*globals
	*journalFlags
	*plan
	// given are the options as they were written.
	given   *pflag.FlagSet
	backend backend
	out     io.Writer
}

func newJournalCommand(g *globals) *cobra.Command {
	f := &journalFlags{}
	cmd := &cobra.Command{
		Use:   "journal [UNIT|FIELD=VALUE|/PATH|+]...",
		Short: "Show entries of the journal",
		Long: `Show entries of the journal, as journalctl does.

A word is a unit (".service" is implied, patterns are allowed), FIELD=VALUE a match, the path of a program or a
device selects its messages. Terms on one field are alternatives, terms on several must all hold, "+" stands
between groups that are alternatives.

Where no unit of that name ever logged, the log of a static pod's or a DaemonSet's container of that name is shown, such
as that of kube-apiserver; a line on stderr says so.

Entries come from noded. With --directory, --file, --root, --merge, --namespace, --system or --user the journal
files are read instead, with no daemon.

` + exitCodesHead + exitCodesTail,
		Example: `  nodectl journal kubelet --since 1h
  nodectl journal -u containerd -p warning -f
  nodectl journal -b -1 -k
  nodectl journal kubelet --level error --exclude 'context canceled' -o json
  nodectl journal -D /mnt/var/log/journal --list-boots`,
		SuggestFor: []string{"journalctl"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runJournal(cmd.Context(), g, f, cmd, args)
		},
	}
	f.define(cmd.Flags())
	addVersionFlag(cmd, g)
	completeJournalFlags(cmd, output.Modes(), syslogname.PriorityNames(), syslogname.FacilityNames())
	completeFromBackend(g, f, cmd)
	return cmd
}

func runJournal(ctx context.Context, g *globals, f *journalFlags, cmd *cobra.Command, args []string) error {
	if f.output == "help" {
		return printLines(g.Out, output.Modes())
	}
	if f.wantsFacilityHelp() {
		names := syslogname.FacilityNames()
		if !f.quiet {
			names = append([]string{"Available facilities:"}, names...)
		}
		return printLines(g.Out, names)
	}
	p, err := f.makePlan(cmd.Flags(), args, time.Now())
	if err != nil {
		return withHelpHint(err, cmd)
	}
	if _, err := parseEngine(f.engine, engines.HasLibsystemd); err != nil {
		return err
	}
	if err := g.checkPlatform(p.source); err != nil {
		return err
	}
	c := &journalCommand{globals: g, journalFlags: f, plan: p, given: cmd.Flags(), out: g.Out}
	switch p.action {
	case actionHeader:
		return c.printHeaders(ctx)
	case actionVerify:
		return c.verifyFiles(ctx)
	case actionListNamespaces:
		return c.listNamespaces()
	}
	if c.backend, err = g.openBackend(p.source, f.engine); err != nil {
		return err
	}
	defer c.backend.Close()
	if err := c.run(ctx); err != nil {
		return c.explain(ctx, err)
	}
	if c.action != actionShow && !c.quiet {
		c.tellSource(ctx, c.backend, c.source)
	}
	return nil
}

// explain adds the next step to an error. That a boot is not there is better said where there is no file at all.
func (c *journalCommand) explain(ctx context.Context, err error) error {
	if errors.Is(err, journal.ErrNoBoot) && !c.quiet && c.explainNoFiles(ctx) {
		return &silentError{code: ExitNotFound}
	}
	return c.withFilesHint(advise(err, c.source), "--system")
}

// run does what the plan says with the backend.
func (c *journalCommand) run(ctx context.Context) error {
	switch c.action {
	case actionFieldNames:
		return c.listFieldNames(ctx)
	case actionFieldValues:
		return c.listFieldValues(ctx)
	case actionListBoots:
		return c.listBoots(ctx)
	case actionListInvocations:
		return c.listInvocations(ctx)
	case actionDiskUsage:
		return c.printDiskUsage(ctx)
	default:
		return c.show(ctx)
	}
}

// withHelpHint points to the help where an error has no better advice.
func withHelpHint(err error, cmd *cobra.Command) error {
	if ExitCode(err) != ExitUsage {
		return err
	}
	return &hintError{err: err, hint: firstNonEmpty(hintOf(err), cmd.CommandPath()+" --help")}
}

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// theUnit returns the one unit that the filter names; what says what needs it.
func theUnit(filter *journal.Filter, what string) (unit string, user bool, err error) {
	switch {
	case len(filter.Units) == 1 && len(filter.UserUnits) == 0:
		return filter.Units[0], false, nil
	case len(filter.Units) == 0 && len(filter.UserUnits) == 1:
		return filter.UserUnits[0], true, nil
	}
	return "", false, &usageError{err: fmt.Errorf("%s needs exactly one unit", what), hint: "nodectl journal UNIT " + strings.TrimSuffix(what, " by offset")}
}

func printLines(w io.Writer, lines []string) error {
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
