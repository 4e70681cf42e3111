// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/noded/noded/client"
	"github.com/noded/noded/daemon"
	"github.com/noded/noded/daemon/config"
	"github.com/noded/noded/daemon/service"
	"github.com/noded/noded/daemon/socket"
	"github.com/noded/noded/journal"
)

// memoryEntry is an entry of memoryJournal: 21 fields in a run and three more.
type memoryEntry struct {
	header journal.Header
	run    *journal.Run
	rest   []journal.Field
	split  bool
}

func (e *memoryEntry) Header() journal.Header { return e.header }

func (e *memoryEntry) Lookup(string) (journal.Field, error) {
	return journal.Field{}, journal.ErrNoField
}

func (e *memoryEntry) AppendFields(dst []journal.Field, _ journal.Mask) ([]journal.Field, error) {
	return append(append(dst, e.run.Fields...), e.rest...), nil
}

func (e *memoryEntry) Split(dst []journal.Field, mask journal.Mask) (*journal.Run, []journal.Field, error) {
	if !e.split {
		dst, err := e.AppendFields(dst, mask)
		for i := range dst {
			dst[i].ID = 0
		}
		return nil, dst, err
	}
	return e.run, append(dst, e.rest...), nil
}

// memoryJournal gives as many entries as the query has lines. They cost next to nothing.
type memoryJournal struct {
	service.Journal
	// split: as an engine does that tells what entries have in common.
	split bool
}

func (j memoryJournal) Read(ctx context.Context, q journal.Query, sink journal.Sink) error {
	runs := make([]*journal.Run, 12)
	for i := range runs {
		runs[i] = &journal.Run{ID: uint64(i + 1)}
		for k := range 21 {
			id := uint64(k + 1)
			if k%2 == 1 {
				id += uint64(1000 * i)
			}
			runs[i].Fields = append(runs[i].Fields, journal.Field{Name: fmt.Sprint("_FIELD_", k), Value: fmt.Appendf(nil, "value %d of some 30 bytes", id), ID: id})
		}
	}
	e := &memoryEntry{split: j.split, rest: []journal.Field{
		{Name: "_SOURCE_REALTIME_TIMESTAMP"},
		{Name: "MESSAGE", Value: []byte("I1124 00:00:00.123456    1234 kubelet.go:2456] \"SyncLoop (PLEG): event for pod\" pod=\"kube-system/etcd-1\"")},
		{Name: "PRIORITY", Value: []byte("6"), ID: 900},
	}}
	stamp := make([]byte, 0, 20)
	for i := range q.Lines {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e.header = journal.Header{Seqnum: uint64(i), Realtime: journal.Usec(1_700_000_000_000_000 + 137*i), Monotonic: journal.Usec(137 * i), XorHash: uint64(i) << 33}
		e.run = runs[i%12]
		stamp = strconv.AppendInt(stamp[:0], int64(e.header.Realtime), 10)
		e.rest[0].Value = stamp
		if err := sink.Entry(e); err != nil {
			return err
		}
	}
	return sink.Progress(journal.Progress{CaughtUp: true})
}

// counting is a client.Handler that looks at every record a little.
type counting struct{ records, bytes int }

func (c *counting) Record(r *journal.Record) error {
	c.records++
	c.bytes += len(r.Fields[len(r.Fields)-1].Value)
	return nil
}
func (c *counting) Gap(journal.Gap) error           { return nil }
func (c *counting) Progress(journal.Progress) error { return nil }

// BenchmarkStream tells how many entries per second come from a journal that costs nothing to a handler that does
// nothing: through the socket of a daemon, and within the process. b.N is the number of entries.
func BenchmarkStream(b *testing.B) {
	for _, split := range []bool{true, false} {
		name := map[bool]string{true: "runs", false: "values"}[split]
		source := memoryJournal{split: split}
		b.Run("socket/"+name, func(b *testing.B) {
			benchmarkBackend(b, startMemoryDaemon(b, source).Read)
		})
		b.Run("files/"+name, func(b *testing.B) {
			benchmarkBackend(b, func(ctx context.Context, req client.ReadRequest, h client.Handler) error {
				read := func(ctx context.Context, sink journal.Sink) error { return source.Read(ctx, req.Query, sink) }
				return readAhead(ctx, read, &pipe{}, h)
			})
		})
	}
}

func benchmarkBackend(b *testing.B, read func(context.Context, client.ReadRequest, client.Handler) error) {
	b.Helper()
	b.ReportAllocs()
	query := journal.NewQuery()
	query.Lines = int64(b.N)
	h := &counting{}
	b.ResetTimer()
	if err := read(b.Context(), client.ReadRequest{Query: query}, h); err != nil {
		b.Fatal(err)
	}
	if h.records != b.N {
		b.Fatalf("%d entries of %d", h.records, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func startMemoryDaemon(b *testing.B, source service.Journal) *client.Client {
	b.Helper()
	loaded, err := config.Load(config.Sources{})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "s")
	logger := slog.New(slog.DiscardHandler)
	listener, err := socket.Listen(socket.Config{Path: path, Mode: 0o600}, logger)
	if err != nil {
		b.Fatal(err)
	}
	d, err := daemon.New(daemon.Options{Loaded: loaded, Logger: logger, Journal: source, Listeners: []*socket.Listener{listener}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	c, err := client.Dial(client.Config{Address: "unix://" + path})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}
