// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"testing"
	"unsafe"

	"github.com/coreos/go-systemd/v22/sdjournal"
)

// TestJournalPointer notices when go-systemd changes the structure that journalPointer looks into.
func TestJournalPointer(t *testing.T) {
	t.Parallel()
	j, err := sdjournal.NewJournalFromDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	p, err := journalPointer(j)
	if err != nil {
		t.Fatal(err)
	}
	if *p == nil {
		t.Error("the pointer of an open journal is nil")
	}
	// Its first member; the mutex follows.
	if got := uintptr(unsafe.Pointer(p)) - uintptr(unsafe.Pointer(j)); got != 0 {
		t.Errorf("offset = %d, want 0", got)
	}
	p, err = journalPointer(&sdjournal.Journal{})
	if err != nil || *p != nil {
		t.Errorf("journalPointer of an empty Journal = %v, %v, want a nil pointer", *p, err)
	}
}
