// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/glob"
	"github.com/noded/noded/journal/output"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// errNoUnit ends a follow of a unit that does not exist when a container of its name does.
var errNoUnit = errors.New("the unit never logged")

// readEntries prints the entries that the query selects, or if the unit never logged the log of the component that has its name, which
// elsewhere tells.
func (c *journalCommand) readEntries(ctx context.Context, s *shower) (elsewhere bool, err error) {
	instead := sync.OnceValues(func() (comp component, err error) {
		comp, _, err = c.findInstead(ctx)
		return comp, err
	})
	s.nothing = sync.OnceValue(func() error {
		if comp, err := instead(); err != nil || len(comp.pods) > 0 {
			return errNoUnit
		}
		if !c.quiet {
			c.explainNothing(ctx)
		}
		return nil
	})
	req := client.ReadRequest{Query: c.query, IncludeCatalog: c.catalog, CatalogLanguage: language(c.Getenv), OnResume: s.resumed, OnBreak: s.broken}
	req.Query.Fields = s.options.Fields()
	err = c.backend.Read(ctx, req, s)
	if s.shown > 0 || err != nil && !errors.Is(err, errNoUnit) || err == nil && c.query.Lines == 0 {
		return false, err
	}
	comp, err := instead()
	if err != nil || len(comp.pods) == 0 {
		return false, err
	}
	return true, c.showComponent(ctx, s, comp)
}

// findInstead looks for a component that has the name of the one unit which was asked for, if that never logged. An error other than that
// of an ambiguous name finds nothing.
func (c *journalCommand) findInstead(ctx context.Context) (comp component, found bool, err error) {
	units := c.query.Filter.Units
	logs, ok := c.backend.(logBackend)
	if !ok || len(units) != 1 || len(c.query.Filter.UserUnits) > 0 || len(c.query.Filter.Matches) > 0 || glob.IsPattern(units[0]) {
		return component{}, false, nil
	}
	name, isService := strings.CutSuffix(units[0], ".service")
	if !isService {
		return component{}, false, nil
	}
	known, err := c.backend.Units(ctx, units, false)
	if err != nil || len(known) > 0 {
		return component{}, false, nil //nolint:nilerr // what cannot be looked for is not found
	}
	pods, _, err := logs.Pods(ctx, inventory.PodSelector{})
	if err != nil {
		return component{}, false, nil //nolint:nilerr // as above
	}
	return findComponent(pods, name)
}

// showComponent prints the log of a component through s, as entries of a journal.
func (c *journalCommand) showComponent(ctx context.Context, s *shower, comp component) error {
	query, err := c.componentQuery()
	if err != nil {
		return fmt.Errorf("%s never logged; %s has that name, but %w", c.query.Filter.Units[0], &comp, err)
	}
	if !c.quiet {
		fmt.Fprintf(c.Err, "no unit %s has logged; showing %s\n", visible(c.query.Filter.Units[0]), &comp)
	}
	logs, _ := c.backend.(logBackend)
	sel := comp.all()
	if c.follow {
		// A pod of that name that comes is followed, too.
		sel = comp.current()
	}
	return logs.ReadLogs(ctx, client.LogRequest{Selector: sel, Query: query, OnResume: s.resumed, OnBreak: s.broken}, &entryLines{shower: s})
}

// componentQuery asks for the lines that are what was asked for of a unit. Options that are about what only the journal has are
// errors.
func (c *journalCommand) componentQuery() (podlog.Query, error) {
	q := podlog.NewQuery()
	for _, name := range []string{
		"boot", "cursor", "after-cursor", "cursor-file", "show-cursor", "identifier", "exclude-identifier", "facility", "dmesg", "invocation",
		"user-unit",
	} {
		if c.given.Changed(name) {
			return q, &usageError{err: fmt.Errorf("--%s is about entries of the journal, which a container's log has not", name), hint: "nodectl logs " + stemOf(c.query.Filter.Units[0])}
		}
	}
	switch c.mode {
	case output.ShortMonotonic, output.ShortDelta:
		return q, &usageError{err: fmt.Errorf("-o %s cannot be used: the lines of a container's log have no monotonic time", c.mode), hint: "-o short-precise"}
	}
	if c.query.FromHead {
		return q, &usageError{err: errors.New("--lines=+N cannot be used: lines of a container's log are counted from the end"), hint: "--lines=N"}
	}
	level, err := levelOfPriorities(c.query.Filter.Priorities)
	if err != nil {
		return q, err
	}
	f := &c.query.Filter
	q.Filter = podlog.Filter{Grep: f.Grep, Exclude: f.Exclude, IgnoreCase: f.IgnoreCase, MaxLevel: f.MaxLevel}
	if level != journal.LevelUnknown && (f.MaxLevel == journal.LevelUnknown || level < f.MaxLevel) {
		q.Filter.MaxLevel = level
	}
	q.Runs, q.Follow, q.Reverse, q.Tail = podlog.RunsAll, c.query.Follow, c.query.Reverse, c.query.Lines
	q.Since, q.Until = nanoOf(c.query.Since, 0), nanoOf(c.query.Until, 999)
	return q, nil
}

