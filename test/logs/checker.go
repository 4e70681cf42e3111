// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

// Checker is a podlog.Sink that compares what it gets with a Truth. It serves one reader after another, which go on where the one
// before was broken off. Its methods can be called while a reader runs.
type Checker struct {
	truth *Truth

	mu sync.Mutex
	// mu guards the fields below.
	streams [3]received
	// events are the gaps that came, with how far each stream was.
	gaps []toldGap
	// last is the position after the latest record, or the cursor of a later progress.
	last   podlog.Cursor
	latest time.Time
	// began is when the reader began, caughtUp when it first waited for lines; zero before.
	began, caughtUp time.Time
	sessions        int
	inArchives      int
	corrupt         []string
	phantom         []string
	delays          []time.Duration
	// seen has a mark for each line of the truth that came.
	seen []bool
	// whole is how many lines of the truth came from its beginning on.
	whole            int
	count            int
	twice, unordered int
	cut              int
}

// received is what came of a stream.
type received struct {
	// order has the lines in the order in which they came.
	order []int32
	// line is the place of the line of which a part has come; -1 for none. hash and length are of what has come.
	line   int32
	hash   maphash.Hash
	length int
	// broken: a gap came since the last record.
	broken bool
}

// toldGap is a gap and how many lines of each stream had come before it.
type toldGap struct {
	journal.Gap
	before [3]int
}

// NewChecker returns a checker that has got nothing yet.
func NewChecker(truth *Truth) *Checker {
	c := &Checker{truth: truth, latest: time.Now()}
	for i := range c.streams {
		c.streams[i].line = -1
		c.streams[i].hash.SetSeed(truth.seed)
	}
	return c
}

// Began tells that a reader begins, or noded is a new process.
func (c *Checker) Began() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.caughtUp = time.Now(), time.Time{}
	c.sessions++
}

// Cursor returns where the next reader goes on.
func (c *Checker) Cursor() podlog.Cursor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Received returns how many lines have come, and when something came last.
func (c *Checker) Received() (lines int, latest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, c.latest
}

// Sessions returns how many readers there were, and whether the last one has begun to get something.
func (c *Checker) Sessions() (n int, lives bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions, !c.caughtUp.IsZero() || c.latest.After(c.began)
}

// HasFile reports whether every line that begins in a file, or in one before it, has come.
func (c *Checker) HasFile(file int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.truth.mu.Lock()
	defer c.truth.mu.Unlock()
	for c.whole < len(c.seen) && c.seen[c.whole] {
		c.whole++
	}
	for place := c.whole; place < len(c.truth.lines); place++ {
		l := &c.truth.lines[place]
		if l.time != 0 && l.first <= file && (place >= len(c.seen) || !c.seen[place]) {
			return false
		}
	}
	return true
}

// mostTold is how many examples of a fault are kept.
const mostTold = 10

func note(to *[]string, format string, args ...any) {
	if len(*to) < mostTold {
		*to = append(*to, fmt.Sprintf(format, args...))
	} else {
		(*to)[mostTold-1] = "... and more"
	}
}

// Record implements podlog.Sink.
func (c *Checker) Record(r *podlog.Record) error {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = now
	position := r.Position()
	c.last = podlog.MakeCursor(position)
	c.truth.mu.Lock()
	defer c.truth.mu.Unlock()
	place, known := c.truth.pieces[r.Time]
	if !known || r.Unparsed || r.Stream > podlog.Stderr {
		note(&c.phantom, "run %d, offset %d, time %d, stream %v: %.60q", r.File.Run, r.End, r.Time, r.Stream, r.Text)
		return nil
	}
	l := &c.truth.lines[place]
	s := &c.streams[l.stream]
	if r.Stream != l.stream || r.File.Run != l.run {
		note(&c.corrupt, "line %d: %v of run %d, want %v of run %d", place, r.Stream, r.File.Run, l.stream, l.run)
	}
	if s.line != place {
		c.endOf(s)
		if r.Time != l.time && s.broken {
			c.cut++ // the beginning of the line is in the gap
			s.broken = false
			return nil
		}
		s.line, s.length = place, 0
		s.hash.Reset()
	}
	s.broken = false
	s.length += len(r.Text)
	_, _ = s.hash.Write(r.Text)
	if !r.Partial || l.open && s.length >= l.length {
		c.line(s, place, r, now)
		s.line = -1
	}
	return nil
}

