// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/fileset"
	"github.com/noded/noded/journal/journalfile"
)

// maxOpen bounds the files that are kept open at a time, besides those that journald writes to.
const maxOpen = 96

// source is one file of the merge.
type source struct {
	id     fileset.ID
	header journalfile.Header
	group  *group

	// file and matcher are nil while the file is not open; used tells when it was needed last.
	file    *journalfile.File
	matcher *journalfile.Matcher
	used    uint64
	memory  memory

	// target is where the reader was sent; once found, place is where it is in the file: what is before this offset
	// is before the reader.
	target *target
	found  bool
	place  uint64

	// head is the next entry in the direction of the merge, if hasHead.
	head       journal.Header
	headOffset uint64
	hasHead    bool

	// gone: the file was removed. bad: it cannot be read. left: journald gave the file up, and so did not say that it is archived.
	gone, bad, left bool

	// again: when growth of the file was taken in, at refreshed, the newest entry may not have been in the lists of its values yet.
	// early: the file was looked at again since, before an entry of another file was given.
	again, early bool
	refreshed    time.Time
}

// growable reports whether a writer may add to the file.
func (s *source) growable() bool { return s.header.State != journalfile.StateArchived && !s.left }

// leftOver reports whether journald renamed the file because it was not closed in order. It never writes to such a file again.
func leftOver(path string) bool { return strings.HasSuffix(path, "~") }

// secondLook is after how long a file is looked at again because its newest entry may have been incomplete.
const secondLook = 2 * time.Millisecond

// news reports whether something was added to the file, which must be open. giving says that another file has an entry that would
// be given now.
func (s *source) news(giving bool) bool {
	switch {
	case s.file.Grew():
		return true
	case !s.again:
		return false
	case giving && !s.early:
		s.early = true
		return true
	}
	return time.Since(s.refreshed) >= secondLook
}

// target is a place to find in each file.
type target struct {
	kind targetKind
	at   journal.Header
}

type targetKind uint8

const (
	targetHead targetKind = iota
	targetTail
	targetRealtime
	// targetEntry is at an entry, which counts in both directions; targetBeside is beside it, so that it counts in none.
	targetEntry
	targetBeside
)

// open makes sure that the file is open.
func (r *reader) openFile(s *source) error {
	r.tick++
	s.used = r.tick
	if s.file != nil {
		return nil
	}
	file, err := r.openPath(s)
	if err != nil {
		return err
	}
	s.file, s.matcher = file, file.Matcher(r.match)
	r.open = append(r.open, s)
	r.took(s, true)
	if len(r.open) > maxOpen {
		return r.closeOldest()
	}
	return nil
}

// refresh takes in what was added to the file of a source.
func (r *reader) refresh(s *source) error {
	if r.at == s {
		// What the entry refers to may be mapped elsewhere after this.
		r.entry.known, r.entry.run = false, nil
	}
	grew := s.file.Grew()
	if err := s.file.Refresh(); err != nil {
		return err
	}
	r.took(s, grew)
	return nil
}

// took takes over the header of a file that was opened or refreshed; grew says that its last entry may be new.
func (r *reader) took(s *source, grew bool) {
	path := s.header.Path
	s.header = *s.file.Header()
	s.header.Path = path
	r.fresh = true
	if s.group != nil && s.group.id != s.header.SeqnumID {
		r.misplaced = true
	}
	switch {
	case grew:
		s.again = s.header.State == journalfile.StateOnline && (len(r.match) > 0 || s.file.Entries() != s.header.Entries)
		s.early, s.refreshed = false, time.Now()
	case time.Since(s.refreshed) >= secondLook:
		s.again = false
	}
}

