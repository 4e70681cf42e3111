// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"
	"math"
)

const (
	// probeStep is the distance of the lines whose times are looked at to see whether they grow; it is larger in files of
	// which there would be more than maxProbes.
	probeStep = 256 << 10
	maxProbes = 2 << 10
	// probeBytes is what is read to find a time.
	probeBytes = 512
	// maxProbeBytes is how far a line with a time is looked for.
	maxProbeBytes = 64 << 10
)

// search finds where records of the time since or later begin: a file and an offset in it. ordered tells that the times grow
// from there on, as far as was seen. Where they do not, it is the beginning of all: then every line is looked at.
//
// Times step back when a clock is set. That is seen in the first lines of files and in one of each probeStep bytes; a step
// between two probes that is undone before the second one is not.
func (r *reader) search(entries []entry, since int64) (index int, offset int64, ordered bool, err error) {
	from := int64(math.MinInt64)
	if since > from+slack {
		from = since - slack
	}
	var later int64
	haveLater := false
	for i := len(entries) - 1; i >= 0; i-- {
		seg, err := r.open(&entries[i])
		if r.again(err) {
			return 0, 0, false, err
		}
		if err != nil {
			continue
		}
		first, ok := seg.firstTime()
		if !ok {
			seg.close()
			continue
		}
		if haveLater && first > later+slack || seg.gzip == nil && !seg.grows(later, haveLater) {
			seg.close()
			return 0, 0, false, nil
		}
		later, haveLater = first, true
		if first < from {
			if seg.gzip == nil {
				offset = seg.startAt(seg.bisect(from), r.lookBack())
			}
			seg.close()
			return i, offset, true, nil
		}
		seg.close()
	}
	return 0, 0, true, nil
}

// grows reports whether the times in the file grow, and stay below later, which is the first one of the next file, if
// there is one.
func (s *segment) grows(later int64, haveLater bool) bool {
	size, err := s.size()
	if err != nil {
		return false
	}
	step := max(int64(probeStep), size/maxProbes)
	last := int64(0)
	for off := int64(0); off < size; off += step {
		t, _, ok := s.timeAt(off, size)
		if !ok {
			continue
		}
		if t < last-slack {
			return false
		}
		last = max(last, t)
	}
	if t, ok := s.lastTime(size); ok {
		if t < last-slack {
			return false
		}
		last = max(last, t)
	}
	return !haveLater || last <= later+slack
}

// bisect returns the offset of a line before which all lines are before t, in a file whose times grow.
func (s *segment) bisect(t int64) int64 {
	high, err := s.size()
	if err != nil {
		return 0
	}
	low := int64(0)
	for high-low > probeStep/16 {
		middle := low + (high-low)/2
		at, start, ok := s.timeAt(middle, high)
		if !ok || at >= t {
			high = middle
			continue
		}
		low = start
	}
	return low
}

// timeAt returns the time of the first line with one that begins at an offset or after it and before end, and where the line begins. At
// offset 0 a line begins; elsewhere one begins after a newline at off-1 or later.
func (s *segment) timeAt(off, end int64) (t, start int64, ok bool) {
	var small [probeBytes]byte
	buf := small[:]
	begin := off
	if off > 0 {
		begin = off - 1
	}
	for {
		n, _ := s.readAt(buf, begin)
		p := parser{}
		text := buf[:n]
		at := begin
		if off > 0 {
			i := bytes.IndexByte(text, '\n')
			if i < 0 {
				i = len(text) - 1
			}
			text, at = text[i+1:], at+int64(i)+1
		}
		for len(text) > 0 && at < end {
			if t, ok := p.lineTime(text); ok {
				return t, at, true
			}
			i := bytes.IndexByte(text, '\n')
			if i < 0 {
				break
			}
			text, at = text[i+1:], at+int64(i)+1
		}
		if n < len(buf) || at >= end || len(buf) >= maxProbeBytes {
			return 0, 0, false
		}
		buf = make([]byte, 4*len(buf))
	}
}

// lastTime returns the time of the last whole line that has one.
func (s *segment) lastTime(size int64) (int64, bool) {
	for length := int64(4 << 10); ; length *= 4 {
		from := max(0, size-length)
		buf := make([]byte, size-from)
		n, _ := s.readAt(buf, from)
		buf = buf[:n]
		end := bytes.LastIndexByte(buf, '\n')
		p := parser{}
		for end >= 0 {
			start := bytes.LastIndexByte(buf[:end], '\n') + 1
			if start == 0 && from > 0 {
				break
			}
			if t, ok := p.lineTime(buf[start : end+1]); ok {
				return t, true
			}
			end = start - 1
		}
		if from == 0 || length >= maxProbeBytes {
			return 0, false
		}
	}
}

// lineTime returns the time of the line that text begins with, of which the end may be missing.
func (p *parser) lineTime(text []byte) (int64, bool) {
	if len(text) == 0 {
		return 0, false
	}
	if !isJSON(text) {
		i := bytes.IndexByte(text, ' ')
		if i < 0 {
			return 0, false
		}
		t, _, ok := p.times.Parse(text[:i])
		return t, ok
	}
	// The time is at the end of a line.
	i := bytes.IndexByte(text, '\n')
	if i < 0 {
		return 0, false
	}
	if !p.parseJSON(text[:i], &piece{}) {
		return 0, false
	}
	return p.json.Time, true
}
