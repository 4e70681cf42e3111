// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// Handler receives what a read finds, in order, from the goroutine that called Read. It is a journal.Sink
// for entries that are in memory. An error that it returns ends the read and is returned by it.
type Handler interface {
	// Record receives an entry that matches. The record belongs to the handler.
	Record(r *journal.Record) error
	// Gap receives word of entries that could not be delivered.
	Gap(g journal.Gap) error
	// Progress receives the position reached.
	Progress(p journal.Progress) error
}

// ReadRequest is a query and how to answer it.
type ReadRequest struct {
	Query journal.Query
	// IncludeCatalog fills Record.Catalog.
	IncludeCatalog bool
	// OnResume is told of every break after which the read goes on; nil if nobody wants to know. It is
	// called from the goroutine that called Read, before what follows the break is handed out.
	OnResume func(Resume)
}

// Resume says that a read broke and goes on.
type Resume struct {
	// Cause is why it broke.
	Cause error
	// After is the position after which it goes on; empty when it starts anew.
	After journal.Cursor
	// Delivered is the number of entries that were handed out before.
	Delivered int64
	// Away is how long there was no contact.
	Away time.Duration
}

// Read runs a query as journal.Local.Read does. When the connection or the server goes away it connects
// again and goes on after the last position, until Config.Timeout has passed without contact; that gives an
// ErrUnreachable, as does a server that is away from the start, without waiting.
func (c *Client) Read(ctx context.Context, req ReadRequest, h Handler) error {
	if err := req.Query.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := reading{client: c, request: req, handler: h}
	for {
		err := r.attempt(ctx)
		switch {
		case err == nil, errors.Is(err, errFinished):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		var broken *brokenError
		if !errors.As(err, &broken) {
			return err
		}
		if err := r.pause(ctx, broken.cause); err != nil {
			return err
		}
	}
}

// reading is the state of one Read across its attempts. It belongs to one goroutine.
type reading struct {
	client  *Client
	request ReadRequest
	handler Handler

	position  journal.Cursor
	delivered int64
	caughtUp  bool

	// contact is when the server was heard last; zero before the first time.
	contact time.Time
	// cause is why contact was lost, until it is found again.
	cause   error
	backOff backOff
}

// errFinished ends a read whose last wanted entry has been handed out.
var errFinished = errors.New("finished")

// brokenError marks an error after which the read can go on.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return e.cause.Error() }

// pause waits before the next attempt, or gives the read up.
func (r *reading) pause(ctx context.Context, cause error) error {
	if r.contact.IsZero() {
		return r.client.callError(cause)
	}
	if r.cause == nil {
		r.cause = cause
	}
	delay := r.backOff.delay()
	left := r.client.timeout - time.Since(r.contact)
	if left <= 0 {
		return r.gaveUp(cause)
	}
	return sleep(ctx, min(delay, left))
}

func (r *reading) gaveUp(cause error) error {
	err := r.client.callError(cause)
	out := &Error{Kind: ErrUnreachable, Err: fmt.Errorf("noded went away and did not come back within %v: %w", r.client.timeout, err)}
	var e *Error
	if errors.As(err, &e) {
		out.Advice = e.Advice
	}
	return out
}

// attempt reads from one stream until it ends.
func (r *reading) attempt(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	query, finished := r.query()
	if finished {
		return nil
	}
	m := wire.QueryToProto(query)
	m.IncludeCatalog = r.request.IncludeCatalog
	m.OmitCursors = true
	// gRPC has a back-off of its own, which would hold up an attempt that is due now.
	r.client.conn.ResetConnectBackoff()
	stream, err := r.client.journal.Read(ctx, m)
	if err != nil {
		return r.classify(err, false)
	}
	return r.receive(stream)
}

func (r *reading) receive(stream grpc.ServerStreamingClient[nodedv1.JournalServiceReadResponse]) error {
	heard := false
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if r.request.Query.Follow && r.request.Query.Until == nil {
				return &brokenError{cause: status.Error(codes.Unavailable, "noded ended the stream")}
			}
			return nil
		}
		if err != nil {
			return r.classify(err, heard)
		}
		heard = true
		r.heard()
		if err := r.deliver(m); err != nil {
			return err
		}
	}
}

// heard notes contact with the server, and tells of it when it had been lost.
func (r *reading) heard() {
	now := time.Now()
	if r.cause != nil && r.request.OnResume != nil {
		r.request.OnResume(Resume{
			Cause: r.client.callError(r.cause), After: r.position, Delivered: r.delivered, Away: now.Sub(r.contact),
		})
	}
	r.contact, r.cause = now, nil
	r.backOff.reset()
}

// deliver hands one message out and keeps the position. The time that the handler takes is not silence
// of the server.
func (r *reading) deliver(m *nodedv1.JournalServiceReadResponse) error {
	defer func() { r.contact = time.Now() }()
	switch event := m.GetEvent().(type) {
	case *nodedv1.JournalServiceReadResponse_Batch:
		for _, entry := range event.Batch.GetEntries() {
			record := wire.RecordFromProto(entry)
			header := record.Header
			if since := r.request.Query.Since; r.position != "" && r.request.Query.Reverse && since != nil && header.Realtime < *since {
				return errFinished
			}
			if err := r.handler.Record(record); err != nil {
				return err
			}
			r.position = header.Cursor()
			r.delivered++
		}
	case *nodedv1.JournalServiceReadResponse_Gap:
		return r.handler.Gap(wire.GapFromProto(event.Gap))
	case *nodedv1.JournalServiceReadResponse_Progress:
		p := wire.ProgressFromProto(event.Progress)
		if err := r.handler.Progress(p); err != nil {
			return err
		}
		if p.Cursor != "" {
			r.position = p.Cursor
		}
		r.caughtUp = r.caughtUp || p.CaughtUp
	}
	return nil
}

// classify tells errors after which the read can go on from those that end it. heard says
// whether the stream had delivered anything.
func (r *reading) classify(err error, heard bool) error {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.Aborted:
		return &brokenError{cause: err}
	case codes.ResourceExhausted:
		// A server cuts a reader that was too slow, such as a pager that nobody scrolled; it may go on. A
		// server that takes no more streams says so at once.
		if heard {
			return &brokenError{cause: err}
		}
	case codes.Internal:
		// A connection that is cut between two frames of a stream shows as Internal.
		if heard && r.client.conn.GetState().String() != "READY" {
			return &brokenError{cause: err}
		}
	}
	return r.client.callError(err)
}

// query returns the query for what is still to be delivered, or that nothing is.
func (r *reading) query() (q journal.Query, finished bool) {
	q = r.request.Query
	if r.position == "" {
		if q.Follow && r.caughtUp {
			// The journal was empty when following began: all that is in it now is new.
			q.Lines = journal.LinesAll
		}
		return q, false
	}
	q.Cursor, q.AfterCursor = r.position, true
	// A read forwards has passed its lower bound; for one backwards deliver looks at it.
	q.Since = nil
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
