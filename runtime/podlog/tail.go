// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"
	"errors"
	"io"
)

// mark is the place where a record ends, which has that time, or the one before it has.
type mark struct {
	end, pending, time int64
}

// beginTail finds the place after which the last records are.
func (r *reader) beginTail(entries []entry) error {
	if r.plan.Tail == 0 && r.plan.Follow {
		return r.beginEnd(entries)
	}
	if found, err := r.beginPlainTail(&entries[len(entries)-1]); found || err != nil {
		return err
	}
	walk := &backwards{r: r, entries: entries, parts: r.plan.Tail > maxMarks}
	defer walk.close()
	s := scanner{max: r.scan.max}
	defer s.idle()
	left := r.plan.Tail
	var marks []mark
	for left > 0 {
		b, err := walk.next()
		if errors.Is(err, io.EOF) {
			return r.beginAt(&entries[0], 0, 0)
		}
		if err != nil {
			return err
		}
		// What is before the block of the first record that is wanted.
		at, _, _ := b.seg.timeAt(b.from, b.to)
		first := mark{end: b.from, pending: b.from - b.start, time: at}
		marks = append(marks[:0], first)
		wanted, dropped := int64(0), int64(0)
		err = r.each(&s, b, func(rec *Record, at int64) {
			wanted++
			if n := int64(len(marks)) - left; !walk.parts && n > left+backBytes {
				dropped += n
				marks = marks[:copy(marks, marks[n:])]
			}
			marks = append(marks, mark{rec.End, rec.Pending, at})
		})
		if err != nil {
			return err
		}
		if wanted >= left {
			return r.beginMark(b, marks[wanted-left-dropped])
		}
		left -= wanted
		if r.plan.since > 0 && r.passed(b) {
			return r.beginMark(b, first)
		}
	}
	return r.beginEnd(entries)
}

// beginMark begins at a mark in a block.
func (r *reader) beginMark(b block, m mark) error {
	if m.end == m.pending {
		if err := r.prime(&r.scan, b.before); err != nil {
			return err
		}
	}
	r.at = m.time
	return r.beginAt(&b.seg.entry, m.end-m.pending, m.end)
}

// passed reports whether a block begins before Since, so that no record before it is wanted.
func (r *reader) passed(b block) bool {
	t, _, ok := b.seg.timeAt(b.from, b.to)
	return ok && t < r.plan.since-slack
}

// beginPlainTail is beginTail for what most logs are: the newest file has more lines than are wanted, each of them a record of its
// own, and the query selects all, so that lines have only to be counted. found is false if it is not so.
func (r *reader) beginPlainTail(e *entry) (found bool, err error) {
	if r.plan.selects() || e.gzip || r.plan.Tail <= 0 || r.plan.Tail > maxMarks {
		return false, nil
	}
	seg, err := r.open(e)
	if r.again(err) {
		return false, err
	}
	if err != nil {
		return false, nil // beginTail tells of it
	}
	defer seg.close()
	at, ok := seg.plainLines(r.plan.Tail, int64(r.scan.max))
	if !ok {
		return false, nil
	}
	if start, sure := seg.openStart(at, r.lookBack()); start != at || !sure {
		return false, nil
	}
	return true, r.beginAt(e, at, at)
}

// plainLines returns where the last lines of a file in the CRI format begin, of which each is one record. ok is false if it is not so, or
// the file does not have more lines than that.
func (s *segment) plainLines(count, longest int64) (at int64, ok bool) {
	size, err := s.size()
	if err != nil || size == 0 {
		return 0, false
	}
	buf := getBuffer(maxBuffer)
	defer putBuffer(buf)
	for to := size; to > 0; {
		from := max(0, to-backBytes)
		block := buf[:to-from]
		if n, err := s.readAt(block, from); n < len(block) || err != nil {
			return 0, false
		}
		if block[len(block)-1] != '\n' {
			return 0, false
		}
		for end := len(block) - 1; ; count-- {
			if count == 0 {
				return from + int64(end) + 1, true
			}
			i := bytes.LastIndexByte(block[:end], '\n')
			if i < 0 {
				if end == len(block)-1 {
					return 0, false // longer than a block, or the first line
				}
				// It may begin in the block before.
				to = from + int64(end) + 1
				break
			}
			if !isPlain(block[i+1:end]) || int64(end-i) > longest {
				return 0, false
			}
			end = i
		}
	}
	return 0, false
}

// isPlain reports whether a line is one of the CRI format that is not a piece of one. It does not look at the time: a line that has
// none is a record too.
func isPlain(line []byte) bool {
	i := bytes.IndexByte(line, ' ')
	if i <= 0 || line[0] == 0 || line[0] == '{' || len(line) < i+1+streamLen+2 {
		return false
	}
	stream, tag := string(line[i+1:i+1+streamLen]), string(line[i+1+streamLen:i+1+streamLen+2])
	return (stream == "stdout " || stream == "stderr ") && tag == "F "
}
