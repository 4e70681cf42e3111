// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// TestTails: files that are not written to hold no descriptor, and what is written to them later counts.
func TestTails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "system.journal")
	journaltest.Write(t, path, journaltest.Options{}, entries(3))
	var tails Tails
	defer tails.Close()
	if tails.Known() || len(tails.List()) != 0 {
		t.Errorf("Known = %t, List = %v at first", tails.Known(), tails.List())
	}
	files, _ := newSet(t, journal.Source{Directory: dir}).Inspect()
	tails.Set(files)
	tail := func() uint64 {
		t.Helper()
		list := tails.List()
		if len(list) != 1 {
			t.Fatalf("List = %v, want one", list)
		}
		return list[0].Seqnum
	}
	if got := tail(); !tails.Known() || got != 3 || len(tails.growing) != 0 || len(tails.resting) != 1 {
		t.Errorf("tail %d, %d files open, %d resting, want 3, 0, 1", got, len(tails.growing), len(tails.resting))
	}
	patch(t, path, 160, 9) // the newest sequence number
	patch(t, path, 16, byte(journalfile.StateOnline))
	tails.looked = time.Time{}
	if got := tail(); got != 8 || len(tails.growing) != 1 || len(tails.resting) != 0 {
		t.Errorf("tail %d, %d files open, %d resting, want 8, 1, 0", got, len(tails.growing), len(tails.resting))
	}
	patch(t, path, 160, 10)
	if err := os.Rename(path, filepath.Join(dir, "renamed.journal")); err != nil {
		t.Fatal(err)
	}
	if got := tail(); got != 9 {
		t.Errorf("tail %d of the renamed file, want 9", got)
	}
}

func patch(t *testing.T, path string, at int64, b byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{b}, at); err != nil {
		t.Fatal(err)
	}
}
