// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"slices"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// entryOverhead is an upper bound of what an entry takes in a message besides its fields and texts: tags, lengths,
// numbers and identifiers.
const entryOverhead = 128

// batcher is the journal.Sink of one Read: it collects entries and sends them in batches, with gaps and progress
// in their places between them. It belongs to one goroutine.
type batcher struct {
	outlet[nodedv1.JournalServiceReadResponse]
	mask        journal.Mask
	omitCursors bool
	reverse     bool
	catalog     Catalog
	language    string
	// compact makes the batches of a caller that takes the compact form; nil for others.
	compact *wire.CompactEncoder

	fields []journal.Field
	plain  plainBatch
}

var _ journal.Sink = (*batcher)(nil)

// Entry implements journal.Sink.
func (b *batcher) Entry(e journal.Entry) error {
	header := e.Header()
	run, err := b.decode(e)
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
	size := entryOverhead + len(b.node)
	if b.compact != nil {
		size += b.compact.FieldBytes(run, b.fields)
	} else {
		size += wire.FieldBytes(b.fields)
	}
	if size > largeBytes {
		// What the next entries do not overwrite would keep it in memory.
		defer func() { clear(b.fields) }()
	}
	if detail, tooLarge := b.limits.tooLarge(size); tooLarge {
		return b.skip(header, journal.GapTooLarge, detail)
	}
	catalog := ""
	if b.catalog != nil {
		catalog = b.explain(e)
		size += len(catalog)
	}
	if b.compact != nil && size <= largeBytes {
		return b.addCompact(&header, run, catalog, size)
	}
	return b.addPlain(header, run, catalog, size)
}

// decode takes the fields of an entry: those behind the run, which is nil if there is none.
func (b *batcher) decode(e journal.Entry) (run *journal.Run, err error) {
	if err := b.large.enter(b.ctx); err != nil {
		return nil, err
	}
	defer b.large.leave()
	if b.compact != nil {
		run, b.fields, err = e.Split(b.fields[:0], b.mask)
		return run, err
	}
	b.fields, err = e.AppendFields(b.fields[:0], b.mask)
	return nil, err
}

// addCompact adds an entry to the compact batch. size is what it takes in the plain form.
func (b *batcher) addCompact(h *journal.Header, run *journal.Run, catalog string, size int) error {
	if b.compact.Len() > 0 && b.compact.Bytes()+size > b.limits.MaxBatchBytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	err := b.compact.Add(h, run, b.fields)
	if errors.Is(err, wire.ErrCompactFull) {
		if err := b.flush(); err != nil {
			return err
		}
		err = b.compact.Add(h, run, b.fields)
	}
	if err != nil {
		// It does not fit that form.
		return b.addPlain(*h, run, catalog, size)
	}
	if catalog != "" {
		b.compact.AddCatalog(catalog)
	}
	if b.compact.Bytes() >= b.limits.MaxBatchBytes || b.due.now() {
		return b.flush()
	}
	return nil
}

// addPlain adds an entry to the batch in the plain form, or sends it alone if it is large.
func (b *batcher) addPlain(h journal.Header, run *journal.Run, catalog string, size int) error {
	if b.compact != nil {
		// What was collected in the other form comes first.
		if err := b.flush(); err != nil {
			return err
		}
	}
	if run != nil {
		// A slice of its own: the next entry overwrites it.
		b.fields = slices.Concat(run.Fields, b.fields)
	}
	m := wire.HeaderToProto(b.node, h, b.omitCursors)
	m.Catalog = catalog
	size += len(m.GetCursor())
	if len(b.plain.entries) > 0 && b.plain.size+size > b.limits.MaxBatchBytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if size > largeBytes {
		return b.sendLarge(m, h, size)
	}
	b.plain.add(m, b.fields, size, b.limits.MaxBatchBytes)
	if b.compact != nil || b.plain.size >= b.limits.MaxBatchBytes || b.due.now() {
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
		b.plain.addShared(m, b.fields)
		if err := b.flush(); err != nil {
			return err
		}
		return b.Progress(b.after(h))
	})
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

// flush sends what was collected. Entries are collected in one of the forms at a time.
func (b *batcher) flush() error {
	switch {
	case len(b.plain.entries) > 0:
		return b.flushPlain()
	case b.compact != nil && b.compact.Len() > 0:
		return b.flushCompact()
	}
	return nil
}

func (b *batcher) flushCompact() error {
	n, batch := b.compact.Len(), b.compact.Take()
	err := b.batch(&nodedv1.JournalServiceReadResponse{Event: &nodedv1.JournalServiceReadResponse_Compact{Compact: batch}}, n)
	b.compact.Reuse(batch)
	return err
}

func (b *batcher) flushPlain() error {
	err := b.batch(&nodedv1.JournalServiceReadResponse{
		Event: &nodedv1.JournalServiceReadResponse_Batch{Batch: &nodedv1.JournalBatch{Entries: b.plain.entries}},
	}, len(b.plain.entries))
	b.plain.empty(b.limits.MaxBatchBytes)
	return err
}
