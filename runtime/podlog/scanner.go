// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

const (
	// minBuffer is what a scanner reads at first, maxBuffer what it reads at once when there is much to read.
	minBuffer = 32 << 10
	maxBuffer = 256 << 10
)

// scanner makes records of the lines of a file, and of files that follow each other: a line whose pieces are in two of them is put
// together. It belongs to one goroutine.
type scanner struct {
	// max is the length over which a line is given in several records: no text is longer. It is at least minBuffer, so that
	// what the runtime writes at once is less.
	max int

	seg  *segment
	file *File
	// before is the file before, that had lines, and beforeEnd how far it was read.
	before    *File
	beforeEnd int64
	parser    parser
	// limit is the offset where the scan ends; negative for the end of the file.
	limit int64

	// buf[pos:end] is what was read and not looked at; buf[0] is at the offset base, and there is no newline before
	// buf[searched].
	buf           []byte
	pos, end      int
	searched      int
	base          int64
	piece         piece
	open          [3]openLine
	long          longLine
	nuls          int64
	sequentialFor int
	// held: piece, of the line at heldAt, has no place in the record that was given.
	held   bool
	heldAt int64
}

// openLine is a line of which not all pieces have been seen.
type openLine struct {
	text []byte
	time int64
	zone int16
	// seg and start are where its first piece is that has not been given yet.
	seg   *segment
	start int64
	// begun: there are pieces; text is empty all the same if they have been given.
	begun bool
	// given: text was handed out and is to be emptied.
	given bool
}

// longLine is a line of the file that is longer than the buffer, of which a part has been given.
type longLine struct {
	active bool
	head   piece
	parsed bool
}

// use goes on with another file at an offset; unfinished lines are kept.
func (s *scanner) use(seg *segment, offset, limit int64) {
	if s.file != nil {
		s.before, s.beforeEnd = s.file, s.offset()
	}
	s.seg, s.file, s.limit = seg, nil, limit
	s.pos, s.end, s.searched, s.base = 0, 0, 0, offset
	s.long = longLine{}
	s.nuls = 0
	s.held = false
}

// forget drops unfinished lines.
func (s *scanner) forget() {
	for i := range s.open {
		s.open[i].begun, s.open[i].given = false, false
		s.open[i].text = s.open[i].text[:0]
	}
}

// offset is the place in the file up to which lines have been looked at.
func (s *scanner) offset() int64 { return s.base + int64(s.pos) }

// next gives the next record. It returns io.EOF when there is no more whole line, for now; what follows a later
// write is found by calling again. Other errors are of the file, see segment.readAt, or errReplaced.
func (s *scanner) next(r *Record) error {
	if s.held {
		s.held = false
		if s.join(s.heldAt, r) {
			return nil
		}
	}
	for {
		i := bytes.IndexByte(s.buf[s.pos+s.searched:s.end], '\n')
		if i < 0 {
			s.searched = s.end - s.pos
			if s.searched >= s.max {
				if s.takeLong(r) {
					return nil
				}
				continue
			}
			if err := s.fill(); err != nil {
				return err
			}
			continue
		}
		if i += s.searched; i > s.max {
			if s.takeLong(r) {
				return nil
			}
			continue
		}
		s.searched = 0
		line := s.buf[s.pos : s.pos+i]
		start := s.offset()
		s.pos += i + 1
		if s.take(line, start, r) {
			return nil
		}
	}
}

// fill reads more of the file behind what is there.
func (s *scanner) fill() error {
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.base += int64(s.pos)
		s.end -= s.pos
		s.pos = 0
	}
	switch {
	case s.buf == nil:
		s.buf = getBuffer(minBuffer)
	case s.end == len(s.buf) || s.sequentialFor > 0 && len(s.buf) < maxBuffer:
		larger := getBuffer(min(2*len(s.buf), max(maxBuffer, s.max)))
		copy(larger, s.buf[:s.end])
		putBuffer(s.buf)
		s.buf = larger
	}
	room := s.buf[s.end:]
	at := s.base + int64(s.end)
	if s.limit >= 0 {
		room = room[:max(0, min(int64(len(room)), s.limit-at))]
	}
	if len(room) == 0 {
		return io.EOF
	}
	if at > 0 && s.seg.replaced() {
		return errReplaced
	}
	n, err := s.seg.readAt(room, at)
	s.end += n
	if n == len(room) {
		s.sequentialFor++
	}
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

