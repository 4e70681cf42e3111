// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/noded/noded/runtime/dirwatch"
)

const (
	// lookAgain is how often a follower looks at all containers, whatever it was told of: not every file system tells of
	// changes.
	lookAgain = 2 * time.Second
	// pollEvery is how often it looks where nothing tells of changes.
	pollEvery = 250 * time.Millisecond
	// progressEvery is the least time between two reports of the position.
	progressEvery = time.Second
	// maxPlaces is how many containers that were let go of are remembered.
	maxPlaces = 1024
)

// follower goes on with a merge as records are written.
type follower struct {
	*merge
	group *dirwatch.Group
	// watched are the readers by the watches of their directories.
	watched map[dirwatch.ID]*reader
	watches map[*reader]watch
	// places are where the logs of containers that were let go of had been read to, by their keys. Some come back.
	places map[string]Position
	// changed is told when the set has changed.
	changed chan struct{}
	// looked is when all readers were looked at, told when the position was reported.
	looked, told time.Time
	caughtUp     bool
	at           Cursor
}

// watch is the watch of the directory of a reader.
type watch struct {
	id  dirwatch.ID
	dir uint64
}

func (m *merge) follow(ctx context.Context) error {
	f := &follower{merge: m, watched: make(map[dirwatch.ID]*reader), watches: make(map[*reader]watch), places: make(map[string]Position)}
	if m.logs.config.Hub != nil {
		f.group = m.logs.config.Hub.Group()
		defer f.group.Close()
	}
	stop := f.listen()
	defer stop()
	m.pause = func() error { return f.take(ctx, 0) }
	// Watches come before the first look: nothing is missed between.
	f.watchAll()
	for {
		if err := m.drain(ctx); err != nil {
			return done(err)
		}
		if f.watchAll() {
			// What was written to a directory before it was watched.
			continue
		}
		over := f.over()
		if err := f.report(over); err != nil || over {
			return err
		}
		if err := m.sink.Flush(); err != nil {
			return err
		}
		if err := f.take(ctx, f.patience()); err != nil {
			return err
		}
	}
}

// listen makes changes of the set end a wait. The function that it returns ends that.
func (f *follower) listen() (stop func()) {
	changes := f.set.Changed()
	f.changed = make(chan struct{}, 1)
	if changes == nil {
		return func() {}
	}
	end := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-changes:
			}
			select {
			case f.changed <- struct{}{}:
			default:
			}
			if f.group != nil {
				f.group.Wake()
			}
		}
	})
	return func() {
		close(end)
		running.Wait()
	}
}

// watchAll watches the directories of readers that have come to be, and reports whether there were such.
func (f *follower) watchAll() bool {
	news := false
	for _, r := range f.readers {
		w, have := f.watches[r]
		switch {
		case r.over:
			if have {
				f.unwatch(r, w)
			}
			continue
		case r.dir == nil:
			if have {
				f.unwatch(r, w)
			}
			// It opens the directory.
			if _, err := r.list(); err != nil || r.dir == nil {
				continue
			}
		case have && w.dir == r.dirs:
			continue
		case have:
			f.unwatch(r, w)
		}
		w = watch{dir: r.dirs}
		if f.group != nil {
			id, err := f.group.Add(r.dir.File())
			if err != nil {
				continue
			}
			w.id = id
			f.watched[id] = r
		}
		f.watches[r] = w
		r.changed = true
		f.lookAt(r)
		news = true
	}
	return news
}

func (f *follower) unwatch(r *reader, w watch) {
	delete(f.watches, r)
	if f.group != nil {
		delete(f.watched, w.id)
		f.group.Remove(w.id)
	}
}

// lookAt has the reader looked at in the next drain.
func (f *follower) lookAt(r *reader) {
	if !r.listed && !r.over {
		r.listed = true
		f.look = append(f.look, r)
	}
}

// over reports whether nothing can come any more.
func (f *follower) over() bool {
	if f.plan.until != math.MaxInt64 && time.Now().UnixNano() > f.plan.until+int64(progressEvery) {
		return true
	}
	if f.set.Open() {
		return false
	}
	for _, r := range f.readers {
		if !r.over {
			return false
		}
	}
	return true
}

