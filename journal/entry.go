// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"slices"
	"time"
)

// Usec is a number of microseconds: since the Unix epoch for realtime stamps,
// since boot for monotonic ones. It is the journal's own resolution.
type Usec uint64

// UsecOf converts a wall clock time. Times before the epoch become 0.
func UsecOf(t time.Time) Usec {
	us := t.UnixMicro()
	if us < 0 {
		return 0
	}
	return Usec(us)
}

// Time converts a realtime stamp to a time.Time in the local zone.
func (u Usec) Time() time.Time { return time.UnixMicro(int64(u)) }

// Header holds what every journal entry has besides its fields. The names follow
// "Journal File Format" of the systemd project.
type Header struct {
	// SeqnumID names the sequence that Seqnum counts in. Files written by one
	// journald with one machine state share it.
	SeqnumID ID128
	// Seqnum grows by one with every entry of the sequence; the first is 1.
	Seqnum uint64
	// BootID is the boot in which the entry was written.
	BootID ID128
	// Realtime is when journald received the entry, by the wall clock.
	Realtime Usec
	// Monotonic is the same moment by CLOCK_MONOTONIC of the boot BootID.
	Monotonic Usec
	// XorHash is the XOR of the hashes of all fields, the last tie-breaker
	// when entries of different files are compared.
	XorHash uint64
}

// Field is one NAME=value item of an entry.
type Field struct {
	// Name is at most 64 characters of A-Z, 0-9 and underscore.
	Name string
	// Value is any bytes. It belongs to whoever handed the field out; see there
	// until when it may be used.
	Value []byte
	// ID names the pair of name and value: two fields of one Reader with the same
	// non-zero ID are equal. IDs are small numbers from 1 on, for use as an index. 0 means that the engine does not
	// know, or that it expects no other entry to have the field.
	ID uint64
}

// Mask selects fields by name. A nil mask selects all; an empty one none.
type Mask []string

// Has reports whether the mask selects the field.
func (m Mask) Has(name string) bool { return m == nil || slices.Contains(m, name) }

// Entry is the entry that a Reader stands on. It decodes only what it is asked for
// and is valid until the Reader moves or closes, as are all bytes that it returns.
type Entry interface {
	Header() Header
	// Lookup returns the first value of the named field, or ErrNoField. The
	// returned bytes are valid until the next call on the Entry.
	Lookup(name string) (Field, error)
	// AppendFields appends the fields that mask selects to dst in stored order,
	// repeated fields included. The bytes are valid until the Reader moves.
	AppendFields(dst []Field, mask Mask) ([]Field, error)
	// Split gives the same fields as AppendFields in two parts: the run that the entry begins with, nil if the engine
	// knows none, and after it the rest, which is appended to dst. Who does work per run instead of per entry, such as
	// encoding its fields, saves most of it. Ask with the same mask, the same slice, each time.
	Split(dst []Field, mask Mask) (run *Run, rest []Field, err error)
}

// Run is a list of fields that many entries begin with: what one process logs differs in the last few fields only, because
// journald stores the items of an entry in the order in which their values first occurred. A Run does not change. It is
// valid until its Reader is closed.
type Run struct {
	// ID is unique among the runs of one Reader: small numbers from 1 on, for use as an index.
	ID uint64
	// Fields are the fields in stored order.
	Fields []Field
}

// Record is an entry with its fields in memory: what a client receives and what
// the output formats print. It owns its bytes.
type Record struct {
	Header
	// Node is the name of the node that the record comes from; empty when it was
	// read from files.
	Node string
	// Fields holds the fields in stored order.
	Fields []Field
	// Run, unless nil, is what the first len(Run.Fields) of Fields are: records of one read with the same Run begin
	// alike.
	Run *Run
	// Catalog is the message catalog's text for the record, if it was asked for.
	Catalog string
}

// Get returns the first value of the named field.
func (r *Record) Get(name string) (value []byte, ok bool) {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return r.Fields[i].Value, true
		}
	}
	return nil, false
}
