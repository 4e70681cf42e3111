// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Query asks for entries. NewQuery makes one for every entry, oldest first; the zero value asks for none.
type Query struct {
	// Since and Until bound the realtime stamps, both inclusive; nil means unbounded.
	Since, Until *Usec
	// Cursor starts at the entry that it names, or right after it with AfterCursor.
	// Empty means no cursor. Cursor and Since, two places to start, exclude each other unless
	// Reverse makes Since the place to end.
	Cursor      Cursor
	AfterCursor bool
	// Reverse gives the newest entries first.
	Reverse bool
	// Lines limits the number of entries: the last ones, or with FromHead the
	// first ones, as with a Cursor. Negative means no limit. With Follow it limits the entries that are
	// shown before following begins. NewQuery sets it to LinesAll.
	Lines    int64
	FromHead bool
	// Follow goes on with entries as they are written, until the context ends.
	Follow bool
	// Filter restricts the entries.
	Filter Filter
	// Fields are the fields that the consumer will read; nil means all. Fields that are left
	// out need not be decoded.
	Fields Mask
}

// LinesAll is the value of Query.Lines for no limit.
const LinesAll int64 = -1

// NewQuery returns a query for every entry.
func NewQuery() Query { return Query{Lines: LinesAll} }

// Filter says which entries are wanted. Each set field must hold (AND); the items of a list
// are alternatives (OR). The zero value selects everything.
type Filter struct {
	// Matches are FIELD=value terms in groups: the groups are alternatives ("+" on the
	// command line), within one the rules of Conjunction apply.
	Matches []Conjunction
	// Units are names or shell patterns of system units. An entry belongs to a unit as journalctl
	// --unit says: its own messages, its coredumps, messages of the manager and of
	// authorised daemons about it, and for a slice everything in it.
	Units []string
	// UserUnits are the same for units of user managers. UserUnitUID is the user that the
	// caller is; nil means units of all users.
	UserUnits   []string
	UserUnitUID *uint32
	// Invocations are invocation ids of system units, or of user units.
	Invocations []ID128
	// Boot restricts to one boot; nil means all.
	Boot *BootRef
	// Identifiers and ExcludeIdentifiers are values of SYSLOG_IDENTIFIER.
	Identifiers        []string
	ExcludeIdentifiers []string
	// Priorities are syslog priorities 0 (emerg) to 7 (debug). All eight of them are no restriction.
	Priorities PrioritySet
	// Facilities are syslog facility numbers 0 to 127.
	Facilities []int
	// Transports are values of _TRANSPORT: kernel, journal, stdout, syslog, audit, driver.
	Transports []string
	// MaxLevel selects entries whose level, as LevelOf finds it in PRIORITY and in the
	// text of klog, logfmt and JSON lines, is this severe or more. LevelUnknown
	// means all.
	MaxLevel Level
	// Grep and Exclude are RE2 patterns on MESSAGE: entries must match the one and
	// must not match the other. Entries without MESSAGE match no pattern.
	Grep, Exclude string
	// IgnoreCase applies to Grep and Exclude.
	IgnoreCase bool
}

// MaxPatternBytes is the largest Grep or Exclude pattern that is accepted.
const MaxPatternBytes = 1024

// PrioritySet is a set of syslog priorities: bit i stands for priority i. The
// zero value selects all.
type PrioritySet uint8

// allPriorities has every priority, which is no restriction.
const allPriorities PrioritySet = 0xff

// PriorityRange returns the set of the priorities from a to b, in any order; those outside 0 to 7 are left out.
func PriorityRange(a, b int) PrioritySet {
	var s PrioritySet
	for i := max(min(a, b), 0); i <= min(max(a, b), 7); i++ {
		s |= 1 << i
	}
	return s
}

// Has reports whether the priority p is in the set.
func (s PrioritySet) Has(p int) bool { return s == 0 || p >= 0 && p < 8 && s&(1<<p) != 0 }

// BootRef names a boot, as journalctl --boot does: by id, by offset, or by both.
type BootRef struct {
	// ID is the boot that Offset counts from; zero means none.
	ID ID128
	// Offset counts boots: without ID 0 is the newest, -1 the one before, 1 the oldest.
	Offset int
}

// String returns the reference as --boot takes it.
func (b BootRef) String() string {
	switch {
	case b.ID.IsZero():
		return fmt.Sprintf("%d", b.Offset)
	case b.Offset == 0:
		return b.ID.String()
	default:
		return fmt.Sprintf("%s%+d", b.ID, b.Offset)
	}
}

// Validate reports everything in the query that contradicts itself; every
// problem is a *QueryError.
func (q *Query) Validate() error {
	var errs []error
	bad := func(field, value, reason string) {
		errs = append(errs, &QueryError{Field: field, Value: value, Reason: reason})
	}
	if q.Since != nil && q.Until != nil && *q.Since > *q.Until {
		bad("since", "", "must be before until")
	}
	if q.Since != nil && q.Cursor != "" && !q.Reverse {
		bad("since", "", "cannot be used with a cursor: choose one place to start")
	}
	if q.Follow && q.Reverse {
		bad("follow", "", "cannot be used with reverse: new entries come last")
	}
	if q.FromHead && (q.Follow || q.Reverse) {
		bad("lines", "", "the first lines (+N) cannot be used with follow or reverse")
	}
	if q.Lines < LinesAll {
		bad("lines", fmt.Sprint(q.Lines), "want a number of lines")
	}
	if q.Cursor != "" {
		if _, err := q.Cursor.Parse(); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := compilePattern("grep", q.Filter.Grep, q.Filter.IgnoreCase); err != nil {
		errs = append(errs, err)
	}
	if _, err := compilePattern("exclude", q.Filter.Exclude, q.Filter.IgnoreCase); err != nil {
		errs = append(errs, err)
	}
	q.Filter.validateTexts(bad)
	for _, f := range q.Filter.Facilities {
		if f < 0 || f > 127 {
			bad("facility", fmt.Sprint(f), "want a number from 0 to 127")
		}
	}
	for _, group := range q.Filter.Matches {
		for _, t := range group {
			if !ValidFieldName(t.Field) {
				bad("match", t.String(), "field names are upper-case letters, digits and underscores")
			}
		}
	}
	return errors.Join(errs...)
}

// maxUnitName is the length of the longest unit name in bytes, which bounds patterns for them too.
const maxUnitName = 255

// validateTexts reports names and patterns that no entry can have.
func (f *Filter) validateTexts(bad func(field, value, reason string)) {
	lists := []struct {
		field  string
		values []string
		max    int
	}{
		{"unit", f.Units, maxUnitName},
		{"user-unit", f.UserUnits, maxUnitName},
		{"identifier", f.Identifiers, 0},
		{"exclude-identifier", f.ExcludeIdentifiers, 0},
		{"transport", f.Transports, 0},
		{"grep", []string{f.Grep}, 0},
		{"exclude", []string{f.Exclude}, 0},
	}
	for _, l := range lists {
		for _, v := range l.values {
			if !utf8.ValidString(v) {
				bad(l.field, v, "not valid UTF-8; FIELD=VALUE matches any bytes")
			}
			if l.max > 0 && len(v) > l.max {
				bad(l.field, "", fmt.Sprintf("%d bytes; a unit name has at most %d", len(v), l.max))
			}
		}
	}
}
