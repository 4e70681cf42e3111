// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/binary"

	"github.com/noded/noded/journal"
)

// newExportPreamble returns how the Journal Export Format begins a record.
func newExportPreamble() preamble {
	return newPreamble("__CURSOR=", "\n__REALTIME_TIMESTAMP=", "\n__MONOTONIC_TIMESTAMP=", "\n_BOOT_ID=", "\n")
}

// appendExport appends the record in the Journal Export Format of the systemd project.
func (p *Printer) appendExport(b []byte, r *journal.Record) []byte {
	b = p.preamble.append(b, &r.Header)
	b = p.appendFields(b, r, p.slotOf(r))
	return append(b, '\n')
}

// appendExportField appends a field as text, or with its length where it is not text of one line.
func appendExportField(b []byte, f *journal.Field) []byte {
	b = append(b, f.Name...)
	if printable(f.Value, false) {
		b = append(b, '=')
	} else {
		b = append(b, '\n')
		b = binary.LittleEndian.AppendUint64(b, uint64(len(f.Value)))
	}
	b = append(b, f.Value...)
	return append(b, '\n')
}
