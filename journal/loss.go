// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
)

// ledger counts the entries that a read looks at, by the files that they are in, and so finds at the end of the
// read what was not given: files that were removed meanwhile, and damage that the engine passed over.
type ledger struct {
	start []File
	items []ledgerItem // by sequence and number
	at    int          // where the last entry was
	// earliest and latest are the times of the entries looked at.
	earliest, latest Usec
}

// ledgerItem is one file, or several of one sequence whose numbers overlap, as those of a system and its users do.
type ledgerItem struct {
	id            ID128
	head, tail    uint64
	entries, seen uint64
	files         []File
}

func newLedger(files []File) *ledger {
	l := &ledger{start: files}
	sorted := slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Entries == 0 })
	slices.SortFunc(sorted, func(a, b File) int {
		return cmp.Or(bytes.Compare(a.SeqnumID[:], b.SeqnumID[:]), cmp.Compare(a.HeadSeqnum, b.HeadSeqnum))
	})
	for _, f := range sorted {
		if n := len(l.items); n > 0 && l.items[n-1].id == f.SeqnumID && f.HeadSeqnum <= l.items[n-1].tail {
			last := &l.items[n-1]
			last.tail = max(last.tail, f.TailSeqnum)
			last.entries += f.Entries
			last.files = append(last.files, f)
			continue
		}
		l.items = append(l.items, ledgerItem{id: f.SeqnumID, head: f.HeadSeqnum, tail: f.TailSeqnum, entries: f.Entries, files: []File{f}})
	}
	return l
}

func (i *ledgerItem) has(h Header) bool {
	return i.id == h.SeqnumID && i.head <= h.Seqnum && h.Seqnum <= i.tail
}

// missing is the number of entries that the read should have met and did not.
func (i *ledgerItem) missing() uint64 { return i.entries - min(i.seen, i.entries) }

// saw counts an entry.
func (l *ledger) saw(h Header) {
	if l.earliest == 0 || h.Realtime < l.earliest {
		l.earliest = h.Realtime
	}
	l.latest = max(l.latest, h.Realtime)
	if l.at < len(l.items) && l.items[l.at].has(h) {
		l.items[l.at].seen++
		return
	}
	at, ok := slices.BinarySearchFunc(l.items, h, func(i ledgerItem, h Header) int {
		if i.has(h) {
			return 0
		}
		return cmp.Or(bytes.Compare(i.id[:], h.SeqnumID[:]), cmp.Compare(i.head, h.Seqnum))
	})
	if ok {
		l.at = at
		l.items[at].seen++
	}
}

// gone returns the files of the start that are no longer there. A file that journald renamed keeps its id.
func (l *ledger) gone(now []File) []File {
	there := make(map[ID128]bool, len(now))
	for i := range now {
		there[now[i].FileID] = true
	}
	var gone []File
	for _, f := range l.start {
		if !there[f.FileID] && f.Entries > 0 {
			gone = append(gone, f)
		}
	}
	return gone
}

