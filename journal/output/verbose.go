// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "github.com/noded/noded/journal"

// appendVerbose appends the record with all its fields, one to a line.
func (p *Printer) appendVerbose(b []byte, r *journal.Record) []byte {
	s := p.slotOf(r)
	l := lineFieldsOf(r, s)
	b = p.clock.append(b, stampsOf(&r.Header, l.realtime, l.monotonic).realtime)
	b = append(b, " ["...)
	b = p.preamble.cursors.append(b, &r.Header)
	b = append(b, "]\n"...)
	b = p.appendFields(b, r, s)
	if p.o.Catalog {
		b = p.appendCatalog(b, r.Catalog)
	}
	return b
}

// appendVerboseField appends a field on lines of its own.
func (p *Printer) appendVerboseField(b []byte, f *journal.Field) []byte {
	on, off := "", ""
	if p.o.Color && f.Name == fieldMessage {
		on, off = sgrHighlight, sgrNormal
	}
	b = append(b, "    "...)
	b = append(b, on...)
	b = append(b, f.Name...)
	b = append(b, '=')
	length := len(f.Name) + 1 + len(f.Value)
	if !p.o.All && (p.o.NoFull && length >= maxPlainBytes || !printable(f.Value, true)) {
		b = appendBlob(b, len(f.Value))
		b = append(b, off...)
		return append(b, '\n')
	}
	if plain(f.Value) { // the usual case: one line
		b = append(b, f.Value...)
		b = append(b, '\n')
		return append(b, off...)
	}
	value := f.Value
	if p.o.Visible {
		value = p.makeVisible(value, true)
	}
	l := lines{prefix: 4 + len(f.Name) + 1, full: true}
	b = l.append(b, value)
	return append(b, off...)
}