// endOf takes it that nothing more comes of the line of which a part has come.
func (c *Checker) endOf(s *received) {
	if s.line < 0 {
		return
	}
	if s.broken {
		c.cut++
	} else {
		note(&c.corrupt, "line %d: nothing came after %d bytes of %d", s.line, s.length, c.truth.lines[s.line].length)
	}
	s.line = -1
}

// line takes a whole line.
func (c *Checker) line(s *received, place int32, r *podlog.Record, now time.Time) {
	l := &c.truth.lines[place]
	if r.Partial != l.open || s.length != l.length || s.hash.Sum64() != l.sum {
		note(&c.corrupt, "line %d, run %d, time %d: %d bytes, open %v, want %d, open %v; the text is right: %v", place, l.run, l.time,
			s.length, r.Partial, l.length, l.open, s.hash.Sum64() == l.sum)
		return
	}
	for len(c.seen) <= int(place) {
		c.seen = append(c.seen, false)
	}
	if c.seen[place] {
		c.twice++
		return
	}
	c.seen[place] = true
	c.count++
	if n := len(s.order); n > 0 && s.order[n-1] > place {
		c.unordered++
	}
	s.order = append(s.order, place)
	if f := c.truth.files[l.file]; !f.compressed.IsZero() && f.compressed.Before(c.began) {
		c.inArchives++
	}
	if !c.caughtUp.IsZero() && l.written.After(c.caughtUp) {
		c.delays = append(c.delays, now.Sub(l.written))
	}
}

// Gap implements podlog.Sink.
func (c *Checker) Gap(g journal.Gap) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = time.Now()
	t := toldGap{Gap: g}
	for i := range c.streams {
		t.before[i] = len(c.streams[i].order)
		c.streams[i].broken = true
	}
	c.gaps = append(c.gaps, t)
	return nil
}

// Progress implements podlog.Sink.
func (c *Checker) Progress(p podlog.Progress) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Cursor != "" {
		c.last = p.Cursor
	}
	if p.CaughtUp && c.caughtUp.IsZero() {
		c.caughtUp = time.Now()
	}
	return nil
}

// Flush implements podlog.Sink.
func (c *Checker) Flush() error { return nil }

// Report says what became of the lines.
type Report struct {
	Counts Counts
	// Received is the number of lines that came, Archived that of those which the reader found in compressed files only.
	Received, Archived int
	// Sessions is the number of readers, one after another.
	Sessions int
	// Gaps is the number of gaps that came. Lost is the number of lines that did not come, Unreported that of those which no gap told
	// of; Kept that of lost ones whose file was never removed. Miscounted is the number of gaps whose number, or times, is not that
	// of the lines that are missing there. False is the number of gaps where no line is missing but which have a number. Cut is the number of
	// lines of which a part came next to a gap; they are lost ones.
	Gaps, Lost, Unreported, Kept, Miscounted, False, Cut int
	// Twice is the number of lines that came again, Unordered that of those which came before an earlier one of their stream.
	Twice, Unordered int
	// Corrupt and Phantom are lines that came with another text, and that were not written, some of them as text.
	Corrupt, Phantom []string
	// Delays are from the write of the last piece of a line, after the reader had caught up, to its coming.
	P50, P99, Longest time.Duration
	// GapTexts are some of the gaps, and of the lines that were lost without one.
	GapTexts []string
}

