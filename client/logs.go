// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"unicode/utf8"

	"google.golang.org/grpc"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// LogRequest is a query for logs of containers, and who is told of breaks.
type LogRequest struct {
	Selector inventory.LogSelector
	Query    podlog.Query
	// OnResume and OnBreak are as those of ReadRequest.
	OnResume func(Resume)
	OnBreak  func(Break)
}

const (
	// maxCursorBytes bounds the cursor of a request: a server takes no larger messages than limits.max_request_bytes. The places
	// of the containers that wrote last are sent then.
	maxCursorBytes = 160 << 10
	// maxLogPlaces is the number of containers whose places are kept, and maxLogFiles that of files that are known by pointer.
	maxLogPlaces = 16 << 10
	maxLogFiles  = 16 << 10
)

// ReadLogs runs a query as podlog.Logs.Read does, on the containers that the selector names. After a break it goes on as Read
// does: in each container after the last place that was reached. The sink is flushed after each message.
func (c *Client) ReadLogs(ctx context.Context, req LogRequest, sink podlog.Sink) error {
	for field, pattern := range map[string]string{"grep": req.Query.Filter.Grep, "exclude": req.Query.Filter.Exclude} {
		if !utf8.ValidString(pattern) {
			return &journal.QueryError{Field: field, Value: pattern, Reason: "the pattern is not UTF-8"}
		}
	}
	r := logReading{
		attempts: attempts{client: c, onResume: req.OnResume, onBreak: req.OnBreak},
		request:  req, sink: sink,
		places: make(map[string]*logPlace), byFile: make(map[*podlog.File]*logPlace),
	}
	if err := r.reached(req.Query.Cursor); err != nil {
		return err
	}
	r.take = r.record
	defer r.message.Release()
	return r.run(ctx, r.attempt)
}

// logReading is the state of one ReadLogs across its attempts. It belongs to one goroutine.
type logReading struct {
	attempts
	request LogRequest
	sink    podlog.Sink

	// message is what is received into, again and again, and decoder makes records of compact batches. take is r.record.
	message wire.LogMessage
	decoder wire.LogCompactDecoder
	take    func(*podlog.Record) error

	// places are those reached in each container, by Source.Key; byFile finds them faster. file and place are those of the
	// record before.
	places map[string]*logPlace
	byFile map[*podlog.File]*logPlace
	file   *podlog.File
	place  *logPlace

	// begun: something was received, so that an attempt is not the first one any more.
	begun    bool
	caughtUp bool
	told     toldGaps
}

// logPlace is how far a read has come in one container.
type logPlace struct {
	// at is the place, unless file is set: then it is right after a record of file.
	at                 podlog.Position
	file               *podlog.File
	end, pending, time int64
	// delivered is the number of records that were handed out, and skipping tells that those are skipped which had been handed out
	// before a break. Both are only for reading backwards, which no cursor can be given to.
	delivered int64
	skipping  bool
}

func (p *logPlace) position() podlog.Position {
	if p.file == nil {
		return p.at
	}
	r := podlog.Record{File: p.file, End: p.end, Pending: p.pending, Time: p.time}
	return r.Position()
}

// errEnough ends a stream whose other records are not wanted.
var errEnough = errors.New("enough")

// attempt reads from one stream until it ends.
func (r *logReading) attempt(ctx context.Context) error {
	query, finished := r.query()
	if finished {
		return nil
	}
	m := wire.LogQueryToProto(&r.request.Selector, &query)
	m.AcceptCompact = true
	// Every stream has tables of its own.
	r.decoder.Reset()
	clear(r.byFile)
	r.file, r.place = nil, nil
	start := func(ctx context.Context) (grpc.ClientStream, error) { return r.client.logs.Read(ctx, m) }
	err := r.stream(ctx, start, &r.message, func() error { return r.deliver(&r.message.Response) }, nil)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// query returns the query for what is still to be delivered, or that nothing is.
func (r *logReading) query() (q podlog.Query, finished bool) {
	q = r.request.Query
	if q.Limit >= 0 {
		q.Limit -= r.delivered
		if q.Limit <= 0 {
			return q, true
		}
	}
	switch {
	case !r.begun:
	case r.caughtUp && !q.Follow:
		return q, true
	case q.Reverse:
		// What was written meanwhile, and what was handed out already, comes again, and would be counted.
		q.Tail, q.Limit = podlog.LinesAll, podlog.LinesAll
		for _, p := range r.places {
			p.skipping = p.file != nil
		}
	default:
		q.Cursor = r.cursor()
		if r.caughtUp {
			// The backlog has been handed out: a container without a place is a new one.
			q.Tail = podlog.LinesAll
		}
	}
	return q, false
}

// cursor returns the places of all containers, as far as they fit into a request.
func (r *logReading) cursor() podlog.Cursor {
	positions := make([]podlog.Position, 0, len(r.places))
	for _, p := range r.places {
		positions = append(positions, p.position())
	}
	slices.SortFunc(positions, func(a, b podlog.Position) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Key, b.Key))
	})
	size, n := 0, 0
	for ; n < len(positions); n++ {
		if size += len(positions[n].String()) + 1; size > maxCursorBytes {
			break
		}
	}
	return podlog.MakeCursor(positions[:n]...)
}

