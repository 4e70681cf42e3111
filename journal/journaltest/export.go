// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"encoding/binary"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/noded/noded/journal"
)

// Entry is an entry to be written.
type Entry struct {
	Realtime, Monotonic journal.Usec
	BootID              journal.ID128
	// Seqnum is the entry's sequence number; 0 means one more than that of the entry before.
	Seqnum uint64
	// Fields are written in this order, repeated ones included, after _BOOT_ID.
	Fields []journal.Field
}

// F makes a field.
func F(name, value string) journal.Field {
	return journal.Field{Name: name, Value: []byte(value)}
}

// AppendExport appends the entry in Journal Export Format, see https://systemd.io/JOURNAL_EXPORT_FORMATS/.
func AppendExport(b []byte, e *Entry) []byte {
	b = append(b, "__REALTIME_TIMESTAMP="...)
	b = strconv.AppendUint(b, uint64(e.Realtime), 10)
	b = append(b, "\n__MONOTONIC_TIMESTAMP="...)
	b = strconv.AppendUint(b, uint64(e.Monotonic), 10)
	b = append(b, "\n_BOOT_ID="...)
	b = append(b, e.BootID.String()...)
	b = append(b, '\n')
	for _, f := range e.Fields {
		b = append(b, f.Name...)
		if printable(f.Value) {
			b = append(b, '=')
		} else {
			b = append(b, '\n')
			b = binary.LittleEndian.AppendUint64(b, uint64(len(f.Value)))
		}
		b = append(b, f.Value...)
		b = append(b, '\n')
	}
	return append(b, '\n')
}

// printable reports whether the value can stand on a line of its own: valid UTF-8 without control characters.
func printable(value []byte) bool {
	for len(value) > 0 {
		r, size := utf8.DecodeRune(value)
		if r == utf8.RuneError && size == 1 || r != '\t' && unicode.IsControl(r) {
			return false
		}
		value = value[size:]
	}
	return true
}
