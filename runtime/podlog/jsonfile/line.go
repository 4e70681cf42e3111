// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/noded/noded/runtime/podlog/rfc3339"
)

// The values of Line.Stream. A stream that is missing or has another name is 0.
const (
	Stdout uint8 = 1
	Stderr uint8 = 2
)

// Line is one line of a log. It remembers the minute of the last time, so use one again for the next line of the same log.
type Line struct {
	// Time is in nanoseconds since the Unix epoch, Zone the offset it is given in, in minutes east of UTC.
	Time int64
	Zone int16
	// Stream is Stdout, Stderr or 0.
	Stream uint8
	// Partial: what was logged has no newline, because the rest of a long line is in the next line of the file of this stream, or
	// because there was none.
	Partial bool
	// Text is what was logged without its final newline. It is part of the line or of the scratch space that Parse was given.
	Text []byte

	times rfc3339.Parser
}

// Errors of Parse.
var (
	errNotObject = errors.New("not a JSON object")
	errNoTime    = errors.New("no time in the form of RFC 3339")
)

// Parse reads one line, which has no newline, into out. Text that has to be unescaped is put into scratch, which is overwritten and, if
// it is too small, replaced: the result is for the next call. After an error out has no meaning.
func Parse(line, scratch []byte, out *Line) (scratchOut []byte, err error) {
	scratch, ok := out.fast(line, scratch[:0])
	if ok {
		return scratch, nil
	}
	return out.slow(line, scratch[:0])
}

// The pieces of a line as Docker writes it, in order. Attributes are there only with the options labels, env and tag.
const (
	logPrefix    = `{"log":"`
	streamPrefix = `,"stream":"std`
	attrsPrefix  = `,"attrs":{`
	timePrefix   = `,"time":"`
	lineSuffix   = `"}`
)

// fast reads a line that looks as Docker writes it. Not ok means nothing about the line: slow decides.
func (l *Line) fast(line, scratch []byte) (scratchOut []byte, ok bool) {
	rest, ok := cutPrefix(line, logPrefix)
	if !ok {
		return scratch, false
	}
	text, scratch, newline, n, ok := unquote(rest, scratch)
	if !ok {
		return scratch, false
	}
	if rest, ok = cutPrefix(rest[n:], streamPrefix); !ok || len(rest) < 4 || rest[3] != '"' {
		return scratch, false
	}
	switch string(rest[:3]) {
	case "out":
		l.Stream = Stdout
	case "err":
		l.Stream = Stderr
	default:
		return scratch, false
	}
	rest = rest[4:]
	if attrs, found := cutPrefix(rest, attrsPrefix); found {
		if rest, ok = skipAttrs(attrs); !ok {
			return scratch, false
		}
	}
	if rest, ok = cutPrefix(rest, timePrefix); !ok || !bytes.HasSuffix(rest, []byte(lineSuffix)) {
		return scratch, false
	}
	// What is a time needs no unescaping and has no quote.
	if l.Time, l.Zone, ok = l.times.Parse(rest[:len(rest)-len(lineSuffix)]); !ok {
		return scratch, false
	}
	l.Text, l.Partial = text, !newline
	return scratch, true
}

// cutPrefix is bytes.CutPrefix for a constant string.
func cutPrefix(b []byte, prefix string) (rest []byte, ok bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return b, false
	}
	return b[len(prefix):], true
}

// skipAttrs skips what is left of an object of which only the brace has been read, if all its values are strings.
func skipAttrs(b []byte) (rest []byte, ok bool) {
	for {
		for _, before := range [2]byte{'"', ':'} {
			if len(b) == 0 || b[0] != before {
				return b, false
			}
			b = b[1:]
			if before == ':' {
				if len(b) == 0 || b[0] != '"' {
					return b, false
				}
				b = b[1:]
			}
			n, ok := skipString(b)
			if !ok {
				return b, false
			}
			b = b[n:]
		}
		if len(b) == 0 {
			return b, false
		}
		end := b[0] == '}'
		if b[0] != ',' && !end {
			return b, false
		}
		if b = b[1:]; end {
			return b, true
		}
	}
}

// object is what is wanted of a line. Keys that differ only in case are the same, and of equal keys the last one counts, as Docker,
// which uses encoding/json too, has it.
type object struct {
	Log    string `json:"log"`
	Stream string `json:"stream"`
	Time   string `json:"time"`
}

// slow reads any line.
func (l *Line) slow(line, scratch []byte) (scratchOut []byte, err error) {
	// Lines that are not JSON at all are told apart without much ado. null has no time.
	if trimmed := bytes.TrimLeft(line, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return scratch, errNotObject
	}
	var o object
	if err := json.Unmarshal(line, &o); err != nil {
		return scratch, fmt.Errorf("parse line of a json-file log: %w", err)
	}
	var ok bool
	if l.Time, l.Zone, ok = l.times.Parse([]byte(o.Time)); !ok {
		return scratch, errNoTime
	}
	switch o.Stream {
	case "stdout":
		l.Stream = Stdout
	case "stderr":
		l.Stream = Stderr
	default:
		l.Stream = 0
	}
	scratch = append(scratch, o.Log...)
	text, newline := cutNewline(scratch)
	l.Text, l.Partial = text, !newline
	return scratch, nil
}
