// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/noded/noded/journal/glob"
)

// program is a Filter made ready for one Reader: the part that the engine answers by its indexes, and the
// part that needs a look at each entry.
type program struct {
	match Match
	// empty: no entry can match, because a pattern of unit names matches none.
	empty bool

	grep, exclude      *pattern
	excludeIdentifiers [][]byte
	maxLevel           Level
}

// compile makes the filter ready. It may move the reader. boot is the id that the filter's BootRef was
// resolved to, zero if it has none.
func (f *Filter) compile(ctx context.Context, r Reader, boot ID128) (*program, error) {
	p := &program{maxLevel: f.MaxLevel}
	var err error
	if p.grep, err = compilePattern("grep", f.Grep, f.IgnoreCase); err != nil {
		return nil, err
	}
	if p.exclude, err = compilePattern("exclude", f.Exclude, f.IgnoreCase); err != nil {
		return nil, err
	}
	for _, id := range f.ExcludeIdentifiers {
		p.excludeIdentifiers = append(p.excludeIdentifiers, []byte(id))
	}
	if !boot.IsZero() {
		p.and(terms("_BOOT_ID", boot.String()))
	}
	p.and(terms("_TRANSPORT", f.Transports...))
	if err := p.units(ctx, r, f); err != nil {
		return nil, err
	}
	p.invocations(f.Invocations)
	p.and(terms("SYSLOG_IDENTIFIER", f.Identifiers...))
	p.priorities(f.Priorities)
	var facilities Conjunction
	for _, n := range f.Facilities {
		facilities = append(facilities, Term{"SYSLOG_FACILITY", strconv.Itoa(n)})
	}
	p.and(facilities)
	if len(f.Matches) > 0 {
		p.match = append(p.match, f.Matches)
	}
	return p, nil
}

func terms(field string, values ...string) Conjunction {
	var c Conjunction
	for _, v := range values {
		c = append(c, Term{field, v})
	}
	return c
}

// and adds a group of one conjunction, if it has terms.
func (p *program) and(c Conjunction) {
	if len(c) > 0 {
		p.match = append(p.match, Group{c})
	}
}

func (p *program) priorities(set PrioritySet) {
	if set == 0 || set == allPriorities {
		// Entries without PRIORITY are wanted too, as journalctl --priority=debug shows them.
		return
	}
	var c Conjunction
	for i := range 8 {
		if set.Has(i) {
			c = append(c, Term{"PRIORITY", strconv.Itoa(i)})
		}
	}
	p.and(c)
}

func (p *program) invocations(ids []ID128) {
	var g Group
	for _, id := range ids {
		v := id.String()
		g = append(g,
			Conjunction{{"_SYSTEMD_INVOCATION_ID", v}},
			Conjunction{{"_PID", "1"}, {"INVOCATION_ID", v}},
			Conjunction{{"USER_INVOCATION_ID", v}},
			Conjunction{{"_UID", "0"}, {"OBJECT_SYSTEMD_INVOCATION_ID", v}},
			Conjunction{{"_UID", "0"}, {"COREDUMP_INVOCATION_ID", v}},
		)
	}
	if len(g) > 0 {
		p.match = append(p.match, g)
	}
}

// units adds one group for all units and user units, with patterns expanded over the
// names that occur.
func (p *program) units(ctx context.Context, r Reader, f *Filter) error {
	if len(f.Units) == 0 && len(f.UserUnits) == 0 {
		return nil
	}
	units, err := expandUnits(ctx, r, f.Units, unitFields())
	if err != nil {
		return err
	}
	userUnits, err := expandUnits(ctx, r, f.UserUnits, userUnitFields())
	if err != nil {
		return err
	}
	var g Group
	for _, u := range units {
		g = append(g, unitMatch(u)...)
	}
	for _, u := range userUnits {
		g = append(g, userUnitMatch(u, f.UserUnitUID)...)
	}
	if len(g) == 0 {
		p.empty = true
		return nil
	}
	p.match = append(p.match, g)
	return nil
}

// messageCoredump is the MESSAGE_ID of systemd-coredump(8), see sd-messages.h.
const messageCoredump = "fc2e22bc6ee647b6b90729ab34a250b1"

// unitMatch selects what belongs to a system unit: what it logged itself, what systemd-coredump and
// the manager say about it, and what daemons of root say about it with OBJECT_SYSTEMD_UNIT=. For a
// slice it is also what its units logged. Only journald sets fields with a leading
// underscore, so that no one else can speak in the name of the unit.
func unitMatch(unit string) Group {
	g := Group{
		{{"_SYSTEMD_UNIT", unit}},
		{{"MESSAGE_ID", messageCoredump}, {"_UID", "0"}, {"COREDUMP_UNIT", unit}},
		{{"_PID", "1"}, {"UNIT", unit}},
		{{"_UID", "0"}, {"OBJECT_SYSTEMD_UNIT", unit}},
	}
	if strings.HasSuffix(unit, ".slice") {
		g = append(g, Conjunction{{"_SYSTEMD_SLICE", unit}})
	}
	return g
}

