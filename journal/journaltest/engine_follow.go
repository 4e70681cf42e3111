// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// log is a journal that grows as a test goes on.
type log struct {
	t    *testing.T
	dir  string
	next int
}

func newLog(t *testing.T) *log {
	return &log{t: t, dir: filepath.Join(t.TempDir(), machine().String())}
}

func (l *log) path() string { return filepath.Join(l.dir, "system.journal") }

// append adds n entries to the file, which is made if it is not there.
func (l *log) append(n int) {
	l.t.Helper()
	_, err := os.Stat(l.path())
	isNew := errors.Is(err, os.ErrNotExist)
	entries := plain(l.next+n, id(0x77))[l.next:]
	l.next += n
	if isNew {
		first := uint64(l.next - n + 1)
		Require(l.t, os.MkdirAll(l.dir, 0o755))
		// Made aside: readers see it appear with its content.
		aside := filepath.Join(l.t.TempDir(), "new.journal")
		Require(l.t, write(aside, Options{SeqnumID: id(0x78), FirstSeqnum: first}, entries))
		Require(l.t, move(aside, l.path()))
		return
	}
	var text []byte
	for i := range entries {
		text = AppendExport(text, &entries[i])
	}
	Require(l.t, importExport(l.path(), Options{}, text))
}

// move renames, or copies to another file system.
func move(from, to string) error {
	if err := os.Rename(from, to); err == nil {
		return nil
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

// rotate renames the file as journald does.
func (l *log) rotate() {
	l.t.Helper()
	h, err := journalfile.ReadHeader(l.path())
	Require(l.t, err)
	name := fmt.Sprintf("system@%s-%016x-%016x.journal", h.SeqnumID, h.HeadSeqnum, uint64(h.HeadRealtime))
	Require(l.t, os.Rename(l.path(), filepath.Join(l.dir, name)))
}

// vacuum removes the archived files and frees their blocks, as journald does.
func (l *log) vacuum() {
	l.t.Helper()
	archived, err := filepath.Glob(filepath.Join(l.dir, "system@*"))
	Require(l.t, err)
	for _, path := range archived {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		Require(l.t, err)
		Require(l.t, os.Remove(path))
		info, err := f.Stat()
		Require(l.t, err)
		punch(f, 0, info.Size())
		Require(l.t, f.Truncate(0))
		Require(l.t, f.Close())
	}
}

// follower reads until it has seen the entry with that COUNT, or until a minute has passed.
func follow(t *testing.T, r journal.Reader, last int) (counts []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			if _, err := r.Wait(ctx); err != nil {
				t.Fatalf("Wait after %q: %v", counts, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("Next after %q: %v", counts, err)
		}
		f, err := e.Lookup("COUNT")
		if err != nil {
			t.Fatalf("Lookup: %v", err)
		}
		counts = append(counts, string(f.Value))
		if string(f.Value) == fmt.Sprint(last) {
			return counts
		}
	}
}

func wantCounts(t *testing.T, what string, got []string, from, to int) {
	t.Helper()
	want := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		want = append(want, fmt.Sprint(i))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// sources are the ways to name a growing journal.
func (l *log) sources() map[string]journal.Source {
	return map[string]journal.Source{
		"directory": {Directory: filepath.Dir(l.dir)},
		"pattern":   {Files: []string{filepath.Join(l.dir, "*.journal")}},
		"name":      {Files: []string{l.path()}},
	}
}

// testAppend: at the end Next gives io.EOF, and later what was appended.
func (s suite) testAppend(t *testing.T) {
	for name := range newLog(t).sources() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLog(t)
			l.append(10)
			r := s.open(t, l.sources()[name])
			seek(t, r, journal.Head())
			wantCounts(t, "first", follow(t, r, 9), 0, 10)
			wantEOF(t, "Next at the end", r.Next)
			tail := s.open(t, l.sources()[name])
			seek(t, tail, journal.Tail())
			wantEOF(t, "Next at the tail", tail.Next)
			l.append(10)
			wantCounts(t, "appended", follow(t, r, 19), 10, 20)
			wantCounts(t, "appended after the tail", follow(t, tail, 19), 10, 20)
		})
	}
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		l := newLog(t)
		r := s.open(t, journal.Source{Directory: filepath.Dir(l.dir)})
		seek(t, r, journal.Tail())
		wantEOF(t, "Next of an empty journal", r.Next)
		l.append(5)
		wantCounts(t, "the first entries", follow(t, r, 4), 0, 5)
	})
	t.Run("match", func(t *testing.T) {
		t.Parallel()
		l := newLog(t)
		l.append(10)
		r := s.open(t, l.sources()["directory"])
		if err := r.SetMatch(journal.Match{{{journal.Term{Field: "COUNT", Value: "15"}}}}); err != nil {
			t.Fatal(err)
		}
		seek(t, r, journal.Tail())
		wantEOF(t, "Next without a match", r.Next)
		l.append(10)
		wantCounts(t, "the match", follow(t, r, 15), 15, 16)
	})
}

