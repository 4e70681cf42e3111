// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

const ellipsis = "…"

// appendEllipsized appends s cut to width columns, width > 0, with an ellipsis where it was cut. percent says
// where that is: 100 is the end. Invalid UTF-8 is not cut.
func appendEllipsized(b, s []byte, width, percent int) []byte {
	ascii := true
	for _, c := range s {
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		if len(s) <= width {
			return append(b, s...)
		}
		head := ((width-1)*percent + 50) / 100
		b = append(b, s[:head]...)
		b = append(b, ellipsis...)
		return append(b, s[len(s)-(width-1-head):]...)
	}
	if !utf8.Valid(s) {
		return append(b, s...)
	}
	head, tail := ellipsisRange(s, width, percent)
	if head == tail {
		return append(b, s...)
	}
	b = append(b, s[:head]...)
	b = append(b, ellipsis...)
	return append(b, s[tail:]...)
}

// ellipsisRange returns the part of s, which is not all ASCII, that gives way to the ellipsis; it is empty
// if s fits.
func ellipsisRange(s []byte, width, percent int) (head, tail int) {
	wanted := (width - 1) * percent / 100
	used := 0
	for head < len(s) {
		r, n := utf8.DecodeRune(s[head:])
		w := columns(r)
		if used+w > wanted {
			break
		}
		used += w
		head += n
	}
	tail = len(s)
	for tail > head {
		r, n := utf8.DecodeLastRune(s[:tail])
		w := columns(r)
		if used+w > width {
			break
		}
		used += w
		tail -= n
	}
	if head == tail {
		return head, tail
	}
	// Make room for the ellipsis itself.
	if tail < len(s) {
		_, n := utf8.DecodeRune(s[tail:])
		tail += n
	} else if head > 0 {
		_, n := utf8.DecodeLastRune(s[:head])
		head -= n
	}
	return head, tail
}

// columns returns the columns that a character takes by systemd's count, in which
// combining characters take one too.
func columns(r rune) int {
	if runewidth.RuneWidth(r) == 2 {
		return 2
	}
	return 1
}
