// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/fileset"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
)

// reader implements journal.Reader. It belongs to one goroutine at a time.
type reader struct {
	engine  *Engine
	set     *fileset.Set
	decoder compress.Decoder
	closed  bool

	match journal.Match
	// never: no entry can satisfy match.
	never  bool
	target target

	version uint64 // of the set
	// newest are the newest numbers of the sequences when files were looked for last, older those of the time before that.
	newest, older map[journal.ID128]uint64
	noted         time.Time
	sources       []*source
	groups        []*group
	open          []*source
	tick          uint64

	// turned: the heads of the groups are those for the direction down. idle are the files without one that may grow.
	turned, down bool
	// fresh: a file was opened or refreshed, or became idle, since the idle ones were looked at. misplaced: one is of another
	// sequence now.
	fresh, misplaced bool
	// ended: a step forward came to the end, and no files have come or gone since.
	ended bool
	idle  []*source

	// at, offset and current are the entry that the reader stands on, if has. at is nil once its file is gone.
	at      *source
	offset  uint64
	current journal.Header
	has     bool
	entry   entry

	names names
	// cached is the size of what is remembered of all files; nextRun and nextValue are the last IDs given.
	cached             int
	nextRun, nextValue uint64

	watch  *fileset.Watcher
	tails  fileset.Tails
	listed time.Time
	// searched is when missing was true last. told: Wait told of all changes of files.
	searched time.Time
	told     bool
	lastMove time.Time
}

var errClosed = fmt.Errorf("journal reader: %w", fs.ErrClosed)

func newReader(set *fileset.Set, e *Engine) *reader {
	r := &reader{engine: e, set: set, names: newNames(), told: true}
	r.entry.r = r
	r.sync()
	return r
}

// EngineName returns the name of the engine.
func (r *reader) EngineName() string { return r.engine.Name() }

// sync takes over the files that the source has now and reports whether they changed.
func (r *reader) sync() bool {
	files, _ := r.set.Inspect()
	r.listed = time.Now()
	r.complete(files)
	defer r.noteNewest(files)
	if version := r.set.Version(); version == r.version && r.version != 0 {
		return false
	} else {
		r.version = version
	}
	known := make(map[fileset.ID]*source, len(r.sources))
	for _, s := range r.sources {
		known[s.id] = s
		s.gone = true
	}
	copies := make(map[journal.ID128]*journalfile.Header)
	for i := range files {
		f := &files[i]
		if other := copies[f.FileID]; other != nil && sameEntries(other, &f.Header) {
			continue
		}
		copies[f.FileID] = &f.Header
		s := known[f.ID]
		if s != nil && s.header.FileID == f.FileID && !s.bad {
			s.gone, s.header.Path = false, f.Path
			continue
		}
		if s != nil && s.bad && s.header.FileID == f.FileID {
			s.gone = false
			continue
		}
		r.sources = append(r.sources, r.newSource(f))
	}
	r.sources = slices.DeleteFunc(r.sources, func(s *source) bool { return s.gone && (s.file == nil || s.bad) && s != r.at })
	r.regroup()
	return true
}

// newSource makes a source of a file that was not known. If the reader has begun, the file counts from there on.
func (r *reader) newSource(f *fileset.File) *source {
	s := &source{id: f.ID, header: f.Header, target: &r.target, left: leftOver(f.Path)}
	switch {
	case r.has && r.allNew(f):
		s.found = true
	case r.has:
		s.target = &target{kind: targetBeside, at: r.current}
	case r.target.kind == targetTail && r.version != 0 && r.watch != nil:
		s.found = true // all of it is new
	}
	return s
}

// allNew reports whether all that is in a file was written after files were looked for: its sequence has gone on since. Such a file
// counts from its beginning, as a later entry of another file may have been given before it was found.
func (r *reader) allNew(f *fileset.File) bool {
	newest, ok := r.older[f.SeqnumID]
	return ok && f.HeadSeqnum > newest
}