// testRotate: a follower sees each entry once while the file is rotated away, read or not.
func (s suite) testRotate(t *testing.T) {
	for name := range newLog(t).sources() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLog(t)
			l.append(5)
			r := s.open(t, l.sources()[name])
			seek(t, r, journal.Head())
			wantCounts(t, "before", follow(t, r, 4), 0, 5)
			for round := range 3 {
				from := l.next
				l.append(5) // not read yet when it is rotated
				l.rotate()
				l.append(5)
				wantCounts(t, fmt.Sprintf("round %d", round), follow(t, r, l.next-1), from, l.next)
			}
		})
	}
}

// testTailsOfNewFile: what Tails tells is there to be read, in a file too that was not known before. A follower that does not get it takes
// it for lost.
func (s suite) testTailsOfNewFile(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	l.append(5)
	r := s.open(t, journal.Source{Directory: filepath.Dir(l.dir)})
	Require(t, r.Seek(journal.Head()))
	follow(t, r, 4)
	_, err := r.Wait(t.Context())
	Require(t, err)
	// What is known of the files is old.
	time.Sleep(500 * time.Millisecond)
	l.rotate()
	l.append(3)
	tails, err := r.Tails()
	Require(t, err)
	if len(tails) != 1 || tails[0].Seqnum != 8 {
		t.Fatalf("tails %+v, want entry 8", tails)
	}
	for want := uint64(6); want <= 8; want++ {
		if e, err := r.Next(); err != nil || e.Header().Seqnum != want {
			t.Fatalf("Next = %v, %v, want entry %d", e, err, want)
		}
	}
	for change := journal.ChangeNone; change != journal.ChangeFiles; {
		change, err = r.Wait(t.Context())
		Require(t, err)
	}
}

// testVacuum: files that are removed under the reader end nothing; what is left comes once.
func (s suite) testVacuum(t *testing.T) {
	for name := range newLog(t).sources() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLog(t)
			l.append(20)
			r := s.open(t, l.sources()[name])
			seek(t, r, journal.Head())
			// In the midst of a file.
			for range 5 {
				if _, err := r.Next(); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				l.rotate()
				from := l.next
				l.append(10)
				l.vacuum()
				got := follow(t, r, l.next-1)
				wantCounts(t, "after the vacuum", got[max(0, len(got)-10):], from, l.next)
			}
			files, err := r.Files()
			if err != nil || len(files) != 1 {
				t.Errorf("Files = %v, %v, want one", files, err)
			}
		})
	}
}

// testWait: Wait ends with the context, and soon enough by itself.
func (s suite) testWait(t *testing.T) {
	r := s.open(t, journal.Source{Directory: Get(t, "basic").Dir})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for {
			change, err := r.Wait(ctx)
			if err != nil {
				if change != journal.ChangeNone {
					err = fmt.Errorf("change %v with %w", change, err)
				}
				done <- err
				return
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Wait: %v, want context.Canceled", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Wait does not end with its context")
	}
}
