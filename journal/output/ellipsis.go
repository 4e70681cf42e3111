// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"sort"
	"unicode/utf8"
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

// columns returns the columns that a character takes by systemd's count: two where Unicode 6.0 calls it wide or
// fullwidth and for pictographs up to U+1F567, else one. Combining characters take one too.
func columns(r rune) int {
	if r < 0x1100 {
		return 1
	}
	wide := [...][2]rune{ // first and last
		{0x1100, 0x115f}, {0x2329, 0x232a}, {0x2e80, 0x2e99}, {0x2e9b, 0x2ef3}, {0x2f00, 0x2fd5}, {0x2ff0, 0x2ffb},
		{0x3000, 0x303e}, {0x3041, 0x3096}, {0x3099, 0x30ff}, {0x3105, 0x312d}, {0x3131, 0x318e}, {0x3190, 0x31ba},
		{0x31c0, 0x31e3}, {0x31f0, 0x321e}, {0x3220, 0x3247}, {0x3250, 0x32fe}, {0x3300, 0x4dbf}, {0x4e00, 0xa48c},
		{0xa490, 0xa4c6}, {0xa960, 0xa97c}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe10, 0xfe19}, {0xfe30, 0xfe52},
		{0xfe54, 0xfe66}, {0xfe68, 0xfe6b}, {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x1b000, 0x1b001}, {0x1f200, 0x1f202},
		{0x1f210, 0x1f23a}, {0x1f240, 0x1f248}, {0x1f250, 0x1f251}, {0x1f300, 0x1f567}, {0x20000, 0x2fffd}, {0x30000, 0x3fffd},
	}
	i := sort.Search(len(wide), func(i int) bool { return wide[i][1] >= r })
	if i < len(wide) && wide[i][0] <= r {
		return 2
	}
	return 1
}
