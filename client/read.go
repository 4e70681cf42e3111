// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

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

// Break says that noded went away.
type Break struct {
	// Cause is why the read broke.
	Cause error
	// Wait is how long noded has to come back, from when it was heard last, before the read is given up.
	Wait time.Duration
}

// Resume says that a read broke and goes on.
type Resume struct {
	// Cause is why it broke.
	Cause error
	// After is the position after which it goes on; empty when it starts anew.
	After journal.Cursor
	// Delivered is the number of entries that were handed out before.
	Delivered int64
	// Away is how long nothing was heard of the read.
	Away time.Duration
}

// longBreak is how long noded is away before a person is told: a restart takes less.
const longBreak = time.Second

// lastChance is the least time that an attempt has to reach the server.
const lastChance = 500 * time.Millisecond

// Read runs a query as journal.Local.Read does. When the connection or the server goes away it connects
// again and goes on after the last position, until Config.Timeout has passed without contact; that gives an
// ErrUnreachable, as does a server that is away from the start, without waiting.
func (c *Client) Read(ctx context.Context, req ReadRequest, h Handler) error {
	if err := req.Query.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := reading{client: c, request: req, handler: h, message: new(nodedv1.JournalServiceReadResponse)}
	r.take = r.record
	for {
		err := r.attempt(ctx)
		switch {
		case err == nil:
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

	// message is what is received into, again and again, and decoder makes records of compact batches. take is r.record.
	message *nodedv1.JournalServiceReadResponse
	decoder wire.CompactDecoder
	take    func(*journal.Record) error

	// at is the position: the last entry, or the cursor of the last progress if that came later.
	at        journal.Header
	cursor    journal.Cursor
	boot      journal.ID128
	delivered int64
	caughtUp  bool
	// told has the files of which the handler knows that they cannot be read.
	told map[fileGap]bool

	// contact is when the server was heard last; zero before the first time.
	contact time.Time
	// cause is why the read broke and lost when the server had been heard last, until the read goes on.
	cause error
	lost  time.Time
	// toldBreak: OnBreak has been told of this break.
	toldBreak bool
	backOff   backOff
}

// fileGap names a trouble of a file as a whole, which every attempt tells anew.
type fileGap struct {
	path   string
	reason journal.GapReason
}

// brokenError marks an error after which the read can go on.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return e.cause.Error() }

// pause waits before the next attempt, or gives the read up.
func (r *reading) pause(ctx context.Context, cause error) error {
	if r.contact.IsZero() {
		return r.client.callError(cause)
	}
	if r.cause == nil {
		r.cause, r.lost = cause, r.contact
	}
	delay := r.backOff.delay()
	left := r.client.timeout - time.Since(r.contact)
	if left <= 0 {
		return r.gaveUp(cause)
	}
	if r.request.OnBreak != nil && !r.toldBreak && time.Since(r.lost) >= longBreak {
		r.toldBreak = true
		r.request.OnBreak(Break{Cause: r.client.callError(r.cause), Wait: r.client.timeout})
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
	query, finished := r.query()
	if finished {
		return nil
	}
	m := wire.QueryToProto(query)
	m.IncludeCatalog, m.CatalogLanguage = r.request.IncludeCatalog, wire.Text(r.request.CatalogLanguage)
	m.OmitCursors, m.AcceptCompact = true, true
	// Every stream has tables of its own.
	r.decoder.Reset()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// gRPC has a back-off of its own, which would hold up an attempt that is due now.
	r.client.conn.ResetConnectBackoff()
	stream, begun, err := r.open(ctx, cancel, m)
	if err != nil {
		return err
	}
	return r.receive(stream, begun)
}

// open starts a stream. The server sends its headers when it has taken the request on, which begun tells; one
// that does not answer in time breaks the read.
func (r *reading) open(ctx context.Context, cancel context.CancelFunc, m *nodedv1.JournalServiceReadRequest) (
	stream grpc.ServerStreamingClient[nodedv1.JournalServiceReadResponse], begun bool, err error,
) {
	late := func() bool { return false }
	if wait := r.client.timeout; wait > 0 {
		if !r.contact.IsZero() {
			wait = max(wait-time.Since(r.contact), lastChance)
		}
		timer := time.AfterFunc(wait, cancel)
		late = func() bool { return !timer.Stop() }
	}
	var header metadata.MD
	stream, err = r.client.journal.Read(ctx, m)
	if err == nil {
		header, err = stream.Header()
	}
	if late() {
		return nil, false, &brokenError{cause: status.Error(codes.DeadlineExceeded, "noded does not answer")}
	}
	if err != nil {
		return nil, false, r.classify(err, false)
	}
	if header == nil {
		// The error comes with the next Recv.
		return stream, false, nil
	}
	r.contact = time.Now()
	return stream, true, nil
}

func (r *reading) receive(stream grpc.ServerStreamingClient[nodedv1.JournalServiceReadResponse], begun bool) error {
	for {
		err := stream.RecvMsg(r.message)
		if errors.Is(err, io.EOF) {
			if r.request.Query.Follow && r.request.Query.Until == nil {
				return &brokenError{cause: status.Error(codes.Unavailable, "noded ended the stream")}
			}
			return nil
		}
		if err != nil {
			return r.classify(err, begun)
		}
		begun = true
		r.heard()
		if err := r.deliver(r.message); err != nil {
			return err
		}
	}
}

// heard notes a message of the server, and tells of it when the read had been broken.
func (r *reading) heard() {
	r.contact = time.Now()
	if r.cause != nil && r.request.OnResume != nil {
		r.request.OnResume(Resume{
			Cause: r.client.callError(r.cause), After: r.position(), Delivered: r.delivered, Away: r.contact.Sub(r.lost),
		})
	}
	r.cause, r.toldBreak = nil, false
}

// deliver hands one message out and keeps the position. The time that the handler takes is not silence
// of the server.
func (r *reading) deliver(m *nodedv1.JournalServiceReadResponse) error {
	defer func() { r.contact = time.Now() }()
	switch event := m.GetEvent().(type) {
	case *nodedv1.JournalServiceReadResponse_Batch:
		for _, entry := range event.Batch.GetEntries() {
			if err := r.record(wire.RecordFromProto(entry)); err != nil {
				return err
			}
		}
	case *nodedv1.JournalServiceReadResponse_Compact:
		if err := r.decoder.Decode(event.Compact, r.take); errors.Is(err, wire.ErrCompactMalformed) {
			return &Error{Err: fmt.Errorf("noded sent what cannot be read: %w", err), Advice: "upgrade both: nodectl status shows the version of noded, nodectl version its own"}
		} else if err != nil {
			return err
		}
	case *nodedv1.JournalServiceReadResponse_Gap:
		return r.deliverGap(wire.GapFromProto(event.Gap))
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

// deliverGap hands a gap out, but a file that cannot be read only once.
func (r *reading) deliverGap(g journal.Gap) error {
	switch g.Reason {
	case journal.GapTruncated, journal.GapCorrupt, journal.GapUnsupported, journal.GapDenied:
		if g.Count != 0 || !strings.HasPrefix(g.Source, "/") {
			break
		}
		key := fileGap{g.Source, g.Reason}
		if r.told[key] {
			return nil
		}
		if r.told == nil {
			r.told = make(map[fileGap]bool)
		}
		r.told[key] = true
	}
	return r.handler.Gap(g)
}

// position returns the position as a cursor; empty before there is one.
func (r *reading) position() journal.Cursor {
	if r.cursor == "" && r.at != (journal.Header{}) {
		return r.at.Cursor()
	}
	return r.cursor
}

// classify tells errors after which the read can go on from those that end it. begun says
// whether the server had taken the request on.
func (r *reading) classify(err error, begun bool) error {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.Aborted:
		return &brokenError{cause: err}
	case codes.ResourceExhausted:
		// A server cuts a reader that was too slow, such as a pager that nobody scrolled; it may go on. A
		// server that takes no more streams says so at once.
		if begun {
			return &brokenError{cause: err}
		}
	case codes.Internal:
		// A connection that is cut between two frames of a stream shows as Internal.
		if begun && r.client.conn.GetState() != connectivity.Ready {
			return &brokenError{cause: err}
		}
	}
	return r.client.callError(err)
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
