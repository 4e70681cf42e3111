// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"strconv"
	"strings"
)

// Cursor names a place in the journal. Callers keep it and hand it back; they do
// not look inside. It stays valid after restart, rotation and vacuum, and is
// interchangeable with journalctl's: s=SEQNUMID;i=SEQNUM;b=BOOT;m=MONOTONIC;t=REALTIME;x=XOR,
// where the numbers are hexadecimal.
type Cursor string

// Cursor returns the cursor of the entry.
func (h Header) Cursor() Cursor {
	b := make([]byte, 0, 160)
	b = append(b, "s="...)
	b = append(b, h.SeqnumID.String()...)
	b = append(b, ";i="...)
	b = strconv.AppendUint(b, h.Seqnum, 16)
	b = append(b, ";b="...)
	b = append(b, h.BootID.String()...)
	b = append(b, ";m="...)
	b = strconv.AppendUint(b, uint64(h.Monotonic), 16)
	b = append(b, ";t="...)
	b = strconv.AppendUint(b, uint64(h.Realtime), 16)
	b = append(b, ";x="...)
	b = strconv.AppendUint(b, h.XorHash, 16)
	return Cursor(b)
}

// Parse returns what the cursor says about its entry. Parts that it does not name
// are zero. The error is a *QueryError and an ErrBadCursor.
func (c Cursor) Parse() (Header, error) {
	var h Header
	var seqnum, place bool
	for item := range strings.SplitSeq(string(c), ";") {
		key, value, ok := strings.Cut(item, "=")
		if !ok || len(key) != 1 {
			return Header{}, c.bad()
		}
		var err error
		switch key[0] {
		case 's':
			h.SeqnumID, err = ParseID128(value)
			seqnum = true
		case 'i':
			h.Seqnum, err = parseHex(value)
			place = true
		case 'b':
			h.BootID, err = ParseID128(value)
		case 'm':
			h.Monotonic, err = parseHexUsec(value)
		case 't':
			h.Realtime, err = parseHexUsec(value)
			place = true
		case 'x':
			h.XorHash, err = parseHex(value)
		}
		if err != nil {
			return Header{}, c.bad()
		}
	}
	if !place || seqnum && h.SeqnumID.IsZero() {
		return Header{}, c.bad()
	}
	return h, nil
}

func (c Cursor) bad() error {
	return &badCursorError{QueryError{Field: "cursor", Value: string(c), Reason: "not a journal cursor; use one that --show-cursor printed"}}
}

type badCursorError struct{ QueryError }

func (e *badCursorError) Is(target error) bool {
	return target == ErrBadCursor || target == ErrInvalidQuery
}

func (e *badCursorError) Unwrap() error { return &e.QueryError }

func parseHex(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("parse %q: %w", s, err)
	}
	return n, nil
}

func parseHexUsec(s string) (Usec, error) {
	n, err := parseHex(s)
	return Usec(n), err
}
