// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "unicode/utf8"

// makeVisible returns s with everything that could drive or confuse a terminal as escapes: control
// characters other than tab, bidirectional controls, and bytes that are not UTF-8. Newlines stay if
// newline is set. It returns s itself if there is nothing to escape, else a slice of
// p.escaped that is valid until the next call.
func (p *Printer) makeVisible(s []byte, newline bool) []byte {
	clean := cleanPrefix(s, newline)
	if clean == len(s) {
		return s
	}
	b := append(p.escaped[:0], s[:clean]...)
	for i := clean; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if harmlessASCII(c, newline) {
				b = append(b, c)
			} else {
				b = appendByteEscape(b, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case n == 1:
			b = appendByteEscape(b, c)
		case hiddenRune(r):
			b = appendRuneEscape(b, r)
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	p.escaped = b
	if cap(b) > maxKeptBytes {
		p.escaped = nil
	}
	return b
}

// cleanPrefix returns the length of the part of s that needs no escapes.
func cleanPrefix(s []byte, newline bool) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if !harmlessASCII(c, newline) {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if n == 1 || hiddenRune(r) {
			return i
		}
		i += n
	}
	return len(s)
}

func harmlessASCII(c byte, newline bool) bool {
	return c >= ' ' && c != 0x7f || c == '\t' || c == '\n' && newline
}

// hiddenRune reports whether a terminal acts on the character instead of showing it: C1 controls and
// the controls of bidirectional text.
func hiddenRune(r rune) bool {
	switch {
	case r < 0xa0:
		return r >= 0x80
	case r == 0x061c, r == 0x200e, r == 0x200f:
		return true
	default:
		return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}
}

// appendByteEscape appends the byte as \xNN.
func appendByteEscape(b []byte, c byte) []byte {
	return append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
}

// appendRuneEscape appends a character of the basic plane as \uNNNN.
func appendRuneEscape(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
