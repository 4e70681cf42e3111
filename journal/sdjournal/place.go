// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"fmt"

	"github.com/noded/noded/journal"
)

// place is where a reader stands: on an entry, or between two. libsystemd's own seeks mean
// something else in three cases, which advance takes care of: Next after sd_journal_seek_tail gives an
// old entry, Previous after sd_journal_seek_head a new one (systemd#17662), and Previous
// after a seek to a time includes entries of that time.
type place struct {
	kind     placeKind
	realtime journal.Usec
	cursor   journal.Cursor
}

type placeKind uint8

const (
	// placeHead is before the first entry.
	placeHead placeKind = iota
	// placeNoEntry is the tail of a journal that had no entry then: all that come are new.
	placeNoEntry
	// placeRealtime is before the entries of place.realtime.
	placeRealtime
	// placeCursor is at the entry place.cursor, in both directions.
	placeCursor
	// placeAfter is between place.cursor and the entry after it.
	placeAfter
	// placeEntry is on the entry whose header the reader holds.
	placeEntry
)

// Seek implements journal.Reader. A cursor that is none gives journal.ErrBadCursor.
func (r *reader) Seek(p journal.Position) error {
	if r.h == nil {
		return errClosed
	}
	r.entry.forget()
	r.synced = false
	switch p.Kind {
	case journal.PositionHead:
		r.place = place{kind: placeHead}
		return nil
	case journal.PositionTail:
		return r.seekTail()
	case journal.PositionRealtime:
		r.place = place{kind: placeRealtime, realtime: p.Realtime}
		return nil
	case journal.PositionCursor:
		if _, err := p.Cursor.Parse(); err != nil {
			return err
		}
		if err := r.h.journal.SeekCursor(string(p.Cursor)); err != nil {
			return fmt.Errorf("seek %q: %w: %w", p.Cursor, journal.ErrBadCursor, errnoOf(err))
		}
		r.place = place{kind: placeCursor, cursor: p.Cursor}
		return nil
	default:
		return fmt.Errorf("seek: unknown kind of position %d", p.Kind)
	}
}

// seekTail notes the last entry that there is now.
func (r *reader) seekTail() error {
	r.place = place{kind: placeNoEntry}
	if r.never {
		return nil
	}
	return r.retry(func() error {
		if err := r.h.journal.SeekTail(); err != nil {
			return errnoOf(err)
		}
		made, err := r.move(-1)
		if made > 0 {
			r.place = place{kind: placeAfter, cursor: r.entry.header.Cursor()}
		}
		return err
	})
}

// retry runs f again with the journal opened anew while files are lost under it.
func (r *reader) retry(f func() error) error {
	for attempt := 0; ; attempt++ {
		err := f()
		if err == nil {
			return nil
		}
		if !fileLost(err) || attempt == maxReopens {
			return fmt.Errorf("seek in journal: %w", err)
		}
		if err := r.reopen(); err != nil {
			return err
		}
	}
}

// advance goes n entries from the place and returns how many steps it made. It stays at the place
// if there is none.
func (r *reader) advance(n int64) (int64, error) {
	if r.synced && r.place.kind == placeEntry {
		return r.move(n)
	}
	down := n > 0
	target := r.place
	switch target.kind {
	case placeHead, placeNoEntry:
		if !down {
			return 0, nil
		}
		if err := r.h.journal.SeekHead(); err != nil {
			return 0, errnoOf(err)
		}
		return r.move(n)
	case placeRealtime:
		at := target.realtime
		if !down {
			if at == 0 {
				return 0, nil
			}
			at--
		}
		if err := r.h.journal.SeekRealtimeUsec(uint64(at)); err != nil {
			return 0, errnoOf(err)
		}
		return r.move(n)
	case placeEntry:
		target.cursor = r.entry.header.Cursor()
	}
	return r.advanceFromCursor(target, n)
}

// advanceFromCursor goes n entries from the entry that target.cursor names, which may be gone.
func (r *reader) advanceFromCursor(target place, n int64) (int64, error) {
	if err := r.h.journal.SeekCursor(string(target.cursor)); err != nil {
		return 0, errnoOf(err)
	}
	if target.kind == placeCursor {
		return r.move(n)
	}
	one := int64(1)
	if n < 0 {
		one = -1
	}
	header := r.entry.header
	made, err := r.move(one)
	if err != nil || made == 0 {
		return 0, err
	}
	onIt := r.entry.header.Cursor() == target.cursor
	counts := !onIt || target.kind == placeAfter && n < 0
	if counts {
		if n == one {
			return 1, nil
		}
		if made, err = r.move(n - one); err == nil {
			return 1 + made, nil
		}
		made = 0
	} else {
		made, err = r.move(n)
	}
	if made == 0 {
		// Stay where the reader was. When nothing failed libsystemd stands on the entry itself, which does not count.
		r.entry.header = header
		r.place = target
		r.synced = err == nil && target.kind == placeEntry
	}
	return made, err
}
