// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/noded/noded/journal"
)

const (
	// writeBytes is the size from which output is written.
	writeBytes = 128 << 10
	// maxKeptBytes is the largest buffer that a Printer keeps for the next record.
	maxKeptBytes = 1 << 20
)

// Printer prints records. It is not safe for concurrent use.
type Printer struct {
	w     io.Writer
	o     Options
	clock clock
	// preamble and end are what export and the JSON modes begin and end a record with.
	preamble preamble
	end      string
	json     jsonWriter
	// names and cache are what the Printer remembers of the records before.
	names names
	cache cache
	// previous is what short-delta counts from: the stamps of the record before.
	previous stamps
	// buf holds output that is not written yet; message and escaped hold the text of
	// a record while it is transformed. They are reused.
	buf, message, escaped []byte
	// err is the first error of the writer.
	err error
}

// New returns a Printer to w. It gathers output and writes much at once: see Flush. w and the slices in o belong to
// the Printer while it is used.
func New(w io.Writer, o Options) *Printer {
	if o.Width <= 0 {
		o.Width = defaultWidth
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.UTC {
		o.Location = time.UTC
	}
	p := &Printer{w: w, o: o, clock: newClock(o.Mode, o.Location)}
	switch {
	case o.Mode.json():
		p.json = newJSONWriter(&p.o)
		p.json.printed = p.printed
		p.preamble, p.end = newJSONPreamble(&p.o), jsonEnd(o.Mode)
	default:
		p.preamble = newExportPreamble()
	}
	return p
}

// Print prints the record. Records that the mode has nothing to print for, such as those
// without MESSAGE in the short modes, print nothing. The error is that of the writer; after one nothing more is
// printed.
//
// Fields with the same ID, and Runs with the same ID, must be equal in all records between calls of Forget. The Printer keeps nothing
// of the record.
func (p *Printer) Print(r *journal.Record) error {
	b := p.buf
	switch p.o.Mode {
	case Verbose:
		b = p.appendVerbose(b, r)
	case Export:
		b = p.appendExport(b, r)
	case Cat:
		b = p.appendCat(b, r)
	case JSON, JSONPretty, JSONSSE, JSONSeq:
		b = p.appendJSON(b, r)
	default:
		b = p.appendShort(b, r)
	}
	return p.keep(b)
}

// Boot prints the separator between boots, which names the one that begins, as journalctl does
// where the boot of a record differs from that of the record before. It prints nothing in
// modes for programs (Mode.Machine).
func (p *Printer) Boot(id journal.ID128) error {
	if p.o.Mode.Machine() {
		return nil
	}
	b := p.buf
	if p.o.Color {
		b = append(b, sgrHighlight...)
	}
	b = append(b, "-- Boot "...)
	b = appendID(b, id)
	b = append(b, " --"...)
	if p.o.Color {
		b = append(b, sgrNormal...)
	}
	return p.keep(append(b, '\n'))
}

// keep takes b, which is the buffer with more output, and writes it if it is large.
func (p *Printer) keep(b []byte) error {
	p.buf = b
	if len(b) < writeBytes && p.err == nil {
		return nil
	}
	return p.Flush()
}

// Flush writes what has been printed so far. Call it at the end, and wherever somebody waits for what was
// printed.
func (p *Printer) Flush() error {
	b := p.buf
	p.buf = b[:0]
	if cap(b) > maxKeptBytes {
		p.buf = nil
	}
	if len(b) == 0 || p.err != nil {
		return p.err
	}
	if _, err := p.w.Write(b); err != nil {
		p.err = fmt.Errorf("write record: %w", err)
	}
	return p.err
}

// Forget drops what the Printer remembers of runs and fields. Call it before records of another read, where IDs begin
// anew.
func (p *Printer) Forget() {
	p.names = names{}
	p.cache = cache{}
}

// selected reports whether OutputFields lets the field through.
func (p *Printer) selected(name string) bool {
	return len(p.o.OutputFields) == 0 || slices.Contains(p.o.OutputFields, name)
}
