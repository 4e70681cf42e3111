// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"context"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/fileset"
)

// A follower looks at the number of entries in the mapped headers, which costs nearly nothing: often for a while after an
// entry came, seldom when the journal is quiet.
const (
	busyPause = 3 * time.Millisecond
	idlePause = 50 * time.Millisecond
	// busyFor is how long the journal counts as busy after an entry.
	busyFor = time.Second
	// longWait is after how long Wait returns without news.
	longWait = 250 * time.Millisecond
)

// WatchError returns why files that come and go are found by looking alone; nil when all is well.
func (r *reader) WatchError() error {
	if r.watch == nil {
		return nil
	}
	return r.watch.Err()
}

// Wait implements journal.Reader. No thread is blocked while it waits.
func (r *reader) Wait(ctx context.Context) (journal.Change, error) {
	if r.closed {
		return journal.ChangeNone, errClosed
	}
	if err := ctx.Err(); err != nil {
		return journal.ChangeNone, err
	}
	if r.watch == nil {
		// What happened before the watch began is not known.
		r.set.Follow()
		r.watch = r.set.Watch()
		r.set.Expire()
		if r.look() {
			return journal.ChangeFiles, nil
		}
		return journal.ChangeAppended, nil
	}
	r.release()
	r.entry.letGo()
	if !r.told {
		r.told = true
		return journal.ChangeFiles, nil
	}
	begin := time.Now()
	for {
		if r.grew() {
			r.lastMove = time.Now()
			return journal.ChangeAppended, nil
		}
		pause := idlePause
		if time.Since(r.lastMove) < busyFor {
			pause = busyPause
		}
		changed, err := r.watch.Wait(ctx, pause)
		if err != nil {
			return journal.ChangeNone, err
		}
		if r.set.Withheld() {
			// A file is just being made, and nothing tells when it is ready.
			r.set.Expire()
			changed = true
		}
		// Another call may have found the files that changed.
		changed = changed || r.set.Version() != r.version
		if (changed || time.Since(r.listed) >= fileset.Fresh) && r.look() {
			return journal.ChangeFiles, nil
		}
		if time.Since(begin) >= longWait && !r.grew() {
			return journal.ChangeNone, nil
		}
	}
}

// look takes over the files that there are now and reports whether they changed.
func (r *reader) look() bool {
	if !r.sync() {
		return false
	}
	r.tails.Close()
	return true
}

// searchPause is how long a follower that met numbers which are missing does not look for files again.
const searchPause = 20 * time.Millisecond

// missing reports whether numbers are missing before the entry that is next. A follower then looks for files before it gives the
// entry: the first entry of a user makes a file, which may have them. With a match numbers are missing all the time.
func (r *reader) missing(s *source) bool {
	last := s.group.last
	if r.watch == nil || len(r.match) > 0 || last == 0 || s.head.Seqnum <= last+1 || time.Since(r.searched) < searchPause {
		return false
	}
	r.searched = time.Now()
	r.set.Expire()
	return true
}

// grew reports whether entries were added to a file.
func (r *reader) grew() bool {
	if r.never {
		return false
	}
	for _, s := range r.sources {
		if s.bad || s.gone || !s.growable() {
			continue
		}
		if s.file == nil {
			// Its end is not known yet.
			if err := r.guarded(func() error { return r.openFile(s) }); err != nil && !r.survive(err) {
				r.drop(s, err)
				r.turned = false
			}
			continue
		}
		grown := false
		if err := r.guarded(func() error { grown = s.news(false); return nil }); err != nil {
			r.survive(err)
		}
		if grown {
			return true
		}
	}
	return false
}

// Tails implements journal.Reader.
func (r *reader) Tails() ([]journal.Header, error) {
	if r.closed {
		return nil, errClosed
	}
	for !r.tails.Known() {
		// Entries that are told here are to be reached by Next, so these must be the files that are read.
		if r.sync() {
			r.told = false
		}
		if files, _ := r.set.Inspect(); r.set.Version() == r.version {
			r.tails.Set(files)
		}
	}
	return r.tails.List(), nil
}
