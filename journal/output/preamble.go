// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"slices"

	"github.com/noded/noded/journal"
)

// maxCursorBytes is the length of the longest cursor.
const maxCursorBytes = len("s=;i=;b=;m=;t=;x=") + 2*32 + 4*16

// cursors writes cursors; see journal.Header.Cursor. It keeps the digits of the last identifiers, which seldom
// change.
type cursors struct {
	seqnumID, bootID journal.ID128
	// sequence is "s=...;i=" and boot is ";b=...;m=".
	sequence [len("s=;i=") + 32]byte
	boot     [len(";b=;m=") + 32]byte
}

func newCursors() cursors {
	var c cursors
	c.setSequence(journal.ID128{})
	c.setBoot(journal.ID128{})
	return c
}

func (c *cursors) setSequence(id journal.ID128) {
	c.seqnumID = id
	n := copy(c.sequence[:], "s=")
	n += putID(c.sequence[n:], &id)
	copy(c.sequence[n:], ";i=")
}

func (c *cursors) setBoot(id journal.ID128) {
	c.bootID = id
	n := copy(c.boot[:], ";b=")
	n += putID(c.boot[n:], &id)
	copy(c.boot[n:], ";m=")
}

// bootDigits returns the digits of the boot id of the last cursor.
func (c *cursors) bootDigits() []byte { return c.boot[len(";b=") : len(";b=")+32] }

// put writes the cursor of the entry to b, which is at least maxCursorBytes long, and returns its length.
func (c *cursors) put(b []byte, h *journal.Header) int {
	if h.SeqnumID != c.seqnumID {
		c.setSequence(h.SeqnumID)
	}
	if h.BootID != c.bootID {
		c.setBoot(h.BootID)
	}
	n := copy(b, c.sequence[:])
	n += putHex(b[n:], h.Seqnum)
	n += copy(b[n:], c.boot[:])
	n += putHex(b[n:], uint64(h.Monotonic))
	n += copy(b[n:], ";t=")
	n += putHex(b[n:], uint64(h.Realtime))
	n += copy(b[n:], ";x=")
	return n + putHex(b[n:], h.XorHash)
}

// append appends the cursor of the entry.
func (c *cursors) append(b []byte, h *journal.Header) []byte {
	b = slices.Grow(b, maxCursorBytes)
	n := len(b)
	n += c.put(b[n:n+maxCursorBytes], h)
	return b[:n]
}

// preamble writes what export and the JSON modes begin a record with: the cursor, both stamps and the boot id, each
// after one of the texts.
type preamble struct {
	cursor, realtime, monotonic, boot, end string

	cursors    cursors
	realtimes  decimal
	monotonics decimal
	// size bounds the length of the whole.
	size int
}

// newPreamble returns a preamble of these texts.
func newPreamble(cursor, realtime, monotonic, boot, end string) preamble {
	return preamble{
		cursor: cursor, realtime: realtime, monotonic: monotonic, boot: boot, end: end, cursors: newCursors(),
		size: len(cursor) + len(realtime) + len(monotonic) + len(boot) + len(end) + maxCursorBytes + 2*maxUsecBytes + maxHexBytes,
	}
}

func (p *preamble) append(b []byte, h *journal.Header) []byte {
	b = slices.Grow(b, p.size)
	n := len(b)
	b = b[:n+p.size]
	n += copy(b[n:], p.cursor)
	n += p.cursors.put(b[n:], h)
	n += copy(b[n:], p.realtime)
	n += p.realtimes.put(b[n:], h.Realtime)
	n += copy(b[n:], p.monotonic)
	n += p.monotonics.put(b[n:], h.Monotonic)
	n += copy(b[n:], p.boot)
	n += copy(b[n:], p.cursors.bootDigits())
	n += copy(b[n:], p.end)
	return b[:n]
}
