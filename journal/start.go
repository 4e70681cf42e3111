// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"io"
	"math"
)

// start moves the reader to the first entry that the query has to look at and returns it, or io.EOF.
func (rd *reading) start() (Entry, error) {
	q := rd.q
	if q.Cursor != "" {
		return rd.startAtCursor()
	}
	if err := rd.r.SetMatch(rd.p.match); err != nil {
		return nil, err
	}
	switch {
	case q.Reverse:
		return rd.seek(rd.end(), rd.r.Previous)
	case q.Lines >= 0 && !q.FromHead:
		return rd.startFromEnd()
	case q.Since != nil:
		return rd.seek(AtRealtime(*q.Since), rd.r.Next)
	default:
		return rd.seek(Head(), rd.r.Next)
	}
}

func (rd *reading) seek(p Position, step func() (Entry, error)) (Entry, error) {
	if err := rd.r.Seek(p); err != nil {
		return nil, err
	}
	return step()
}

// end is where the query ends in time: Until is inclusive, and a position lies before the entries of its time.
func (rd *reading) end() Position {
	if rd.q.Until != nil && *rd.q.Until < math.MaxUint64 {
		return AtRealtime(*rd.q.Until + 1)
	}
	return Tail()
}

// startAtCursor starts at the entry that the cursor names, or the one after it. That the filter does not select
// the entry is no loss; that no entry is there is told.
func (rd *reading) startAtCursor() (Entry, error) {
	want, err := rd.q.Cursor.Parse()
	if err != nil {
		return nil, err
	}
	if err := rd.r.SetMatch(nil); err != nil {
		return nil, err
	}
	e, err := rd.seek(AtCursor(rd.q.Cursor), rd.step)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	g, lost := rd.cursorGap(want, e)
	if lost {
		if err := rd.sink.Gap(g); err != nil {
			return nil, err
		}
	}
	switch {
	case e == nil && !rd.q.Reverse && rd.q.Follow:
		// Nothing is there or later: a follower must not wait for that time to come.
		return rd.startAfterNewest()
	case e == nil:
		return nil, io.EOF
	case rd.q.AfterCursor && want.same(e.Header()):
		// The position to tell if nothing follows.
		rd.last = e.Header()
	}
	if err := rd.r.SetMatch(rd.p.match); err != nil {
		return nil, err
	}
	if e, err = rd.seek(AtCursor(rd.q.Cursor), rd.step); err != nil {
		return nil, err
	}
	if rd.q.AfterCursor && want.same(e.Header()) {
		return rd.step()
	}
	return e, nil
}

// startAfterNewest starts a follower after the newest entry of all, which is the position that it tells.
func (rd *reading) startAfterNewest() (Entry, error) {
	e, err := rd.seek(Tail(), rd.r.Previous)
	if errors.Is(err, io.EOF) {
		// An empty journal: all that comes is new.
		return nil, errors.Join(rd.r.SetMatch(rd.p.match), rd.r.Seek(Head()))
	}
	if err != nil {
		return nil, err
	}
	rd.last = e.Header()
	if err := rd.r.SetMatch(rd.p.match); err != nil {
		return nil, err
	}
	if e, err = rd.seek(AtCursor(rd.last.Cursor()), rd.r.Next); err != nil {
		return nil, err
	}
	if rd.last.same(e.Header()) {
		return nil, nil
	}
	return e, nil
}

// same reports whether the header belongs to the entry that the cursor c names.
func (c Header) same(h Header) bool {
	if !c.SeqnumID.IsZero() && c.Seqnum != 0 {
		if c.SeqnumID == h.SeqnumID {
			return c.Seqnum == h.Seqnum
		}
		// journald copies entries into another sequence when it flushes from /run to /var.
		return c.XorHash != 0 && c.XorHash == h.XorHash && c.BootID == h.BootID && c.Monotonic == h.Monotonic && c.Realtime == h.Realtime
	}
	if c.Realtime != 0 && c.Realtime != h.Realtime || !c.BootID.IsZero() && (c.BootID != h.BootID || c.Monotonic != h.Monotonic) {
		return false
	}
	return c.XorHash == 0 || c.XorHash == h.XorHash
}

