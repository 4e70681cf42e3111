// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/noded/noded/daemon/audit"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

const (
	// batchDelay is how long a record may wait for others: a record that comes this long after the last
	// batch is sent at once, so that rare matches and the first line are not held back.
	batchDelay = 20 * time.Millisecond
	// fieldOverhead and entryOverhead are upper bounds of what a field and an entry take in a message besides
	// names, values and texts: tags, lengths, numbers and identifiers.
	fieldOverhead = 16
	entryOverhead = 128
)

// batcher is the journal.Sink of one Read: it collects entries and sends them in batches, with gaps and progress
// in their places between them. It belongs to one goroutine.
type batcher struct {
	ctx         context.Context
	node        string
	limits      Limits
	mask        journal.Mask
	omitCursors bool
	reverse     bool
	catalog     Catalog
	language    string
	call        *audit.Call
	large       *large
	// send may keep nothing of the message when it returns.
	send func(*nodedv1.JournalServiceReadResponse) error

	fields  []journal.Field
	entries []*nodedv1.JournalEntry
	// slab holds the field messages of the batch, arena the bytes of their values. Both
	// are used again for the next batch.
	slab  []nodedv1.JournalField
	arena []byte
	size  int
	sent  time.Time
}

var _ journal.Sink = (*batcher)(nil)

// Entry implements journal.Sink.
func (b *batcher) Entry(e journal.Entry) error {
	header := e.Header()
	err := b.large.decode(b.ctx, func() (err error) {
		b.fields, err = e.AppendFields(b.fields[:0], b.mask)
		return err
	})
	switch {
	case err == nil:
	case errors.Is(err, journal.ErrUnreadable):
		// The read tells the gap.
		return err
	case b.ctx.Err() != nil:
		return b.ctx.Err()
	default:
		return b.skip(header, journal.GapCorrupt, err.Error())
	}
	fields := b.fields
	size := entryOverhead + len(b.node)
	for i := range fields {
		size += len(fields[i].Name) + len(fields[i].Value) + fieldOverhead
	}
	if size > b.limits.MaxRecordBytes {
		return b.skip(header, journal.GapTooLarge,
			fmt.Sprintf("a record of %d bytes; limits.max_record_bytes is %d", size, b.limits.MaxRecordBytes))
	}
	m := wire.HeaderToProto(b.node, header, b.omitCursors)
	size += len(m.GetCursor())
	if b.catalog != nil {
		m.Catalog = b.explain(e)
		size += len(m.GetCatalog())
	}
	if len(b.entries) > 0 && b.size+size > b.limits.MaxBatchBytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if size > largeBytes {
		return b.sendLarge(m, header, size)
	}
	m.Fields = b.copyFields(fields)
	b.entries = append(b.entries, m)
	b.size += size
	if b.size >= b.limits.MaxBatchBytes || time.Since(b.sent) >= batchDelay {
		return b.flush()
	}
	return nil
}

// skip sends a gap in the place of one entry, and the position, so that who resumes does not meet the entry again.
func (b *batcher) skip(h journal.Header, reason journal.GapReason, detail string) error {
	gap := journal.Gap{
		Source: h.SeqnumID.String(),
		Count:  1,
		Exact:  true,
		First:  h.Realtime,
		Last:   h.Realtime,
		Reason: reason,
		Detail: detail,
	}
	if err := b.Gap(gap); err != nil {
		return err
	}
	return b.Progress(b.after(h))
}

// after is the position after an entry.
func (b *batcher) after(h journal.Header) journal.Progress {
	p := journal.Progress{Cursor: h.Cursor(), BootID: h.BootID}
	if !b.reverse {
		p.Watermark = h.Realtime
	}
	return p
}

// sendLarge sends an entry by itself, without copying its values. Its memory is free again when the transport has
// written it, which the position that follows it waits for.
func (b *batcher) sendLarge(m *nodedv1.JournalEntry, h journal.Header, size int) error {
	if err := b.flush(); err != nil {
		return err
	}
	return b.large.do(b.ctx, size, func() error {
		m.Fields = make([]*nodedv1.JournalField, len(b.fields))
		for i := range b.fields {
			m.Fields[i] = &nodedv1.JournalField{Name: fieldName(b.fields[i].Name), Value: b.fields[i].Value}
		}
		b.entries = append(b.entries, m)
		if err := b.flush(); err != nil {
			return err
		}
		return b.Progress(b.after(h))
	})
}

// fieldName returns the name as the API can carry it. Only a damaged or hostile file has names that are not UTF-8.
func fieldName(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return wire.Text(name)
}

// copyFields makes messages of fields whose bytes end with the entry.
func (b *batcher) copyFields(fields []journal.Field) []*nodedv1.JournalField {
	out := make([]*nodedv1.JournalField, len(fields))
	for i := range fields {
		if len(b.slab) == cap(b.slab) {
			b.slab = make([]nodedv1.JournalField, 0, max(64, min(2*cap(b.slab), 4096)))
		}
		b.slab = b.slab[:len(b.slab)+1]
		f := &b.slab[len(b.slab)-1]
		f.Name, f.Value = fieldName(fields[i].Name), b.copyBytes(fields[i].Value)
		out[i] = f
	}
	return out
}

// copyBytes copies into the arena. When it is full a new one begins; the values in the old one
// keep it alive until the batch is sent.
func (b *batcher) copyBytes(p []byte) []byte {
	if len(b.arena)+len(p) > cap(b.arena) {
		b.arena = make([]byte, 0, max(4096, len(p), min(2*cap(b.arena), b.limits.MaxBatchBytes)))
	}
	start := len(b.arena)
	b.arena = append(b.arena, p...)
	return b.arena[start:len(b.arena):len(b.arena)]
}

// explain returns the catalog's text for an entry, or nothing.
func (b *batcher) explain(e journal.Entry) string {
	return wire.Text(b.catalog.Explain(b.language, func(name string) (string, bool) {
		f, err := e.Lookup(name)
		return string(f.Value), err == nil
	}))
}

// Gap implements journal.Sink.
func (b *batcher) Gap(g journal.Gap) error {
	if err := b.flush(); err != nil {
		return err
	}
	return b.send(&nodedv1.JournalServiceReadResponse{
		Event: &nodedv1.JournalServiceReadResponse_Gap{Gap: wire.GapToProto(b.node, g)},
	})
}

// Progress implements journal.Sink.
func (b *batcher) Progress(p journal.Progress) error {
	if err := b.flush(); err != nil {
		return err
	}
	return b.send(&nodedv1.JournalServiceReadResponse{
		Event: &nodedv1.JournalServiceReadResponse_Progress{Progress: wire.ProgressToProto(b.node, p)},
	})
}

// flush sends what was collected.
func (b *batcher) flush() error {
	if len(b.entries) == 0 {
		return nil
	}
	err := b.send(&nodedv1.JournalServiceReadResponse{
		Event: &nodedv1.JournalServiceReadResponse_Batch{Batch: &nodedv1.JournalBatch{Entries: b.entries}},
	})
	if err == nil {
		b.call.AddRecords(len(b.entries))
	}
	clear(b.entries)
	b.entries, b.size, b.sent = b.entries[:0], 0, time.Now()
	b.slab = b.slab[:0]
	if b.arena = b.arena[:0]; cap(b.arena) > 2*b.limits.MaxBatchBytes {
		b.arena = nil
	}
	return err
}