// userUnitMatch is unitMatch for a unit of a user manager; uid restricts it to that user's. Without uid the word of
// any user's process counts for what USER_UNIT= says.
func userUnitMatch(unit string, uid *uint32) Group {
	g := Group{
		{{"_SYSTEMD_USER_UNIT", unit}},
		{{"USER_UNIT", unit}},
		// systemd-coredump and authorised daemons run as root.
		{{"COREDUMP_USER_UNIT", unit}, {"_UID", "0"}},
		{{"OBJECT_SYSTEMD_USER_UNIT", unit}, {"_UID", "0"}},
	}
	if strings.HasSuffix(unit, ".slice") {
		g = append(g, Conjunction{{"_SYSTEMD_USER_SLICE", unit}})
	}
	if uid == nil {
		return g
	}
	own := Term{"_UID", strconv.FormatUint(uint64(*uid), 10)}
	for i := range g {
		g[i] = append(g[i], own)
	}
	return g
}

func unitFields() []string {
	return []string{"_SYSTEMD_UNIT", "COREDUMP_UNIT", "UNIT", "OBJECT_SYSTEMD_UNIT", "_SYSTEMD_SLICE"}
}

func userUnitFields() []string {
	return []string{"_SYSTEMD_USER_UNIT", "USER_UNIT", "COREDUMP_USER_UNIT", "OBJECT_SYSTEMD_USER_UNIT", "_SYSTEMD_USER_SLICE"}
}

// expandUnits replaces patterns in names by the unit names that occur in the fields.
func expandUnits(ctx context.Context, r Reader, names, fields []string) ([]string, error) {
	var out, patterns []string
	for _, name := range names {
		if glob.IsPattern(name) {
			patterns = append(patterns, name)
		} else {
			out = append(out, name)
		}
	}
	if len(patterns) > 0 {
		found, err := unitsIn(ctx, r, patterns, fields)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// maxUnits bounds the number of unit names that are listed or that patterns expand to: anybody can write UNIT=, and
// a node has some hundreds.
const maxUnits = 50_000

// unitsIn lists the unit names among the values of the fields that match one of the patterns, all with no
// pattern.
func unitsIn(ctx context.Context, r Reader, patterns, fields []string) ([]string, error) {
	found := make(map[string]struct{})
	for _, field := range fields {
		err := r.FieldValues(ctx, field, func(value []byte) bool {
			if !isUnitName(value) || len(found) > maxUnits {
				return ctx.Err() == nil && len(found) <= maxUnits
			}
			name := string(value)
			if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return glob.Match(p, name) }) {
				found[name] = struct{}{}
			}
			return ctx.Err() == nil
		})
		if err != nil {
			return nil, fmt.Errorf("list values of %s: %w", field, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if len(found) > maxUnits {
		return nil, &QueryError{Field: "unit", Reason: fmt.Sprintf("more than %d names of units match; give a narrower pattern", maxUnits)}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// isUnitName reports whether the value can be the name of a unit: some printable ASCII without blanks and slashes.
func isUnitName(value []byte) bool {
	if len(value) == 0 || len(value) > maxUnitName {
		return false
	}
	return !slices.ContainsFunc(value, func(c byte) bool { return c <= ' ' || c >= 0x7f || c == '/' })
}

// looks reports whether the program needs to look at each entry.
func (p *program) looks() bool {
	return p.grep != nil || p.exclude != nil || len(p.excludeIdentifiers) > 0 || p.maxLevel != LevelUnknown
}

// wants looks at an entry that the engine's match selected.
func (p *program) wants(e Entry) (bool, error) {
	if !p.looks() {
		return true, nil
	}
	if len(p.excludeIdentifiers) > 0 {
		id, err := lookup(e, "SYSLOG_IDENTIFIER")
		if err != nil {
			return false, err
		}
		if id != nil && slices.ContainsFunc(p.excludeIdentifiers, func(x []byte) bool { return bytes.Equal(x, id) }) {
			return false, nil
		}
	}
	if p.maxLevel != LevelUnknown {
		level, err := levelOfEntry(e)
		if err != nil || level == LevelUnknown || level > p.maxLevel {
			return false, err
		}
	}
	if p.grep == nil && p.exclude == nil {
		return true, nil
	}
	message, err := e.Lookup("MESSAGE")
	if errors.Is(err, ErrNoField) {
		return p.grep == nil, nil
	}
	if err != nil {
		return false, err
	}
	if p.grep != nil && !p.grep.matches(message) {
		return false, nil
	}
	return p.exclude == nil || !p.exclude.matches(message), nil
}

// lookup returns the value of a field, nil if the entry has none. An empty value is not nil.
func lookup(e Entry, name string) ([]byte, error) {
	f, err := e.Lookup(name)
	switch {
	case errors.Is(err, ErrNoField):
		return nil, nil
	case err != nil:
		return nil, err
	case f.Value == nil:
		return []byte{}, nil
	}
	return f.Value, nil
}