// openPath opens the file under the name that it has now.
func (r *reader) openPath(s *source) (*journalfile.File, error) {
	for attempt := 0; ; attempt++ {
		file, err := journalfile.Open(s.header.Path, journalfile.Options{Decoder: &r.decoder, Unmapped: r.engine.unmapped})
		if err == nil {
			if file.Header().FileID == s.header.FileID {
				return file, nil
			}
			err = errors.Join(fmt.Errorf("open journal file %q: it became another one: %w", s.header.Path, fs.ErrNotExist), file.Close())
		}
		if attempt > 0 || !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		// journald renames files.
		r.set.Expire()
		files, _ := r.set.Inspect()
		for i := range files {
			if files[i].FileID == s.header.FileID && (s.id.IsZero() || files[i].ID == s.id) {
				s.header.Path = files[i].Path
			}
		}
	}
}

// closeOldest closes the file that was not needed for longest and does not grow.
func (r *reader) closeOldest() error {
	var oldest *source
	for _, s := range r.open {
		if s.file != nil && !s.growable() && (oldest == nil || s.used < oldest.used) {
			oldest = s
		}
	}
	if oldest == nil || oldest.used == r.tick {
		return nil
	}
	return r.closeFile(oldest)
}

// closeFile closes the file of a source; it is opened again when it is needed.
func (r *reader) closeFile(s *source) error {
	if s.file == nil {
		return nil
	}
	r.noteDamage(s)
	err := s.file.Close()
	s.file, s.matcher = nil, nil
	r.cached -= s.memory.bytes
	s.memory = memory{}
	for i, other := range r.open {
		if other == s {
			r.open[i] = r.open[len(r.open)-1]
			r.open[len(r.open)-1] = nil
			r.open = r.open[:len(r.open)-1]
			break
		}
	}
	if r.at == s {
		r.entry.known, r.entry.run = false, nil
	}
	return err
}

// noteDamage tells the set of files what was found damaged.
func (r *reader) noteDamage(s *source) {
	if s.file == nil {
		return
	}
	count, err := s.file.Damage()
	if count > s.memory.damages {
		s.memory.damages = count
		if count > 1 {
			err = fmt.Errorf("%w (and %d more)", err, count-1)
		}
		r.set.Note(s.header.Path, err)
	}
}

// drop takes a file that cannot be read any more out of the merge.
func (r *reader) drop(s *source, err error) {
	s.bad, s.hasHead = true, false
	if !s.gone && !errors.Is(err, fs.ErrNotExist) {
		r.set.Note(s.header.Path, err)
	}
	if closeErr := r.closeFile(s); closeErr != nil {
		r.set.Note(s.header.Path, closeErr)
	}
}

// find takes the place of the source from its target. A target that is beyond what a writer has written so far is looked for again
// when there is more.
func (s *source) find(down bool) error {
	if s.found {
		return nil
	}
	var err error
	at := &s.target.at
	// Past an entry when it is not to be given, or when it is to be given as the one before.
	past := uint64(0)
	if s.target.kind == targetEntry && !down || s.target.kind == targetBeside && down {
		past = 1
	}
	switch {
	case s.target.kind == targetHead:
		s.place = 0
	case s.target.kind == targetTail:
		s.place = journalfile.End
	case s.target.kind == targetRealtime:
		s.place, err = s.file.FindRealtime(at.Realtime)
	case at.SeqnumID == s.header.SeqnumID && at.Seqnum != 0:
		s.place, err = s.file.FindSeqnum(at.Seqnum + past)
	default:
		s.place, err = s.findTime(past, down)
	}
	s.found = err == nil && (!s.growable() || s.target.kind == targetHead || s.place <= s.file.Limit() && s.place != 0)
	return err
}

// findTime finds an entry of another sequence by its times. Where the target does not tell any, all of the file counts, as with
// libsystemd.
func (s *source) findTime(past uint64, down bool) (uint64, error) {
	at := &s.target.at
	if at.XorHash != 0 && at.Realtime != 0 && !at.BootID.IsZero() {
		return s.findTied(past != 0)
	}
	if !at.BootID.IsZero() {
		place, ok, err := s.file.FindMonotonic(at.BootID, at.Monotonic+journal.Usec(past))
		if ok || err != nil {
			return place, err
		}
	}
	switch {
	case at.Realtime != 0:
		return s.file.FindRealtime(at.Realtime + journal.Usec(past))
	case down:
		return 0, nil
	}
	return journalfile.End, nil
}

