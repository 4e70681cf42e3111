// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package jsonfile

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// endNewline is how the string of a whole line ends.
const endNewline = `\n"`

// unquote reads the rest of a JSON string after its first quote. n is the number of bytes read, with the last quote. A newline at
// its end is left out of the value and told. The value is part of b if nothing else in it is escaped, and of scratch
// otherwise. What is not valid UTF-8 becomes U+FFFD.
func unquote(b, scratch []byte) (value, scratchOut []byte, newline bool, n int, ok bool) {
	copied := 0
	for i := plain(b, 0); i < len(b); i = plain(b, i) {
		switch c := b[i]; {
		case c == '"' || string(b[i:min(i+len(endNewline), len(b))]) == endNewline:
			value, n = b[:i], i+1
			if copied > 0 {
				scratch = append(scratch, b[copied:i]...)
				value = scratch
			}
			if c == '\\' {
				return value, scratch, true, n + len(endNewline) - 1, true
			}
			value, newline = cutNewline(value)
			return value, scratch, newline, n, true
		case c == '\\':
			scratch = append(scratch, b[copied:i]...)
			var size int
			if scratch, size = unescape(b[i:], scratch); size == 0 {
				return nil, scratch, false, 0, false
			}
			i += size
			copied = i
		case c < ' ':
			return nil, scratch, false, 0, false
		default:
			r, size := utf8.DecodeRune(b[i:])
			i += size
			if r == utf8.RuneError && size == 1 {
				scratch = append(scratch, b[copied:i-1]...)
				scratch = utf8.AppendRune(scratch, utf8.RuneError)
				copied = i
			}
		}
	}
	return nil, scratch, false, 0, false
}

// cutNewline takes one newline off the end.
func cutNewline(text []byte) (rest []byte, newline bool) {
	if n := len(text); n > 0 && text[n-1] == '\n' {
		return text[:n-1], true
	}
	return text, false
}

// plain returns the index, from i on, of the first byte that is a quote, a backslash, a control character or not ASCII; len(b) if there
// is none.
func plain(b []byte, i int) int {
	// In each of eight bytes at once, the highest bit is set if the byte is one of those, or if a lower one was: a borrow only goes
	// up, so if no bit is set there is none, and otherwise the lowest is right.
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := word^(ones*'"'), word^(ones*'\\')
		if (word|(word-ones*' ')|(quote-ones)|(backslash-ones))&high != 0 {
			break
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// skipString is unquote for a string that is not wanted.
func skipString(b []byte) (n int, ok bool) {
	for i := plain(b, 0); i < len(b); i = plain(b, i) {
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\':
			var space [utf8.UTFMax]byte
			_, size := unescape(b[i:], space[:0])
			if size == 0 {
				return 0, false
			}
			i += size
		case c < ' ':
			return 0, false
		default:
			i++
		}
	}
	return 0, false
}

// unescape appends what the escape at the start of b stands for, and returns its size: 0 if it is none.
func unescape(b, out []byte) (appended []byte, size int) {
	if len(b) < 2 {
		return out, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return append(out, b[1]), 2
	case 'b':
		return append(out, '\b'), 2
	case 'f':
		return append(out, '\f'), 2
	case 'n':
		return append(out, '\n'), 2
	case 'r':
		return append(out, '\r'), 2
	case 't':
		return append(out, '\t'), 2
	}
	r, ok := unit(b)
	if !ok {
		return out, 0
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(out, r), 6
	}
	// A surrogate without its other half becomes U+FFFD, and what follows it stands for itself.
	if low, ok := unit(b[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return utf8.AppendRune(out, pair), 12
		}
	}
	return utf8.AppendRune(out, utf8.RuneError), 6
}

// unit reads one \uXXXX.
func unit(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
