// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/binary"
	"strings"

	"github.com/noded/noded/journal"
)

// appendExport appends the record in the Journal Export Format of the systemd project.
func (p *Printer) appendExport(b []byte, r *journal.Record) []byte {
	b = append(b, "__CURSOR="...)
	b = appendCursor(b, &r.Header)
	b = append(b, "\n__REALTIME_TIMESTAMP="...)
	b = appendUsec(b, r.Realtime)
	b = append(b, "\n__MONOTONIC_TIMESTAMP="...)
	b = appendUsec(b, r.Monotonic)
	b = append(b, "\n_BOOT_ID="...)
	b = appendID(b, r.BootID)
	b = append(b, '\n')
	for i := range r.Fields {
		f := &r.Fields[i]
		if !p.exported(f.Name) {
			continue
		}
		b = append(b, f.Name...)
		if printable(f.Value, false) {
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

// exported reports whether export and JSON print the field. The boot id is in their header; two
// underscores mark what is in the header only, so that a field of such a name is forged.
func (p *Printer) exported(name string) bool {
	return name != fieldBootID && !strings.HasPrefix(name, "__") && journal.ValidFieldName(name) && p.selected(name)
}
