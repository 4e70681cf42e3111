// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"

	"github.com/noded/noded/runtime/podlog/jsonfile"
	"github.com/noded/noded/runtime/podlog/rfc3339"
)

// isJSON reports whether a line is one of Docker's json-file, by its first byte: each of those begins with a brace and no time does. That is
// asked of each line, because a crash or a copy can leave a file that begins in the middle of one.
func isJSON(line []byte) bool { return len(line) > 0 && line[0] == '{' }

// piece is one line of a file: a line of the container, or a piece of one.
type piece struct {
	time   int64
	zone   int16
	stream Stream
	// partial: the line of the container goes on in the next piece of the stream.
	partial bool
	// text may be in a buffer of the parser: it is valid until the next line.
	text []byte
}

// parser reads the lines of a file. It belongs to one goroutine.
type parser struct {
	times   rfc3339.Parser
	json    jsonfile.Line
	scratch []byte
}

// parse reads a line without its newline. It reports whether the line has one of the formats.
func (p *parser) parse(line []byte, out *piece) bool {
	if isJSON(line) {
		return p.parseJSON(line, out)
	}
	return p.parseCRI(line, out)
}

// streamLen is the length of "stdout " and "stderr ".
const streamLen = 7

// parseCRI reads TIME STREAM TAGS TEXT. Tags are separated by colons; the first one says P for a piece or F for the end of
// a line, and what other tags mean is for later versions of the format.
func (p *parser) parseCRI(line []byte, out *piece) bool {
	i := bytes.IndexByte(line, ' ')
	if i < 0 {
		return false
	}
	rest := line[i+1:]
	if len(rest) < streamLen+2 {
		return false
	}
	switch string(rest[:streamLen]) {
	case "stdout ":
		out.stream = Stdout
	case "stderr ":
		out.stream = Stderr
	default:
		return false
	}
	var ok bool
	if out.time, out.zone, ok = p.times.Parse(line[:i]); !ok {
		return false
	}
	rest = rest[streamLen:]
	if rest[1] == ' ' {
		out.partial = rest[0] == 'P'
		out.text = rest[2:]
		return true
	}
	end := bytes.IndexByte(rest, ' ')
	if end < 0 {
		return false
	}
	tag, _, _ := bytes.Cut(rest[:end], []byte{':'})
	out.partial = string(tag) == "P"
	out.text = rest[end+1:]
	return true
}

func (p *parser) parseJSON(line []byte, out *piece) bool {
	var err error
	if p.scratch, err = jsonfile.Parse(line, p.scratch[:0], &p.json); err != nil {
		return false
	}
	out.time, out.zone, out.partial, out.text = p.json.Time, p.json.Zone, p.json.Partial, p.json.Text
	switch p.json.Stream {
	case 1:
		out.stream = Stdout
	case 2:
		out.stream = Stderr
	default:
		return false
	}
	return true
}
