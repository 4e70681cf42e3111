// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

const (
	// backBytes is what is read at a time when reading backwards. A compressed file has to be decompressed from its beginning
	// each time: first gunzipBackBytes of it are read, and then the rest at once, unless more than maxMarks records are
	// wanted.
	backBytes       = 64 << 10
	gunzipBackBytes = 16 << 20
	maxMarks        = 256 << 10
	// lookBackBytes is how far back the beginning of an unfinished line is looked for at first.
	lookBackBytes = 64 << 10
)

// openStart returns where the lines begin that are unfinished at an offset, at which a line of the file begins. Lines that begin
// more than most bytes before it are taken to begin there. sure is false if they can have begun in the file before.
func (s *segment) openStart(at int64, most int64) (start int64, sure bool) {
	return s.openSince(at, most, lookBackBytes/2)
}

// startAt is openStart, and the beginning of the file if lines can have begun before that: its first lines may end them.
func (s *segment) startAt(at, most int64) int64 {
	start, sure := s.openStart(at, most)
	if !sure {
		return 0
	}
	return start
}

// openSince is openStart, where a stream that is silent for so many bytes of others has no unfinished line.
func (s *segment) openSince(at, most, silent int64) (start int64, sure bool) {
	for length := min(2*silent, most); ; length = min(4*length, most) {
		from := s.lineStart(max(0, at-length), at)
		start, sure := s.openIn(from, at, silent)
		if sure || from == 0 || length >= most {
			return start, sure || from > 0
		}
	}
}

// openIn looks at the lines from an offset on. It returns where the lines begin that are unfinished at the end, and whether
// none of them can have begun before.
func (s *segment) openIn(from, to, silent int64) (start int64, sure bool) {
	buf := make([]byte, to-from)
	n, _ := s.readAt(buf, from)
	buf = buf[:n]
	var open [3]struct {
		begun, whole bool
		start        int64
	}
	p := parser{}
	var line piece
	for at := from; len(buf) > 0; {
		i := bytes.IndexByte(buf, '\n')
		if i < 0 {
			break
		}
		if p.parse(bytes.TrimLeft(buf[:i], "\x00"), &line) {
			o := &open[line.stream]
			switch {
			case !line.partial:
				o.begun, o.whole = false, true
			case !o.begun:
				o.begun, o.start = true, at
			}
		}
		at += int64(i) + 1
		buf = buf[i+1:]
	}
	start, sure = to, true
	for _, o := range open[Stdout:] {
		if o.begun {
			start = min(start, o.start)
		}
		sure = sure && (o.whole || !o.begun && to-from >= silent)
	}
	return start, sure
}

// maxPrime is how many files the beginning of an unfinished line is looked for in.
const maxPrime = 3

// prime gives a scanner the lines that are unfinished at the end of the last one of some files of one run, oldest first. It is an error if
// names have changed.
func (r *reader) prime(s *scanner, entries []entry) error {
	type part struct {
		seg   *segment
		start int64
	}
	var parts []part
	for i := len(entries) - 1; i >= 0 && len(parts) < maxPrime; i-- {
		seg, err := r.open(&entries[i])
		if r.again(err) {
			return err
		}
		if err != nil {
			break
		}
		defer seg.close()
		size, err := seg.size()
		if err != nil {
			break
		}
		start, sure := seg.openSince(size, r.lookBack(), r.lookBack()/2)
		if !sure {
			start = 0 // it can end lines that began in the file before
		}
		parts = append(parts, part{seg, start})
		if sure {
			break
		}
	}
	s.forget()
	var ignored Record
	for i := len(parts) - 1; i >= 0; i-- {
		s.use(parts[i].seg, parts[i].start, -1)
		for s.next(&ignored) == nil {
			continue
		}
		s.torn(&ignored)
	}
	s.takeNULs()
	return nil
}

// sameRun returns the files before entries[i] that are of its run.
func sameRun(entries []entry, i int) []entry {
	from := i
	for from > 0 && entries[from-1].run == entries[i].run {
		from--
	}
	return entries[from:i]
}

// lineStartBytes is how much is read at a time where a line is expected to end.
const lineStartBytes = 4 << 10

