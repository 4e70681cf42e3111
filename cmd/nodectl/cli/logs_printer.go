// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"

	"github.com/noded/noded/journal/output"
	"github.com/noded/noded/runtime/podlog"
)

const (
	// logWriteBytes is the size from which output is written.
	logWriteBytes = 128 << 10
	// maxLogBuffer is the largest buffer that is kept for what comes next.
	maxLogBuffer = 1 << 20
	// maxLogFiles is of how many files it is kept how their lines begin.
	maxLogFiles = 1 << 12
)

// logOptions say how lines of logs are printed.
type logOptions struct {
	format string
	// timestamps and prefix begin lines of text; namespaces names the namespace in the prefix.
	timestamps, prefix, namespaces bool
	// color colours prefixes and matches, visible is for terminals.
	color, visible bool
	// whole: each record is a line of its own, as when the newest come first.
	whole bool
	// limitBytes is how much of each container is printed; 0 for no limit. single: there is but one.
	limitBytes int64
	single     bool
	// unit: what is printed is of a unit.
	unit bool
	// highlight finds a match; nil for none.
	highlight func([]byte) (start, end int, ok bool)
}

// logPrinter prints records of logs. It gathers output: see flush.
type logPrinter struct {
	w io.Writer
	o logOptions
	// buf holds output that is not written yet.
	buf []byte
	// clock writes times.
	clock logClock

	// files finds what was made of a file, and containers what was made of the container of a key; file and head are
	// those of the record before.
	files      map[*podlog.File]*logHead
	containers map[string]*logContainer
	file       *podlog.File
	head       *logHead

	// open is where the line that the output ends with comes from, if it has no newline yet.
	open openLine
}

// logHead is how records of one file begin.
type logHead struct {
	container *logContainer
	// prefix is that of text, json the names of the container in JSON, up to the stream.
	prefix, json []byte
}

// logContainer is what is known of a container.
type logContainer struct {
	// left is how many bytes may still be printed.
	left int64
}

// openLine names what an unfinished line is a part of.
type openLine struct {
	container *logContainer
	run       uint32
	stream    podlog.Stream
}

func newLogPrinter(w io.Writer, o logOptions) *logPrinter {
	return &logPrinter{w: w, o: o, files: make(map[*podlog.File]*logHead), containers: make(map[string]*logContainer)}
}

// print prints a record. errEnough says that nothing more is to come.
func (p *logPrinter) print(r *podlog.Record) error {
	head := p.head
	if r.File != p.file {
		head = p.headOf(r.File)
		p.file, p.head = r.File, head
	}
	text, partial := r.Text, r.Partial
	if p.o.limitBytes > 0 {
		var ok bool
		if text, partial, ok = p.limit(head.container, r); !ok {
			return nil
		}
	}
	if p.o.format == logJSON {
		p.buf = p.appendJSON(p.buf, head, r, text, partial)
	} else {
		p.buf = p.appendText(p.buf, head, r, text, partial)
	}
	if p.o.limitBytes > 0 && p.o.single && head.container.left == 0 {
		return errEnough
	}
	if len(p.buf) >= logWriteBytes {
		return p.flush()
	}
	return nil
}

// headOf returns how records of a file begin.
func (p *logPrinter) headOf(f *podlog.File) *logHead {
	if head := p.files[f]; head != nil {
		return head
	}
	key := f.Source.Key()
	container := p.containers[key]
	if container == nil {
		container = &logContainer{left: p.o.limitBytes}
		p.containers[key] = container
	}
	if len(p.files) >= maxLogFiles {
		clear(p.files)
	}
	head := &logHead{container: container}
	if p.o.format == logJSON {
		head.json = appendJSONHead(nil, f)
	} else if p.o.prefix {
		head.prefix = p.appendPrefix(nil, f.Source)
	}
	p.files[f] = head
	return head
}

