// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"unicode/utf8"
)

// AppendTerminal appends one line of foreign text as a terminal may receive it, as the text modes with
// Options.Visible print messages: colours are dropped, and what else could drive or confuse the terminal is shown as escapes. A
// newline is, too: the text cannot pass for several lines. A carriage return at the end is dropped.
func AppendTerminal(b, text []byte) []byte {
	clean := plainPrefix(text)
	b = append(b, text[:clean]...)
	if text = text[clean:]; len(text) == 0 {
		return b
	}
	if n := cleanPrefix(text, false); n == len(text) {
		return append(b, text...)
	}
	text = bytes.TrimRight(text, "\r")
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c < utf8.RuneSelf && harmlessASCII(c, false):
			b = append(b, c)
			i++
		case c == 0x1b:
			if n := sequenceLength(text[i:], true); n > 0 {
				i += n
				continue
			}
			b = appendByteEscape(b, c)
			i++
		case c < utf8.RuneSelf:
			b = appendByteEscape(b, c)
			i++
		default:
			r, n := utf8.DecodeRune(text[i:])
			switch {
			case n == 1:
				b = appendByteEscape(b, c)
			case hiddenRune(r):
				b = appendRuneEscape(b, r)
			default:
				b = append(b, text[i:i+n]...)
			}
			i += n
		}
	}
	return b
}

// AppendJSONString appends text as a JSON string with its quotes. Control characters and bidirectional controls are escaped. Bytes that
// are not UTF-8 become U+FFFD; exact tells that there were none.
func AppendJSONString(b, text []byte) (_ []byte, exact bool) {
	b = append(b, '"')
	if out, ok := appendJSONText(b, text); ok {
		return append(out, '"'), true
	}
	exact = true
	for i := 0; i < len(text); {
		c := text[i]
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\r':
			b = append(b, '\\', 'r')
		case r < ' ', r == 0x7f, hiddenRune(r):
			b = appendRuneEscape(b, r)
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
			exact = false
		default:
			b = append(b, text[i:i+n]...)
		}
		i += n
	}
	return append(b, '"'), exact
}
