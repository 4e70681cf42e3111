// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"testing"

	"github.com/noded/noded/journal"
)

func TestParseCursor(t *testing.T) {
	t.Parallel()
	h := journal.Header{SeqnumID: journal.ID128{1}, Seqnum: 77, BootID: journal.ID128{2}, Monotonic: 9, Realtime: 1 << 60, XorHash: ^uint64(0)}
	if got, ok := parseCursor([]byte(h.Cursor())); !ok || got != h {
		t.Errorf("parseCursor(%q) = %+v, %t, want %+v", h.Cursor(), got, ok, h)
	}
	for _, bad := range []string{"", "s=", "x=1", string(h.Cursor())[1:], string(h.Cursor()) + "0", string(h.Cursor()) + ";z=1"} {
		if got, ok := parseCursor([]byte(bad)); ok {
			t.Errorf("parseCursor(%q) = %+v, want none", bad, got)
		}
	}
}

// FuzzParseCursor: what is read prints as the same cursor, and is what Cursor.Parse reads.
func FuzzParseCursor(f *testing.F) {
	f.Add(string(journal.Header{Seqnum: 1, SeqnumID: journal.ID128{1}, Realtime: 5}.Cursor()))
	f.Add("s=;i=;b=")
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := parseCursor([]byte(text))
		if !ok {
			return
		}
		again, ok := parseCursor([]byte(h.Cursor()))
		if !ok || again != h {
			t.Errorf("parseCursor(%q) = %+v, whose cursor reads as %+v, %t", text, h, again, ok)
		}
	})
}
