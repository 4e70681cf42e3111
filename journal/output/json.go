// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strconv"

	"github.com/noded/noded/journal"
)

// maxJSONBytes is the size of NAME=value from which the JSON modes print null without Options.All.
const maxJSONBytes = 4096

// appendJSON appends the record as an object: the stamps, the cursor and the boot id first, then the
// fields in stored order, each once, with an array for several values.
func (p *Printer) appendJSON(b []byte, r *journal.Record) []byte {
	b = p.preamble.append(b, &r.Header)
	b = p.appendFields(b, r, p.slotOf(r))
	return append(b, p.end...)
}

// newJSONPreamble returns how the modes begin an object: with the cursor, the stamps and the boot id.
func newJSONPreamble(o *Options) preamble {
	j := newJSONWriter(o)
	start := "{"
	switch o.Mode {
	case JSONSSE:
		start = "data: {"
	case JSONSeq:
		start = "\x1e{"
	}
	member := func(start, name string) string {
		return string(j.beginString(j.name([]byte(start), name)))
	}
	end := string(j.endString(nil))
	return newPreamble(
		start+member("", "__CURSOR")[1:], // without the comma
		member(end, "__REALTIME_TIMESTAMP"),
		member(end, "__MONOTONIC_TIMESTAMP"),
		member(end, fieldBootID),
		end,
	)
}

// jsonEnd returns how the mode ends an object.
func jsonEnd(m Mode) string {
	switch m {
	case JSONPretty:
		return "\n}\n"
	case JSONSSE:
		return "}\n\n"
	default:
		return "}\n"
	}
}

// jsonWriter appends the members of an object.
type jsonWriter struct {
	all           bool
	pretty, color bool
	links         links
	printed       func(name string) bool
}

func newJSONWriter(o *Options) jsonWriter {
	return jsonWriter{all: o.All, pretty: o.Mode == JSONPretty, color: o.Color}
}

// name begins a member that is not the first.
func (j *jsonWriter) name(b []byte, name string) []byte {
	b = append(b, ',')
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

// fields appends the fields. next[i] is the index of the next field of the same name as field i, 0 if
// there is none, and -1 marks a field that is not printed or not the first of its name.
func (j *jsonWriter) fields(b []byte, fields []journal.Field) []byte {
	next := j.links.repeated(fields, j.printed)
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

// value appends the value of a field, indented by depth where it takes several lines.
func (j *jsonWriter) value(b []byte, f *journal.Field, depth int) []byte {
	if !j.all && len(f.Name)+1+len(f.Value) >= maxJSONBytes {
		if j.color {
			return append(append(append(b, sgrHighlight...), "null"...), sgrNormal...)
		}
		return append(b, "null"...)
	}
	start := len(b)
	b = j.beginString(b)
	if text, ok := appendJSONText(b, f.Value); ok {
		return j.endString(text)
	}
	return j.bytes(b[:start], f.Value, depth)
}

// bytes appends what is not text, as an array of numbers.
func (j *jsonWriter) bytes(b, value []byte, depth int) []byte {
	b = append(b, '[')
	for i, c := range value {
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