// Faults returns what must never be: an empty text if all is well.
func (r *Report) Faults() string {
	var b strings.Builder
	for _, f := range []struct {
		name  string
		count int
	}{
		{"lost without a gap", r.Unreported}, {"twice", r.Twice}, {"out of order", r.Unordered},
		{"gaps with a wrong number or time", r.Miscounted}, {"gaps where nothing is missing", r.False},
		{"corrupt", len(r.Corrupt)}, {"phantom", len(r.Phantom)}, {"lost from files that are still there", r.Kept},
	} {
		if f.count > 0 {
			fmt.Fprintf(&b, "%d %s\n", f.count, f.name)
		}
	}
	for _, text := range slices.Concat(r.Corrupt, r.Phantom) {
		b.WriteString(text + "\n")
	}
	if b.Len() > 0 {
		b.WriteString(strings.Join(r.GapTexts, "\n"))
	}
	return b.String()
}

// String returns the figures.
func (r *Report) String() string {
	return fmt.Sprintf("%+v\n%d lines received in %d sessions, %d of them from compressed files; %d lost, %d of them unreported, %d gaps; %d twice, %d out of order, %d corrupt, %d phantom; delays p50 %v, p99 %v, max %v",
		r.Counts, r.Received, r.Sessions, r.Archived, r.Lost, r.Unreported, r.Gaps, r.Twice, r.Unordered, len(r.Corrupt), len(r.Phantom), r.P50, r.P99, r.Longest)
}

// Report compares what came with everything that was written so far.
func (c *Checker) Report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.truth.mu.Lock()
	defer c.truth.mu.Unlock()
	r := Report{
		Counts: c.truth.counts, Received: c.count, Archived: c.inArchives, Sessions: c.sessions, Gaps: len(c.gaps), Cut: c.cut,
		Twice: c.twice, Unordered: c.unordered, Corrupt: c.corrupt, Phantom: c.phantom,
	}
	c.losses(&r)
	sorted := slices.Clone(c.delays)
	slices.Sort(sorted)
	if n := len(sorted); n > 0 {
		r.P50, r.P99, r.Longest = sorted[n/2], sorted[n*99/100], sorted[n-1]
	}
	return r
}

// losses finds the lines that did not come, and the gaps that told of them.
func (c *Checker) losses(r *Report) {
	inGap := make([]int, len(c.gaps))
	var unreported []string
	for place := range c.truth.lines {
		l := &c.truth.lines[place]
		if place < len(c.seen) && c.seen[place] || l.written.IsZero() {
			continue
		}
		r.Lost++
		if c.truth.files[l.file].removed.IsZero() {
			r.Kept++
		}
		if g := c.gapOf(int32(place), l); g >= 0 {
			inGap[g]++
		} else {
			r.Unreported++
			note(&unreported, "unreported: line %d, run %d, time %d, %v, %d bytes, late %v, open %v, file %d %+v", place, l.run, l.time, l.stream,
				l.length, l.late, l.open, l.file, c.truth.files[l.file])
		}
	}
	for i, g := range c.gaps {
		note(&r.GapTexts, "gap %v: %q, count %d, exact %v, from %d to %d; %d lines missing", g.Reason, g.Detail, g.Count, g.Exact, g.First, g.Last, inGap[i])
		switch {
		case inGap[i] == 0:
			if g.Count > 0 || g.Exact {
				r.False++
			}
		case g.Count > 0 && g.Count < uint64(inGap[i]), g.Exact && g.Count != uint64(inGap[i]):
			r.Miscounted++
		}
	}
	r.GapTexts = append(r.GapTexts, unreported...)
}

// gapOf returns which gap tells of a line that did not come: one that came between the lines of its stream that are next to
// it, and whose times include it; -1 for none.
func (c *Checker) gapOf(place int32, l *line) int {
	order := c.streams[l.stream].order
	// The lines came in order, or that is a fault of its own.
	before, _ := slices.BinarySearch(order, place)
	usec := journal.Usec(l.time / 1000)
	for i, g := range c.gaps {
		if g.before[l.stream] == before && (g.First == 0 || usec >= g.First) && (g.Last == 0 || usec <= g.Last) {
			return i
		}
	}
	return -1
}

// hasLast reports whether the line that was written last has come.
func (c *Checker) hasLast() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.truth.mu.Lock()
	defer c.truth.mu.Unlock()
	n := len(c.truth.lines)
	return n > 0 && len(c.seen) >= n && c.seen[n-1]
}
