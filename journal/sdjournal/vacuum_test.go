// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

// TestVacuumedEntry: an entry of which a part is gone already is unreadable, not one with fewer fields.
func TestVacuumedEntry(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "system.journal")
	list := entries(1000)
	for i := range list {
		list[i].Fields = append(list[i].Fields, journaltest.F("SHARED", "the same in all"))
	}
	journaltest.Write(t, path, journaltest.Options{}, list)
	r := open(t, New(), journal.Source{Files: []string{path}})
	e, _, err := r.Skip(900)
	if err != nil {
		t.Fatal(err)
	}
	if fields, err := e.AppendFields(nil, nil); err != nil || len(fields) != 4 {
		t.Fatalf("AppendFields = %d fields, %v, want 4", len(fields), err)
	}
	if e, err = r.Next(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// Files are freed from their beginning; the entry itself is near the end of what is used.
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, usedBytes(t, path)/2); err != nil {
		t.Fatal(err)
	}
	if fields, err := e.AppendFields(nil, nil); !errors.Is(err, journal.ErrUnreadable) {
		t.Errorf("AppendFields = %d fields, %v, want ErrUnreadable", len(fields), err)
	}
}

// usedBytes is where the last object begins.
func usedBytes(t *testing.T, path string) int64 {
	t.Helper()
	r := open(t, New(), journal.Source{Files: []string{path}})
	headers, _ := r.origin.inspect()
	if len(headers) != 1 {
		t.Fatalf("%d headers, want 1", len(headers))
	}
	return int64(headers[0].TailObjectOffset)
}
