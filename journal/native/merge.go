// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"cmp"
	"io"
	"slices"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// manyFiles is the number of files from which those that a window cannot need are told by their headers alone.
const manyFiles = 64

// group is the files of one sequence. Their order is that of the sequence numbers, so that only those have to be
// open whose ranges the read has come to.
type group struct {
	id      journal.ID128
	sources []*source
	// order has the sources by where their ranges begin in the direction of the merge; those from next on have not
	// been looked at.
	order []*source
	next  int
	// heap has the sources with a head, the nearest first. stale: the head of the first was passed.
	heap  []*source
	stale bool
	// last is the number of the entry given last; 0 if none was.
	last uint64
}

// turn prepares the merge for a direction.
func (r *reader) turn(down bool) {
	if r.misplaced {
		r.regroup()
	}
	if r.turned && r.down != down {
		r.settle()
	}
	r.down, r.turned = down, true
	if r.at != nil {
		r.at.place = r.offset
		if down {
			r.at.place++
		}
	}
	r.idle = r.idle[:0]
	for _, g := range r.groups {
		g.heap, g.next, g.stale = g.heap[:0], 0, false
		g.order = append(g.order[:0], g.sources...)
		slices.SortStableFunc(g.order, func(a, b *source) int {
			if down {
				return cmp.Compare(a.header.HeadSeqnum, b.header.HeadSeqnum)
			}
			return cmp.Compare(b.tail(), a.tail())
		})
	}
}

// settle gives the files that were not needed so far a place, before the merge turns round: a target that is a time could
// have a part of them on either side of it, but they are on one side of the entry that the reader stands on.
func (r *reader) settle() {
	for _, g := range r.groups {
		for i, s := range g.order {
			if s.found || s.bad || s.growable() {
				continue
			}
			s.found, s.place = true, 0
			// All of what was passed over is behind; the others are ahead.
			if (i < g.next) == r.down {
				s.place = journalfile.End
			}
		}
	}
}

// tail is the newest number that the file can have.
func (s *source) tail() uint64 {
	if s.header.State != journalfile.StateArchived {
		return ^uint64(0)
	}
	return s.header.TailSeqnum
}

// nearest returns the source whose head is the next entry; nil if there is none.
func (r *reader) nearest() *source {
	var best *source
	for _, g := range r.groups {
		s := r.top(g)
		if s != nil && (best == nil || r.before(s, best)) {
			best = s
		}
	}
	return best
}

// before reports whether the head of a comes before that of b in the direction of the merge.
func (r *reader) before(a, b *source) bool {
	c := compare(&a.head, &b.head)
	return c < 0 && r.down || c > 0 && !r.down
}

// top returns the source of the group whose head is next.
func (r *reader) top(g *group) *source {
	if g.stale {
		g.stale = false
		s := g.heap[0]
		r.renew(s)
		if s.hasHead {
			r.sift(g, 0)
		} else {
			last := len(g.heap) - 1
			g.heap[0] = g.heap[last]
			g.heap = g.heap[:last]
			r.sift(g, 0)
		}
	}
	for g.next < len(g.order) {
		s := g.order[g.next]
		if len(g.heap) > 0 {
			at := g.heap[0].head.Seqnum
			if r.down && s.header.HeadSeqnum > at || !r.down && s.tail() < at {
				break
			}
		}
		g.next++
		r.add(g, s)
	}
	if len(g.heap) == 0 {
		return nil
	}
	return g.heap[0]
}

// add looks at a source that the read has come to.
func (r *reader) add(g *group, s *source) {
	if s.bad || s.nothing(r.down, len(r.sources) > manyFiles) {
		return
	}
	if r.renew(s); s.hasHead {
		g.heap = append(g.heap, s)
		r.raise(g, len(g.heap)-1)
	}
}

// renew finds the head of a source. One that cannot be read is dropped, one at its end that may grow is idle.
func (r *reader) renew(s *source) {
	if err := r.advance(s, r.down); err != nil {
		r.drop(s, err)
		return
	}
	if !s.hasHead && s.growable() && !s.gone {
		r.idle = append(r.idle, s)
		r.fresh = true
	}
}

// sift restores the heap below i.
func (r *reader) sift(g *group, i int) {
	for {
		child := 2*i + 1
		if child >= len(g.heap) {
			return
		}
		if child+1 < len(g.heap) && r.before(g.heap[child+1], g.heap[child]) {
			child++
		}
		if !r.before(g.heap[child], g.heap[i]) {
			return
		}
		g.heap[i], g.heap[child] = g.heap[child], g.heap[i]
		i = child
	}
}

// raise restores the heap above i.
func (r *reader) raise(g *group, i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !r.before(g.heap[i], g.heap[parent]) {
			return
		}
		g.heap[i], g.heap[parent] = g.heap[parent], g.heap[i]
		i = parent
	}
}

// grow takes in what was written to the files that the merge had come to the end of, and reports whether there was
// anything. giving says that an entry of another file would be given now.
func (r *reader) grow(giving bool) bool {
	grew := false
	for i := 0; i < len(r.idle); i++ {
		s := r.idle[i]
		if s.file == nil || !s.news(giving) {
			continue
		}
		grew = true
		r.idle = slices.Delete(r.idle, i, i+1)
		i--
		if err := r.refresh(s); err != nil {
			r.drop(s, err)
			continue
		}
		r.add(s.group, s)
	}
	return grew
}

// step moves to the next entry in the direction, or returns io.EOF and stays.
func (r *reader) step(down bool) error {
	if r.never {
		return io.EOF
	}
	for {
		if !r.turned || r.down != down || r.misplaced {
			r.turn(down)
		}
		s := r.nearest()
		// What another file got before this entry was written is to be seen before it. Nothing has to be looked at as long as the
		// files are as they were when the idle ones were looked at last.
		if down && len(r.idle) > 0 && (s == nil || r.fresh) {
			r.fresh = false
			if r.grow(s != nil) {
				continue
			}
		}
		if r.misplaced {
			continue
		}
		if s == nil {
			r.ended = down
			return io.EOF
		}
		if down && r.missing(s) && r.look() {
			r.told = false
			continue
		}
		r.ended = false
		head, offset := s.head, s.headOffset
		s.pass(down)
		s.group.stale, s.group.last = true, head.Seqnum
		if r.has && compare(&head, &r.current) == 0 {
			continue // another file's copy
		}
		r.at, r.current, r.offset, r.has = s, head, offset, true
		return nil
	}
}
