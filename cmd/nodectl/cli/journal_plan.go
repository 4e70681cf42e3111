// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/output"
	"github.com/noded/noded/journal/syslogname"
	"github.com/noded/noded/journal/unitname"
)

const (
	// followLines is what --follow begins with.
	followLines = 10
	// pagerEndLines is what --pager-end shows.
	pagerEndLines = 1000
)

// plan is what nodectl journal is to do, after everything on the command line was read and checked.
type plan struct {
	action action
	// source is the files to read; nil means noded.
	source *journal.Source
	query  journal.Query
	mode   output.Mode
	// run is the run of the unit that is wanted; the backend finds it. nil means all.
	run *invocationRef
}

// invocationRef names a run of a unit by id, by offset, or both; without id 0 is the newest, -1 the one
// before, 1 the oldest.
type invocationRef = journal.BootRef

// makePlan checks the options and arguments and makes a plan of them. All mistakes are reported together.
func (f *journalFlags) makePlan(flags *pflag.FlagSet, args []string, now time.Time) (*plan, error) {
	if err := checkRefused(flags); err != nil {
		return nil, err
	}
	act, err := f.chosenAction(flags)
	if err != nil {
		return nil, err
	}
	if act != actionShow && act != actionListInvocations && len(args) > 0 {
		return nil, &usageError{err: fmt.Errorf("%s takes no arguments, but got %q", act, args[0]), hint: "nodectl journal " + string(act)}
	}
	p := &plan{action: act, query: journal.NewQuery()}
	var errs []error
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if p.mode, err = output.ParseMode(f.output); err != nil {
		keep(err)
	}
	keep(checkSourceFlags(flags, f.files))
	p.source = f.fileSource(flags, act)
	keep(f.exclusive(flags, act))
	keep(f.window(&p.query, flags, now))
	keep(f.lineCount(&p.query, flags))
	keep(f.filter(p, flags, args))
	if len(errs) == 0 {
		f.direction(&p.query)
		keep(p.query.Validate())
	}
	return p, errors.Join(errs...)
}

// fileSource returns the files that the options name, or nil for noded.
func (f *journalFlags) fileSource(flags *pflag.FlagSet, act action) *journal.Source {
	local := namesFiles(flags) || f.merge || f.system || f.user || flags.Changed("namespace") || readsHost(act)
	if !local {
		return nil
	}
	return &journal.Source{
		Directory: f.directory, Files: f.files, Root: f.root, Namespace: f.namespace,
		System: f.system, User: f.user, AllMachines: f.merge,
	}
}

// namesFiles reports whether options name the files to read.
func namesFiles(flags *pflag.FlagSet) bool {
	return flags.Changed("directory") || flags.Changed("file") || flags.Changed("root")
}

// readsHost reports whether an action is about files, which noded does not hand out.
func readsHost(act action) bool {
	return act == actionHeader || act == actionVerify || act == actionListNamespaces
}

// exclusive refuses options that contradict each other; those of the query itself are left to
// Query.Validate.
func (f *journalFlags) exclusive(flags *pflag.FlagSet, act action) error {
	starts := 0
	for _, name := range []string{"since", "cursor", "after-cursor", "cursor-file"} {
		if flags.Changed(name) {
			starts++
		}
	}
	switch {
	case starts > 1:
		return &usageError{err: errors.New("--since, --cursor, --after-cursor and --cursor-file exclude each other: choose one place to start")}
	case f.follow && f.reverse:
		return &usageError{err: errors.New("--follow and --reverse exclude each other: new entries come last")}
	case f.merge && (flags.Changed("boot") || f.thisBoot || f.dmesg || act == actionListBoots):
		return &usageError{err: errors.New("--boot, --dmesg and --list-boots cannot be used with --merge: each machine has boots of its own")}
	case readsHost(act) && flags.Changed("address") && !namesFiles(flags):
		return &usageError{err: fmt.Errorf("%s reads files of this host; it cannot be used with --address", act), hint: "nodectl journal " + string(act) + " on the host of noded"}
	}
	return nil
}

// window sets where the query begins and ends.
func (f *journalFlags) window(q *journal.Query, flags *pflag.FlagSet, now time.Time) error {
	var errs []error
	point := func(name, value string) *journal.Usec {
		if !flags.Changed(name) {
			return nil
		}
		t, err := parsePoint(value, now, time.Local)
		if err != nil {
			errs = append(errs, named(err, name))
			return nil
		}
		u := journal.UsecOf(t)
		return &u
	}
	q.Since, q.Until = point("since", f.since), point("until", f.until)
	if q.Since != nil && q.Until != nil && *q.Since > *q.Until {
		errs = append(errs, &usageError{
			err:  fmt.Errorf("--since %s is after --until %s", stamp(*q.Since, f.utc), stamp(*q.Until, f.utc)),
			hint: "--since with the earlier time",
		})
	}
	for name, value := range map[string]string{"cursor": f.cursor, "after-cursor": f.afterCursor, "cursor-file": f.cursorFile} {
		if flags.Changed(name) && value == "" {
			errs = append(errs, &usageError{err: fmt.Errorf("--%s is empty", name), hint: "a cursor that --show-cursor printed"})
		}
	}
	switch {
	case f.cursor != "":
		q.Cursor = journal.Cursor(f.cursor)
	case f.afterCursor != "":
		q.Cursor, q.AfterCursor = journal.Cursor(f.afterCursor), true
	case f.cursorFile != "":
		cursor, err := readCursorFile(f.cursorFile)
		if err != nil {
			errs = append(errs, err)
		}
		q.Cursor, q.AfterCursor = cursor, cursor != ""
	}
	return errors.Join(errs...)
}

