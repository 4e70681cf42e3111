// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"unicode/utf8"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// plainBatch is a batch in the plain form that is being made.
type plainBatch struct {
	entries []*nodedv1.JournalEntry
	size    int
	// slab holds the field messages of the batch, arena the bytes of their values. Both
	// are used again for the next batch.
	slab  []nodedv1.JournalField
	arena arena
}

// add adds an entry of so many bytes and copies its fields, whose bytes end with it.
func (p *plainBatch) add(m *nodedv1.JournalEntry, fields []journal.Field, size, maxBatchBytes int) {
	m.Fields = make([]*nodedv1.JournalField, len(fields))
	for i := range fields {
		if len(p.slab) == cap(p.slab) {
			p.slab = make([]nodedv1.JournalField, 0, max(64, min(2*cap(p.slab), 4096)))
		}
		p.slab = p.slab[:len(p.slab)+1]
		f := &p.slab[len(p.slab)-1]
		f.Name, f.Value = fieldName(fields[i].Name), p.arena.copy(fields[i].Value, maxBatchBytes)
		m.Fields[i] = f
	}
	p.entries = append(p.entries, m)
	p.size += size
}

// addShared adds an entry without copying its values.
func (p *plainBatch) addShared(m *nodedv1.JournalEntry, fields []journal.Field) {
	m.Fields = make([]*nodedv1.JournalField, len(fields))
	for i := range fields {
		m.Fields[i] = &nodedv1.JournalField{Name: fieldName(fields[i].Name), Value: fields[i].Value}
	}
	p.entries = append(p.entries, m)
}

// empty makes ready for the next batch, when this one has been sent.
func (p *plainBatch) empty(maxBatchBytes int) {
	clear(p.entries)
	p.entries, p.size = p.entries[:0], 0
	p.slab = p.slab[:0]
	p.arena.empty(maxBatchBytes)
}

// fieldName returns the name as the API can carry it. Only a damaged or hostile file has names that are not UTF-8.
func fieldName(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return wire.Text(name)
}