// noteNewest remembers how far the sequences have come. The headers were read after the directories, in which a file may have been
// made in between; that is why allNew goes by those of the time before.
func (r *reader) noteNewest(files []fileset.File) {
	if time.Since(r.noted) < fileset.Fresh {
		return
	}
	r.noted = time.Now()
	r.older, r.newest = r.newest, make(map[journal.ID128]uint64, len(r.newest))
	if r.older == nil {
		r.older = r.newest
	}
	for i := range files {
		f := &files[i]
		r.newest[f.SeqnumID] = max(r.newest[f.SeqnumID], f.TailSeqnum)
	}
}

// regroup sorts the sources into groups. The next step begins the merge anew; the places in the files stay.
func (r *reader) regroup() {
	byID := make(map[journal.ID128]*group)
	r.groups = r.groups[:0]
	for _, s := range r.sources {
		g := byID[s.header.SeqnumID]
		if g == nil {
			g = &group{id: s.header.SeqnumID}
			byID[g.id] = g
			r.groups = append(r.groups, g)
		}
		g.sources = append(g.sources, s)
		s.group = g
	}
	r.turned, r.ended, r.misplaced = false, false, false
}

// protect makes a file that is truncated under its mapping an error instead of the end of the program. Use it as
//
//	defer r.protect(debug.SetPanicOnFault(true), &err)
func (r *reader) protect(before bool, err *error) {
	debug.SetPanicOnFault(before)
	p := recover()
	if p == nil {
		return
	}
	fault, ok := p.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		panic(p) //nolint:forbidigo // not a fault
	}
	for _, s := range r.open {
		if s.file.Contains(fault.Addr()) {
			*err = &faultError{source: s}
			return
		}
	}
	panic(p) //nolint:forbidigo // a fault of something else
}

// faultError says that bytes of a file are gone.
type faultError struct{ source *source }

func (e *faultError) Error() string {
	return fmt.Sprintf("journal file %q: truncated while it was read", e.source.header.Path)
}

func (e *faultError) Unwrap() error { return journalfile.ErrTruncated }

// survive drops the file that an error says is gone, and reports whether to try again without it.
func (r *reader) survive(err error) bool {
	var fault *faultError
	if !errors.As(err, &fault) {
		return false
	}
	r.drop(fault.source, err)
	r.turned = false
	return true
}

// SetMatch implements journal.Reader.
func (r *reader) SetMatch(m journal.Match) error {
	if r.closed {
		return errClosed
	}
	if err := m.Validate(); err != nil {
		return err
	}
	r.match, r.never = m, m.Never()
	for _, s := range r.open {
		s.matcher = s.file.Matcher(m)
	}
	r.send(target{kind: targetHead})
	return nil
}

// send makes the reader stand at a target, which each file finds when it is needed.
func (r *reader) send(t target) {
	r.target = t
	r.at, r.has, r.turned = nil, false, false
	r.entry.forget()
	for _, s := range r.sources {
		s.target, s.found, s.hasHead = &r.target, false, false
	}
	r.sources = slices.DeleteFunc(r.sources, func(s *source) bool { return s.gone && s.file == nil })
}

// Seek implements journal.Reader. A cursor that is none gives journal.ErrBadCursor.
func (r *reader) Seek(p journal.Position) error {
	if r.closed {
		return errClosed
	}
	switch p.Kind {
	case journal.PositionHead:
		r.send(target{kind: targetHead})
	case journal.PositionTail:
		r.send(target{kind: targetTail})
		return r.pin()
	case journal.PositionRealtime:
		r.send(target{kind: targetRealtime, at: journal.Header{Realtime: p.Realtime}})
	case journal.PositionCursor:
		h, err := p.Cursor.Parse()
		if err != nil {
			return err
		}
		if (h.SeqnumID.IsZero() || h.Seqnum == 0) && h.BootID.IsZero() && h.Realtime == 0 {
			return fmt.Errorf("seek %q: it names no place: %w", p.Cursor, journal.ErrBadCursor)
		}
		r.send(target{kind: targetEntry, at: h})
	default:
		return fmt.Errorf("seek: unknown kind of position %d", p.Kind)
	}
	return nil
}