// deliver hands one message out and keeps the position.
func (r *logReading) deliver(m *nodedv1.LogServiceReadResponse) error {
	r.begun = true
	err := r.deliverEvent(m)
	if err == nil || errors.Is(err, errEnough) {
		err = cmp.Or(r.sink.Flush(), err)
	}
	return err
}

func (r *logReading) deliverEvent(m *nodedv1.LogServiceReadResponse) error {
	switch event := m.GetEvent().(type) {
	case *nodedv1.LogServiceReadResponse_Compact:
		return decodeError(r.decoder.Decode(event.Compact, r.take))
	case *nodedv1.LogServiceReadResponse_Batch:
		for _, m := range event.Batch.GetRecords() {
			record, err := wire.LogRecordFromProto(m)
			if err != nil {
				return malformed(err)
			}
			if err := r.record(record); err != nil {
				return err
			}
		}
	case *nodedv1.LogServiceReadResponse_Gap:
		if g := wire.GapFromProto(event.Gap); r.told.isNew(g) {
			return r.sink.Gap(g)
		}
	case *nodedv1.LogServiceReadResponse_Progress:
		p := wire.LogProgressFromProto(event.Progress)
		if err := r.sink.Progress(p); err != nil {
			return err
		}
		if err := r.reached(p.Cursor); err != nil {
			return malformed(err)
		}
		r.caughtUp = r.caughtUp || p.CaughtUp
	}
	return nil
}

// record hands one record out and keeps its place.
func (r *logReading) record(record *podlog.Record) error {
	if record.File != r.file {
		r.find(record.File)
	}
	p := r.place
	if r.request.Query.Reverse && r.skip(p, record) {
		return nil
	}
	if err := r.sink.Record(record); err != nil {
		return err
	}
	p.file, p.end, p.pending, p.time = record.File, record.End, record.Pending, record.Time
	p.delivered++
	r.delivered++
	r.backOff.reset()
	if r.request.Query.Reverse && r.delivered == r.request.Query.Limit {
		return errEnough
	}
	return nil
}

// skip reports whether a record of a read backwards has been handed out already, or is too much.
func (r *logReading) skip(p *logPlace, record *podlog.Record) bool {
	if p.skipping {
		same := record.File.Run == p.file.Run && record.File.Fingerprint == p.file.Fingerprint
		if record.File.Run > p.file.Run || !same || record.End > p.end {
			return record.File.Run >= p.file.Run
		}
		p.skipping = false
		if record.End == p.end {
			return true
		}
	}
	return r.request.Query.Tail >= 0 && p.delivered >= r.request.Query.Tail
}

// find makes file and place those of f.
func (r *logReading) find(f *podlog.File) {
	p := r.byFile[f]
	if p == nil {
		p = r.placeOf(f.Source.Key())
		if len(r.byFile) >= maxLogFiles {
			clear(r.byFile)
		}
		r.byFile[f] = p
	}
	r.file, r.place = f, p
}

// placeOf returns the place of a container, which it makes if there is none.
func (r *logReading) placeOf(key string) *logPlace {
	p := r.places[key]
	if p == nil {
		if len(r.places) >= maxLogPlaces {
			r.forget()
		}
		p = &logPlace{}
		r.places[key] = p
	}
	return p
}

// forget lets go of the places of the half of the containers that have been silent for longest.
func (r *logReading) forget() {
	times := make([]int64, 0, len(r.places))
	for _, p := range r.places {
		times = append(times, p.position().Time)
	}
	slices.Sort(times)
	for key, p := range r.places {
		if p.position().Time <= times[len(times)/2] {
			delete(r.places, key)
		}
	}
	clear(r.byFile)
	r.file, r.place = nil, nil
}

// reached notes the places that a cursor names.
func (r *logReading) reached(cursor podlog.Cursor) error {
	if cursor == "" {
		return nil
	}
	positions, err := cursor.Positions()
	if err != nil {
		return err
	}
	if r.request.Query.Reverse {
		// Records that were handed out are known by themselves.
		return nil
	}
	for _, at := range positions {
		p := r.placeOf(at.Key)
		before := p.position()
		if before == at || before.Run == at.Run && before.Fingerprint == at.Fingerprint && at.Offset < before.Offset {
			// What has been handed out never comes again.
			continue
		}
		p.at, p.file = at, nil
		r.backOff.reset()
	}
	return nil
}
