// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strconv"
	"unicode/utf8"

	"github.com/noded/noded/journal"
)

// maxJSONBytes is the size of NAME=value from which the JSON modes print null without Options.All.
const maxJSONBytes = 4096

// manyFields is the number of fields from which repeated ones are found by a map.
const manyFields = 64

// appendJSON appends the record as an object: the stamps, the cursor and the boot id first, then the
// fields in stored order, each once, with an array for several values.
func (p *Printer) appendJSON(b []byte, r *journal.Record) []byte {
	switch p.o.Mode {
	case JSONSSE:
		b = append(b, "data: "...)
	case JSONSeq:
		b = append(b, 0x1e)
	}
	j := jsonWriter{p: p, pretty: p.o.Mode == JSONPretty, color: p.o.Color}
	b = j.open(b)
	b = j.name(b, "__CURSOR")
	b = j.beginString(b)
	b = appendCursor(b, &r.Header)
	b = j.endString(b)
	b = j.number(b, "__REALTIME_TIMESTAMP", r.Realtime)
	b = j.number(b, "__MONOTONIC_TIMESTAMP", r.Monotonic)
	b = j.name(b, fieldBootID)
	b = j.beginString(b)
	b = appendID(b, r.BootID)
	b = j.endString(b)
	b = j.fields(b, r.Fields)
	b = j.close(b)
	b = append(b, '\n')
	if p.o.Mode == JSONSSE {
		b = append(b, '\n')
	}
	return b
}

// jsonWriter appends one object.
type jsonWriter struct {
	p             *Printer
	pretty, color bool
	members       int
}

func (j *jsonWriter) open(b []byte) []byte { return append(b, '{') }

func (j *jsonWriter) close(b []byte) []byte {
	if j.pretty {
		b = append(b, '\n')
	}
	return append(b, '}')
}

// name begins a member.
func (j *jsonWriter) name(b []byte, name string) []byte {
	if j.members > 0 {
		b = append(b, ',')
	}
	j.members++
	if j.pretty {
		b = append(b, "\n\t"...)
	}
	b = j.beginString(b)
	b = append(b, name...)
	b = j.endString(b)
	if j.pretty {
		return append(b, " : "...)
	}
	return append(b, ':')
}

func (j *jsonWriter) beginString(b []byte) []byte {
	b = append(b, '"')
	if j.color {
		b = append(b, sgrGreen...)
	}
	return b
}

func (j *jsonWriter) endString(b []byte) []byte {
	if j.color {
		b = append(b, sgrNormal...)
	}
	return append(b, '"')
}

func (j *jsonWriter) number(b []byte, name string, u journal.Usec) []byte {
	b = j.name(b, name)
	b = j.beginString(b)
	b = appendUsec(b, u)
	return j.endString(b)
}

// fields appends the fields. next[i] is the index of the next field of the same name as field i, 0 if
// there is none, and -1 marks a field that is not printed or not the first of its name.
func (j *jsonWriter) fields(b []byte, fields []journal.Field) []byte {
	next := j.p.linkRepeated(fields)
	for i := range fields {
		if next[i] < 0 {
			continue
		}
		b = j.name(b, fields[i].Name)
		if next[i] == 0 {
			b = j.value(b, &fields[i], 1)
			continue
		}
		b = append(b, '[')
		for k := i; ; {
			if j.pretty {
				b = append(b, "\n\t\t"...)
			}
			b = j.value(b, &fields[k], 2)
			after := next[k]
			if k != i {
				after = -2 - next[k]
			}
			if after == 0 {
				break
			}
			b = append(b, ',')
			k = after
		}
		if j.pretty {
			b = append(b, "\n\t"...)
		}
		b = append(b, ']')
	}
	return b
}

// linkRepeated returns for each field: -1 if it is not printed; for the first of its name the
// index of the next of that name, or 0; for the others -2 minus that.
func (p *Printer) linkRepeated(fields []journal.Field) []int {
	next := p.next[:0]
	many := len(fields) > manyFields
	if many && p.names == nil {
		p.names = make(map[string]int)
	}
	clear(p.names)
	var marks uint64
	for i := range fields {
		name := fields[i].Name
		if !p.exported(name) {
			next = append(next, -1)
			continue
		}
		last, ok := -1, false
		if many {
			last, ok = p.names[name]
			p.names[name] = i
		} else {
			// Names of different marks are different, so most need no search.
			mark := uint64(1) << ((uint(len(name))*5 + uint(name[len(name)-1])*11 + uint(name[len(name)/2])) & 63)
			for k := i - 1; marks&mark != 0 && k >= 0 && !ok; k-- {
				if next[k] != -1 && fields[k].Name == name {
					last, ok = k, true
				}
			}
			marks |= mark
		}
		if !ok {
			next = append(next, 0)
			continue
		}
		if next[last] == 0 {
			next[last] = i
		} else {
			next[last] = -2 - i
		}
		next = append(next, -2)
	}
	p.next = next
	return next
}

// value appends the value of a field, indented by depth where it takes several lines.
func (j *jsonWriter) value(b []byte, f *journal.Field, depth int) []byte {
	if !j.p.o.All && len(f.Name)+1+len(f.Value) >= maxJSONBytes {
		if j.color {
			return append(append(append(b, sgrHighlight...), "null"...), sgrNormal...)
		}
		return append(b, "null"...)
	}
	if plainPrefix(f.Value) == len(f.Value) {
		b = j.beginString(b)
		b = append(b, f.Value...)
		return j.endString(b)
	}
	if printable(f.Value, true) {
		b = j.beginString(b)
		b = appendJSONText(b, f.Value)
		return j.endString(b)
	}
	b = append(b, '[')
	for i, c := range f.Value {
		if i > 0 {
			b = append(b, ',')
		}
		if j.pretty {
			b = append(b, '\n')
			for range depth + 1 {
				b = append(b, '\t')
			}
		}
		b = strconv.AppendUint(b, uint64(c), 10)
	}
	if j.pretty {
		b = append(b, '\n')
		for range depth {
			b = append(b, '\t')
		}
	}
	return append(b, ']')
}

// appendJSONText appends printable text as the inside of a JSON string. Bidirectional controls are escaped, so that
// the output is safe on a terminal.
func appendJSONText(b, s []byte) []byte {
	start := 0
	for i := plainPrefix(s); i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if hiddenRune(r) {
				b = append(b, s[start:i]...)
				b = appendRuneEscape(b, r)
				start = i + n
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = appendRuneEscape(b, rune(c))
		}
		i++
		start = i
	}
	return append(b, s[start:]...)
}
