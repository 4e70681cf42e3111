// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strconv"
	"strings"

	"github.com/noded/noded/journal"
)

// maxPlainBytes is the length from which journalctl leaves out a field that it would print in front
// of the message.
const maxPlainBytes = 300

// maxVisibleBytes is the length up to which a message that is not text is shown with
// escapes on a terminal; longer ones are blobs there too.
const maxVisibleBytes = 4096

// shortFields are the fields of a record that a short line is made of. When a field is repeated the last
// value counts.
type shortFields struct {
	message, hostname, identifier, comm, pid, syslogPID []byte
	priority, transport, unit, userUnit                 []byte
	hasMessage                                          bool
}

func shortFieldsOf(r *journal.Record) shortFields {
	var f shortFields
	for i := range r.Fields {
		v := r.Fields[i].Value
		if v == nil {
			v = []byte{}
		}
		switch r.Fields[i].Name {
		case fieldMessage:
			f.message, f.hasMessage = v, true
		case fieldHostname:
			f.hostname = v
		case fieldIdentifier:
			f.identifier = v
		case fieldComm:
			f.comm = v
		case fieldPID:
			f.pid = v
		case fieldSyslogPID:
			f.syslogPID = v
		case fieldPriority:
			f.priority = v
		case fieldTransport:
			f.transport = v
		case fieldUnit:
			f.unit = v
		case fieldUserUnit:
			f.userUnit = v
		}
	}
	return f
}

// appendShort appends a line of the short modes and with-unit.
func (p *Printer) appendShort(b []byte, r *journal.Record) []byte {
	now := stampsOf(r)
	before := p.previous
	p.previous = now
	f := shortFieldsOf(r)
	if !f.hasMessage {
		return b
	}
	start := len(b)
	switch p.o.Mode {
	case ShortMonotonic, ShortDelta:
		b = appendDelta(b, now, before, p.o.Mode == ShortDelta)
	case ShortUnix:
		b = appendSeconds(b, now.realtime, 10)
	default:
		b = p.clock.append(b, now.realtime)
	}
	prefix := len(b) - start
	b, n := p.appendSource(b, &f)
	prefix += n
	b = append(b, ": "...)
	b = p.appendMessage(b, &f, prefix+2)
	if p.o.Catalog {
		b = p.appendCatalog(b, r.Catalog)
	}
	return b
}

// appendSource appends the host name, who logged, and its pid, and returns how many columns journalctl
// counts for them, which is what continuation lines are indented by.
func (p *Printer) appendSource(b []byte, f *shortFields) (_ []byte, columns int) {
	if !p.o.NoHostname && p.shown(f.hostname) {
		b = p.appendWord(append(b, ' '), f.hostname)
		columns += 1 + len(f.hostname)
	}
	switch {
	case p.o.Mode == WithUnit && (p.shown(f.unit) || p.shown(f.userUnit)):
		if f.unit != nil {
			b = p.appendWord(append(b, ' '), f.unit)
			columns += 1 + len(f.unit)
		}
		if f.userUnit != nil {
			separator := byte(' ')
			if f.unit != nil {
				separator = '/'
			}
			b = p.appendWord(append(b, separator), f.userUnit)
			columns += 1 + len(f.unit) // journalctl counts the system unit's name twice
		}
	case p.shown(f.identifier):
		b = p.appendWord(append(b, ' '), f.identifier)
		columns += 1 + len(f.identifier)
	case p.shown(f.comm):
		b = p.appendWord(append(b, ' '), f.comm)
		columns += 1 + len(f.comm)
	default:
		b = append(b, " unknown"...) // journalctl does not count it
	}
	pid := f.pid
	if !p.shown(pid) {
		pid = f.syslogPID
	}
	if p.shown(pid) {
		b = append(p.appendWord(append(b, '['), pid), ']')
		columns += 2 + len(pid)
	}
	return b, columns
}

// shown reports whether a field in front of the message is printed: if it is there, and
// short and printable unless all is asked for.
func (p *Printer) shown(v []byte) bool {
	return v != nil && (p.o.All || len(v) < maxPlainBytes && printable(v, true))
}

// appendWord appends a field in front of the message.
func (p *Printer) appendWord(b, v []byte) []byte {
	if p.o.Visible {
		return append(b, p.makeVisible(v, false)...)
	}
	return append(b, cString(v)...)
}

// appendMessage appends the message and the newline. prefix is the number of columns before it.
func (p *Printer) appendMessage(b []byte, f *shortFields, prefix int) []byte {
	message := f.message
	if !p.o.All && needsStripping(message) {
		p.message = appendStripped(p.message[:0], message, p.o.Visible)
		message = p.message
		if cap(p.message) > maxKeptBytes {
			p.message = nil
		}
	}
	if p.o.TruncateNewline {
		message = truncateAtNewline(message)
	}
	if !p.o.All && !printable(message, true) && (!p.o.Visible || len(message) > maxVisibleBytes) {
		return append(appendBlob(b, len(message)), '\n')
	}
	l := lines{prefix: prefix, width: p.o.Width, full: p.o.All || !p.o.NoFull}
	if p.o.Visible {
		message = p.makeVisible(message, true)
	}
	if p.o.Color {
		l.colors = paletteOf(priorityOf(f.priority))
		if string(f.transport) == "audit" {
			l.colors.on, l.colors.off = sgrBlue, sgrNormal
		}
		if p.o.Highlight != nil {
			if start, end, ok := p.o.Highlight(message); ok && start >= 0 && start <= end && end <= len(message) {
				l.matchStart, l.matchEnd = start, end
			}
		}
	}
	return l.append(b, message)
}

// appendCatalog appends the catalog's text for a record.
func (p *Printer) appendCatalog(b []byte, text string) []byte {
	message := []byte(strings.Trim(text, " \t\n\r"))
	if len(message) == 0 {
		return b
	}
	if p.o.Visible {
		message = p.makeVisible(message, true)
	}
	grey, normal, green := "", "", ""
	if p.o.Color {
		grey, normal, green = sgrGrey, sgrNormal, sgrGreen
	}
	b = append(b, grey...)
	b = append(b, "░░ "...)
	b = append(b, normal...)
	b = append(b, green...)
	for _, c := range message {
		if c != '\n' {
			b = append(b, c)
			continue
		}
		b = append(b, normal...)
		b = append(b, '\n')
		b = append(b, grey...)
		b = append(b, "░░"...)
		b = append(b, normal...)
		b = append(b, ' ')
		b = append(b, green...)
	}
	b = append(b, normal...)
	return append(b, '\n')
}

// appendUsec appends a stamp as a decimal number.
func appendUsec(b []byte, u journal.Usec) []byte { return strconv.AppendUint(b, uint64(u), 10) }
