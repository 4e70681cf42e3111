// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
)

// lineHandler is a client.Handler that writes down what it gets. An error of check ends the read.
type lineHandler struct {
	lines []string
	check func(line string) error
}

func (h *lineHandler) add(line string) error {
	h.lines = append(h.lines, line)
	if h.check != nil {
		return h.check(line)
	}
	return nil
}

func (h *lineHandler) Record(r *journal.Record) error {
	text := fmt.Sprint(r.Seqnum, r.Catalog)
	for _, f := range r.Fields {
		text += fmt.Sprintf(" %s=%.20s/%d", f.Name, f.Value, len(f.Value))
	}
	return h.add(text)
}
func (h *lineHandler) Gap(g journal.Gap) error { return h.add("gap " + g.Source) }
func (h *lineHandler) Progress(p journal.Progress) error {
	return h.add("progress " + string(p.Cursor))
}

// unlikeEntries are entries that go different ways through a pipe.
func unlikeEntries() []*memoryEntry {
	run := &journal.Run{ID: 1, Fields: []journal.Field{{Name: "A", Value: []byte("a"), ID: 1}}}
	field := func(name string, bytes int) journal.Field {
		return journal.Field{Name: name, Value: []byte(strings.Repeat("x", bytes))}
	}
	return []*memoryEntry{
		{run: run, rest: []journal.Field{field("M", 1)}},
		{run: run, rest: []journal.Field{field("LARGE", maxPipeBytes)}},
		{run: run},
		{run: run, rest: []journal.Field{field(strings.Repeat("N", 300), 2)}},
		{run: run, rest: []journal.Field{field("M", 4000), field("M", 5000)}},
	}
}

func TestReadAhead(t *testing.T) {
	t.Parallel()
	end := errors.New("end")
	want := &lineHandler{}
	read := func(_ context.Context, sink journal.Sink) error {
		for i := range 300 {
			for k, e := range unlikeEntries() {
				e.split, e.header.Seqnum = true, uint64(10*i+k)
				if err := sink.Entry(e); err != nil {
					return err
				}
				for _, f := range e.rest {
					clear(f.Value)
				}
			}
			if i%7 == 0 {
				if err := errors.Join(sink.Gap(journal.Gap{Source: fmt.Sprint(i)}), sink.Progress(journal.Progress{Cursor: journal.Cursor(fmt.Sprint(i))})); err != nil {
					return err
				}
			}
		}
		return end
	}
	for i := range 300 {
		for k, e := range unlikeEntries() {
			fields, _ := e.AppendFields(nil, nil)
			_ = want.Record(&journal.Record{Header: journal.Header{Seqnum: uint64(10*i + k)}, Fields: fields, Catalog: fmt.Sprint("text ", 10*i+k)})
		}
		if i%7 == 0 {
			_ = errors.Join(want.Gap(journal.Gap{Source: fmt.Sprint(i)}), want.Progress(journal.Progress{Cursor: journal.Cursor(fmt.Sprint(i))}))
		}
	}
	got := &lineHandler{}
	explain := func(e journal.Entry) string { return fmt.Sprint("text ", e.Header().Seqnum) }
	if err := readAhead(t.Context(), read, &pipe{explain: explain}, got); !errors.Is(err, end) {
		t.Errorf("readAhead = %v, want %v", err, end)
	}
	if diff := cmp.Diff(want.lines, got.lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestReadAheadStops checks that an error of the handler, and the end of the context, end the reading goroutine.
func TestReadAheadStops(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	for _, kind := range []string{"1", "gap", "progress", "3"} {
		ended := false
		read := func(ctx context.Context, sink journal.Sink) error {
			defer func() { ended = true }()
			for {
				for k, e := range unlikeEntries() {
					e.split, e.header.Seqnum = true, uint64(k)
					if err := sink.Entry(e); err != nil {
						return err
					}
				}
				if err := sink.Gap(journal.Gap{}); err != nil {
					return err
				}
				if err := sink.Progress(journal.Progress{}); err != nil {
					return err
				}
			}
		}
		h := &lineHandler{check: func(line string) error {
			if strings.HasPrefix(line, kind) {
				return stop
			}
			return nil
		}}
		if err := readAhead(t.Context(), read, &pipe{}, h); !errors.Is(err, stop) || !ended {
			t.Errorf("%s: readAhead = %v, ended %v", kind, err, ended)
		}
		ctx, cancel := context.WithCancel(t.Context())
		h = &lineHandler{check: func(line string) error {
			if strings.HasPrefix(line, kind) {
				cancel()
			}
			return nil
		}}
		if err := readAhead(ctx, read, &pipe{}, h); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: readAhead = %v, want %v", kind, err, context.Canceled)
		}
	}
}
