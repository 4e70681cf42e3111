// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/engines"
)

// journalFlags are the options of nodectl journal as they were written.
type journalFlags struct {
	// Sources: files instead of the daemon.
	directory, root, namespace   string
	files                        []string
	merge, system, user          bool
	engine                       string
	since, until                 string
	cursor, afterCursor          string
	cursorFile                   string
	boot                         string
	thisBoot, dmesg              bool
	units, userUnits             []string
	invocation                   string
	identifiers, notIdentifiers  []string
	priority                     string
	facilities                   []string
	grep, exclude, caseSensitive string
	level                        string

	output                     string
	outputFields               []string
	lines                      string
	reverse, showCursor, utc   bool
	catalog, noHostname        bool
	noFull, all                bool
	follow, noTail, truncate   bool
	quiet, raw                 bool
	noPager, pagerEnd          bool
	fieldNames                 bool
	field                      string
	listBoots, listInvocations bool
	listNamespaces, diskUsage  bool
	header, verify             bool
}

// define adds the options to flags, in the order in which the help shows them.
func (f *journalFlags) define(flags *pflag.FlagSet) {
	flags.SortFlags = false
	f.defineSources(flags)
	f.defineFilters(flags)
	f.defineOutput(flags)
	f.defineActions(flags)
	defineRefused(flags)
}

func (f *journalFlags) defineSources(flags *pflag.FlagSet) {
	flags.StringVarP(&f.directory, "directory", "D", "", "read the journal files in `DIR`, with no daemon")
	flags.StringArrayVarP(&f.files, "file", "i", nil, "read the journal file `PATH` (a pattern; may be repeated)")
	flags.StringVar(&f.root, "root", "", "read the journals of the system below `DIR`")
	flags.BoolVarP(&f.merge, "merge", "m", false, "read the journals of all machines that are on this one")
	flags.StringVar(&f.namespace, "namespace", "", "read the journal namespace `NAME` (+NAME: and the default one; *: all)")
	flags.BoolVar(&f.system, "system", false, "read the journal of the system")
	flags.BoolVar(&f.user, "user", false, "read the journal of the calling user")
	flags.StringVar(&f.engine, "engine", "auto", engineHelp)
}

func (f *journalFlags) defineFilters(flags *pflag.FlagSet) {
	flags.StringVarP(&f.since, "since", "S", "", "entries of this `TIME` or later: 1h, -1h, today, \"2026-11-23 18:00\"")
	flags.StringVarP(&f.until, "until", "U", "", "entries of this `TIME` or earlier")
	flags.StringVarP(&f.cursor, "cursor", "c", "", "start at the entry that `CURSOR` names")
	flags.StringVar(&f.afterCursor, "after-cursor", "", "start after the entry that `CURSOR` names")
	flags.StringVar(&f.cursorFile, "cursor-file", "", "start after the cursor in `FILE`, and keep the position in it")
	flags.StringVarP(&f.boot, "boot", "b", "", "this boot, or the boot `ID` or offset; all for every boot")
	flags.Lookup("boot").NoOptDefVal = "0"
	flags.StringArrayVarP(&f.units, "unit", "u", nil, "entries of the system unit `UNIT` (a pattern; may be repeated)")
	flags.StringArrayVar(&f.userUnits, "user-unit", nil, "entries of the user unit `UNIT`")
	flags.StringVarP(&f.invocation, "invocation", "I", "", "one run of the unit, by `ID` or offset; -I is the newest")
	flags.Lookup("invocation").NoOptDefVal = "0"
	flags.StringArrayVarP(&f.identifiers, "identifier", "t", nil, "entries with this syslog identifier (`NAME`)")
	flags.StringArrayVarP(&f.notIdentifiers, "exclude-identifier", "T", nil, "no entries with this syslog identifier (`NAME`)")
	flags.StringVarP(&f.priority, "priority", "p", "", "entries of this priority or more severe, or of a `RANGE` A..B")
	flags.StringArrayVar(&f.facilities, "facility", nil, "entries of these syslog facilities (`LIST`; help shows them)")
	flags.StringVarP(&f.grep, "grep", "g", "", "entries whose message matches `PATTERN` (RE2)")
	flags.StringVar(&f.exclude, "exclude", "", "no entries whose message matches `PATTERN` (RE2)")
	flags.StringVar(&f.caseSensitive, "case-sensitive", "", "patterns mind case, or not (`BOOL`); without it a lower-case one does not")
	flags.Lookup("case-sensitive").NoOptDefVal = "true"
	flags.StringVar(&f.level, "level", "", "entries of this `LEVEL` or more severe, also by klog, logfmt and JSON text: "+strings.Join(levelNames(), ", "))
	flags.BoolVarP(&f.dmesg, "dmesg", "k", false, "messages of the kernel, of this boot")
	flags.BoolVar(&f.thisBoot, "this-boot", false, "")
	// The only error is a flag that does not exist.
	_ = flags.MarkHidden("this-boot")
}

