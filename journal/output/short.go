// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"strings"

	"github.com/noded/noded/journal"
)

// maxPlainBytes is the length from which journalctl leaves out a field that it would print in front
// of the message.
const maxPlainBytes = 300

// maxVisibleBytes is the length up to which a message that is not text is shown with
// escapes on a terminal; longer ones are blobs there too.
const maxVisibleBytes = 4096

// lineFields are the fields of a record that a short line is made of, besides those of its source. When a field is
// repeated the last value counts.
type lineFields struct {
	message             []byte
	hasMessage          bool
	realtime, monotonic []byte
	priority, transport []byte
	// ownSource: there are fields of the source too.
	ownSource bool
}

// add takes the fields that follow those taken before.
func (l *lineFields) add(fields []journal.Field) {
	for i := range fields {
		v := fields[i].Value
		switch fields[i].Name {
		case fieldMessage:
			l.message, l.hasMessage = v, true
		case fieldSourceRealtime:
			if l.realtime == nil || l.monotonic == nil {
				l.realtime = v
			}
		case fieldSourceMonotonic:
			if l.realtime == nil || l.monotonic == nil {
				l.monotonic = v
			}
		case fieldPriority:
			l.priority = v
		case fieldTransport:
			l.transport = v
		case fieldHostname, fieldIdentifier, fieldComm, fieldPID, fieldSyslogPID, fieldUnit, fieldUserUnit:
			l.ownSource = true
		}
	}
}

// size is what the values take.
func (l *lineFields) size() int {
	return len(l.message) + len(l.realtime) + len(l.monotonic) + len(l.priority) + len(l.transport)
}

// own copies the values.
func (l *lineFields) own() {
	for _, v := range [...]*[]byte{&l.message, &l.realtime, &l.monotonic, &l.priority, &l.transport} {
		*v = bytes.Clone(*v)
	}
}

// lineFieldsOf returns those of the record. s is what slotOf gives for it.
func lineFieldsOf(r *journal.Record, s *runSlot) lineFields {
	var l lineFields
	rest := r.Fields
	if s != nil {
		l = s.line
		rest = rest[s.length:]
	}
	l.add(rest)
	return l
}

// sourceFields are the fields that tell who logged. nil means that there is none; when a field is repeated the last value
// counts.
type sourceFields struct {
	hostname, identifier, comm, pid, syslogPID, unit, userUnit []byte
}

func sourceFieldsOf(fields []journal.Field) sourceFields {
	var f sourceFields
	for i := range fields {
		v := fields[i].Value
		if v == nil {
			v = []byte{}
		}
		switch fields[i].Name {
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
	s := p.slotOf(r)
	l := lineFieldsOf(r, s)
	now := stampsOf(&r.Header, l.realtime, l.monotonic)
	before := p.previous
	p.previous = now
	if !l.hasMessage {
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
	if s != nil && !l.ownSource {
		b = append(b, s.source...)
		prefix += s.columns
	} else {
		f := sourceFieldsOf(r.Fields)
		var columns int
		b, columns = p.appendSource(b, &f)
		prefix += columns
	}
	b = append(b, ": "...)
	b = p.appendMessage(b, &l, prefix+2)
	if p.o.Catalog {
		b = p.appendCatalog(b, r.Catalog)
	}
	return b
}

// appendSource appends the host name, who logged, and its pid, and returns how many columns journalctl
// counts for them, which is what continuation lines are indented by.
func (p *Printer) appendSource(b []byte, f *sourceFields) (_ []byte, columns int) {
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
func (p *Printer) appendMessage(b []byte, f *lineFields, prefix int) []byte {
	message := f.message
	if plain(message) && !p.o.NoFull && p.o.Highlight == nil && len(message) > 0 {
		// The usual case: one line as it is.
		colors := p.colorsOf(f)
		if p.o.Color {
			// With an empty match at its start.
			b = append(b, colors.on...)
			b = append(b, colors.match...)
			b = append(b, colors.on...)
		}
		b = append(b, message...)
		b = append(b, colors.off...)
		return append(b, '\n')
	}
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
		l.colors = p.colorsOf(f)
		if p.o.Highlight != nil {
			if start, end, ok := p.o.Highlight(message); ok && start >= 0 && start <= end && end <= len(message) {
				l.matchStart, l.matchEnd = start, end
			}
		}
	}
	return l.append(b, message)
}

// colorsOf returns the colours of a message.
func (p *Printer) colorsOf(f *lineFields) palette {
	if !p.o.Color {
		return palette{}
	}
	colors := paletteOf(priorityOf(f.priority))
	if string(f.transport) == "audit" {
		colors.on, colors.off = sgrBlue, sgrNormal
	}
	return colors
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