// limit cuts what is over the number of bytes of a container, counted as kubectl does: with times and newlines, without
// prefixes. ok is false when nothing is left of the record.
func (p *logPrinter) limit(c *logContainer, r *podlog.Record) (text []byte, partial, ok bool) {
	if c.left == 0 {
		return nil, false, false
	}
	text, partial = r.Text, r.Partial
	if p.o.timestamps && r.Time != 0 && !p.continues(c, r) {
		c.left -= int64(len(p.clock.append(nil, r))) + 1
	}
	c.left -= int64(len(text))
	if !partial {
		c.left--
	}
	if c.left >= 0 {
		return text, partial, true
	}
	over := -c.left
	c.left = 0
	if !partial {
		// The newline goes first.
		partial = true
		over--
	}
	return text[:max(int64(len(text))-over, 0)], partial, true
}

// continues reports whether the record goes on with the line that the output ends with.
func (p *logPrinter) continues(c *logContainer, r *podlog.Record) bool {
	return p.open.container == c && p.open.run == r.File.Run && p.open.stream == r.Stream
}

// appendText appends a record as a line, or a part of one.
func (p *logPrinter) appendText(b []byte, head *logHead, r *podlog.Record, text []byte, partial bool) []byte {
	fresh := true
	if p.open.container != nil {
		fresh = !p.continues(head.container, r)
		if fresh && p.o.format != logRaw {
			b = append(b, '\n')
		}
	}
	if fresh {
		b = append(b, head.prefix...)
		if p.o.timestamps && r.Time != 0 {
			b = append(p.clock.append(b, r), ' ')
		}
	}
	if p.o.highlight == nil {
		b = p.appendShown(b, text)
	} else {
		b = p.appendHighlighted(b, text)
	}
	if partial && !p.o.whole {
		p.open = openLine{container: head.container, run: r.File.Run, stream: r.Stream}
		return b
	}
	p.open = openLine{}
	return append(b, '\n')
}

func (p *logPrinter) appendShown(b, text []byte) []byte {
	if p.o.visible {
		return output.AppendTerminal(b, text)
	}
	return append(b, text...)
}

func (p *logPrinter) appendHighlighted(b, text []byte) []byte {
	start, end, ok := p.o.highlight(text)
	if !ok || start == end {
		return p.appendShown(b, text)
	}
	b = p.appendShown(b, text[:start])
	b = append(b, sgrMatch...)
	b = p.appendShown(b, text[start:end])
	b = append(b, sgrReset...)
	return p.appendShown(b, text[end:])
}

// endLine ends a line that is unfinished, so that what others write begins a new one.
func (p *logPrinter) endLine() {
	if p.open.container != nil {
		p.buf = append(p.buf, '\n')
		p.open = openLine{}
	}
}

// flush writes what has been printed so far.
func (p *logPrinter) flush() error {
	b := p.buf
	p.buf = b[:0]
	if cap(b) > maxLogBuffer {
		p.buf = nil
	}
	if len(b) == 0 {
		return nil
	}
	_, err := p.w.Write(b)
	return err
}

// logClock writes times of records. It remembers the second.
type logClock struct {
	second int64
	zone   int16
	// begin is the time up to the point, end the zone.
	begin, end []byte
}

// append appends the time of a record with nine digits, in the zone of its file.
func (c *logClock) append(b []byte, r *podlog.Record) []byte {
	second, nano := r.Time/1e9, r.Time%1e9
	if nano < 0 {
		second, nano = second-1, nano+1e9
	}
	if c.begin == nil || second != c.second || r.Zone != c.zone {
		t := r.Timestamp()
		c.second, c.zone = second, r.Zone
		c.begin = t.AppendFormat(c.begin[:0], "2006-01-02T15:04:05.")
		c.end = t.AppendFormat(c.end[:0], "Z07:00")
	}
	b = append(b, c.begin...)
	n := len(b)
	b = append(b, "000000000"...)
	for i := n + 8; nano > 0; i-- {
		b[i] += byte(nano % 10)
		nano /= 10
	}
	return append(b, c.end...)
}
