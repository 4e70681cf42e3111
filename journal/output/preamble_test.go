// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"math/rand/v2"
	"testing"

	"github.com/noded/noded/journal"
)

// TestCursors writes cursors of numbers of all lengths one after the other, with identifiers that change now and then.
func TestCursors(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	number := func() uint64 { return random.Uint64() >> random.IntN(65) }
	c := newCursors()
	var h journal.Header
	for i := range 10000 {
		switch i % 3 {
		case 1:
			h.BootID = journal.ID128{byte(random.Uint32()), 15: byte(random.Uint32())}
		case 2:
			h.SeqnumID[random.IntN(16)] = byte(random.Uint32())
		}
		h.Seqnum, h.XorHash = number(), number()
		h.Realtime, h.Monotonic = journal.Usec(number()), journal.Usec(number())
		if got, want := string(c.append(nil, &h)), string(h.Cursor()); got != want {
			t.Fatalf("cursor %q, want %q", got, want)
		}
	}
}

// TestPreamble gives the preamble no more room than it asks for.
func TestPreamble(t *testing.T) {
	t.Parallel()
	p := newExportPreamble()
	for _, n := range []uint64{0, 1, 999999, 1000000, 1000001, 1700000000000001, 1700000000999999, 1<<64 - 1} {
		h := journal.Header{Seqnum: n, Realtime: journal.Usec(n), Monotonic: journal.Usec(n), XorHash: n, BootID: journal.ID128{7}, SeqnumID: journal.ID128{8}}
		got := string(p.append(nil, &h))
		decimal := string(appendUsec(nil, h.Realtime))
		want := "__CURSOR=" + string(h.Cursor()) + "\n__REALTIME_TIMESTAMP=" + decimal + "\n__MONOTONIC_TIMESTAMP=" + decimal + "\n_BOOT_ID=" + h.BootID.String() + "\n"
		if got != want {
			t.Errorf("preamble %q, want %q", got, want)
		}
	}
}