// lineStart returns where a line begins at an offset or after it; end if there is none before.
func (s *segment) lineStart(off, end int64) int64 {
	if off == 0 {
		return 0
	}
	buf := make([]byte, min(end-off+1, lineStartBytes))
	for at := off - 1; at < end; {
		n, err := s.readAt(buf[:min(int64(len(buf)), end-at)], at)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			return at + int64(i) + 1
		}
		at += int64(n)
		if err != nil || n == 0 {
			break
		}
	}
	return end
}

// lineBegin returns where the line begins that an offset is within, or an offset within it that is far before.
func (s *segment) lineBegin(off int64) int64 {
	buf := make([]byte, lookBackBytes)
	for to := off; to > 0 && off-to < maxLineBack; {
		from := max(0, to-int64(len(buf)))
		n, _ := s.readAt(buf[:to-from], from)
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return from + int64(i) + 1
		}
		to = from
	}
	return max(0, off-maxLineBack)
}

// maxLineBack is how far back the beginning of one line is looked for.
const maxLineBack = 64 << 20

// endsWith reports whether the record before a place is in the file.
func endsWith(s *segment, at Position) bool {
	var last [1]byte
	if n, _ := s.readAt(last[:], at.Offset-1); n != 1 || last[0] != '\n' {
		// Within a line that is longer than a record can be, or was torn.
		return n == 1
	}
	for length := int64(4 << 10); ; length *= 8 {
		from := s.lineStart(max(0, at.Offset-length), at.Offset)
		buf := make([]byte, at.Offset-from)
		n, _ := s.readAt(buf, from)
		buf = buf[:n]
		p := parser{}
		for len(buf) > 0 {
			i := bytes.IndexByte(buf, '\n')
			if i < 0 {
				break
			}
			if t, ok := p.lineTime(buf[:i+1]); ok && t == at.Time {
				return true
			}
			buf = buf[i+1:]
		}
		if from == 0 {
			// It may have begun in the file before, and have the time of that.
			first, ok := s.firstTime()
			return ok && first >= at.Time || s.inode == at.Inode
		}
		if length > maxLookBack {
			return false
		}
	}
}

// maxLookBack is how far back the beginning of a record is looked for.
const maxLookBack = 4 << 20

// lookBack is how far back the beginning of an unfinished line can be: the pieces of a record, with what another stream has between.
func (r *reader) lookBack() int64 { return 8*int64(r.scan.max) + lookBackBytes }

// block is the records between two offsets of a file.
type block struct {
	seg      *segment
	from, to int64
	// start is where the lines begin that are unfinished at from; 0 if that can be before the file.
	start int64
	// end: it is at the end of the last file of a run, and nothing more is expected there. torn: not even the end of a line.
	end, torn bool
	// cut: it ends with a partial record of this stream, whose line goes on.
	cut Stream
	// before are the files before it that are of its run.
	before []entry
}

// backwards goes through the files from the newest to the oldest, block by block. It belongs to one goroutine.
type backwards struct {
	r       *reader
	entries []entry
	seg     *segment
	// to is where the next block of seg ends.
	to int64
	// run is the run of the file before, and end and torn are those of the next block.
	begun     bool
	run       uint32
	end, torn bool
	// empty: nothing is in the file before.
	empty  bool
	cut    Stream
	before []entry
	// last is the file that was opened last, and file its identity, if it has one.
	last entry
	file *File
	// parts: compressed files are not read at once.
	parts bool
}

