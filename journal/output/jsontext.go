// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// jsonStep is the room that a step of appendJSONText needs at most: a word, or an escape such as \u202e.
const jsonStep = 8

// appendJSONText appends text as the inside of a JSON string. Bidirectional controls are escaped, so that the output
// is safe on a terminal. If s is not printable it reports false, and what it appended is to be dropped.
//
// It copies words while it looks at them, so that text is touched once.
func appendJSONText(b, s []byte) (_ []byte, ok bool) {
	n := len(b)
	b = slices.Grow(b, len(s)+len(s)/8+2*jsonStep)
	b = b[:cap(b)]
	for i := 0; i < len(s); {
		if len(b)-n < jsonStep {
			b = slices.Grow(b[:n], len(s)-i+len(s)/8+2*jsonStep)
			b = b[:cap(b)]
		}
		var x uint64
		rest := len(s) - i
		if rest >= 8 {
			x = binary.LittleEndian.Uint64(s[i:])
			rest = 8
		} else {
			x = lastWord(s, rest)
		}
		binary.LittleEndian.PutUint64(b[n:], x)
		special := escaped(x)
		if special == 0 {
			i += rest
			n += rest
			continue
		}
		usual := bits.TrailingZeros64(special) / 8
		i += usual
		n += usual
		c := s[i]
		if len(b)-n < jsonStep {
			continue // the character comes first in the next step
		}
		if c == '"' || c == '\\' {
			b[n], b[n+1] = '\\', c
			i++
			n += 2
			continue
		}
		if k := letters(s[i:]); k > 0 {
			b = append(b[:n], s[i:i+k]...)
			b = b[:cap(b)]
			i += k
			n += k
			continue
		}
		used, written := putJSONSpecial(b[n:], s[i:])
		if used == 0 {
			return nil, false
		}
		i += used
		n += written
	}
	return b[:n], true
}

// putJSONSpecial writes the character that s begins with to b, which has jsonStep bytes of room, and returns the length
// of both. It is not printable ASCII; if it is not printable at all nothing is used.
func putJSONSpecial(b, s []byte) (used, written int) {
	c := s[0]
	if c < utf8.RuneSelf {
		switch c {
		case '\n':
			c = 'n'
		case '\t':
			c = 't'
		default:
			return 0, 0
		}
		b[0], b[1] = '\\', c
		return 1, 2
	}
	used = oddLength(s, true)
	if used == 0 {
		return 0, 0
	}
	if r, _ := utf8.DecodeRune(s); hiddenRune(r) {
		return used, len(appendRuneEscape(b[:0], r))
	}
	return used, copy(b, s[:used])
}
