// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

const (
	// firstPipeBytes is the size of the first batch, so that a short read does not wait for more; each one is twice
	// as large as the one before, up to maxPipeBytes.
	firstPipeBytes = 8 << 10
	maxPipeBytes   = 128 << 10
	// pipeBatches is how many batches can be on their way. The reader waits when there are more.
	pipeBatches = 3
)

// pipe carries what is read from files to the goroutine that prints it, in the compact form, which is what takes the least
// work on both sides. It is the journal.Sink of the reading goroutine; deliver runs in the other one.
type pipe struct {
	// mask selects the fields, and explain returns the catalog's text for an entry; nil for none.
	mask    journal.Mask
	explain func(journal.Entry) string

	ctx     context.Context
	encoder *wire.CompactEncoder
	most    int
	fields  []journal.Field

	// pieces has what was read, in order. deliver receives until it is closed, so that a send never waits for ever.
	pieces chan piece
	// used has batches to be used again.
	used chan *nodedv1.JournalCompactBatch
}

// piece is one of these.
type piece struct {
	batch    *nodedv1.JournalCompactBatch
	gap      *journal.Gap
	progress *journal.Progress
	// record belongs to the reader, which waits for done.
	record *journal.Record
	done   chan struct{}
}

var _ journal.Sink = (*pipe)(nil)

// readAhead calls read in a goroutine of its own with p as the sink, and hands out to h what it reads. p has its mask and
// explain, nothing else. The error of h comes before that of read.
func readAhead(ctx context.Context, read func(context.Context, journal.Sink) error, p *pipe, h client.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.ctx, p.encoder, p.most = ctx, wire.NewCompactEncoder(""), firstPipeBytes
	p.pieces, p.used = make(chan piece, pipeBatches), make(chan *nodedv1.JournalCompactBatch, pipeBatches)
	var readErr error
	go func() {
		defer close(p.pieces)
		readErr = read(ctx, p)
		p.flush()
	}()
	if err := p.deliver(h, cancel); err != nil {
		return err
	}
	return readErr
}

// Entry implements journal.Sink.
func (p *pipe) Entry(e journal.Entry) error {
	run, fields, err := e.Split(p.fields[:0], p.mask)
	if err != nil {
		return err
	}
	p.fields = fields
	header := e.Header()
	text := ""
	if p.explain != nil {
		text = p.explain(e)
	}
	if p.encoder.FieldBytes(run, fields) > maxPipeBytes {
		return p.alone(header, run, text)
	}
	for range 2 {
		if err = p.encoder.Add(&header, run, fields); err == nil {
			p.encoder.AddCatalog(text)
			if p.encoder.Bytes() >= p.most {
				p.flush()
				return p.ctx.Err()
			}
			return nil
		}
		// The tables are full, which the next batch changes, or the entry does not fit at all.
		p.flush()
	}
	return p.alone(header, run, text)
}

// alone hands an entry over without copying it.
func (p *pipe) alone(h journal.Header, run *journal.Run, text string) error {
	p.flush()
	r := &journal.Record{Header: h, Fields: p.fields, Catalog: text}
	if run != nil {
		// Its ID is not one of the decoder's, so the record does not name it.
		r.Fields = append(slices.Clone(run.Fields), p.fields...)
	}
	for i := range r.Fields {
		r.Fields[i].ID = 0
	}
	done := make(chan struct{})
	p.pieces <- piece{record: r, done: done}
	<-done
	// What the next entries do not overwrite would keep it in memory.
	clear(p.fields)
	return p.ctx.Err()
}

// flush hands the batch over.
func (p *pipe) flush() {
	if p.encoder.Len() == 0 {
		return
	}
	p.pieces <- piece{batch: p.encoder.Take()}
	p.most = min(2*p.most, maxPipeBytes)
	select {
	case b := <-p.used:
		p.encoder.Reuse(b)
	default:
	}
}

// Gap implements journal.Sink.
func (p *pipe) Gap(g journal.Gap) error {
	p.flush()
	p.pieces <- piece{gap: &g}
	return p.ctx.Err()
}

// Progress implements journal.Sink.
func (p *pipe) Progress(progress journal.Progress) error {
	p.flush()
	p.pieces <- piece{progress: &progress}
	return p.ctx.Err()
}

// deliver hands out all pieces until the reader has ended. After an error of the handler, which it returns, it
// cancels the read.
func (p *pipe) deliver(h client.Handler, cancel func()) (err error) {
	var decoder wire.CompactDecoder
	for piece := range p.pieces {
		if err == nil {
			if err = p.hand(&decoder, &piece, h); err != nil {
				cancel()
			}
		}
		if piece.done != nil {
			close(piece.done)
		}
		if piece.batch != nil {
			select {
			case p.used <- piece.batch:
			default:
			}
		}
	}
	return err
}

func (p *pipe) hand(d *wire.CompactDecoder, piece *piece, h client.Handler) error {
	switch {
	case piece.batch != nil:
		return d.Decode(piece.batch, h.Record)
	case piece.record != nil:
		return h.Record(piece.record)
	case piece.gap != nil:
		return h.Gap(*piece.gap)
	default:
		return h.Progress(*piece.progress)
	}
}
