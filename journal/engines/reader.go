// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/noded/noded/journal"
)

// reader is a Reader of package native that becomes one of libsystemd when only that knows a file.
type reader struct {
	journal.Reader        // of the engine in use
	engine         string // its name

	source journal.Source
	// fallback is the engine to change to; nil once that was done.
	fallback journal.Engine
	// refused are files with features that no engine knows.
	refused map[string]bool
	// left is the reader of before the change. Runs and values that it gave are valid until Close.
	left journal.Reader

	// Where the reader is: on entry, or where the last Seek went if that is nil. tail is the newest time that there
	// was at a Seek to the end.
	match journal.Match
	at    journal.Position
	tail  journal.Usec
	entry journal.Entry
}

// EngineName returns the name of the engine that reads now.
func (r *reader) EngineName() string { return r.engine }

// WatchError returns why the engine cannot watch for new entries; nil when all is well.
func (r *reader) WatchError() error {
	if watcher, ok := r.Reader.(interface{ WatchError() error }); ok {
		return watcher.WatchError()
	}
	return nil
}

// SetMatch implements journal.Reader.
func (r *reader) SetMatch(m journal.Match) error {
	r.match, r.at, r.entry = m, journal.Head(), nil
	return r.Reader.SetMatch(m)
}

// Seek implements journal.Reader.
func (r *reader) Seek(p journal.Position) error {
	if err := r.Reader.Seek(p); err != nil {
		return err
	}
	r.at, r.entry = p, nil
	if p.Kind != journal.PositionTail || r.fallback == nil {
		return nil
	}
	tails, err := r.Tails()
	if err != nil {
		return err
	}
	r.tail = 0
	for _, h := range tails {
		r.tail = max(r.tail, h.Realtime)
	}
	return nil
}

// Next implements journal.Reader.
func (r *reader) Next() (journal.Entry, error) {
	e, err := r.Reader.Next()
	if err == nil {
		r.entry = e
	}
	return e, err
}

// Previous implements journal.Reader.
func (r *reader) Previous() (journal.Entry, error) {
	e, err := r.Reader.Previous()
	if err == nil {
		r.entry = e
	}
	return e, err
}

// Skip implements journal.Reader.
func (r *reader) Skip(n int64) (journal.Entry, int64, error) {
	e, made, err := r.Reader.Skip(n)
	if err == nil {
		r.entry = e
	}
	return e, made, err
}

// Wait implements journal.Reader. Files that came may be such that another engine has to read on.
func (r *reader) Wait(ctx context.Context) (journal.Change, error) {
	change, err := r.Reader.Wait(ctx)
	if err == nil && change == journal.ChangeFiles {
		err = r.choose(ctx)
	}
	return change, err
}

// Close implements journal.Reader.
func (r *reader) Close() error {
	r.entry = nil
	err := r.Reader.Close()
	if r.left != nil {
		err = errors.Join(err, r.left.Close())
		r.left = nil
	}
	return err
}

// choose changes to the fallback if that knows files which the engine in use does not know. That the fallback cannot open
// the source at all is no error: the files stay problems.
func (r *reader) choose(ctx context.Context) error {
	if r.fallback == nil {
		return nil
	}
	missing := unknown(r.Reader)
	if !hasNew(missing, r.refused) {
		return nil
	}
	other, err := r.fallback.Open(ctx, r.source)
	if err != nil {
		r.refused = missing
		return ctx.Err()
	}
	if still := unknown(other); len(still) >= len(missing) {
		r.refused = missing
		return closed(other)
	}
	if err := r.resume(other); err != nil {
		return errors.Join(fmt.Errorf("read on with %s: %w", r.fallback.Name(), err), other.Close())
	}
	r.left, r.Reader, r.engine, r.fallback = r.Reader, other, r.fallback.Name(), nil
	return nil
}

func closed(r journal.Reader) error {
	if err := r.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// hasNew reports whether paths has one that known has not.
func hasNew(paths, known map[string]bool) bool {
	for path := range paths {
		if !known[path] {
			return true
		}
	}
	return false
}

// resume brings other to where r is, and r to stand on an entry of it.
func (r *reader) resume(other journal.Reader) error {
	if len(r.match) > 0 {
		if err := other.SetMatch(r.match); err != nil {
			return err
		}
	}
	if r.entry == nil {
		at := r.at
		if at.Kind == journal.PositionTail && r.tail > 0 {
			// What was written since is not to be passed over.
			at = journal.AtRealtime(r.tail + 1)
		}
		return other.Seek(at)
	}
	want := r.entry.Header()
	at := journal.AtCursor(want.Cursor())
	if err := other.Seek(at); err != nil {
		return err
	}
	e, err := other.Next()
	switch {
	case err == nil && e.Header() == want:
		r.entry = e
		return nil
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	// The entry is gone: stay before what came after it.
	r.at, r.entry = at, nil
	return other.Seek(at)
}
