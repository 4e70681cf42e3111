// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "bytes"

// appendStripped appends message without what journalctl drops from messages: SGR sequences (colours),
// operating system commands that BEL ends, and carriage returns before a newline or the end. Tabs
// become eight spaces. Everything else stays, unfinished sequences too. keepOSC leaves operating
// system commands in, for a caller that makes them visible.
func appendStripped(b, message []byte, keepOSC bool) []byte {
	returns := 0
	for i := 0; i < len(message); i++ {
		c := message[i]
		if c == '\r' {
			returns++
			continue
		}
		if c == '\n' {
			returns = 0
		}
		for ; returns > 0; returns-- {
			b = append(b, '\r')
		}
		switch c {
		case '\t':
			b = append(b, "        "...)
		case 0x1b:
			if n := sequenceLength(message[i:], keepOSC); n > 0 {
				i += n - 1
				continue
			}
			b = append(b, c)
			if i+1 < len(message) && message[i+1] != '[' && message[i+1] != ']' {
				// The character after a lone escape is taken as it is, whatever it is.
				i++
				b = append(b, message[i])
			}
		default:
			b = append(b, c)
		}
	}
	return b
}

// sequenceLength returns the length of the sequence to drop at the start of s, which begins with ESC; 0 if
// there is none.
func sequenceLength(s []byte, keepOSC bool) int {
	if len(s) < 3 {
		return 0
	}
	switch {
	case s[1] == '[':
		for i, c := range s[2:] {
			switch {
			case c == 'm':
				return i + 3
			case c >= '0' && c <= '9' || c == ';' || c == 0:
			default:
				return 0
			}
		}
	case s[1] == ']' && !keepOSC:
		for i, c := range s[2:] {
			switch {
			case c == '\a':
				return i + 3
			case c < ' ' || c > '~':
				return 0
			}
		}
	}
	return 0
}

// needsStripping reports whether appendStripped would change anything.
func needsStripping(message []byte) bool { return bytes.ContainsAny(message, "\t\r\x1b") }

// truncateAtNewline returns the first line of the message.
func truncateAtNewline(message []byte) []byte {
	if i := bytes.IndexByte(message, '\n'); i >= 0 {
		return message[:i]
	}
	return message
}