// nanoOf returns a time in nanoseconds, and extra of them.
func nanoOf(u *journal.Usec, extra int64) *int64 {
	if u == nil {
		return nil
	}
	nano := int64(min(*u, math.MaxInt64/1000-1))*1000 + extra
	return &nano
}

// levelOfPriorities returns the level that is all of the priorities, which are bits.
func levelOfPriorities(priorities journal.PrioritySet) (journal.Level, error) {
	switch priorities {
	case 0, 1<<8 - 1:
		return journal.LevelUnknown, nil
	case 1<<3 - 1:
		return journal.LevelFatal, nil
	case 1<<4 - 1:
		return journal.LevelError, nil
	case 1<<5 - 1, 1<<6 - 1:
		// No line has the priority notice.
		return journal.LevelWarning, nil
	case 1<<7 - 1:
		return journal.LevelInfo, nil
	}
	return journal.LevelUnknown, &usageError{err: errors.New("--priority cannot tell these priorities of a container's lines, which have levels"), hint: "--level error"}
}

// entryLines prints lines of a log as entries of a journal. What the entries have is in docs/logs.md.
type entryLines struct {
	shower *shower
	record journal.Record
	// file is that of the fields that record begins with.
	file *podlog.File
	// names are the first fields of record, which are about the file.
	names []journal.Field
}

var _ podlog.Sink = (*entryLines)(nil)

// Record implements podlog.Sink.
func (e *entryLines) Record(r *podlog.Record) error {
	if r.File != e.file {
		e.file, e.names = r.File, fieldsOf(r.File)
	}
	stream := []byte(r.Stream.String())
	fields := append(slices.Clip(e.names),
		journal.Field{Name: "PRIORITY", Value: priorityOfLine(r)},
		journal.Field{Name: "CONTAINER_STREAM", Value: stream},
	)
	if r.Partial {
		fields = append(fields, journal.Field{Name: "CONTAINER_PARTIAL_MESSAGE", Value: []byte("true")})
	}
	fields = append(fields, journal.Field{Name: "MESSAGE", Value: r.Text})
	e.record = journal.Record{Header: journal.Header{Realtime: journal.Usec(max(r.Time, 0) / 1000)}, Node: r.File.Source.Node, Fields: fields}
	return e.shower.Record(&e.record)
}

// fieldsOf returns what entries of a file have in common, under the names that Docker's journald driver and collectors of Kubernetes
// use.
func fieldsOf(f *podlog.File) []journal.Field {
	s := f.Source
	var fields []journal.Field
	for _, field := range []struct{ name, value string }{
		{"_HOSTNAME", s.Node}, {"SYSLOG_IDENTIFIER", s.Container}, {"CONTAINER_NAME", s.Container}, {"CONTAINER_ID_FULL", s.ID},
		{"CONTAINER_RUN", strconv.FormatUint(uint64(f.Run), 10)}, {"KUBERNETES_NAMESPACE_NAME", s.Namespace},
		{"KUBERNETES_POD_NAME", s.Pod}, {"KUBERNETES_POD_UID", s.UID},
	} {
		if field.value != "" {
			fields = append(fields, journal.Field{Name: field.name, Value: []byte(field.value)})
		}
	}
	return fields
}

// priorityOfLine is that of the level in the text, else 6, and 3 on stderr.
func priorityOfLine(r *podlog.Record) []byte {
	switch journal.LevelOf(r.Text, nil) {
	case journal.LevelFatal:
		return []byte{'2'}
	case journal.LevelError:
		return []byte{'3'}
	case journal.LevelWarning:
		return []byte{'4'}
	case journal.LevelInfo:
		return []byte{'6'}
	case journal.LevelDebug, journal.LevelTrace:
		return []byte{'7'}
	}
	if r.Stream == podlog.Stderr {
		return []byte{'3'}
	}
	return []byte{'6'}
}

// Gap implements podlog.Sink.
func (e *entryLines) Gap(g journal.Gap) error {
	if e.shower.command.quiet {
		return nil
	}
	if err := e.shower.printer.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(e.shower.command.Err, logGapLine(g))
	return nil
}

// Progress implements podlog.Sink.
func (e *entryLines) Progress(podlog.Progress) error { return nil }

// Flush implements podlog.Sink.
func (e *entryLines) Flush() error { return e.shower.printer.Flush() }
