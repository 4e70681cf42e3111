// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/noded/noded/journal"
)

// printable reports whether s is text by systemd's measure: UTF-8 without control characters
// other than tab and, if newline is set, newline, and without noncharacters.
func printable(s []byte, newline bool) bool {
	for i := plainPrefix(s); i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && (c != '\n' || !newline) || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if n == 1 || r < 0xa0 || nonCharacter(r) {
			return false
		}
		i += n
	}
	return true
}

// plainPrefix returns the length of a prefix of s that holds only printable ASCII characters other than the quote
// and the backslash. It looks at eight bytes at a time, so the prefix may end up to seven bytes
// before the first other character; it is all of s if there is none.
func plainPrefix(s []byte) int {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		quote, backslash, del := x^(ones*'"'), x^(ones*'\\'), x^(ones*0x7f)
		// The high bit of a byte is set in (y-ones)&^y where that byte of y is 0, in x-ones*' ' where it is
		// less than a space. Borrows can only set more bits.
		special := x | (x-ones*' ')&^x | (quote-ones)&^quote | (backslash-ones)&^backslash | (del-ones)&^del
		if special&high != 0 {
			return i
		}
	}
	for j := i; j < len(s); j++ {
		if c := s[j]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(s)
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

// appendID appends the 32 hexadecimal digits of an identifier.
func appendID(b []byte, id journal.ID128) []byte { return hex.AppendEncode(b, id[:]) }

// appendCursor appends the cursor of the entry; see journal.Header.Cursor.
func appendCursor(b []byte, h *journal.Header) []byte {
	b = append(b, "s="...)
	b = appendID(b, h.SeqnumID)
	b = append(b, ";i="...)
	b = strconv.AppendUint(b, h.Seqnum, 16)
	b = append(b, ";b="...)
	b = appendID(b, h.BootID)
	b = append(b, ";m="...)
	b = strconv.AppendUint(b, uint64(h.Monotonic), 16)
	b = append(b, ";t="...)
	b = strconv.AppendUint(b, uint64(h.Realtime), 16)
	b = append(b, ";x="...)
	return strconv.AppendUint(b, h.XorHash, 16)
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
