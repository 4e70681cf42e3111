// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"

	"github.com/noded/noded/journal"
)

// appendFields appends the fields of a record in export, verbose or a JSON mode. s is what slotOf gives for it.
func (p *Printer) appendFields(b []byte, r *journal.Record, s *runSlot) []byte {
	start := len(b)
	rest := r.Fields
	var seen nameSet
	if s != nil {
		b = append(b, s.text...)
		seen = s.names
		rest = rest[s.length:]
	}
	b, ok := p.appendRest(b, rest, &seen)
	if !ok {
		return p.appendAllFields(b[:start], r.Fields)
	}
	return b
}

// appendRest appends the fields that follow a run in which there are the names of seen. It reports false if that is not
// possible one by one, since a name is repeated.
func (p *Printer) appendRest(b []byte, rest []journal.Field, seen *nameSet) (_ []byte, ok bool) {
	once := p.o.Mode.json()
	for i := range rest {
		f := &rest[i]
		if f.ID != 0 {
			if s := p.cache.field(f.ID); s != nil {
				if !s.name.printed {
					continue
				}
				if once && !seen.add(s.name) {
					return b, false
				}
				b = append(b, s.text...)
				continue
			}
		}
		n := p.nameOf(f.Name)
		if n == nil {
			return b, false
		}
		start := len(b)
		if n.printed {
			if once && !seen.add(n) {
				return b, false
			}
			b = p.appendField(b, n, f)
		}
		if f.ID != 0 {
			p.cache.addField(f.ID, n, b[start:])
		}
	}
	return b, true
}

// appendField appends a field that the mode prints.
func (p *Printer) appendField(b []byte, n *name, f *journal.Field) []byte {
	switch p.o.Mode {
	case Export:
		return appendExportField(b, f)
	case Verbose:
		return p.appendVerboseField(b, f)
	default:
		return p.json.value(append(b, n.head...), f, 1)
	}
}

// appendAllFields appends fields of any kind, without what the Printer remembers.
func (p *Printer) appendAllFields(b []byte, fields []journal.Field) []byte {
	if p.o.Mode.json() {
		return p.json.fields(b, fields)
	}
	for i := range fields {
		if p.printed(fields[i].Name) {
			b = p.appendField(b, nil, &fields[i])
		}
	}
	return b
}

// nameOf returns what is known of a name. If there are too many names it returns nil, and forgets all of them and what was
// made with them, so that later records find room.
func (p *Printer) nameOf(text string) *name {
	n := p.names.find(text)
	if n != nil {
		return n
	}
	if n = p.names.add(text); n == nil {
		p.Forget()
		return nil
	}
	n.printed = p.printed(n.text)
	if n.printed && p.o.Mode.json() {
		n.head = p.json.name(nil, n.text)
	}
	return n
}

// printed reports whether export, verbose and the JSON modes print fields of the name. The boot id is in the preamble
// of export and JSON; two underscores mark what is there only, so that a field of such a name is forged.
func (p *Printer) printed(name string) bool {
	if !journal.ValidFieldName(name) || !p.selected(name) {
		return false
	}
	return p.o.Mode == Verbose || name != fieldBootID && !strings.HasPrefix(name, "__")
}
