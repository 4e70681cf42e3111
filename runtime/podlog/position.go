// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the log of one container: right after a record. A Cursor is made of them.
type Position struct {
	// Key is the Source.Key of the container.
	Key string
	// Run, Inode and Fingerprint name the file, as File does.
	Run                uint32
	Inode, Fingerprint uint64
	// Offset is the place in the file, decompressed if it is; Pending how many bytes before it an unfinished line of
	// another stream begins.
	Offset, Pending int64
	// Time is that of the record before the place, by which the place is checked; 0 if it has none.
	Time int64
}

// Cursor is any number of positions, one of each container at most, as text that is opaque to clients.
type Cursor string

// positionVersion begins every position.
const positionVersion = "l1"

// MakeCursor joins positions.
func MakeCursor(positions ...Position) Cursor {
	var b strings.Builder
	for i := range positions {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(positions[i].String())
	}
	return Cursor(b.String())
}

// Positions reads a cursor. The error is an ErrBadCursor.
func (c Cursor) Positions() ([]Position, error) {
	words := strings.Fields(string(c))
	out := make([]Position, 0, len(words))
	for _, word := range words {
		p, err := parsePosition(word)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// String returns the position in the form that Cursor has.
func (p *Position) String() string {
	b := make([]byte, 0, 160)
	b = append(b, positionVersion...)
	b = append(b, ';')
	b = append(b, p.Key...)
	for _, n := range []uint64{uint64(p.Run), p.Inode, p.Fingerprint, uint64(p.Offset), uint64(p.Pending), uint64(p.Time)} {
		b = append(b, ';')
		b = strconv.AppendUint(b, n, 16)
	}
	return string(b)
}

func parsePosition(word string) (Position, error) {
	parts := strings.Split(word, ";")
	if len(parts) != 8 || parts[0] != positionVersion || parts[1] == "" {
		return Position{}, badCursor(word)
	}
	var n [6]uint64
	for i := range n {
		bits := 64
		if i == 0 {
			bits = 32
		}
		var err error
		if n[i], err = strconv.ParseUint(parts[i+2], 16, bits); err != nil {
			return Position{}, badCursor(word)
		}
	}
	p := Position{
		Key: parts[1], Run: uint32(n[0]), Inode: n[1], Fingerprint: n[2],
		Offset: int64(n[3]), Pending: int64(n[4]), Time: int64(n[5]),
	}
	if p.Offset < 0 || p.Pending < 0 || p.Pending > p.Offset {
		return Position{}, badCursor(word)
	}
	return p, nil
}

func badCursor(word string) error {
	const most = 60
	if len(word) > most {
		word = word[:most] + "..."
	}
	return fmt.Errorf("%w: %q", ErrBadCursor, word)
}