// findTied finds the place before the target, or after it, among entries of the same time, which the rest of the header orders.
func (s *source) findTied(after bool) (uint64, error) {
	at := &s.target.at
	place, ok, err := s.file.FindMonotonic(at.BootID, at.Monotonic)
	if !ok && err == nil {
		place, err = s.file.FindRealtime(at.Realtime)
	}
	if err != nil {
		return 0, err
	}
	all := s.file.Matcher(nil)
	for {
		offset, err := all.Seek(place, true)
		if err != nil || offset == 0 {
			return place, err
		}
		var e journalfile.Entry
		if err := s.file.ReadEntry(offset, &e); err == nil {
			same := e.BootID == at.BootID && e.Monotonic == at.Monotonic || e.BootID != at.BootID && e.Realtime == at.Realtime
			if c := compare(&e.Header, at); !same || c > 0 || c == 0 && !after {
				return place, nil
			}
		} else if !s.file.Skip(offset, err) {
			return 0, err
		}
		place = offset + 1
	}
}

// nothing reports whether the header already tells that the file has no entry in this direction of the target.
func (s *source) nothing(down, many bool) bool {
	h := &s.header
	if h.State != journalfile.StateArchived || s.found || s.file != nil {
		return false
	}
	at := &s.target.at
	switch s.target.kind {
	case targetHead:
		return !down || h.Entries == 0
	case targetTail:
		return down || h.Entries == 0
	case targetRealtime:
		// A clock that was set back within the file shows in its ends, mostly; with few files each is looked at.
		if !many || h.HeadRealtime > h.TailRealtime {
			return false
		}
		return down && h.TailRealtime < at.Realtime || !down && h.HeadRealtime >= at.Realtime
	default:
		if at.SeqnumID != h.SeqnumID || at.Seqnum == 0 {
			return false
		}
		return down && h.TailSeqnum < at.Seqnum || !down && h.HeadSeqnum > at.Seqnum
	}
}

// advance finds the head of the source, the next entry after its place, or before it.
func (r *reader) advance(s *source, down bool) error {
	s.hasHead = false
	if s.bad {
		return nil
	}
	if err := r.openFile(s); err != nil {
		return err
	}
	if !s.found && s.growable() && s.file.Grew() {
		if err := r.refresh(s); err != nil {
			return err
		}
	}
	if err := s.find(down); err != nil {
		return err
	}
	from := s.place
	if !down {
		if from == 0 {
			return nil
		}
		from--
	}
	var e journalfile.Entry
	for {
		offset, err := s.matcher.Seek(from, down)
		if err != nil || offset == 0 {
			return err
		}
		if err = s.file.ReadEntry(offset, &e); err == nil {
			s.head, s.headOffset, s.hasHead, s.found = e.Header, offset, true, true
			return nil
		}
		if !s.file.Skip(offset, err) {
			return err
		}
	}
}

// pass moves the place of the source past its head.
func (s *source) pass(down bool) {
	s.place = s.headOffset
	if down {
		s.place++
	}
	s.hasHead = false
}

// compare orders entries as journald does.
func compare(a, b *journal.Header) int {
	if a.SeqnumID == b.SeqnumID {
		if c := cmp.Compare(a.Seqnum, b.Seqnum); c != 0 {
			return c
		}
	}
	if a.BootID == b.BootID {
		if c := cmp.Compare(a.Monotonic, b.Monotonic); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.Realtime, b.Realtime), cmp.Compare(a.XorHash, b.XorHash))
}

// sameEntries reports whether two closed files are copies of one another.
func sameEntries(a, b *journalfile.Header) bool {
	return a.FileID == b.FileID && a.State == journalfile.StateArchived && b.State == journalfile.StateArchived &&
		a.Entries == b.Entries && a.TailSeqnum == b.TailSeqnum && bytes.Equal(a.SeqnumID[:], b.SeqnumID[:])
}
