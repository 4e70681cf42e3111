// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// fakeNode is a noded whose journal is numbered entries. It can be stopped and started again, and breaks
// streams where a test says so.
type fakeNode struct {
	nodedv1.UnimplementedJournalServiceServer
	t    *testing.T
	path string

	// mu guards the fields below.
	mu       sync.Mutex
	entries  uint64
	requests []*nodedv1.JournalServiceReadRequest
	// breakAfter is the number of entries after which the n-th stream ends with breakWith.
	breakAfter []int
	breakWith  error
	// refuse makes the streams that break end before they have begun. gap begins every stream. breakAtEnd breaks
	// bounded reads after everything.
	refuse, breakAtEnd bool
	gap                *journal.Gap
	// compact: it knows the compact form. spoil changes the batches.
	compact bool
	spoil   func(*nodedv1.JournalCompactBatch)
	server  *grpc.Server
	served  chan struct{}
}

func startFake(t *testing.T, entries uint64) *fakeNode {
	t.Helper()
	dir, err := os.MkdirTemp("", "noded")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &fakeNode{t: t, path: filepath.Join(dir, "s"), entries: entries, breakWith: status.Error(codes.Unavailable, "noded is stopping")}
	f.start()
	t.Cleanup(f.stop)
	return f
}

func (f *fakeNode) start() {
	listener, err := net.Listen("unix", f.path)
	if err != nil {
		f.t.Error(err)
		return
	}
	server, served := grpc.NewServer(), make(chan struct{})
	nodedv1.RegisterJournalServiceServer(server, f)
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server, f.served = server, served
}

// stop ends the server as SIGKILL would: connections are cut.
func (f *fakeNode) stop() {
	f.mu.Lock()
	server, served := f.server, f.served
	f.mu.Unlock()
	server.Stop()
	<-served
}

func (f *fakeNode) dial(timeout time.Duration) *client.Client {
	f.t.Helper()
	c, err := client.Dial(client.Config{Address: "unix://" + f.path, Timeout: timeout})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (f *fakeNode) append(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries += n
}

func (f *fakeNode) last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.entries
}

// open notes a request and returns how many entries its stream may send; negative means all.
func (f *fakeNode) open(req *nodedv1.JournalServiceReadRequest) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, req)
	if n := len(f.requests); n <= len(f.breakAfter) {
		return f.breakAfter[n-1]
	}
	return -1
}

func (f *fakeNode) seen() []*nodedv1.JournalServiceReadRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*nodedv1.JournalServiceReadRequest(nil), f.requests...)
}

func header(n uint64) journal.Header {
	return journal.Header{
		SeqnumID: journal.ID128{1}, Seqnum: n, BootID: journal.ID128{2}, Realtime: journal.Usec(1000 * n), Monotonic: journal.Usec(n), XorHash: n,
	}
}

// Read implements the service with the semantics of journal.Local.Read, for what the tests use.
func (f *fakeNode) Read(req *nodedv1.JournalServiceReadRequest, stream grpc.ServerStreamingServer[nodedv1.JournalServiceReadResponse]) error {
	query, err := wire.QueryFromProto(req)
	if err != nil {
		return wire.Status(err)
	}
	left := f.open(req)
	if f.refuse && left == 0 {
		return f.breakWith
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	if f.gap != nil {
		gap := &nodedv1.JournalServiceReadResponse_Gap{Gap: wire.GapToProto("n", *f.gap)}
		if err := stream.Send(&nodedv1.JournalServiceReadResponse{Event: gap}); err != nil {
			return err
		}
	}
	send := f.sender(req, stream)
	next, step := f.begin(query)
	for shown := int64(0); ; {
		for ; next >= 1 && next <= f.last(); next += step {
			h := header(next)
			if query.Lines >= 0 && !query.Follow && shown >= query.Lines ||
				query.Reverse && query.Since != nil && h.Realtime < *query.Since {
				return nil
			}
			if left == 0 {
				return f.breakWith
			}
			left--
			shown++
			if err := send(h); err != nil {
				return err
			}
		}
		if left == 0 && query.Follow {
			return f.breakWith
		}
		p := journal.Progress{CaughtUp: true}
		if next-step >= 1 && next-step <= f.last() {
			p.Cursor, p.BootID = header(next-step).Cursor(), header(next-step).BootID
		}
		progress := &nodedv1.JournalServiceReadResponse_Progress{Progress: wire.ProgressToProto("n", p)}
		if err := stream.Send(&nodedv1.JournalServiceReadResponse{Event: progress}); err != nil {
			return err
		}
		if !query.Follow {
			if f.breakAtEnd {
				return f.breakWith
			}
			return nil
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// entryFields are the fields of an entry: some that all have, and one of its own.
func entryFields(h journal.Header) (run *journal.Run, rest []journal.Field) {
	run = &journal.Run{ID: 1, Fields: []journal.Field{{Name: "_HOSTNAME", Value: []byte("n"), ID: 1}, {Name: "EMPTY", ID: 2}}}
	return run, []journal.Field{{Name: "MESSAGE", Value: fmt.Appendf(nil, "entry %d", h.Seqnum)}}
}

// sender returns what sends an entry, in the form that the request asks for. Every fifth one of the compact form is plain.
func (f *fakeNode) sender(req *nodedv1.JournalServiceReadRequest, stream grpc.ServerStreamingServer[nodedv1.JournalServiceReadResponse]) func(journal.Header) error {
	encoder := wire.NewCompactEncoder("n")
	return func(h journal.Header) error {
		run, rest := entryFields(h)
		if f.compact && req.GetAcceptCompact() && h.Seqnum%5 != 0 {
			if err := encoder.Add(&h, run, rest); err != nil {
				return err
			}
			batch := encoder.Take()
			if f.spoil != nil {
				f.spoil(batch)
			}
			err := stream.Send(&nodedv1.JournalServiceReadResponse{Event: &nodedv1.JournalServiceReadResponse_Compact{Compact: batch}})
			encoder.Reuse(batch)
			return err
		}
		entry := wire.HeaderToProto("n", h, req.GetOmitCursors())
		for _, field := range append(run.Fields, rest...) {
			entry.Fields = append(entry.Fields, &nodedv1.JournalField{Name: field.Name, Value: field.Value})
		}
		batch := &nodedv1.JournalBatch{Entries: []*nodedv1.JournalEntry{entry}}
		return stream.Send(&nodedv1.JournalServiceReadResponse{Event: &nodedv1.JournalServiceReadResponse_Batch{Batch: batch}})
	}
}

// begin returns the first entry of a query and the step to the next one.
func (f *fakeNode) begin(query journal.Query) (next, step uint64) {
	next, step = 1, 1
	if query.Reverse {
		next, step = f.last(), ^uint64(0)
	}
	switch {
	case query.Cursor != "":
		h, _ := query.Cursor.Parse()
		next = h.Seqnum
		if query.AfterCursor {
			next += step
		}
	case query.Since != nil && !query.Reverse:
		next = (uint64(*query.Since) + 999) / 1000
	case query.Lines >= 0 && !query.Reverse && !query.FromHead:
		next = f.last() - min(f.last(), uint64(query.Lines)) + 1
	}
	return next, step
}
