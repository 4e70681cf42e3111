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
//	return p.Flush()
//
// Records of one read have runs and fields in common, which journal.Record.Run and journal.Field.ID tell. A Printer
// keeps what it made of them, so that such records cost little more than copying. What it prints does not depend
// on them.
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
	"slices"
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
	// Catalog prints Record.Catalog beneath the record in the short modes and verbose (-x).
	Catalog bool
	// TruncateNewline cuts each message at its first newline in the short modes.
	TruncateNewline bool
	// OutputFields restricts the fields that verbose, export and JSON print, and names those that cat
	// prints, in this order; empty means all, and for cat MESSAGE. The times, the cursor and the
	// boot id of export and JSON are always printed.
	OutputFields []string
	// Color uses the terminal sequences that journalctl uses.
	Color bool
	// Visible shows control characters, bidirectional controls and invalid UTF-8 in the text modes
	// as escapes such as \x1b and \u202e. It is for terminals. The JSON modes are
	// always safe; export is meant for programs and always exact. A message of up to 4096 bytes that
	// is not text is shown with escapes too, where journalctl prints its size as blob data.
	Visible bool
	// Highlight finds what to emphasise in MESSAGE when Color is set: the byte range of the first
	// match of --grep. nil means nothing.
	Highlight func(message []byte) (start, end int, ok bool)
}

// Fields returns the fields of a record that printing reads, for Query.Fields; nil means all.
func (o *Options) Fields() journal.Mask {
	switch o.Mode {
	case Export, JSON, JSONPretty, JSONSSE, JSONSeq:
		if len(o.OutputFields) == 0 {
			return nil
		}
		return journal.Mask(slices.Clone(o.OutputFields))
	case Verbose:
		if len(o.OutputFields) == 0 {
			return nil
		}
		return append(journal.Mask{fieldSourceRealtime, fieldSourceMonotonic}, o.OutputFields...)
	case Cat:
		mask := journal.Mask{fieldMessage}
		if len(o.OutputFields) > 0 {
			mask = slices.Clone(o.OutputFields)
		}
		if o.Color {
			mask = append(mask, fieldPriority)
		}
		return mask
	default:
		return o.shortFields()
	}
}

// shortFields returns the fields that the short modes and with-unit read.
func (o *Options) shortFields() journal.Mask {
	mask := journal.Mask{
		fieldSourceRealtime, fieldSourceMonotonic,
		fieldIdentifier, fieldComm, fieldPID, fieldSyslogPID, fieldMessage,
	}
	if !o.NoHostname {
		mask = append(mask, fieldHostname)
	}
	if o.Color {
		mask = append(mask, fieldPriority, fieldTransport)
	}
	if o.Mode == WithUnit {
		mask = append(mask, fieldUnit, fieldUserUnit)
	}
	return mask
}

// The fields that the modes treat specially.
const (
	fieldBootID          = "_BOOT_ID"
	fieldComm            = "_COMM"
	fieldHostname        = "_HOSTNAME"
	fieldIdentifier      = "SYSLOG_IDENTIFIER"
	fieldMessage         = "MESSAGE"
	fieldPID             = "_PID"
	fieldPriority        = "PRIORITY"
	fieldSourceMonotonic = "_SOURCE_MONOTONIC_TIMESTAMP"
	fieldSourceRealtime  = "_SOURCE_REALTIME_TIMESTAMP"
	fieldSyslogPID       = "SYSLOG_PID"
	fieldTransport       = "_TRANSPORT"
	fieldUnit            = "_SYSTEMD_UNIT"
	fieldUserUnit        = "_SYSTEMD_USER_UNIT"
)

// defaultWidth is the number of columns where Options.Width says nothing.
const defaultWidth = 80
