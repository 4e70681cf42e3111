// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/proto/wire"
)

// runEntry is an entry of an engine that tells runs. The bytes behind the run are overwritten once it is left.
type runEntry struct {
	entry
	run *journal.Run
}

func (e *runEntry) AppendFields(dst []journal.Field, mask journal.Mask) ([]journal.Field, error) {
	if e.run != nil {
		dst = append(dst, e.run.Fields...)
	}
	return e.entry.AppendFields(dst, mask)
}

func (e *runEntry) Split(dst []journal.Field, mask journal.Mask) (*journal.Run, []journal.Field, error) {
	rest, err := e.entry.AppendFields(dst, mask)
	return e.run, rest, err
}

// sampleEntries returns new entries, the same ones every time.
func sampleEntries(n int) []*runEntry {
	random := rand.New(rand.NewPCG(1, 2))
	runs := make([]*journal.Run, 20)
	for i := range runs {
		runs[i] = &journal.Run{ID: uint64(i + 1)}
		for k := range 1 + i {
			runs[i].Fields = append(runs[i].Fields, journal.Field{Name: fmt.Sprint("F", k), Value: []byte(fmt.Sprint(i % 3)), ID: uint64(1 + 3*k + i%3)})
		}
	}
	entries := make([]*runEntry, n)
	for i := range entries {
		e := &runEntry{entry: *newEntry(i, random.IntN(300))}
		switch random.IntN(40) {
		case 0:
			e.fields = append(e.fields, journal.Field{Name: "LARGE", Value: []byte(strings.Repeat("x", largeBytes))})
		case 1:
			e.fields = append(e.fields, journal.Field{Name: strings.Repeat("N", 300), Value: []byte("x")})
		case 2:
			e.fields = append(e.fields, journal.Field{Name: "TOO_LARGE", Value: []byte(strings.Repeat("x", 3*largeBytes))})
		case 3:
			e.err = errors.New("bad object")
		}
		if random.IntN(10) > 0 {
			e.run = runs[random.IntN(len(runs))]
		}
		entries[i] = e
	}
	return entries
}

// received turns what a batcher sent into lines: the same for both forms.
func received(t *testing.T, r *recorder) (lines []string) {
	t.Helper()
	var d wire.CompactDecoder
	line := func(r *journal.Record) error {
		text := fmt.Sprint(r.Header, r.Node, r.Catalog)
		for _, f := range r.Fields {
			text += fmt.Sprintf(" %s=%.300q", f.Name, f.Value)
		}
		lines = append(lines, text)
		return nil
	}
	for _, m := range r.sent {
		if c := m.GetCompact(); c != nil {
			if err := d.Decode(c, line); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, e := range m.GetBatch().GetEntries() {
			if err := line(wire.RecordFromProto(e)); err != nil {
				t.Fatal(err)
			}
		}
		if m.GetBatch() == nil {
			lines = append(lines, m.String())
		}
	}
	return lines
}

// TestFormsAreEqual checks that a caller receives the same, in the same order, in both forms.
func TestFormsAreEqual(t *testing.T) {
	t.Parallel()
	for _, mask := range []journal.Mask{nil, {}, {"MESSAGE"}} {
		forms := map[bool][]string{}
		for _, compact := range []bool{false, true} {
			b, r := newBatcher(t, Limits{MaxRecordBytes: 2 * largeBytes, MaxBatchBytes: 8192})
			b.mask, b.omitCursors = mask, true
			b.catalog = explainer(func(_ string, lookup func(string) (string, bool)) string {
				if text, _ := lookup("MESSAGE"); len(text) > 200 {
					return text[:1] + "\xff"
				}
				return ""
			})
			if compact {
				b.compact = wire.NewCompactEncoder("n")
			}
			for i, e := range sampleEntries(500) {
				if mask != nil {
					// The engine would give another run, without these.
					e.run = nil
				}
				if err := b.Entry(e); err != nil {
					t.Fatal(err)
				}
				e.leave()
				if i%100 == 99 {
					if err := b.Progress(journal.Progress{Cursor: e.header.Cursor()}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := b.flush(); err != nil {
				t.Fatal(err)
			}
			forms[compact] = received(t, r)
			for i, m := range r.sent {
				if n := len(m.GetCompact().GetXorHashes()); n > 1 && r.sizes[i] > 8192+batchSlack {
					t.Errorf("a compact batch of %d entries has %d bytes", n, r.sizes[i])
				}
			}
		}
		if diff := cmp.Diff(forms[false], forms[true]); diff != "" {
			t.Errorf("mask %q: compact differs (-plain +compact):\n%s", mask, diff)
		}
	}
}

// TestRunsStayAsTheyAre sends an entry that is nothing but a run in the plain form, and then one with other fields.
func TestRunsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	b, _ := newBatcher(t, Limits{MaxRecordBytes: 2 * largeBytes, MaxBatchBytes: 8192})
	b.compact = wire.NewCompactEncoder("n")
	whole := &runEntry{entry: *newEntry(0, 0), run: &journal.Run{ID: 1, Fields: []journal.Field{
		{Name: strings.Repeat("N", 300), Value: []byte("x"), ID: 1}, // does not fit the compact form
		{Name: "A", Value: []byte("a"), ID: 2},
	}}}
	whole.fields = nil
	for _, e := range []*runEntry{whole, {entry: *newEntry(1, 10)}} {
		if err := b.Entry(e); err != nil {
			t.Fatal(err)
		}
	}
	if name := whole.run.Fields[0].Name; !strings.HasPrefix(name, "NNN") {
		t.Errorf("the first field of the run has become %q", name)
	}
}

// TestLargeEntryIsLetGo: a follower that waits for the next entry does not hold on to a large one.
func TestLargeEntryIsLetGo(t *testing.T) {
	t.Parallel()
	for _, compact := range []bool{false, true} {
		for _, size := range []int{largeBytes, 3 * largeBytes} {
			b, _ := newBatcher(t, Limits{MaxRecordBytes: 2 * largeBytes, MaxBatchBytes: 8192})
			if compact {
				b.compact = wire.NewCompactEncoder("n")
			}
			e := &runEntry{entry: *newEntry(0, 10), run: &journal.Run{ID: 1, Fields: []journal.Field{{Name: "A", Value: []byte("a"), ID: 1}}}}
			e.fields = append(e.fields, journal.Field{Name: "LARGE", Value: make([]byte, size)})
			if err := b.Entry(e); err != nil {
				t.Fatal(err)
			}
			for _, f := range b.fields[:cap(b.fields)] {
				if len(f.Value) >= largeBytes {
					t.Errorf("compact %v: %d bytes of %s are still held", compact, len(f.Value), f.Name)
				}
			}
		}
	}
}

// batchSlack is what a message takes besides the batch.
const batchSlack = 16

func TestCompactBatcherDoesNotAllocatePerEntry(t *testing.T) {
	b, _ := newBatcher(t, Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 1 << 30})
	b.compact, b.large = wire.NewCompactEncoder("n"), newLarge(1, 1)
	b.send = nil
	entries := make([]*runEntry, 0, 500)
	for _, e := range sampleEntries(1000) {
		if e.err == nil && len(e.fields) == 1 {
			entries = append(entries, e)
		}
	}
	round := func() {
		for _, e := range entries {
			if err := b.Entry(e); err != nil {
				t.Fatal(err)
			}
		}
		b.compact.Reuse(b.compact.Take())
	}
	round()
	round()
	if n := testing.AllocsPerRun(10, round); n > 4 {
		t.Errorf("%v allocations for %d entries", n, len(entries))
	}
}
