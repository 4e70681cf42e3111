// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/engines"
	"github.com/noded/noded/journal/journaltest"
)

// TestSizedEngine: an entry that may not be sent is not decoded, and a reload changes which ones these are.
func TestSizedEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	journaltest.Write(t, filepath.Join(dir, "a.journal"), journaltest.Options{}, []journaltest.Entry{{
		Realtime: 1_700_000_000_000_000, Monotonic: 1, BootID: journal.ID128{1},
		Fields: []journal.Field{{Name: "MESSAGE", Value: bytes.Repeat([]byte("x"), 3<<20)}},
	}})
	for _, name := range engines.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			size := 1 << 20
			e, err := newSizedEngine(name, func() int { return size })
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range []struct {
				size int
				want error
			}{{1 << 20, journal.ErrTooLarge}, {4 << 20, nil}, {2 << 20, journal.ErrTooLarge}} {
				size = test.size
				if got := readFirst(t, e, dir); !errors.Is(got, test.want) {
					t.Errorf("limit %d: reading the entry: %v, want %v", test.size, got, test.want)
				}
			}
		})
	}
	if _, err := newSizedEngine("other", func() int { return 0 }); err == nil {
		t.Error("an engine that does not exist is no error")
	}
}

// readFirst reads the fields of the first entry.
func readFirst(t *testing.T, e journal.Engine, dir string) error {
	t.Helper()
	r, err := e.Open(t.Context(), journal.Source{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	entry, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	_, err = entry.AppendFields(nil, nil)
	return err
}