// cursorGap says what is missing between the cursor and e, the first entry found there, nil if there is none.
func (rd *reading) cursorGap(want Header, e Entry) (Gap, bool) {
	g := Gap{Source: want.SeqnumID.String(), Reason: GapCursorLost, First: want.Realtime, Last: want.Realtime}
	if want.SeqnumID.IsZero() || want.Seqnum == 0 {
		// The cursor names a time, and any entry will do.
		return Gap{}, false
	}
	if e == nil {
		g.Detail = "no entry of the journal is at the cursor or after it"
		if rd.q.Reverse {
			g.Detail = "no entry of the journal is at the cursor or before it"
		}
		return g, true
	}
	h := e.Header()
	g.Last = h.Realtime
	switch {
	case want.same(h):
		return Gap{}, false
	case h.SeqnumID != want.SeqnumID:
		g.Detail = "the journal that the cursor belongs to is gone"
	case rd.q.Reverse || h.Seqnum < want.Seqnum:
		g.Detail = "the entry that the cursor names is gone"
	default:
		g.Count = h.Seqnum - want.Seqnum
		if rd.q.AfterCursor {
			// The entry itself had been delivered.
			g.Count--
		}
		g.Exact = len(rd.p.match) == 0 && !rd.p.looks()
		g.Detail = "entries after the cursor were removed from the journal before they were read"
		if g.Count == 0 {
			return Gap{}, false
		}
	}
	return g, true
}

// startFromEnd goes back from the end until there are as many wanted entries as the query has lines.
func (rd *reading) startFromEnd() (Entry, error) {
	q := rd.q
	if err := rd.r.Seek(rd.end()); err != nil {
		return nil, err
	}
	if q.Lines == 0 {
		// Stand on the last entry, so that the position is known and a follower goes on from it.
		e, err := rd.r.Previous()
		if err != nil {
			return nil, err
		}
		rd.last = e.Header()
		return nil, nil
	}
	var e Entry
	var err error
	if rd.p.looks() {
		e, err = rd.backToWanted()
	} else {
		e, err = rd.back(q.Lines)
	}
	if err != nil {
		return nil, err
	}
	if q.Since != nil && e.Header().Realtime < *q.Since {
		return rd.seek(AtRealtime(*q.Since), rd.r.Next)
	}
	return e, nil
}

// skipAtOnce is how far a reader skips between two looks at the context.
const skipAtOnce = 100_000

// back goes n entries back, or to the first.
func (rd *reading) back(n int64) (Entry, error) {
	for {
		e, made, err := rd.r.Skip(-min(n, skipAtOnce))
		switch {
		case errors.Is(err, io.EOF):
			return rd.seek(Head(), rd.r.Next)
		case err != nil:
			return nil, err
		case made < 0:
			made = -made
		}
		if n -= made; n <= 0 || made < skipAtOnce {
			return e, nil
		}
		if err := rd.ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// backToWanted goes back to the entry from which on there are Lines entries that the program wants, or
// to the first entry, or to one before Since.
func (rd *reading) backToWanted() (Entry, error) {
	var seen int64
	for steps := 1; ; steps++ {
		if steps%lookInterval == 0 && rd.ctx.Err() != nil {
			return nil, rd.ctx.Err()
		}
		e, err := rd.r.Previous()
		if errors.Is(err, io.EOF) {
			return rd.seek(Head(), rd.r.Next)
		}
		if err != nil {
			return nil, err
		}
		if wanted, err := rd.p.wants(e); err == nil && wanted {
			seen++
		}
		if seen == rd.q.Lines || rd.q.Since != nil && e.Header().Realtime < *rd.q.Since {
			return e, nil
		}
	}
}
