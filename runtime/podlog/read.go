// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"container/heap"
	"context"
	"fmt"
	"strings"
)

// Read hands the records that q selects of the containers of set to sink. Files that cannot be read are gaps, not errors.
// The error is a *journal.QueryError for a malformed query, ErrBadCursor, ErrNoPrevious, what sink or set returned, or that of
// ctx.
func (l *Logs) Read(ctx context.Context, set Set, q Query, sink Sink) error {
	p, err := newPlan(q)
	if err != nil {
		return err
	}
	targets, err := set.Targets(ctx)
	if err != nil {
		return err
	}
	if p.Reverse {
		return l.readReverse(ctx, targets, p, sink)
	}
	m := &merge{logs: l, plan: p, set: set, sink: sink, left: p.Limit, byKey: make(map[string]*reader)}
	defer m.close()
	if p.Follow && l.config.Hub != nil {
		m.keeper = newKeeper(l)
		m.keeper.start(ctx)
		defer m.keeper.close()
	}
	for _, t := range targets {
		m.add(t, p)
	}
	if p.Follow {
		return m.follow(ctx)
	}
	if err := m.drain(ctx); err != nil {
		return done(err)
	}
	return m.sink.Progress(Progress{CaughtUp: true, Cursor: m.cursor()})
}

// limitError ends a read whose limit has been reached.
type limitError struct{}

func (limitError) Error() string { return "the limit has been reached" }

// done turns the end at a limit into success.
func done(err error) error {
	if _, ok := err.(limitError); ok { //nolint:errorlint // it is never wrapped
		return nil
	}
	return err
}

// merge reads several containers in the order of time. It belongs to one goroutine.
type merge struct {
	logs *Logs
	plan *plan
	set  Set
	sink Sink
	// keeper is that of a follower.
	keeper *keeper
	// left is the number of records that may still be given; negative for no limit.
	left int64

	readers []*reader
	byKey   map[string]*reader
	// look are the readers that may have something; ready those whose head is a record, in a heap.
	look  []*reader
	ready heads
	// began: all readers have looked for their beginnings.
	began bool
	// pause, if set, is called now and then while there is much to give.
	pause func() error
}

// pauseEvery is the number of records after which merge.pause is called.
const pauseEvery = 1 << 10

// add takes a container in.
func (m *merge) add(t Target, p *plan) {
	key := t.Source.Key()
	if _, there := m.byKey[key]; there {
		return
	}
	r := newReader(m.logs, p, t, len(m.readers))
	r.keeper = m.keeper
	m.byKey[key] = r
	m.readers = append(m.readers, r)
	m.look = append(m.look, r)
}

func (m *merge) close() {
	for _, r := range m.readers {
		r.close()
	}
}

// drain gives all records that there are now.
func (m *merge) drain(ctx context.Context) error {
	given := 0
	for {
		if err := m.advanceAll(ctx); err != nil {
			return err
		}
		if !m.began {
			m.began = true
			if err := m.checkPrevious(); err != nil {
				return err
			}
			if m.plan.Tail >= 0 {
				// The last records are counted once: what is written meanwhile comes after them, also after a break.
				if err := m.sink.Progress(Progress{Cursor: m.start()}); err != nil {
					return err
				}
			}
		}
		for len(m.ready) > 0 {
			if err := m.giveFirst(ctx); err != nil {
				return err
			}
			if given++; m.pause != nil && given%pauseEvery == 0 {
				if err := m.pause(); err != nil {
					return err
				}
				break
			}
		}
		if len(m.ready) == 0 && len(m.look) == 0 {
			return nil
		}
	}
}

// advanceAll looks for the next records of the readers that may have some.
func (m *merge) advanceAll(ctx context.Context) error {
	look := m.look
	m.look = m.look[:0]
	for _, r := range look {
		r.listed = false
		if r.ready {
			continue
		}
		st, err := r.advance(ctx)
		if err != nil {
			return err
		}
		if st == hasRecord {
			heap.Push(&m.ready, r)
			continue
		}
		if err := m.rest(r, st); err != nil {
			return err
		}
	}
	return nil
}

// rest gives the gaps of a reader that has no record now.
func (m *merge) rest(r *reader, st state) error {
	err := m.gaps(r)
	if st == ended {
		r.close()
	}
	return err
}

func (m *merge) gaps(r *reader) error {
	for i := range r.gaps {
		if err := m.sink.Gap(r.gaps[i]); err != nil {
			return err
		}
	}
	r.gaps = r.gaps[:0]
	return nil
}

// giveFirst gives the first of the heads and finds the next one of its reader.
func (m *merge) giveFirst(ctx context.Context) error {
	r := m.ready[0]
	if m.left == 0 { // from the beginning
		return m.finish()
	}
	if len(r.gaps) > 0 {
		if err := m.gaps(r); err != nil {
			return err
		}
	}
	if err := m.sink.Record(&r.head); err != nil {
		return err
	}
	if m.left > 0 {
		if m.left--; m.left == 0 {
			return m.finish() // that there is another one can take long to learn
		}
	}
	st, err := r.advance(ctx)
	if err != nil {
		return err
	}
	if st == hasRecord {
		if len(m.ready) > 1 {
			heap.Fix(&m.ready, 0)
		}
		return nil
	}
	heap.Pop(&m.ready)
	return m.rest(r, st)
}

// finish ends a read at its limit.
func (m *merge) finish() error { return limitError{} }

// checkPrevious is an error if the previous run is asked for and no container has one.
func (m *merge) checkPrevious() error {
	if m.plan.Runs != RunsPrevious || len(m.readers) == 0 {
		return nil
	}
	var names []string
	for _, r := range m.readers {
		if !r.noPrevious {
			return nil
		}
		s := &r.target.Source
		if s.Pod == "" {
			names = append(names, fmt.Sprintf("container %q", s.Container))
		} else {
			names = append(names, fmt.Sprintf("container %q in pod %q", s.Container, s.Pod))
		}
	}
	const most = 5
	if len(names) > most {
		names = append(names[:most], "others")
	}
	return fmt.Errorf("%w: previous terminated %s not found", ErrNoPrevious, strings.Join(names, ", "))
}

// cursor is the place reached in every container, when nothing is ready.
func (m *merge) cursor() Cursor {
	return m.places(func(r *reader) Position { return r.reached })
}

// start is the place where reading began in every container.
func (m *merge) start() Cursor {
	return m.places(func(r *reader) Position { return r.started })
}

func (m *merge) places(of func(r *reader) Position) Cursor {
	positions := make([]Position, 0, len(m.readers))
	for _, r := range m.readers {
		if p := of(r); p.Fingerprint != 0 || p.Inode != 0 {
			p.Key = r.target.Source.Key()
			positions = append(positions, p)
		}
	}
	return MakeCursor(positions...)
}

// heads is a heap of readers by the time of their heads.
type heads []*reader

func (h heads) Len() int { return len(h) }
func (h heads) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].index < h[j].index
}
func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)   { *h = append(*h, x.(*reader)) }
func (h *heads) Pop() any {
	old := *h
	r := old[len(old)-1]
	*h = old[:len(old)-1]
	return r
}
