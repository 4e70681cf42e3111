// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// objects calls f for each object of a file.
func objects(b []byte, h *journalfile.Header, f func(at uint64, kind byte)) {
	for at := h.HeaderSize; at <= h.TailObjectOffset; {
		f(at, b[at])
		at += (binary.LittleEndian.Uint64(b[at+8:]) + 7) &^ 7
	}
}

// TestVerifyHostile: lists that lead back to themselves or to those of others are noticed, and end.
func TestVerifyHostile(t *testing.T) {
	t.Parallel()
	const data, field = 1, 2
	le := binary.LittleEndian
	for name, change := range map[string]func(b []byte, h *journalfile.Header){
		"field chain": func(b []byte, h *journalfile.Header) {
			objects(b, h, func(at uint64, kind byte) {
				if kind == field {
					le.PutUint64(b[at+24:], at)
				}
			})
		},
		"list of values": func(b []byte, h *journalfile.Header) {
			objects(b, h, func(at uint64, kind byte) {
				if kind == data {
					le.PutUint64(b[at+32:], at)
				}
			})
		},
		"one list for all fields": func(b []byte, h *journalfile.Header) {
			head := uint64(0)
			objects(b, h, func(at uint64, kind byte) {
				if kind == field {
					head = max(head, le.Uint64(b[at+32:]))
				}
			})
			objects(b, h, func(at uint64, kind byte) {
				if kind == field {
					le.PutUint64(b[at+32:], head)
				}
			})
		},
		"one array for all values": func(b []byte, h *journalfile.Header) {
			objects(b, h, func(at uint64, kind byte) {
				if kind == data && le.Uint64(b[at+56:]) > 0 {
					le.PutUint64(b[at+48:], h.EntryArrayOffset)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, h := used(t, "unkeyed")
			change(b, &h)
			path := filepath.Join(t.TempDir(), "hostile.journal")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := journalfile.Verify(t.Context(), path); !errors.Is(err, journalfile.ErrCorrupt) {
				t.Errorf("Verify: %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestVerifyCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := journaltest.Get(t, "node-day").Files[0]
	if err := journalfile.Verify(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: %v, want context.Canceled", err)
	}
}

func TestFileWithoutEntries(t *testing.T) {
	t.Parallel()
	h := journalfile.Header{HeadSeqnum: 3, TailSeqnum: 9}
	if got := h.File(); got != (journal.File{}) {
		t.Errorf("File = %+v, want no numbers of entries", got)
	}
}