// pin notes where the files that may grow end now.
func (r *reader) pin() error {
	for _, s := range r.sources {
		if !s.growable() || s.bad {
			continue
		}
		if err := r.guarded(func() error { return r.pinSource(s) }); err != nil && !r.survive(err) {
			r.drop(s, err)
		}
	}
	return nil
}

func (r *reader) pinSource(s *source) error {
	if err := r.openFile(s); err != nil {
		return err
	}
	if s.file.Grew() {
		if err := r.refresh(s); err != nil {
			return err
		}
	}
	s.found, s.place = true, s.file.Limit()+1
	return nil
}

// guarded calls f with faults made errors.
func (r *reader) guarded(f func() error) (err error) {
	defer r.protect(debug.SetPanicOnFault(true), &err)
	return f()
}

// Next implements journal.Reader.
func (r *reader) Next() (journal.Entry, error) { return r.move(true) }

// Previous implements journal.Reader.
func (r *reader) Previous() (journal.Entry, error) { return r.move(false) }

func (r *reader) move(down bool) (journal.Entry, error) {
	if r.closed {
		return nil, errClosed
	}
	for {
		err := r.protectedStep(down)
		if err == nil {
			r.entry.forget()
			return &r.entry, nil
		}
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if !r.survive(err) {
			return nil, fmt.Errorf("read journal: %w", err)
		}
	}
}

func (r *reader) protectedStep(down bool) (err error) {
	defer r.protect(debug.SetPanicOnFault(true), &err)
	return r.step(down)
}

// Skip implements journal.Reader.
func (r *reader) Skip(n int64) (journal.Entry, int64, error) {
	if r.closed {
		return nil, 0, errClosed
	}
	if n == 0 {
		if !r.has {
			return nil, 0, io.EOF
		}
		return &r.entry, 0, nil
	}
	one := int64(1)
	if n < 0 {
		one = -1
	}
	made := int64(0)
	for made != n {
		err := r.protectedStep(n > 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			made += one
			continue
		}
		if !r.survive(err) {
			return nil, made, fmt.Errorf("read journal: %w", err)
		}
	}
	if made == 0 {
		return nil, 0, io.EOF
	}
	r.entry.forget()
	return &r.entry, made, nil
}

// Files implements journal.Reader.
func (r *reader) Files() ([]journal.File, error) {
	if r.closed {
		return nil, errClosed
	}
	found, _ := r.set.Inspect()
	files := make([]journal.File, len(found))
	for i := range found {
		files[i] = found[i].File()
	}
	return files, nil
}

// Problems implements journal.Reader: what cannot be opened, and where damage was met.
func (r *reader) Problems() []journal.FileProblem {
	if r.closed {
		return []journal.FileProblem{{Path: r.set.Name(), Reason: journal.GapUnknown, Err: errClosed}}
	}
	for _, s := range r.open {
		r.noteDamage(s)
	}
	_, problems := r.set.Inspect()
	return slices.Clone(problems)
}

// Damaged implements journal.Reader.
func (r *reader) Damaged(ctx context.Context, paths []string) []journal.FileProblem {
	return fileset.Damaged(ctx, paths)
}

// Close implements journal.Reader. Closing again does nothing.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	var err error
	for len(r.open) > 0 {
		err = errors.Join(err, r.closeFile(r.open[len(r.open)-1]))
	}
	r.tails.Close()
	if r.watch != nil {
		err = errors.Join(err, r.watch.Close())
	}
	r.decoder.Close()
	r.sources, r.groups, r.idle = nil, nil, nil
	if err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}
