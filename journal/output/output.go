// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package output prints journal records as journalctl does, in all modes of its --output.
//
//	p := output.New(w, output.Options{Mode: output.ShortISO})
//	for _, r := range records {
//		if err := p.Print(r); err != nil {
//			return err
//		}
//	}
//
// Into a file or pipe the text modes and export are byte for byte what journalctl 252 prints for the same
// entries, and the JSON modes are the same objects. With Options.Visible, for a terminal, characters
// that could drive it are shown as escapes instead.
//
// The package prints no pager notes, hints and gaps; that is its caller's business.
//
// # Security
//
// Records hold bytes that anybody wrote. A pipe receives them as they are, as from journalctl; a terminal
// must not: set Options.Visible whenever the output is one and the user did not ask for raw bytes.
package output

import (
	"io"
	"time"

	"github.com/noded/noded/journal"
)

// Options say how to print. The zero value is journalctl's default into a pipe: mode short, local
// time, full width, no colour.
type Options struct {
	Mode Mode
	// All shows fields in full even when they are long or not printable (-a).
	All bool
	// NoFull cuts long lines to Width (--no-full). The default is full width.
	NoFull bool
	// Width is the number of columns for NoFull; 0 means 80.
	Width int
	// UTC prints times in UTC instead of Location.
	UTC bool
	// Location is the zone of printed times; nil means time.Local.
	Location *time.Location
	// NoHostname leaves out the host name (-W, --no-hostname).
	NoHostname bool
	// Catalog prints Record.Catalog beneath the record (-x).
	Catalog bool
	// TruncateNewline cuts each message at its first newline.
	TruncateNewline bool
	// OutputFields restricts the fields that verbose, export, JSON and cat print; empty means
	// all (cat: MESSAGE). The times, the cursor and the boot id of export and JSON are always printed.
	OutputFields []string
	// Color uses the terminal sequences that journalctl uses.
	Color bool
	// Visible shows control characters, bidirectional controls and invalid UTF-8 in the text modes
	// as escapes such as \x1b and \u202e. It is for terminals. The JSON modes are
	// always safe; export is meant for programs and always exact.
	Visible bool
	// Highlight finds what to emphasise in MESSAGE when Color is set: the byte range of the first
	// match of --grep. nil means nothing.
	Highlight func(message []byte) (start, end int, ok bool)
}

// Fields returns the fields of a record that printing reads, for Query.Fields; nil means all.
func (o *Options) Fields() journal.Mask { return nil }

// Printer prints records. It is not safe for concurrent use.
type Printer struct {
	w io.Writer
	o Options
}

// New returns a Printer to w. Each record is one Write of w, so give it a bufio.Writer where many
// are printed. w and the slices in o belong to the Printer while it is used.
func New(w io.Writer, o Options) *Printer { return &Printer{w: w, o: o} }

// Print prints the record. Records that the mode has nothing to print for, such as those
// without MESSAGE in the short modes, print nothing. The error is that of the writer.
func (p *Printer) Print(r *journal.Record) error { return nil }

// Boot prints the separator between boots, which names the one that begins, as journalctl does
// where the boot of a record differs from that of the record before. It prints nothing in
// modes for programs (Mode.Machine).
func (p *Printer) Boot(id journal.ID128) error { return nil }