// take looks at a line of the file. It reports whether there is a record.
func (s *scanner) take(line []byte, start int64, r *Record) bool {
	if s.long.active {
		return s.takeLongEnd(line, start, r)
	}
	if len(line) > 0 && line[0] == 0 {
		trimmed := bytes.TrimLeft(line, "\x00")
		s.nuls += int64(len(line) - len(trimmed))
		if len(trimmed) == 0 {
			return false
		}
		line = trimmed
	}
	if s.file == nil && !s.identify() {
		return false
	}
	if !s.parser.parse(line, &s.piece) {
		s.unparsed(line, r)
		return true
	}
	return s.join(start, r)
}

// identify makes the File of the records, when the first of them is there.
func (s *scanner) identify() bool {
	s.file = s.seg.identity()
	return s.file != nil
}

func (s *scanner) unparsed(text []byte, r *Record) {
	*r = Record{File: s.file, Unparsed: true, Text: text, End: s.offset()}
	r.Pending = s.pending(StreamUnknown, r.End)
}

// join makes a record of s.piece, together with pieces before it.
func (s *scanner) join(start int64, r *Record) bool {
	p := &s.piece
	open := &s.open[p.stream]
	if open.given {
		open.given = false
		open.text = open.text[:0]
	}
	if !open.begun && !p.partial {
		r.File, r.Time, r.Zone, r.Stream = s.file, p.time, p.zone, p.stream
		r.Partial, r.Unparsed, r.Text, r.End = false, false, p.text, s.offset()
		r.Pending = s.pending(p.stream, r.End)
		return true
	}
	if len(open.text) > 0 && len(open.text)+len(p.text) > s.max {
		s.held, s.heldAt = true, start
		file, end := s.file, start
		if start == 0 && s.before != nil { // it ended in the file before
			file, end = s.before, s.beforeEnd
		}
		s.give(p.stream, true, end, r)
		r.File = file
		return true
	}
	if !open.begun {
		open.begun, open.time, open.zone = true, p.time, p.zone
	}
	if len(open.text) == 0 {
		open.seg, open.start = s.seg, start
	}
	open.text = append(open.text, p.text...)
	if p.partial && len(open.text)+len(p.text) <= s.max {
		return false
	}
	// There is no room for another piece, which may be in the next file.
	s.give(p.stream, p.partial, s.offset(), r)
	return true
}

// give makes a record of what there is of an unfinished line before an offset.
func (s *scanner) give(stream Stream, partial bool, end int64, r *Record) {
	open := &s.open[stream]
	*r = Record{File: s.file, Time: open.time, Zone: open.zone, Stream: stream, Partial: partial, Text: open.text, End: end}
	open.given = true
	open.begun = partial
	r.Pending = s.pending(stream, end)
}

// pending is how far before an offset the first unfinished line of another stream begins; 0 if there is none.
func (s *scanner) pending(but Stream, end int64) int64 {
	most := int64(0)
	for stream := Stdout; stream <= Stderr; stream++ {
		open := &s.open[stream]
		if stream == but || !open.begun || open.given || len(open.text) == 0 {
			continue
		}
		if open.seg != s.seg {
			return end
		}
		most = max(most, end-open.start)
	}
	return most
}

// takeLong gives the beginning of a line, or a piece in the middle, that is as long as a record can be.
func (s *scanner) takeLong(r *Record) bool {
	chunk := s.buf[s.pos : s.pos+s.max]
	if !s.long.active && chunk[0] == 0 {
		// A block that a crash left unwritten, or a hole: there can be gigabytes of it.
		skip := len(chunk) - len(bytes.TrimLeft(chunk, "\x00"))
		s.nuls += int64(skip)
		s.pos += skip
		s.searched = 0
		return false
	}
	start := s.offset()
	s.pos += s.max
	s.searched = 0
	if s.file == nil && !s.identify() {
		return false
	}
	if !s.long.active {
		s.long.active = true
		s.long.parsed = !isJSON(chunk) && s.parser.parse(chunk, &s.piece)
		s.long.head = s.piece
		s.long.head.text = nil
	} else {
		s.piece = s.long.head
		s.piece.text = chunk
	}
	if !s.long.parsed {
		s.unparsed(chunk, r)
		r.Partial = true
		return true
	}
	s.piece.partial = true
	return s.join(start, r)
}

