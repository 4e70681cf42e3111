// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

func open(t *testing.T, engine *Engine, source journal.Source) *reader {
	t.Helper()
	opened, err := engine.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	r := opened.(*reader)
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestMaxEntryBytes: large entries, compressed or not, are refused without being read; the others are not.
func TestMaxEntryBytes(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	r := open(t, New(MaxEntryBytes(limit)), journal.Source{Directory: journaltest.Get(t, "huge").Dir})
	refused := 0
	for e, err := r.Next(); err == nil; e, err = r.Next() {
		_, lookupErr := e.Lookup("BLOB")
		fields, err := e.AppendFields(nil, nil)
		switch {
		case errors.Is(err, journal.ErrTooLarge) && errors.Is(lookupErr, journal.ErrTooLarge):
			refused++
			if f, err := e.Lookup("MESSAGE"); err != nil || !strings.HasPrefix(string(f.Value), "2 MiB") {
				t.Errorf("MESSAGE of the large entry = %q, %v", f.Value, err)
			}
		case err != nil || len(fields) == 0 || !errors.Is(lookupErr, journal.ErrNoField):
			t.Errorf("%d fields, %v; BLOB: %v", len(fields), err, lookupErr)
		}
		if c := cap(r.entry.buf); c > 2*limit {
			t.Errorf("the buffer has %d bytes", c)
		}
	}
	if refused != 2 {
		t.Errorf("%d entries refused, want 2", refused)
	}
	// libsystemd's own buffers are freed after each.
	if !r.reopened || r.heavy > 0 {
		t.Errorf("reopened = %t, %d bytes since", r.reopened, r.heavy)
	}
}

// TestHeavyEntries: after much large data the journal is opened anew, without loss.
func TestHeavyEntries(t *testing.T) {
	t.Parallel()
	r := open(t, New(MaxEntryBytes(3<<20)), journal.Source{Directory: journaltest.Get(t, "huge").Dir})
	want := 0
	for round := range 8 {
		if err := r.Seek(journal.Head()); err != nil {
			t.Fatal(err)
		}
		n := 0
		for e, err := r.Next(); err == nil; e, err = r.Next() {
			if _, err := e.AppendFields(nil, nil); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if round == 0 {
			want = n
		}
		if n != want {
			t.Errorf("round %d: %d entries, want %d", round, n, want)
		}
	}
	if !r.reopened || r.heavy > 5*maxHeavy<<20 {
		t.Errorf("reopened = %t, %d bytes since", r.reopened, r.heavy)
	}
}

func TestBuffersShrink(t *testing.T) {
	t.Parallel()
	r := open(t, New(), journal.Source{Directory: t.TempDir()})
	e := &r.entry
	e.buf, e.ends, e.fields = make([]byte, 1<<20), make([]uint64, 1<<16), make([]journal.Field, 1<<16)
	e.forget()
	if cap(e.buf) > keepBytes || cap(e.ends) > keepFields || cap(e.fields) > keepFields {
		t.Errorf("kept %d bytes, %d ends, %d fields", cap(e.buf), cap(e.ends), cap(e.fields))
	}
	for _, need := range []int{1 << 20, heavyEntry + 1, 1 << 26} {
		if got := grown(need); got < need || need > heavyEntry && got != need {
			t.Errorf("grown(%d) = %d", need, got)
		}
	}
}

// TestReopenTellsFiles: after the journal was opened anew, wherever that was, Wait tells of changed files once.
func TestReopenTellsFiles(t *testing.T) {
	t.Parallel()
	r := open(t, New(), journal.Source{Directory: journaltest.Get(t, "several-files").Dir})
	for round := range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if err := r.reopen(); err != nil {
			t.Fatal(err)
		}
		if change, err := r.Wait(t.Context()); change != journal.ChangeFiles || err != nil {
			t.Errorf("round %d: Wait = %v, %v, want ChangeFiles", round, change, err)
		}
		for range 5 {
			if change, err := r.Wait(t.Context()); change == journal.ChangeFiles || err != nil {
				t.Errorf("round %d: Wait again = %v, %v, want none", round, change, err)
			}
		}
	}
}

// TestTornFile: a file that appears empty while following is a problem only if it stays so, and Wait then tells.
func TestTornFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	journaltest.Write(t, filepath.Join(dir, "system.journal"), journaltest.Options{}, entries(3))
	before := filepath.Join(dir, "before.journal")
	if err := os.WriteFile(before, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, New(), journal.Source{Directory: dir})
	if problems := r.Problems(); len(problems) != 1 || problems[0].Path != before {
		t.Errorf("Problems = %v, want %s at once", problems, before)
	}
	if err := os.Remove(before); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(dir, "torn.journal")
	if err := os.WriteFile(torn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	made := time.Now()
	r.origin.set.Expire()
	if problems := r.Problems(); len(problems) != 0 {
		t.Errorf("Problems = %v at once, want none", problems)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		change, err := r.Wait(ctx)
		if err != nil {
			t.Fatalf("Wait: %v; Problems = %v", err, r.Problems())
		}
		if problems := r.Problems(); change == journal.ChangeFiles && len(problems) > 0 {
			if problems[0].Path != torn || problems[0].Reason != journal.GapTruncated || time.Since(made) < listPause {
				t.Errorf("Problems = %v after %v", problems, time.Since(made))
			}
			return
		}
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	r := open(t, New(), journal.Source{Directory: t.TempDir()})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, filesErr := r.Files()
	_, namesErr := r.FieldNames(t.Context())
	_, tailsErr := r.Tails()
	for name, err := range map[string]error{
		"Files": filesErr, "FieldNames": namesErr, "Tails": tailsErr,
		"FieldValues": r.FieldValues(t.Context(), "MESSAGE", func([]byte) bool { return true }),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v, want fs.ErrClosed", name, err)
		}
	}
	if problems := r.Problems(); len(problems) != 1 || !errors.Is(problems[0].Err, fs.ErrClosed) {
		t.Errorf("Problems after Close = %v, want fs.ErrClosed", problems)
	}
}

// TestListingOfFieldsCanceled: a listing ends with its context.
func TestListingOfFieldsCanceled(t *testing.T) {
	t.Parallel()
	r := open(t, New(), journal.Source{Directory: journaltest.Get(t, "several-files").Dir})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.FieldNames(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("FieldNames: %v, want context.Canceled", err)
	}
	if err := r.FieldValues(ctx, "MESSAGE", func([]byte) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("FieldValues: %v, want context.Canceled", err)
	}
}
