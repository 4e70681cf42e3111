// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package native_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
	"github.com/noded/noded/journal/native"
)

// TestWalk: whatever a reader does while several files of several sequences grow and are rotated, it gives what a list in memory
// would: every entry once, in order, in both directions.
func TestWalk(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		for _, unmapped := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed %d, unmapped %v", seed, unmapped), func(t *testing.T) {
				t.Parallel()
				w := newWalk(t, seed, unmapped)
				for range 600 {
					w.step()
					if t.Failed() {
						return
					}
				}
			})
		}
	}
}

// walk is a reader, what it reads, and what it should give.
type walk struct {
	t      *testing.T
	random *rand.Rand
	dir    string
	r      journal.Reader
	// files are those that are being written to.
	files []*growing
	// next are the numbers of the sequences.
	next    [2]uint64
	entries []journal.Header
	// match is the remainder by 3 that entries must have; -1 is all. down is the entry that Next looks at first, up that of Previous.
	match    int
	down, up int
	// created counts files; log is what was done.
	created int
	log     []string
}

// growing is a file that is written to.
type growing struct {
	w        *journaltest.FileWriter
	path     string
	sequence int
	n        int
}

func newWalk(t *testing.T, seed uint64, unmapped bool) *walk {
	t.Helper()
	w := &walk{t: t, random: rand.New(rand.NewPCG(seed, 5)), dir: t.TempDir(), next: [2]uint64{1, 1}, match: -1}
	for i := range 3 {
		w.files = append(w.files, w.create(i/2))
	}
	for range w.random.IntN(100) {
		w.write()
	}
	var options []native.Option
	if unmapped {
		options = append(options, native.Unmapped())
	}
	r, err := native.New(options...).Open(t.Context(), journal.Source{Directory: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		for _, f := range w.files {
			if err := f.w.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	w.r = r
	if _, err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.seek(journal.Head(), 0, -1)
	return w
}

func (w *walk) create(sequence int) *growing {
	w.t.Helper()
	w.created++
	f := &growing{path: filepath.Join(w.dir, fmt.Sprintf("user-%d.journal", w.created)), sequence: sequence}
	o := journaltest.FileOptions{
		SeqnumID: journal.ID128{byte(sequence + 1)}, State: journalfile.StateArchived,
		Increase: 16 << 10, DataBuckets: 97, FieldBuckets: 11, Regular: sequence == 1,
	}
	var err error
	if f.w, err = journaltest.Create(f.path, o); err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *walk) write() { w.writeTo(w.files[w.random.IntN(len(w.files))]) }

func (w *walk) writeTo(f *growing) {
	w.t.Helper()
	i := len(w.entries)
	h := journal.Header{
		SeqnumID: journal.ID128{byte(f.sequence + 1)}, Seqnum: w.next[f.sequence], BootID: journal.ID128{1},
		Realtime: journal.Usec(1_700_000_000_000_000 + 10*i), Monotonic: journal.Usec(1000 + 10*i),
	}
	w.next[f.sequence]++
	w.entries = append(w.entries, h)
	err := f.w.Append(&journaltest.Entry{
		Seqnum: h.Seqnum, Realtime: h.Realtime, Monotonic: h.Monotonic, BootID: h.BootID,
		Fields: []journal.Field{
			journaltest.F("NUMBER", fmt.Sprint(i)), journaltest.F("THIRD", fmt.Sprint(i%3)),
			journaltest.F("SAME", "x"), journaltest.F("SEQUENCE", fmt.Sprint(f.sequence)),
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	f.n++
}

// rotate finishes a file and begins another. The reader is told.
func (w *walk) rotate() {
	w.t.Helper()
	i := w.random.IntN(len(w.files))
	old := w.files[i]
	if old.n == 0 {
		return
	}
	w.drain()
	if err := os.Rename(old.path, fmt.Sprintf("%s@%d.journal", old.path[:len(old.path)-len(".journal")], i)); err != nil {
		w.t.Fatal(err)
	}
	if w.random.IntN(2) == 0 {
		w.writeTo(old)
	}
	if err := old.w.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.files[i] = w.create(old.sequence)
	if w.random.IntN(2) == 0 {
		w.writeTo(w.files[i])
	}
	for change := journal.ChangeNone; change != journal.ChangeFiles; {
		// It says that entries were added as long as they are not read, and does not come to the files.
		w.drain()
		var err error
		if change, err = w.r.Wait(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// drain reads to the end of the files that the reader knows.
func (w *walk) drain() {
	w.t.Helper()
	for {
		e, err := w.r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		w.expect("Next", w.find(w.down, 1), e, err)
	}
}

func (w *walk) holds(i int) bool { return w.match < 0 || i%3 == w.match }

// find returns the first entry from i on in the direction that matches, -1 if there is none.
func (w *walk) find(i, by int) int {
	for ; i >= 0 && i < len(w.entries); i += by {
		if w.holds(i) {
			return i
		}
	}
	return -1
}

func (w *walk) seek(p journal.Position, down, up int) {
	w.t.Helper()
	if err := w.r.Seek(p); err != nil {
		w.t.Fatal(err)
	}
	w.down, w.up = down, up
}

// expect checks what a step gave; i is the entry that it should be.
func (w *walk) expect(what string, i int, e journal.Entry, err error) {
	w.t.Helper()
	if i < 0 {
		if !errors.Is(err, io.EOF) {
			w.t.Fatalf("%s = %v, %v, want io.EOF; %v", what, e, err, w.log)
		}
		return
	}
	if err != nil {
		w.t.Fatalf("%s = %v, want entry %d of %d; %v", what, err, i, len(w.entries), w.log)
	}
	h := e.Header()
	h.XorHash = 0
	if h != w.entries[i] {
		w.t.Fatalf("%s = entry %d, want %d of %d; %v", what, (h.Realtime-1_700_000_000_000_000)/10, i, len(w.entries), w.log)
	}
	fields, err := e.AppendFields(nil, nil)
	if err != nil || len(fields) != 5 {
		w.t.Fatalf("fields %v, %v", fields, err)
	}
	if f, err := e.Lookup("NUMBER"); err != nil || string(f.Value) != fmt.Sprint(i) {
		w.t.Fatalf("NUMBER = %s, %v, want %d", f.Value, err, i)
	}
	w.down, w.up = i+1, i-1
}

func (w *walk) move(down bool) {
	w.t.Helper()
	if down {
		i := w.find(w.down, 1)
		e, err := w.r.Next()
		w.expect("Next", i, e, err)
		return
	}
	i := w.find(w.up, -1)
	e, err := w.r.Previous()
	w.expect("Previous", i, e, err)
}

// step does something.
func (w *walk) step() {
	w.t.Helper()
	n := w.random.IntN(20)
	w.log = append(w.log, fmt.Sprintf("%d at %d/%d of %d", n, w.down, w.up, len(w.entries)))
	switch at := w.random.IntN(len(w.entries) + 1); {
	case n < 4:
		for range w.random.IntN(8) {
			w.write()
		}
	case n < 5:
		w.rotate()
	case n < 6:
		w.seek(journal.Head(), 0, -1)
	case n < 7:
		w.seek(journal.Tail(), len(w.entries), len(w.entries)-1)
	case n < 9:
		w.seek(journal.AtRealtime(1_700_000_000_000_000+journal.Usec(10*at)), at, at-1)
	case n < 11 && at < len(w.entries):
		w.seek(journal.AtCursor(w.entries[at].Cursor()), at, at)
	case n < 12:
		w.choose(w.random.IntN(4) - 1)
	default:
		down := w.random.IntN(2) == 0
		for range w.random.IntN(20) {
			w.move(down)
		}
	}
}

// choose sets another match.
func (w *walk) choose(match int) {
	w.t.Helper()
	w.match = match
	var m journal.Match
	if match >= 0 {
		m = journal.Match{{{{Field: "THIRD", Value: fmt.Sprint(match)}, {Field: "SAME", Value: "x"}}}}
	}
	if err := w.r.SetMatch(m); err != nil {
		w.t.Fatal(err)
	}
	w.seek(journal.Head(), 0, -1)
}