// named gives an error of a value the name of the option that it was given to.
func named(err error, option string) error {
	var q *journal.QueryError
	if errors.As(err, &q) && q.Field != option {
		return &journal.QueryError{Field: option, Value: q.Value, Reason: q.Reason}
	}
	return err
}

// lineCount sets how many entries are shown.
func (f *journalFlags) lineCount(q *journal.Query, flags *pflag.FlagSet) (err error) {
	switch {
	case flags.Changed("lines"):
		q.Lines, q.FromHead, err = parseLines(f.lines)
	case f.pagerEnd:
		q.Lines = pagerEndLines
	case f.follow && !flags.Changed("since"):
		q.Lines = followLines
	}
	if f.noTail {
		q.Lines, q.FromHead = journal.LinesAll, false
	}
	if q.FromHead && (f.follow || f.reverse) {
		return &usageError{err: fmt.Errorf("--lines=%s cannot be used with --follow or --reverse", f.lines), hint: "--lines=" + strings.TrimPrefix(f.lines, "+")}
	}
	return err
}

// direction decides from which side a limited query is read, once all else is known.
func (f *journalFlags) direction(q *journal.Query) {
	q.Follow, q.Reverse = f.follow, f.reverse
	limited := q.Lines >= 0 && !q.FromHead
	switch {
	case limited && f.grep != "" && !f.follow:
		// How far back the last matches lie is not known: search from the end, as journalctl does.
		q.Reverse = true
	case limited && q.Cursor != "" && f.follow:
		q.Lines = journal.LinesAll
	case limited && q.Cursor != "" && !q.Reverse:
		// Lines are counted from the cursor on.
		q.FromHead = true
	}
}

// filter sets which entries are wanted.
func (f *journalFlags) filter(p *plan, flags *pflag.FlagSet, args []string) error {
	var errs []error
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	filter := &p.query.Filter
	keep(f.bootFilter(filter, flags))
	keep(f.unitFilter(p, args))
	var err error
	if flags.Changed("priority") {
		filter.Priorities, err = syslogname.ParsePriorities(f.priority)
		keep(err)
	}
	if len(f.facilities) > 0 && !f.wantsFacilityHelp() {
		filter.Facilities, err = syslogname.ParseFacilities(f.facilities)
		keep(err)
	}
	if flags.Changed("level") {
		filter.MaxLevel, err = journal.ParseLevel(f.level)
		keep(err)
	}
	filter.Identifiers, filter.ExcludeIdentifiers = f.identifiers, f.notIdentifiers
	filter.Grep, filter.Exclude = f.grep, f.exclude
	if f.dmesg {
		filter.Transports = []string{"kernel"}
	}
	filter.IgnoreCase, err = f.ignoreCase(flags)
	keep(err)
	return errors.Join(errs...)
}

// ignoreCase decides by --case-sensitive, else by the patterns.
func (f *journalFlags) ignoreCase(flags *pflag.FlagSet) (bool, error) {
	return ignoresCase(flags.Changed("case-sensitive"), f.caseSensitive, f.grep, f.exclude)
}

// ignoresCase decides by the value of --case-sensitive if it was given, else by the patterns.
func ignoresCase(given bool, value string, patterns ...string) (bool, error) {
	if !given {
		return !slices.ContainsFunc(patterns, func(p string) bool { return !journal.PatternIgnoresCase(p) }), nil
	}
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return false, nil
	case "0", "no", "n", "false", "f", "off":
		return true, nil
	}
	return false, &journal.QueryError{Field: "case-sensitive", Value: value, Reason: "want true or false"}
}

// bootFilter sets the boot: the one that is named, or this one where another option implies it.
func (f *journalFlags) bootFilter(filter *journal.Filter, flags *pflag.FlagSet) (err error) {
	switch {
	case flags.Changed("boot"):
		filter.Boot, err = parseBoot(f.boot)
	case f.thisBoot, f.dmesg, f.pagerEnd, f.follow && !f.merge:
		filter.Boot = &journal.BootRef{}
	}
	return err
}

// unitFilter sets units, invocation and matches.
func (f *journalFlags) unitFilter(p *plan, args []string) error {
	filter := &p.query.Filter
	w, err := parseWords(args, currentBoot)
	if err != nil {
		return err
	}
	filter.Matches = w.matches
	if filter.Units, err = mangle("unit", f.units); err != nil {
		return err
	}
	filter.Units = append(filter.Units, w.units...)
	if filter.UserUnits, err = mangle("user-unit", f.userUnits); err != nil {
		return err
	}
	if f.user && !f.system {
		// The journal of a user holds no system units: those that are named are meant to be user units.
		filter.Units, filter.UserUnits = nil, append(filter.UserUnits, filter.Units...)
	}
	if len(filter.UserUnits) > 0 {
		uid := uint32(os.Getuid())
		filter.UserUnitUID = &uid
	}
	if f.invocation == "" {
		return nil
	}
	ref, err := parseBoot(f.invocation)
	if err != nil || ref == nil {
		return &journal.QueryError{Field: "invocation", Value: f.invocation, Reason: "want an offset such as -1, an invocation id, or ID+OFFSET; see --list-invocations"}
	}
	if ref.ID.IsZero() || ref.Offset != 0 {
		if _, _, err := theUnit(filter, "--invocation by offset"); err != nil {
			return err
		}
	}
	p.run = ref
	return nil
}

// mangle completes unit names.
func mangle(option string, names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		unit, err := unitname.Mangle(name, true)
		if err != nil {
			return nil, named(err, option)
		}
		out = append(out, unit)
	}
	return out, nil
}

func (f *journalFlags) wantsFacilityHelp() bool {
	for _, list := range f.facilities {
		for name := range strings.SplitSeq(list, ",") {
			if name == "help" {
				return true
			}
		}
	}
	return false
}