// next returns the block before the one that it returned last; io.EOF when there is none. The segment is closed by the call after
// the last one of its blocks.
func (b *backwards) next() (block, error) {
	first := false
	for b.seg == nil || b.to <= 0 {
		first = true
		b.close()
		if len(b.entries) == 0 {
			return block{}, io.EOF
		}
		e := &b.entries[len(b.entries)-1]
		seg, err := b.r.open(e)
		if b.r.again(err) {
			return block{}, err
		}
		b.entries = b.entries[:len(b.entries)-1]
		b.last, b.file = *e, nil
		if err != nil {
			b.r.gapAt(e, 0, err)
			continue
		}
		b.seg, b.file = seg, seg.identity()
		older := b.begun && b.run != e.run
		// What ends before a file of the same run in which there is nothing ends as that file does.
		b.end = older || !b.begun && !b.r.plan.Follow || b.empty && b.end
		b.torn = older || !b.begun && (b.r.target.Ended || b.r.oldRun) || b.empty && b.torn
		b.begun, b.run = true, e.run
		b.before = sameRun(b.entries[:len(b.entries)+1], len(b.entries))
		if b.to, err = seg.size(); err != nil {
			b.r.gapAt(e, 0, err)
			b.to = 0
		}
		b.empty = b.to == 0 && err == nil
		if seg.gzip != nil && seg.gzip.err != nil {
			b.r.gapAt(e, 0, seg.gzip.err)
		}
	}
	length := int64(backBytes)
	if b.seg.gzip != nil {
		length = gunzipBackBytes
		if !first && !b.parts {
			length = b.to
		}
	}
	for {
		from := b.seg.lineStart(max(0, b.to-length), b.to)
		if from < b.to || b.to-length <= 0 {
			if b.to-length <= 0 {
				from = 0
			}
			start := b.seg.startAt(from, b.r.lookBack())
			out := block{seg: b.seg, from: from, to: b.to, start: start, end: b.end, torn: b.torn, cut: b.cut, before: b.before}
			b.to, b.end, b.torn, b.cut = from, false, false, StreamUnknown
			return out, nil
		}
		// A line that is longer.
		length *= 4
	}
}

func (b *backwards) close() {
	b.seg.close()
	b.seg = nil
}

// isLast reports whether an entry is the file that was opened last. That is closed, and its inode can be that of another one now.
func (b *backwards) isLast(e entry) bool {
	if b.file == nil {
		return e.is(b.last)
	}
	return e.run == b.last.run && (e.gzip || e.is(b.last)) && b.r.begins(&e, b.file.Fingerprint)
}

// relist takes the names that files have now: those before the one that was opened last are still to come. missing tells that there
// are fewer than there were.
func (b *backwards) relist(entries []entry) (missing bool) {
	if b.last.name == "" {
		b.entries = entries
		return false
	}
	had := len(b.entries)
	if i := slices.IndexFunc(entries, b.isLast); i >= 0 {
		b.entries = entries[:i]
	} else {
		var left earlier
		if had > 0 {
			left.note(&b.entries[had-1])
		}
		b.entries = slices.DeleteFunc(entries, func(e entry) bool { return !left.has(e) })
	}
	b.before = ofRun(b.entries, b.last.run)
	return len(b.entries) < had
}

// each calls yield for every record that ends in the block and that the query selects, with its time or that of the one before. If names have changed it is an error, before the first
// record.
func (r *reader) each(s *scanner, b block, yield func(r *Record, at int64)) error {
	s.forget()
	if b.start == 0 && len(b.before) > 0 {
		if err := r.prime(s, b.before); err != nil {
			return err
		}
	}
	s.use(b.seg, b.start, b.to)
	var rec Record
	at, _, _ := b.seg.timeAt(b.from, b.to)
	look := func() {
		if rec.Time != 0 {
			at = rec.Time
		}
		if rec.End > b.from && r.plan.wants(&rec, at) {
			yield(&rec, at)
		}
	}
	for {
		err := s.next(&rec)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		look()
	}
	if b.cut != StreamUnknown && s.restOf(b.cut, &rec) {
		look()
	}
	if b.torn && s.torn(&rec) {
		look()
	}
	for b.end && s.rest(&rec) {
		look()
	}
	return nil
}

// beginEnd begins at the end of the newest file.
func (r *reader) beginEnd(entries []entry) error {
	e := &entries[len(entries)-1]
	seg, err := r.open(e)
	if err != nil {
		return err
	}
	defer seg.close()
	size, err := seg.size()
	if err != nil {
		return err
	}
	size = seg.lastLineEnd(size)
	start := size
	if seg.gzip == nil {
		start = seg.startAt(size, r.lookBack())
	}
	if start == 0 {
		if err := r.prime(&r.scan, sameRun(entries, len(entries)-1)); err != nil {
			return err
		}
	}
	return r.beginAt(e, start, size)
}

// lastLineEnd returns the offset after the last newline before an offset.
func (s *segment) lastLineEnd(to int64) int64 {
	buf := make([]byte, 4<<10)
	for to > 0 {
		from := max(0, to-int64(len(buf)))
		n, _ := s.readAt(buf[:to-from], from)
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return from + int64(i) + 1
		}
		to = from
	}
	return 0
}
