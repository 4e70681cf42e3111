// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"container/heap"
	"context"
	"errors"
	"io"

	"github.com/noded/noded/journal"
)

// readReverse gives the newest records first.
func (l *Logs) readReverse(ctx context.Context, targets []Target, p *plan, sink Sink) error {
	m := &merge{logs: l, plan: p, sink: sink, left: p.Limit, byKey: make(map[string]*reader)}
	defer m.close()
	for _, t := range targets {
		m.add(t, p)
	}
	var ready latest
	defer func() {
		for _, b := range ready {
			b.close()
		}
	}()
	for _, r := range m.readers {
		b := r.reverse()
		more, err := b.advance(ctx)
		if err == nil {
			err = m.gaps(r)
		}
		if err != nil {
			b.close()
			return err
		}
		if more {
			ready = append(ready, b)
		}
	}
	if err := m.checkPrevious(); err != nil {
		return err
	}
	heap.Init(&ready)
	for len(ready) > 0 && m.left != 0 {
		b := ready[0]
		if err := sink.Record(b.head()); err != nil {
			return err
		}
		if m.left > 0 {
			m.left--
		}
		more, err := b.advance(ctx)
		if err == nil {
			err = m.gaps(b.reader)
		}
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&ready, 0)
		} else {
			heap.Pop(&ready)
		}
	}
	return sink.Progress(Progress{CaughtUp: true})
}

const (
	// maxReverseRecords and maxReverseBytes are when a block is given in parts. Most blocks have fewer, as each part has to be read
	// from the beginning of the block.
	maxReverseRecords = 128 << 10
	maxReverseBytes   = 12 << 20
)

// reversed reads the log of one container backwards. It belongs to one goroutine.
type reversed struct {
	reader *reader
	walk   backwards
	scan   scanner
	// records are those of a block, of which the ones before n have not been given, and text is what is in them.
	records []Record
	text    []byte
	// ends is where in text each record ends, and times are their times, or that of the one before.
	ends  []int
	times []int64
	n     int
	left  int64
	over  bool
	// tries counts how often the files were listed anew for one block.
	tries int
}

// reverse begins at the end of a log.
func (r *reader) reverse() *reversed {
	b := &reversed{reader: r, left: r.plan.Tail, scan: scanner{max: r.scan.max}}
	b.walk = backwards{r: r, entries: r.reverseEntries()}
	return b
}

// reverseEntries returns the files that the query is about.
func (r *reader) reverseEntries() []entry {
	entries, err := r.list()
	if err != nil {
		r.gapIn(err)
		return nil
	}
	runs := runsOf(entries)
	switch {
	case r.plan.Runs == RunsPrevious && len(runs) < 2:
		r.noPrevious = true
		return nil
	case len(runs) == 0 || r.plan.Runs == RunsAll:
		return entries
	case r.plan.Runs == RunsPrevious:
		r.setStop(runs[len(runs)-2], runs)
	default:
		r.setStop(runs[len(runs)-1], runs)
	}
	return ofRun(entries, r.stopRun)
}

func (b *reversed) head() *Record { return &b.records[b.n] }

// advance finds the record before. It reports whether there is one.
func (b *reversed) advance(ctx context.Context) (bool, error) {
	if b.left == 0 {
		b.close()
		return false, nil
	}
	for b.n == 0 {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if b.over {
			b.close()
			return false, nil
		}
		if err := b.fill(); err != nil {
			b.close()
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			b.reader.gapIn(err)
			return false, nil
		}
	}
	b.n--
	b.left--
	b.reader.at = b.times[b.n]
	return true, nil
}

// fill reads the block before.
func (b *reversed) fill() error {
	next, err := b.walk.next()
	if hasMoved(err) {
		return b.again()
	}
	if err != nil {
		return err
	}
	b.records, b.text, b.ends, b.times = b.records[:0], b.text[:0], b.ends[:0], b.times[:0]
	parts := false
	yield := func(r *Record, at int64) {
		if len(b.records) >= maxReverseRecords || len(b.text) > maxReverseBytes {
			b.halve()
			parts = true
		}
		b.text = append(b.text, r.Text...)
		b.ends, b.times = append(b.ends, len(b.text)), append(b.times, at)
		b.records = append(b.records, *r)
	}
	for err = b.reader.each(&b.scan, next, yield); hasMoved(err) && len(b.records) == 0; err = b.reader.each(&b.scan, next, yield) {
		// The files before, of which the block has the end of a line.
		if err = b.again(); err != nil {
			break
		}
		next.before = b.walk.before
	}
	from := 0
	for i, to := range b.ends {
		b.records[i].Text = b.text[from:to:to]
		from = to
	}
	b.n = len(b.records)
	b.tries = 0
	if err != nil {
		b.reader.gapAt(&next.seg.entry, next.from, err)
	}
	b.over = !parts && b.reader.plan.since > 0 && b.reader.passed(next)
	return nil
}

// halve drops the older half of the records of a block that has too many, such as one with a line of gigabytes. The next block ends where
// they end.
func (b *reversed) halve() {
	n := len(b.records) / 2
	for n > 1 && b.records[n].End <= b.records[n-1].End { // they would be given again
		n--
	}
	from, last := b.ends[n-1], &b.records[n-1]
	b.walk.to, b.walk.cut = last.End, StreamUnknown
	if last.Partial {
		b.walk.cut = last.Stream
	}
	b.records = b.records[:copy(b.records, b.records[n:])]
	b.text = b.text[:copy(b.text, b.text[from:])]
	b.ends = b.ends[:copy(b.ends, b.ends[n:])]
	b.times = b.times[:copy(b.times, b.times[n:])]
	for i := range b.ends {
		b.ends[i] -= from
	}
}

// again lists the files anew, because they were rotated, and goes on before the file that was read last.
func (b *reversed) again() error {
	if b.tries++; b.tries > maxBegins {
		return errMoved
	}
	if b.walk.relist(b.reader.reverseEntries()) {
		b.reader.gap(journal.Gap{Reason: journal.GapVacuumed, Last: usec(b.reader.at), Detail: "rotated files were removed before they were read"})
	}
	return nil
}

func (b *reversed) close() {
	b.walk.close()
	b.scan.pos = b.scan.end
	b.scan.idle()
}

// latest is a heap of logs by the time of their heads, the latest first.
type latest []*reversed

func (h latest) Len() int { return len(h) }
func (h latest) Less(i, j int) bool {
	if h[i].reader.at != h[j].reader.at {
		return h[i].reader.at > h[j].reader.at
	}
	return h[i].reader.index > h[j].reader.index
}
func (h latest) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *latest) Push(x any)   { *h = append(*h, x.(*reversed)) }
func (h *latest) Pop() any {
	old := *h
	b := old[len(old)-1]
	*h = old[:len(old)-1]
	return b
}