// within goes on at an offset within a line of the file, if it is one: a line that is longer than a record can be.
func (s *scanner) within(offset int64) {
	if offset == 0 {
		return
	}
	var last [1]byte
	if n, _ := s.seg.readAt(last[:], offset-1); n == 0 || last[0] == '\n' {
		return
	}
	start := s.seg.lineBegin(offset)
	head := make([]byte, min(offset-start, headBytes))
	n, _ := s.seg.readAt(head, start)
	if n == 0 || !s.identify() {
		return
	}
	s.long.active = true
	s.long.parsed = !isJSON(head) && s.parser.parse(head[:n], &s.piece)
	s.long.head = s.piece
	s.long.head.text = nil
	// The text before the place is not an unfinished line any more; what comes is the rest of one.
	s.open[s.piece.stream].begun = s.long.parsed
	s.open[s.piece.stream].time, s.open[s.piece.stream].zone = s.piece.time, s.piece.zone
}

// headBytes is more than what a line has before its text.
const headBytes = 128

// takeLongEnd gives the end of a line of which a part has been given.
func (s *scanner) takeLongEnd(line []byte, start int64, r *Record) bool {
	s.long.active = false
	if !s.long.parsed {
		s.unparsed(line, r)
		return true
	}
	s.piece = s.long.head
	s.piece.text = line
	return s.join(start, r)
}

// torn gives the line that the file ends in the middle of. It reports whether there is one.
func (s *scanner) torn(r *Record) bool {
	if s.pos == s.end {
		return false
	}
	line, start := s.buf[s.pos:s.end], s.offset()
	s.pos, s.searched = s.end, 0
	if !s.take(line, start, r) {
		return false
	}
	r.Partial = true
	return true
}

// rest gives an unfinished line of which no more pieces come. It reports whether there is one; call it until there is none.
func (s *scanner) rest(r *Record) bool {
	for stream := Stdout; stream <= Stderr; stream++ {
		open := &s.open[stream]
		if open.given {
			open.given, open.text = false, open.text[:0]
		}
		if !open.begun {
			continue
		}
		file, end := s.file, s.offset()
		if file == nil { // there is nothing in it
			file, end = s.before, s.beforeEnd
		}
		if len(open.text) == 0 || file == nil {
			open.begun = false
			continue
		}
		s.give(stream, true, end, r)
		r.File = file
		open.begun = false
		if r.Pending > 0 {
			// The place between this record and the one that is still to be given at the same offset.
			r.End--
			r.Pending--
		}
		return true
	}
	return false
}

// restOf gives what there is of an unfinished line of one stream. It reports whether there is one.
func (s *scanner) restOf(stream Stream, r *Record) bool {
	open := &s.open[stream]
	if open.given {
		open.given, open.text = false, open.text[:0]
	}
	if !open.begun || len(open.text) == 0 || s.file == nil {
		return false
	}
	s.give(stream, true, s.offset(), r)
	return true
}

// takeNULs returns the number of NUL bytes that were left out since the last call.
func (s *scanner) takeNULs() int64 {
	n := s.nuls
	s.nuls = 0
	return n
}

// idle gives the buffer back, if nothing is in it. The record that was given last is not valid any more.
func (s *scanner) idle() {
	s.sequentialFor = 0
	if s.pos < s.end || s.buf == nil {
		return
	}
	s.base += int64(s.pos)
	s.pos, s.end, s.searched = 0, 0, 0
	putBuffer(s.buf)
	s.buf = nil
	for i := range s.open {
		if o := &s.open[i]; !o.begun && cap(o.text) > minBuffer {
			o.text = nil
		}
	}
}

// buffers are kept for the next reader; large ones are not.
var buffers = sync.Pool{New: func() any { return new([minBuffer]byte) }}

var largeBuffers = sync.Pool{New: func() any { return new([maxBuffer]byte) }}

func getBuffer(size int) []byte {
	switch size {
	case minBuffer:
		return buffers.Get().(*[minBuffer]byte)[:]
	case maxBuffer:
		return largeBuffers.Get().(*[maxBuffer]byte)[:]
	}
	return make([]byte, size)
}

func putBuffer(b []byte) {
	switch len(b) {
	case minBuffer:
		buffers.Put((*[minBuffer]byte)(b))
	case maxBuffer:
		largeBuffers.Put((*[maxBuffer]byte)(b))
	}
}

var errTooLarge = errors.New("larger than it may be when decompressed")

// errReplaced: another log is in the file than that of which records were given.
var errReplaced = errors.New("it was emptied and written anew")
