// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

func entries(n int) []journaltest.Entry {
	list := make([]journaltest.Entry, n)
	for i := range list {
		list[i] = journaltest.Entry{
			Realtime: 1_700_000_000_000_000 + journal.Usec(i), Monotonic: 1000 + journal.Usec(i), BootID: journal.ID128{1},
			Fields: []journal.Field{journaltest.F("MESSAGE", fmt.Sprintf("message %d", i)), journaltest.F("COUNT", fmt.Sprint(i))},
		}
	}
	return list
}

// TestTruncateWhileReading: a file that is cut off under its mapping ends neither the process nor the reading of
// other files.
func TestTruncateWhileReading(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cut, good := filepath.Join(dir, "cut.journal"), filepath.Join(dir, "good.journal")
	journaltest.Write(t, cut, journaltest.Options{}, entries(2000))
	later := entries(2010)[2000:]
	journaltest.Write(t, good, journaltest.Options{}, later)
	r, err := New().Open(t.Context(), journal.Source{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	e, _, err := r.Skip(100)
	if err != nil {
		t.Fatal(err)
	}
	before := replacedPages()
	if err := os.Truncate(cut, 0); err != nil {
		t.Fatal(err)
	}
	// The entry that the reader stands on is gone.
	if fields, err := e.AppendFields(nil, nil); err == nil {
		t.Errorf("AppendFields of an entry that was cut off = %d fields, want an error", len(fields))
	}
	var last string
	n := 0
	for e, err = r.Next(); err == nil; e, err = r.Next() {
		if f, err := e.Lookup("COUNT"); err == nil {
			last = string(f.Value)
		}
		if n++; n > 3000 {
			t.Fatal("the reading does not end")
		}
	}
	if last != "2009" {
		t.Errorf("after %d more entries the last is %q, %v; want 2009 of the good file", n, last, err)
	}
	if replacedPages() == before {
		t.Error("no page was replaced: the test did not meet SIGBUS")
	}
	if problems := r.Problems(); len(problems) != 1 || problems[0].Path != cut || problems[0].Reason != journal.GapTruncated {
		t.Errorf("Problems = %v, want %s, truncated", problems, cut)
	}
}

// TestGoFaults: faults of Go code stay Go's.
func TestGoFaults(t *testing.T) {
	t.Parallel()
	r, err := New().Open(t.Context(), journal.Source{Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapped)
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() == nil {
			t.Error("no panic: the handler took a fault of Go code")
		}
	}()
	t.Errorf("read %d from a page that is gone", mapped[10])
}
