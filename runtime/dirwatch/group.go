// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package dirwatch

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// ID names a directory in a group.
type ID int

// Change is a directory in which something happened.
type Change struct {
	ID   ID
	Kind Kind
}

// Kind says what happened, as bits.
type Kind uint8

// The kinds of changes.
const (
	// Written: a file in the directory was written to or truncated.
	Written Kind = 1 << iota
	// Closed: a file was closed that had been open for writing.
	Closed
	// Names: a file or directory was made, renamed or removed, or the directory itself was.
	Names
	// Unknown: anything may have happened, because events were lost or the directory is not watched.
	Unknown
)

// Group is the directories that one goroutine waits for. Wake and Close can be called by others.
type Group struct {
	hub *Hub
	// signal has a value when there may be something for Wait.
	signal chan struct{}
	// only are the kinds that are reported, beside Unknown.
	only Kind
	// mu guards the fields below.
	mu      sync.Mutex
	entries map[ID]*entry
	next    ID
	// dirty are the entries with something pending, in order.
	dirty []*entry
	woken bool
	// polled is how many directories are not watched, reported when they were reported last.
	polled   int
	reported time.Time
	closed   bool
	// changes and timer are Wait's.
	changes []Change
	timer   *time.Timer
}

// Add watches a directory, which stays the caller's and can be closed at once. A directory that cannot be watched is reported by
// Wait as Unknown now and then. The first change reported of it happened after Add was called, so who adds a directory and then
// reads it misses nothing. A directory that was removed is reported once more, as Names, and must be taken out by Remove.
func (g *Group) Add(dir *os.File) (ID, error) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return 0, fmt.Errorf("watch %s: %w", dir.Name(), os.ErrClosed)
	}
	g.next++
	e := &entry{group: g, id: g.next}
	g.entries[e.id] = e
	g.mu.Unlock()
	err := g.hub.add(e, dir)
	g.mu.Lock()
	closed := g.closed
	if err != nil {
		delete(g.entries, e.id)
	}
	g.mu.Unlock()
	if err == nil && closed { // in between
		g.hub.remove(e)
		err = os.ErrClosed
	}
	if err != nil {
		return 0, fmt.Errorf("watch %s: %w", dir.Name(), err)
	}
	return e.id, nil
}

// Remove ends the watch of a directory. An id that is not there is ignored.
func (g *Group) Remove(id ID) {
	g.mu.Lock()
	e := g.entries[id]
	delete(g.entries, id)
	if e != nil && e.pending != 0 {
		e.pending = 0
		for i := range g.dirty {
			if g.dirty[i] == e {
				g.dirty = append(g.dirty[:i], g.dirty[i+1:]...)
				break
			}
		}
	}
	g.mu.Unlock()
	if e != nil {
		g.hub.remove(e)
	}
}

// Wait waits for changes since the last call, for Wake, for the time d, if it is not negative, or for the end of ctx, which is
// the error then. Changes of one directory are joined. The slice is valid until the next call; it is empty after Wake or d.
// After the Close of the group or the hub the error is an os.ErrClosed.
func (g *Group) Wait(ctx context.Context, d time.Duration) ([]Change, error) {
	var until time.Time
	if d >= 0 {
		until = time.Now().Add(d)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		wait, done, err := g.take(until)
		if err != nil || done {
			return g.changes, err
		}
		var timer <-chan time.Time
		if wait >= 0 {
			timer = g.after(wait)
		}
		select {
		case <-g.signal:
		case <-timer:
		case <-ctx.Done():
		}
	}
}

// take moves what is pending into g.changes. done says that Wait is over, wait how long there is nothing to do otherwise; negative:
// until a signal.
func (g *Group) take(until time.Time) (wait time.Duration, done bool, err error) {
	wait = -1
	g.mu.Lock()
	poll := g.polled > 0 && !g.closed
	g.mu.Unlock()
	if poll {
		g.hub.retry()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changes = g.changes[:0]
	if g.closed {
		return 0, true, fmt.Errorf("wait for directories: %w", os.ErrClosed)
	}
	if g.polled > 0 {
		if wait = time.Until(g.reported.Add(pollEvery)); wait <= 0 {
			g.reported = time.Now()
			wait = pollEvery
			g.markPolled()
		}
	}
	for _, e := range g.dirty {
		g.changes = append(g.changes, Change{ID: e.id, Kind: e.pending})
		e.pending = 0
	}
	clear(g.dirty)
	g.dirty = g.dirty[:0]
	woken := g.woken
	g.woken = false
	if !until.IsZero() {
		left := time.Until(until)
		if woken = woken || left <= 0; wait < 0 || left < wait {
			wait = left
		}
	}
	return wait, woken || len(g.changes) > 0, nil
}

// after returns the timer of Wait, set.
func (g *Group) after(d time.Duration) <-chan time.Time {
	if g.timer == nil {
		g.timer = time.NewTimer(d)
	} else {
		g.timer.Reset(d)
	}
	return g.timer.C
}

// markPolled marks the entries that are not watched. g.mu is held.
func (g *Group) markPolled() {
	for _, e := range g.entries {
		if e.polled {
			g.add(e, Unknown)
		}
	}
}

// Wake makes the Wait that runs, or else the next one, return.
func (g *Group) Wake() {
	g.mu.Lock()
	g.woken = true
	g.mu.Unlock()
	g.notify()
}

// Close ends the watches of the group.
func (g *Group) Close() {
	g.end()
	g.mu.Lock()
	entries := g.entries
	g.entries = nil
	g.mu.Unlock()
	for _, e := range entries {
		g.hub.remove(e)
	}
	g.hub.forget(g)
}

// end makes Wait return for good.
func (g *Group) end() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.notify()
}

// mark notes that something happened to an entry.
func (g *Group) mark(e *entry, kind Kind) {
	if kind &= g.only | Unknown; kind == 0 {
		return
	}
	g.mu.Lock()
	g.add(e, kind)
	g.mu.Unlock()
	g.notify()
}

// add notes that something happened to an entry that is still there. g.mu is held.
func (g *Group) add(e *entry, kind Kind) {
	if g.entries[e.id] != e {
		return
	}
	if e.pending == 0 {
		g.dirty = append(g.dirty, e)
	}
	e.pending |= kind
}

// setPolled notes whether an entry is polled.
func (g *Group) setPolled(e *entry, polled bool) {
	g.mu.Lock()
	if e.polled != polled {
		e.polled = polled
		if polled {
			g.polled++
		} else {
			g.polled--
		}
	}
	g.mu.Unlock()
	// A Wait that runs must know how long to wait.
	g.notify()
}

func (g *Group) notify() {
	select {
	case g.signal <- struct{}{}:
	default: // Wait will look anyway
	}
}
