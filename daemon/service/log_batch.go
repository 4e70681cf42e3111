// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/podlog"
)

// logBatcher is the podlog.Sink of one Read: it collects records and sends them in batches, with gaps and progress
// in their places between them. It belongs to one goroutine.
type logBatcher struct {
	outlet[nodedv1.LogServiceReadResponse]
	// compact makes the batches of a caller that takes the compact form; nil for others.
	compact *wire.LogCompactEncoder

	// plain has the records of a batch in the plain form, size what they take, and arena their texts.
	plain []*nodedv1.LogRecord
	size  int
	arena arena
}

var _ podlog.Sink = (*logBatcher)(nil)

// Record implements podlog.Sink.
func (b *logBatcher) Record(r *podlog.Record) error {
	size := len(r.Text)
	if detail, tooLarge := b.limits.tooLarge(size); tooLarge {
		return b.skip(r, detail)
	}
	if size > largeBytes {
		return b.sendLarge(r)
	}
	if b.compact == nil {
		return b.addPlain(r)
	}
	if b.compact.Len() > 0 && b.compact.Bytes()+size+entryOverhead > b.limits.MaxBatchBytes {
		if err := b.Flush(); err != nil {
			return err
		}
	}
	err := b.compact.Add(r)
	if errors.Is(err, wire.ErrCompactFull) {
		if err := b.Flush(); err != nil {
			return err
		}
		err = b.compact.Add(r)
	}
	if err != nil {
		// It does not fit that form.
		return b.addPlain(r)
	}
	if b.compact.Bytes() >= b.limits.MaxBatchBytes || b.due.now() {
		return b.Flush()
	}
	return nil
}

// addPlain adds a record to the batch in the plain form, with a copy of its text.
func (b *logBatcher) addPlain(r *podlog.Record) error {
	if b.compact != nil {
		// What was collected in the other form comes first.
		if err := b.Flush(); err != nil {
			return err
		}
	}
	m := wire.LogRecordToProto(b.node, r)
	size := entryOverhead + len(b.node) + len(r.Text) + len(m.GetCursor()) + wire.LogSourceBytes(m.GetSource())
	if len(b.plain) > 0 && b.size+size > b.limits.MaxBatchBytes {
		if err := b.Flush(); err != nil {
			return err
		}
	}
	m.Text = b.arena.copy(r.Text, b.limits.MaxBatchBytes)
	b.plain = append(b.plain, m)
	b.size += size
	if b.compact != nil || b.size >= b.limits.MaxBatchBytes || b.due.now() {
		return b.Flush()
	}
	return nil
}

// sendLarge sends a record by itself, without copying its text. Its memory is free again when the transport has written
// it, which the position that follows it waits for.
func (b *logBatcher) sendLarge(r *podlog.Record) error {
	if err := b.Flush(); err != nil {
		return err
	}
	return b.large.do(b.ctx, len(r.Text), func() error {
		b.plain = append(b.plain, wire.LogRecordToProto(b.node, r))
		if err := b.Flush(); err != nil {
			return err
		}
		return b.Progress(after(r))
	})
}

// skip sends a gap in the place of a record, and the position, so that who resumes does not meet the record again.
func (b *logBatcher) skip(r *podlog.Record, detail string) error {
	at := journal.Usec(max(r.Time, 0) / 1000)
	gap := journal.Gap{
		Source: r.File.Source.String(), Count: 1, Exact: true, First: at, Last: at, Reason: journal.GapTooLarge, Detail: detail,
	}
	if err := b.Gap(gap); err != nil {
		return err
	}
	return b.Progress(after(r))
}

// after is the position after a record.
func after(r *podlog.Record) podlog.Progress {
	return podlog.Progress{Cursor: podlog.MakeCursor(r.Position())}
}

// Gap implements podlog.Sink.
func (b *logBatcher) Gap(g journal.Gap) error {
	if err := b.Flush(); err != nil {
		return err
	}
	return b.send(&nodedv1.LogServiceReadResponse{Event: &nodedv1.LogServiceReadResponse_Gap{Gap: wire.GapToProto(b.node, g)}})
}

// Progress implements podlog.Sink.
func (b *logBatcher) Progress(p podlog.Progress) error {
	if err := b.Flush(); err != nil {
		return err
	}
	return b.send(&nodedv1.LogServiceReadResponse{
		Event: &nodedv1.LogServiceReadResponse_Progress{Progress: wire.LogProgressToProto(b.node, &p)},
	})
}

// Flush implements podlog.Sink: it sends what was collected. Records are collected in one of the forms at a time.
func (b *logBatcher) Flush() error {
	switch {
	case len(b.plain) > 0:
		err := b.batch(&nodedv1.LogServiceReadResponse{
			Event: &nodedv1.LogServiceReadResponse_Batch{Batch: &nodedv1.LogBatch{Records: b.plain}},
		}, len(b.plain))
		clear(b.plain)
		b.plain, b.size = b.plain[:0], 0
		b.arena.empty(b.limits.MaxBatchBytes)
		return err
	case b.compact != nil && b.compact.Len() > 0:
		n, batch := b.compact.Len(), b.compact.Take()
		err := b.batch(&nodedv1.LogServiceReadResponse{Event: &nodedv1.LogServiceReadResponse_Compact{Compact: batch}}, n)
		b.compact.Reuse(batch)
		return err
	}
	return nil
}