func (f *journalFlags) defineOutput(flags *pflag.FlagSet) {
	flags.StringVarP(&f.output, "output", "o", "short", "print in this `MODE`; help shows them")
	flags.StringArrayVar(&f.outputFields, "output-fields", nil, "print these fields in verbose, export, JSON and cat (`LIST`)")
	flags.StringVarP(&f.lines, "lines", "n", "", "the last `N` entries; +N: the first; all")
	flags.Lookup("lines").NoOptDefVal = "10"
	flags.BoolVarP(&f.reverse, "reverse", "r", false, "newest entries first")
	flags.BoolVar(&f.showCursor, "show-cursor", false, "print the cursor after all entries")
	flags.BoolVar(&f.utc, "utc", false, "print times in UTC")
	flags.BoolVarP(&f.catalog, "catalog", "x", false, "add explanations from the message catalog")
	flags.BoolVarP(&f.noHostname, "no-hostname", "W", false, "leave out the host name")
	addSwitch(flags, &pflag.Flag{Name: "full", Shorthand: "l", Usage: "show fields in full (the default)"}, &f.noFull, false)
	addSwitch(flags, &pflag.Flag{Name: "no-full", Usage: "cut long fields"}, &f.noFull, true)
	flags.BoolVarP(&f.all, "all", "a", false, "show all fields, long and unprintable ones too")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with new entries; begins with the last 10 of this boot")
	flags.BoolVar(&f.noTail, "no-tail", false, "show all entries, also with --follow")
	flags.BoolVar(&f.truncate, "truncate-newline", false, "cut messages at the first newline")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no notes, hints and gaps")
	flags.BoolVar(&f.raw, "raw", false, "do not make control characters visible on a terminal")
	flags.BoolVar(&f.noPager, "no-pager", false, "do not use a pager")
	flags.BoolVarP(&f.pagerEnd, "pager-end", "e", false, "go to the end in the pager: the last 1000 of this boot")
}

func (f *journalFlags) defineActions(flags *pflag.FlagSet) {
	flags.BoolVarP(&f.fieldNames, "fields", "N", false, "list the names of all fields")
	flags.StringVarP(&f.field, "field", "F", "", "list the values of `FIELD`")
	flags.BoolVar(&f.listBoots, "list-boots", false, "list the boots")
	flags.BoolVar(&f.listInvocations, "list-invocations", false, "list the runs of a unit")
	flags.BoolVar(&f.listNamespaces, "list-namespaces", false, "list the journal namespaces of this machine")
	flags.BoolVar(&f.diskUsage, "disk-usage", false, "show the disk space that the journal uses")
	flags.BoolVar(&f.header, "header", false, "show the headers of the journal files of this host")
	flags.BoolVar(&f.verify, "verify", false, "check the journal files of this host for damage")
}

// action is what nodectl journal is to do.
type action string

