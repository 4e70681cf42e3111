// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "bytes"

// The limits of a message on a terminal without full width: journalctl shows three lines of it, or 300 bytes.
const (
	maxLines     = 3
	maxLineBytes = 300
)

// lines prints a message of several lines beneath one another.
type lines struct {
	// prefix is the number of columns in front of the first line; the others are indented by it.
	prefix int
	// width is the number of columns of the terminal; full ignores it.
	width int
	full  bool
	// colors goes around each line; the bytes from matchStart to matchEnd are emphasised.
	colors               palette
	matchStart, matchEnd int
}

// append appends the message with a newline at its end.
func (l *lines) append(b, message []byte) []byte {
	if len(message) == 0 {
		return append(b, '\n')
	}
	for pos, number := 0, 1; pos < len(message); number++ {
		end := len(message)
		if i := bytes.IndexByte(message[pos:], '\n'); i >= 0 {
			end = pos + i
		}
		line := message[pos:end]
		last := number == maxLines || end+1 >= maxLineBytes
		indent := 0
		if number > 1 {
			indent = l.prefix
		}
		switch {
		case l.full || l.prefix+len(line)+1 < l.width && !last:
			b = appendSpaces(b, indent)
			b = l.appendLine(b, line, pos)
		default:
			b = l.appendShortened(b, line, indent, last)
			if last {
				return b
			}
		}
		pos = end + 1
	}
	return b
}

// appendLine appends a line, which starts at pos of the message, in full.
func (l *lines) appendLine(b, line []byte, pos int) []byte {
	start, end := l.matchStart-pos, min(l.matchEnd-pos, len(line))
	if start < 0 || start >= len(line) {
		b = append(b, l.colors.on...)
		b = append(b, cString(line)...)
		b = append(b, l.colors.off...)
		return append(b, '\n')
	}
	b = append(b, l.colors.on...)
	b = append(b, cString(line[:start])...)
	b = append(b, l.colors.match...)
	b = append(b, cString(line[start:end])...)
	if end < len(line) {
		b = append(b, l.colors.on...)
		b = append(b, cString(line[end:])...)
	}
	b = append(b, l.colors.off...)
	return append(b, '\n')
}

// appendShortened appends a line cut to the width. The last line that is shown is cut at its end, others
// near it.
func (l *lines) appendShortened(b, line []byte, indent int, last bool) []byte {
	room := l.width - l.prefix
	if room < 3 {
		return append(b, "...\n"...)
	}
	b = appendSpaces(b, indent)
	b = append(b, l.colors.on...)
	switch {
	case room > len(line)+3:
		b = append(b, line...)
		b = append(b, "..."...)
	case last:
		b = appendEllipsized(b, line, room, 100)
	default:
		b = appendEllipsized(b, line, room, 90)
	}
	b = append(b, l.colors.off...)
	return append(b, '\n')
}
