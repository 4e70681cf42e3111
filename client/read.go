// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// Handler receives what a read finds, in order, from the goroutine that called Read. It is a journal.Sink
// for entries that are in memory. An error that it returns ends the read and is returned by it.
type Handler interface {
	// Record receives an entry that matches. The record and its bytes are valid during the call, and are not to be
	// changed; its Run stays valid. IDs of fields and runs are those of the whole read.
	Record(r *journal.Record) error
	// Gap receives word of entries that could not be delivered.
	Gap(g journal.Gap) error
	// Progress receives the position reached.
	Progress(p journal.Progress) error
}

// ReadRequest is a query and how to answer it.
type ReadRequest struct {
	Query journal.Query
	// IncludeCatalog fills Record.Catalog, in CatalogLanguage, such as de_DE; empty for the language
	// of the node.
	IncludeCatalog  bool
	CatalogLanguage string
	// OnResume is told of every break after which the read goes on; nil if nobody wants to know. It is
	// called from the goroutine that called Read, before what follows the break is handed out.
	OnResume func(Resume)
	// OnBreak is told once of every break that lasts longer than a second, while the read waits for noded to
	// come back; nil if nobody wants to know. It is called from the goroutine that called Read.
	OnBreak func(Break)
}

// Read runs a query as journal.Local.Read does. When the connection or the server goes away it connects
// again and goes on after the last position, until Config.Timeout has passed without contact; that gives an
// ErrUnreachable, as does a server that is away from the start, without waiting.
func (c *Client) Read(ctx context.Context, req ReadRequest, h Handler) error {
	if err := req.Query.Validate(); err != nil {
		return err
	}
	r := reading{
		attempts: attempts{client: c, onResume: req.OnResume, onBreak: req.OnBreak},
		request:  req, handler: h, message: new(nodedv1.JournalServiceReadResponse),
	}
	r.after = r.position
	r.take = r.record
	return r.run(ctx, r.attempt)
}

// reading is the state of one Read across its attempts. It belongs to one goroutine.
type reading struct {
	attempts
	request ReadRequest
	handler Handler

	// message is what is received into, again and again, and decoder makes records of compact batches. take is r.record.
	message *nodedv1.JournalServiceReadResponse
	decoder wire.CompactDecoder
	take    func(*journal.Record) error

	// at is the position: the last entry, or the cursor of the last progress if that came later.
	at       journal.Header
	cursor   journal.Cursor
	boot     journal.ID128
	caughtUp bool
	told     toldGaps
}

// attempt reads from one stream until it ends.
func (r *reading) attempt(ctx context.Context) error {
	query, finished := r.query()
	if finished {
		return nil
	}
	m := wire.QueryToProto(query)
	m.IncludeCatalog, m.CatalogLanguage = r.request.IncludeCatalog, wire.Text(r.request.CatalogLanguage)
	m.OmitCursors, m.AcceptCompact = true, true
	// Every stream has tables of its own.
	r.decoder.Reset()
	var ended error
	if query.Follow && query.Until == nil {
		ended = endedStream()
	}
	start := func(ctx context.Context) (grpc.ClientStream, error) { return r.client.journal.Read(ctx, m) }
	return r.stream(ctx, start, r.message, func() error { return r.deliver(r.message) }, ended)
}

// deliver hands one message out and keeps the position.
func (r *reading) deliver(m *nodedv1.JournalServiceReadResponse) error {
	switch event := m.GetEvent().(type) {
	case *nodedv1.JournalServiceReadResponse_Batch:
		for _, entry := range event.Batch.GetEntries() {
			if err := r.record(wire.RecordFromProto(entry)); err != nil {
				return err
			}
		}
	case *nodedv1.JournalServiceReadResponse_Compact:
		return decodeError(r.decoder.Decode(event.Compact, r.take))
	case *nodedv1.JournalServiceReadResponse_Gap:
		g := wire.GapFromProto(event.Gap)
		// A gap of a journal file names it by its path.
		if !strings.HasPrefix(g.Source, "/") || r.told.isNew(g) {
			return r.handler.Gap(g)
		}
	case *nodedv1.JournalServiceReadResponse_Progress:
		p := wire.ProgressFromProto(event.Progress)
		if err := r.handler.Progress(p); err != nil {
			return err
		}
		if p.Cursor != "" && p.Cursor != r.position() {
			r.cursor = p.Cursor
			r.backOff.reset()
		}
		r.reached(p.BootID)
		r.caughtUp = r.caughtUp || p.CaughtUp
	}
	return nil
}

// record hands one record out and keeps the position.
func (r *reading) record(record *journal.Record) error {
	header := record.Header
	if err := r.handler.Record(record); err != nil {
		return err
	}
	r.at, r.cursor = header, ""
	r.delivered++
	r.reached(header.BootID)
	r.backOff.reset()
	return nil
}

// reached notes the boot that the read came to first.
func (r *reading) reached(boot journal.ID128) {
	if r.boot.IsZero() {
		r.boot = boot
	}
}

// position returns the position as a cursor; empty before there is one.
func (r *reading) position() journal.Cursor {
	if r.cursor == "" && r.at != (journal.Header{}) {
		return r.at.Cursor()
	}
	return r.cursor
}

// query returns the query for what is still to be delivered, or that nothing is.
func (r *reading) query() (q journal.Query, finished bool) {
	q = r.request.Query
	if ref := q.Filter.Boot; ref != nil && ref.ID.IsZero() && !r.boot.IsZero() {
		// There may be a newer boot since, and the offset would mean another one.
		q.Filter.Boot = &journal.BootRef{ID: r.boot}
	}
	at := r.position()
	switch {
	case !q.Follow && r.caughtUp:
		return q, true
	case at == "" && q.Follow && r.caughtUp:
		// Nothing was there when following began: all that is there now is new.
		q.Lines, q.Cursor, q.AfterCursor = journal.LinesAll, "", false
		return q, false
	case at == "":
		return q, false
	}
	q.Cursor, q.AfterCursor = at, true
	if !q.Reverse {
		// The lower bound has been passed.
		q.Since = nil
	}
	switch {
	case q.Follow:
		// The backlog was counted back from the end that was: all after the position is in it, or new.
		q.Lines = journal.LinesAll
	case q.Lines != journal.LinesAll:
		q.Lines -= r.delivered
		q.FromHead = !q.Reverse
		return q, q.Lines <= 0
	}
	return q, false
}