// report tells the position: when all has been looked at for the first time, at the end, and when it has moved.
func (f *follower) report(last bool) error {
	now := time.Now()
	if f.caughtUp && !last && now.Sub(f.told) < progressEvery {
		return nil
	}
	at := f.cursor()
	if f.caughtUp && !last && at == f.at {
		f.told = now
		return nil
	}
	f.caughtUp, f.told, f.at = true, now, at
	return f.sink.Progress(Progress{CaughtUp: true, Cursor: at})
}

// patience is how long to wait at most.
func (f *follower) patience() time.Duration {
	now := time.Now()
	wait := lookAgain
	if f.group == nil {
		wait = pollEvery
	}
	for _, r := range f.readers {
		if !r.settling.IsZero() {
			wait = min(wait, max(r.settling.Sub(now), time.Millisecond))
		}
	}
	if f.plan.until != math.MaxInt64 {
		wait = min(wait, max(time.Until(time.Unix(0, f.plan.until).Add(progressEvery)), time.Millisecond))
	}
	return wait
}

// take waits for changes, at most for the time wait, and notes which readers they are about.
func (f *follower) take(ctx context.Context, wait time.Duration) error {
	var changes []dirwatch.Change
	if f.group != nil {
		var err error
		if changes, err = f.group.Wait(ctx, wait); err != nil {
			return err
		}
	} else if err := f.sleep(ctx, wait); err != nil {
		return err
	}
	for _, c := range changes {
		r := f.watched[c.ID]
		if r == nil {
			continue
		}
		if c.Kind&^dirwatch.Written != 0 {
			r.changed = true
		}
		f.lookAt(r)
	}
	select {
	case <-f.changed:
		if err := f.update(ctx); err != nil {
			return err
		}
	default:
	}
	now := time.Now()
	all := f.group == nil || now.Sub(f.looked) >= lookAgain
	if all {
		f.looked = now
	}
	for _, r := range f.readers {
		if all || !r.settling.IsZero() && !now.Before(r.settling) {
			r.changed = true
			f.lookAt(r)
		}
	}
	return nil
}

func (f *follower) sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-f.changed:
		// It is looked at below.
		select {
		case f.changed <- struct{}{}:
		default:
		}
	}
	return ctx.Err()
}

// update takes in what has come to match, and lets go what does not exist any more.
func (f *follower) update(ctx context.Context) error {
	targets, err := f.set.Targets(ctx)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(targets))
	later := f.plan.later()
	for _, t := range targets {
		key := t.Source.Key()
		there[key] = true
		r := f.byKey[key]
		if r != nil && r.over && r.target.Ended && !t.Ended {
			// It was made again.
			f.forget(r)
			r = nil
		}
		if r == nil {
			f.add(t, later.after(key, f.places))
			continue
		}
		r.target.Ended = t.Ended
		r.changed = true
		f.lookAt(r)
	}
	for key, r := range f.byKey {
		if !there[key] && !r.target.Ended {
			r.target.Ended = true
			r.changed = true
			f.lookAt(r)
		}
	}
	f.prune(there)
	return nil
}

// forget lets a reader go that has ended.
func (f *follower) forget(r *reader) {
	r.close()
	if at := r.reached; at != (Position{}) {
		at.Key = r.target.Source.Key()
		for key := range f.places {
			if len(f.places) < maxPlaces {
				break
			}
			delete(f.places, key)
		}
		f.places[at.Key] = at
	}
	if w, have := f.watches[r]; have {
		f.unwatch(r, w)
	}
	delete(f.byKey, r.target.Source.Key())
	for i := range f.readers {
		if f.readers[i] == r {
			f.readers = append(f.readers[:i], f.readers[i+1:]...)
			break
		}
	}
}

// prune lets go readers of containers that are gone, so that a follower of a busy node does not grow.
func (f *follower) prune(there map[string]bool) {
	for key, r := range f.byKey {
		if r.over && !there[key] {
			f.forget(r)
		}
	}
}
