// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

// The terminal sequences that systemd uses where 256 colours are available.
const (
	sgrNormal          = "\x1b[0m"
	sgrHighlight       = "\x1b[0;1;39m"
	sgrHighlightRed    = "\x1b[0;1;31m"
	sgrHighlightYellow = "\x1b[0;1;38;5;185m"
	sgrGreen           = "\x1b[0;32m"
	sgrBlue            = "\x1b[0;34m"
	sgrGrey            = "\x1b[0;38;5;245m"
)

// palette holds what to print around a message: on before it and after a match, match
// before a match, off at the end.
type palette struct{ on, match, off string }

// paletteOf returns the colours of a syslog priority.
func paletteOf(priority int) palette {
	switch {
	case priority <= 3:
		return palette{sgrHighlightRed, sgrHighlight, sgrNormal}
	case priority == 4:
		return palette{sgrHighlightYellow, sgrHighlight, sgrNormal}
	case priority == 5:
		return palette{sgrHighlight, sgrHighlightRed, sgrNormal}
	case priority == 7:
		return palette{sgrGrey, sgrHighlightRed, sgrNormal}
	default:
		return palette{}
	}
}

// priorityOf reads a PRIORITY value; what is not a single digit 0 to 7 counts as info.
func priorityOf(v []byte) int {
	if len(v) == 1 && v[0] >= '0' && v[0] <= '7' {
		return int(v[0] - '0')
	}
	return 6
}
