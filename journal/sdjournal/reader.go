// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/fileset"
)

const (
	// maxReopens is how often one call opens the journal anew before it gives up.
	maxReopens = 3
	// heavyEntry is the size from which entries count as heavy. libsystemd keeps a buffer as large as the
	// largest compressed value for every file; after maxHeavy times the largest entry allowed it is opened anew.
	heavyEntry = 1 << 20
	maxHeavy   = 4
	// maxStep is how far one call of libsystemd goes.
	maxStep = 1 << 20
)

// reader implements journal.Reader. It belongs to one goroutine at a time.
type reader struct {
	origin *origin
	h      *handle // nil after Close
	match  journal.Match
	// never: no entry can satisfy match.
	never bool

	// place is where the reader stands. synced tells whether libsystemd stands there too.
	place  place
	synced bool

	entry    entry
	names    map[string]string // interned field names
	lastMove time.Time

	watch watcher
	tails fileset.Tails
	// reopened: the next Wait has to tell that files have changed.
	reopened bool
	// heavy is the size of the heavy entries since the journal was opened.
	heavy int
}

var errClosed = fmt.Errorf("journal reader: %w", fs.ErrClosed)

// open opens the source for the first time.
func (r *reader) open() error {
	h, err := r.origin.open(true)
	if err != nil {
		return err
	}
	r.h = h
	r.place = place{kind: placeHead}
	return nil
}

// reopen opens the source anew; the reader stays where it is.
func (r *reader) reopen() error {
	h, err := r.origin.open(false)
	if err != nil {
		return err
	}
	if err := h.setMatch(r.match); err != nil {
		return errors.Join(err, h.close())
	}
	old := r.h
	r.h = h
	r.synced, r.reopened, r.heavy = false, true, 0
	r.entry.forget()
	r.watch.stop()
	r.tails.Close()
	r.origin.set.Expire()
	if err := old.close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Close implements journal.Reader. Closing again does nothing.
func (r *reader) Close() error {
	if r.h == nil {
		return nil
	}
	r.watch.stop()
	r.tails.Close()
	r.entry.forget()
	err := r.h.close()
	r.h = nil
	if err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// SetMatch implements journal.Reader.
func (r *reader) SetMatch(m journal.Match) error {
	if r.h == nil {
		return errClosed
	}
	if err := m.Validate(); err != nil {
		return err
	}
	r.never = m.Never()
	r.match = m
	r.place, r.synced = place{kind: placeHead}, false
	r.entry.forget()
	if r.never {
		m = nil
	}
	return r.h.setMatch(m)
}

// Next implements journal.Reader.
func (r *reader) Next() (journal.Entry, error) {
	e, _, err := r.step(1)
	return e, err
}

// Previous implements journal.Reader.
func (r *reader) Previous() (journal.Entry, error) {
	e, _, err := r.step(-1)
	return e, err
}

// Skip implements journal.Reader.
func (r *reader) Skip(n int64) (journal.Entry, int64, error) {
	if n == 0 {
		if r.h == nil {
			return nil, 0, errClosed
		}
		if r.place.kind != placeEntry {
			return nil, 0, io.EOF
		}
		return &r.entry, 0, nil
	}
	var total int64
	for total != n {
		want := max(min(n-total, maxStep), -maxStep)
		_, made, err := r.step(want)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, total, err
		}
		total += made
		if made != want {
			break
		}
	}
	if total == 0 {
		return nil, 0, io.EOF
	}
	return &r.entry, total, nil
}

// step goes n entries forward or backward and returns how many steps it made, with the sign of n.
// When libsystemd fails because a file was vacuumed or damaged under it, the journal is opened anew.
func (r *reader) step(n int64) (journal.Entry, int64, error) {
	if r.h == nil {
		return nil, 0, errClosed
	}
	if r.never {
		return nil, 0, io.EOF
	}
	if r.heavy > maxHeavy*r.origin.maxEntry {
		if err := r.reopen(); err != nil {
			return nil, 0, err
		}
	}
	for attempt := 0; ; attempt++ {
		made, err := r.advance(n)
		if err == nil {
			if made == 0 {
				return nil, 0, io.EOF
			}
			r.lastMove = time.Now()
			if n < 0 {
				made = -made
			}
			return &r.entry, made, nil
		}
		if !fileLost(err) || attempt == maxReopens {
			return nil, 0, fmt.Errorf("read journal: %w", err)
		}
		if err := r.reopen(); err != nil {
			return nil, 0, err
		}
	}
}

// fileLost reports whether the error is one that damage of a file gives, or its removal.
func fileLost(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.EBADMSG, syscall.ESTALE, syscall.EIO, syscall.ENODATA, syscall.EADDRNOTAVAIL, syscall.ENOENT, syscall.EIDRM, syscall.EPROTO:
		return true
	}
	return false
}

// move lets libsystemd go n entries and takes over the place if it reached one.
func (r *reader) move(n int64) (int64, error) {
	made, err := r.h.move(n)
	if err != nil {
		r.synced = false
		return 0, err
	}
	if made == 0 {
		return 0, nil
	}
	header, ok := parseCursor(r.h.cursor[:bytes.IndexByte(r.h.cursor[:], 0)])
	if !ok {
		r.synced = false
		return 0, fmt.Errorf("libsystemd gave the cursor %q", r.h.cursor[:])
	}
	r.entry.forget()
	r.entry.header = header
	r.place = place{kind: placeEntry}
	r.synced = true
	return made, nil
}

// Files implements journal.Reader.
func (r *reader) Files() ([]journal.File, error) {
	if r.h == nil {
		return nil, errClosed
	}
	found, _ := r.origin.inspect()
	files := make([]journal.File, len(found))
	for i := range found {
		files[i] = found[i].File()
	}
	return files, nil
}

// Tails implements journal.Reader.
func (r *reader) Tails() ([]journal.Header, error) {
	if r.h == nil {
		return nil, errClosed
	}
	if !r.tails.Known() {
		files, _ := r.origin.inspect()
		// Entries that are told here are to be reached by Next, so libsystemd must have the files.
		if r.watch.file != nil {
			change, err := r.process()
			if err != nil {
				return nil, err
			}
			r.reopened = r.reopened || change == journal.ChangeFiles
		}
		r.tails.Set(files)
	}
	return r.tails.List(), nil
}

// Damaged implements journal.Reader.
func (r *reader) Damaged(ctx context.Context, paths []string) []journal.FileProblem {
	return fileset.Damaged(ctx, paths)
}

// Problems implements journal.Reader: the files and directories that cannot be opened now, and
// what listing fields found to be damaged.
func (r *reader) Problems() []journal.FileProblem {
	if r.h == nil {
		return []journal.FileProblem{{Path: r.origin.set.Name(), Reason: journal.GapUnknown, Err: errClosed}}
	}
	_, problems := r.origin.inspect()
	return slices.Clone(problems)
}
