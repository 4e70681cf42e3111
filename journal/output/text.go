// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// Bytes of a word, for tests of eight at a time.
const (
	eachByte = 0x0101010101010101
	highBits = 0x8080808080808080
)

// The functions below set high bits in a word of eight bytes, read in little endian order. The lowest that is
// set stands in the first byte that the function looks for. Those above it mean nothing: sums carry and differences borrow.

// odd looks for what is not printable ASCII: control characters and bytes from 0x7f on.
func odd(x uint64) uint64 { return (x | (x + eachByte) | (x - eachByte*' ')) & highBits }

// escaped looks for what is not printable ASCII, and for the quote and the backslash. With bit 1 turned over, the quote
// follows the control characters and the space does not.
func escaped(x uint64) uint64 {
	quote, backslash := (x^eachByte*2)-eachByte*('"'-1), (x^eachByte*'\\')-eachByte
	return (x | (x + eachByte) | quote | backslash) & highBits
}

// lastWord returns the last rest bytes of s, 1 to 7, with spaces behind them.
func lastWord(s []byte, rest int) uint64 {
	shift := 8 * uint(rest)
	pad := uint64(eachByte*' ') << shift
	if len(s) >= 8 {
		return binary.LittleEndian.Uint64(s[len(s)-8:])>>(64-shift) | pad
	}
	x := pad
	for i, c := range s[len(s)-rest:] {
		x = x&^(0xff<<(8*i)) | uint64(c)<<(8*i)
	}
	return x
}

// plainPrefix returns the length of the printable ASCII text that s begins with.
func plainPrefix(s []byte) int {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		if m := odd(binary.LittleEndian.Uint64(s[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	if i < len(s) {
		if m := odd(lastWord(s, len(s)-i)); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	return len(s)
}

// plain reports whether s is all printable ASCII text.
func plain(s []byte) bool { return plainPrefix(s) == len(s) }

// printable reports whether s is text by systemd's measure: UTF-8 without control characters
// other than tab and, if newline is set, newline, and without noncharacters.
func printable(s []byte, newline bool) bool {
	for {
		s = s[plainPrefix(s):]
		if len(s) == 0 {
			return true
		}
		n := letters(s)
		if n == 0 {
			n = oddLength(s, newline)
		}
		if n == 0 {
			return false
		}
		s = s[n:]
	}
}

// letters returns the length of a prefix of s that is characters which are printable and not hidden, of two or three
// bytes. It may end before others: it looks no closer than the usual scripts need.
func letters(s []byte) int {
	i := 0
	for len(s)-i >= 2 && s[i+1]&0xc0 == 0x80 {
		switch c := s[i]; {
		case c >= 0xc3 && c <= 0xdf && c != 0xd8: // U+00C0 to U+07FF without U+0600 to U+063F
			i += 2
		case c >= 0xe3 && c <= 0xec && len(s)-i >= 3 && s[i+2]&0xc0 == 0x80: // U+3000 to U+CFFF
			i += 3
		default:
			return i
		}
	}
	return i
}

// oddLength returns the length of the character that s begins with, which is not printable ASCII; 0 if it is not
// printable.
func oddLength(s []byte, newline bool) int {
	c := s[0]
	if c < utf8.RuneSelf {
		if c == '\t' || c == '\n' && newline {
			return 1
		}
		return 0
	}
	r, n := utf8.DecodeRune(s)
	if n == 1 || r < 0xa0 || nonCharacter(r) {
		return 0
	}
	return n
}

// nonCharacter reports whether Unicode reserves the code point for internal use.
func nonCharacter(r rune) bool {
	return r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}

const spaces = "                                                                "

// appendSpaces appends n spaces.
func appendSpaces(b []byte, n int) []byte {
	for n > len(spaces) {
		b = append(b, spaces...)
		n -= len(spaces)
	}
	if n > 0 {
		b = append(b, spaces[:n]...)
	}
	return b
}

// appendBlob appends what stands for n bytes that are not text.
func appendBlob(b []byte, n int) []byte {
	b = append(b, '[')
	b = appendSize(b, uint64(n))
	return append(b, " blob data]"...)
}

// appendSize appends a number of bytes, in the largest binary unit that gives at least 1, cut to one decimal.
func appendSize(b []byte, n uint64) []byte {
	const units = "KMGTPE"
	if n < 1024 {
		b = strconv.AppendUint(b, n, 10)
		return append(b, 'B')
	}
	unit := 0
	for n>>(10*(unit+2)) > 0 && unit < len(units)-1 {
		unit++
	}
	below := n >> (10 * unit) // in the next smaller unit
	b = strconv.AppendUint(b, below>>10, 10)
	return append(b, '.', byte('0'+below*10/1024%10), units[unit])
}