// settle tells the sink what the read did not give. whole says that the read looked at every entry of the journal, so that
// each file's count must come out.
func (l *ledger) settle(ctx context.Context, r Reader, q *Query, sink Sink, whole bool) error {
	now, err := r.Files()
	if err != nil {
		return err
	}
	gone := l.gone(now)
	if !whole {
		return l.tellGone(gone, q, sink)
	}
	var suspects []string
	short := make(map[string]*ledgerItem)
	for i := range l.items {
		item := &l.items[i]
		if item.missing() == 0 {
			continue
		}
		if at := slices.IndexFunc(gone, func(f File) bool { return item.has(Header{SeqnumID: f.SeqnumID, Seqnum: f.HeadSeqnum}) }); at >= 0 {
			if err := sink.Gap(removed(gone[at], item.missing(), len(item.files) == 1)); err != nil {
				return err
			}
			continue
		}
		for _, f := range item.files {
			suspects = append(suspects, f.Path)
			short[f.Path] = item
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	for _, p := range r.Damaged(ctx, suspects) {
		g := Gap{Source: p.Path, Reason: p.Reason, Detail: p.Err.Error()}
		if item := short[p.Path]; item != nil {
			g.Count, g.Exact = item.missing(), len(item.files) == 1
		}
		if err := sink.Gap(g); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// tellGone reports the removed files that a read of a part of the journal may have needed.
func (l *ledger) tellGone(gone []File, q *Query, sink Sink) error {
	for _, f := range gone {
		if q.Since != nil && f.TailRealtime < *q.Since || q.Until != nil && f.HeadRealtime > *q.Until {
			continue
		}
		if q.Lines >= 0 && (f.TailRealtime < l.earliest || f.HeadRealtime > l.latest) {
			continue
		}
		if err := sink.Gap(removed(f, f.Entries, false)); err != nil {
			return err
		}
	}
	return nil
}

func removed(f File, count uint64, exact bool) Gap {
	return Gap{
		Source: f.Path,
		Count:  count,
		Exact:  exact,
		First:  f.HeadRealtime,
		Last:   f.TailRealtime,
		Reason: GapVacuumed,
		Detail: "the file was removed while the journal was being read",
	}
}

// lossTracker finds entries that were removed from disk before a follower saw them. Each sequence counts on: a hole between
// what was read and what is left is a loss, unless another sequence of the same machine has these
// numbers: journald counts the system's and the users' files together. Where the reader sees every entry, a hole between two
// of them is a loss as well: a file that is removed while it is being read.
type lossTracker struct {
	// read is the newest number of each sequence up to which everything has been read, before what it was when
	// the reader went on last: a read with a filter cannot tell what it passed over since.
	read, before map[ID128]uint64
	// tails is what read becomes when the reader comes to its end next.
	tails []Header
	// every says that the reader gives all entries of its sequences; holes are those that it did not give since the
	// first end, which following tells.
	every, following bool
	// start is the newest number that each sequence began with, which the ledger counts; nil once following.
	start map[ID128]uint64
	holes []hole
	last  Header
}

// hole is a span of numbers that the reader did not give, and the times of the entries around it.
type hole struct {
	id ID128
	span
	from, to Usec
}

// maxHoles bounds the holes that are remembered between two ends; further ones make the last of them longer.
const maxHoles = 1024

// newLossTracker makes one for a reader that has these files. every says that it gives all entries of their sequences.
func newLossTracker(r Reader, files []File, every bool) (*lossTracker, error) {
	t := &lossTracker{read: make(map[ID128]uint64), every: every, start: make(map[ID128]uint64)}
	for _, f := range files {
		t.start[f.SeqnumID] = max(t.start[f.SeqnumID], f.TailSeqnum)
	}
	return t, t.mark(r)
}

// mark notes what there is to read before the reader goes on.
func (t *lossTracker) mark(r Reader) error {
	tails, err := r.Tails()
	t.tails = tails
	if !t.every {
		t.before = maps.Clone(t.read)
	}
	return err
}

// saw notes an entry that the reader stood on.
func (t *lossTracker) saw(h Header) {
	read := t.read[h.SeqnumID]
	if h.Seqnum <= read {
		return
	}
	t.read[h.SeqnumID] = h.Seqnum
	if t.every && t.following && read != 0 && h.Seqnum > read+1 {
		t.addHole(hole{id: h.SeqnumID, span: span{read + 1, h.Seqnum - 1}, from: t.last.Realtime, to: h.Realtime})
	}
	t.last = h
}

func (t *lossTracker) addHole(h hole) {
	if n := len(t.holes); n < maxHoles || t.holes[n-1].id != h.id {
		t.holes = append(t.holes[:min(n, maxHoles)], h)
		return
	}
	last := &t.holes[len(t.holes)-1]
	last.span.last, last.to = h.span.last, h.to
}

// reached notes that the reader came to its end.
func (t *lossTracker) reached() {
	t.following = true
	for _, tail := range t.tails {
		read := t.read[tail.SeqnumID]
		if tail.Seqnum <= read {
			continue
		}
		t.read[tail.SeqnumID] = tail.Seqnum
		// It was there when the reader went on, and was not given.
		if told := max(read, t.start[tail.SeqnumID]); t.every && read != 0 && tail.Seqnum > told {
			t.addHole(hole{id: tail.SeqnumID, span: span{told + 1, tail.Seqnum}, from: t.last.Realtime, to: tail.Realtime})
		}
	}
	t.start = nil
}

// settle tells the sink of the holes that were found on the way to the end.
func (t *lossTracker) settle(ctx context.Context, r Reader, sink Sink) error {
	if len(t.holes) == 0 {
		return nil
	}
	holes := t.holes
	t.holes = nil
	files, err := r.Files()
	if err != nil {
		return err
	}
	for _, h := range holes {
		if err := h.tell(ctx, r, files, sink); err != nil {
			return err
		}
	}
	return nil
}

// tell says why the entries of a hole were not given: a file that has numbers of it still may be damaged, otherwise
// it was removed.
func (h *hole) tell(ctx context.Context, r Reader, files []File, sink Sink) error {
	g := Gap{Source: h.id.String(), First: h.from, Last: h.to}
	var suspects []string
	of := File{SeqnumID: h.id}
	for _, f := range files {
		if f.SeqnumID != h.id || f.Entries == 0 {
			continue
		}
		of.MachineID = f.MachineID
		if f.HeadSeqnum <= h.first && f.TailSeqnum >= h.span.last {
			suspects = append(suspects, f.Path)
		}
	}
	g.Count, g.Exact = h.without(files, of)
	if g.Count == 0 {
		return nil
	}
	g.Reason, g.Detail = GapVacuumed, "journal files were removed while they were being read"
	if len(suspects) > 0 {
		if damaged := r.Damaged(ctx, suspects); len(damaged) > 0 {
			g.Source, g.Reason, g.Detail = damaged[0].Path, damaged[0].Reason, damaged[0].Err.Error()
		}
	}
	return sink.Gap(g)
}

// newest returns the newest entry that there was when the reader went on to its end, the position that it has reached
// whether the filter selected it or not. last is the entry it stood on.
func (t *lossTracker) newest(last Header) Header {
	for _, tail := range t.tails {
		newer := tail.Realtime > last.Realtime
		if tail.SeqnumID == last.SeqnumID {
			newer = tail.Seqnum > last.Seqnum
		}
		if newer && tail.Seqnum > 0 {
			last = tail
		}
	}
	return last
}

// check compares what was read with the files that there are and tells the sink what is gone. exact says that the read
// has no filter. With one, what was removed after it was passed over may be told too.
func (t *lossTracker) check(files []File, last Usec, exact bool, sink Sink) error {
	known := t.read
	if !t.every {
		known = t.before
	}
	for id, read := range known {
		next, ok := nextAvailable(files, id, read)
		if !ok || next.HeadSeqnum <= read+1 {
			continue
		}
		hole := span{read + 1, next.HeadSeqnum - 1}
		known[id] = hole.last
		t.read[id] = max(t.read[id], hole.last)
		count, alone := hole.without(files, next)
		if count == 0 {
			continue
		}
		err := sink.Gap(Gap{
			Source: id.String(),
			Count:  count,
			Exact:  exact && alone,
			First:  last,
			Last:   next.HeadRealtime,
			Reason: GapVacuumed,
			Detail: "journal files were removed before they were read",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nextAvailable returns the file of the sequence with the least numbers after read, as if it began after read; ok is
// false if no file reaches further.
func nextAvailable(files []File, id ID128, read uint64) (next File, ok bool) {
	for _, f := range files {
		if f.SeqnumID != id || f.Entries == 0 || f.TailSeqnum <= read {
			continue
		}
		f.HeadSeqnum = max(f.HeadSeqnum, read+1)
		if !ok || f.HeadSeqnum < next.HeadSeqnum {
			next, ok = f, true
		}
	}
	return next, ok
}

// span is a range of sequence numbers, both inclusive.
type span struct{ first, last uint64 }

// without returns how many numbers of the span no other sequence of the machine can have, and whether there is
// no other sequence.
func (s span) without(files []File, of File) (count uint64, alone bool) {
	var others []span
	alone = true
	for _, f := range files {
		if f.MachineID != of.MachineID || f.SeqnumID == of.SeqnumID || f.Entries == 0 {
			continue
		}
		alone = false
		if f.HeadSeqnum <= s.last && f.TailSeqnum >= s.first {
			others = append(others, span{max(f.HeadSeqnum, s.first), min(f.TailSeqnum, s.last)})
		}
	}
	slices.SortFunc(others, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	count = s.last - s.first + 1
	next := s.first
	for _, o := range others {
		if o.first = max(o.first, next); o.first <= o.last {
			count -= o.last - o.first + 1
			next = o.last + 1
		}
	}
	return count, alone
}