const (
	actionShow            action = "show"
	actionFieldNames      action = "--fields"
	actionFieldValues     action = "--field"
	actionListBoots       action = "--list-boots"
	actionListInvocations action = "--list-invocations"
	actionListNamespaces  action = "--list-namespaces"
	actionDiskUsage       action = "--disk-usage"
	actionHeader          action = "--header"
	actionVerify          action = "--verify"
)

// chosenAction returns the one command that the options name. Two are a mistake.
func (f *journalFlags) chosenAction(flags *pflag.FlagSet) (action, error) {
	var chosen []action
	for _, candidate := range []struct {
		given  bool
		action action
	}{
		{f.fieldNames, actionFieldNames}, {flags.Changed("field"), actionFieldValues}, {f.listBoots, actionListBoots},
		{f.listInvocations, actionListInvocations}, {f.listNamespaces, actionListNamespaces},
		{f.diskUsage, actionDiskUsage}, {f.header, actionHeader}, {f.verify, actionVerify},
	} {
		if candidate.given {
			chosen = append(chosen, candidate.action)
		}
	}
	switch len(chosen) {
	case 0:
		return actionShow, nil
	case 1:
		return chosen[0], nil
	default:
		return "", &usageError{err: fmt.Errorf("%s and %s exclude each other", chosen[0], chosen[1])}
	}
}

// parseLines reads the value of --lines: N, +N or all.
func parseLines(s string) (lines int64, fromHead bool, err error) {
	if s == "all" {
		return journal.LinesAll, false, nil
	}
	number, fromHead := strings.CutPrefix(s, "+")
	n, err := strconv.ParseUint(number, 10, 31)
	if _, nerr := strconv.ParseUint(strings.TrimPrefix(s, "-"), 10, 31); err != nil && nerr == nil {
		return 0, false, &journal.QueryError{Field: "lines", Value: s, Reason: "must not be negative; -n" + s[1:] + " shows the last " + s[1:]}
	}
	if err != nil {
		return 0, false, &journal.QueryError{Field: "lines", Value: s, Reason: "want a number, +NUMBER or all"}
	}
	return int64(n), fromHead, nil
}

// parseBoot reads the value of --boot: an id, an offset, both, or all, which gives nil.
func parseBoot(s string) (*journal.BootRef, error) {
	if s == "all" {
		return nil, nil
	}
	ref := &journal.BootRef{}
	rest := s
	if len(s) >= 32 {
		if id, err := journal.ParseID128(s[:32]); err == nil {
			ref.ID, rest = id, s[32:]
		}
	}
	var err error
	switch {
	case rest == "" && !ref.ID.IsZero():
		return ref, nil
	case !ref.ID.IsZero() && rest[0] != '+' && rest[0] != '-':
		err = strconv.ErrSyntax
	default:
		ref.Offset, err = atoi(rest)
	}
	if err != nil {
		return nil, &journal.QueryError{Field: "boot", Value: s, Reason: "want an offset such as -1, a boot id, ID+OFFSET or all; see --list-boots"}
	}
	return ref, nil
}

// levelNames are the names that --level takes, most severe first.
func levelNames() []string {
	var names []string
	for l := journal.LevelFatal; l <= journal.LevelTrace; l++ {
		names = append(names, l.String())
	}
	return names
}

// completeJournalFlags gives the options their values for completion.
func completeJournalFlags(cmd *cobra.Command, modes, priorities, facilities []string) {
	complete(cmd, "output", append(modes, "help")...)
	complete(cmd, "priority", priorities...)
	complete(cmd, "facility", append(facilities, "help")...)
	complete(cmd, "level", levelNames()...)
	complete(cmd, "engine", engines.Names()...)
	complete(cmd, "case-sensitive", "true", "false")
	complete(cmd, "since", "today", "yesterday", "1h", "10m")
	complete(cmd, "until", "today", "yesterday", "now")
	for _, name := range []string{"cursor", "after-cursor", "grep", "exclude", "lines", "namespace", "invocation"} {
		complete(cmd, name)
	}
}
