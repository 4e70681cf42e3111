// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// keepBytes is the size of the buffer that is kept after a larger entry.
const keepBytes = 256 << 10

// entry is the reader's current entry. Its buffers are used again for the next one.
type entry struct {
	r *reader
	// known: object, begin and run are those of the entry. Its first begin items were there before it; run is what is
	// known of them, nil if that is nothing.
	known  bool
	object journalfile.Entry
	begin  int
	run    *run
	// buf holds the values of the other items.
	buf []byte
}

// forget makes the entry ready for the next place.
func (e *entry) forget() {
	e.known, e.run = false, nil
	if e.buf = e.buf[:0]; cap(e.buf) > keepBytes {
		e.buf = nil
	}
}

// letGo does not keep a large buffer while the reader waits. Bytes that were given out stay as they are.
func (e *entry) letGo() {
	if cap(e.buf) > keepBytes {
		e.buf = nil
	}
}

// Header implements journal.Entry.
func (e *entry) Header() journal.Header { return e.r.current }

// look reads the entry object, if that was not done.
func (e *entry) look() error {
	r := e.r
	switch {
	case r.closed:
		return errClosed
	case r.at == nil || r.at.bad:
		return journalfile.ErrTruncated
	}
	s := r.at
	if err := r.openFile(s); err != nil {
		return err
	}
	if e.known {
		return nil
	}
	if err := s.file.ReadEntry(r.offset, &e.object); err != nil {
		return err
	}
	e.begin = e.object.Items()
	for ; e.begin > 0; e.begin-- {
		first, err := s.file.FirstEntry(e.object.Item(e.begin - 1))
		if err == nil && first != r.offset {
			break
		}
	}
	var err error
	if e.run, err = r.runOf(s, &e.object, e.begin); err != nil {
		// One of the items is bad: each is looked at on its own.
		e.run = nil
	}
	e.known = true
	return nil
}

// Lookup implements journal.Entry.
func (e *entry) Lookup(name string) (f journal.Field, err error) {
	if err := e.try(func() (err error) { f, err = e.lookup(name); return err }); err != nil {
		return journal.Field{}, err
	}
	return f, nil
}

func (e *entry) lookup(name string) (journal.Field, error) {
	if err := e.look(); err != nil {
		return journal.Field{}, err
	}
	r, s := e.r, e.r.at
	first := 0
	if e.run != nil {
		first = e.begin
		if i := e.run.index(name); i >= 0 {
			return r.load(s, e.run.values[i])
		}
	}
	if !journal.ValidFieldName(name) {
		return journal.Field{}, journal.ErrNoField
	}
	for i := first; i < e.object.Items(); i++ {
		var d journalfile.Data
		offset := e.object.Item(i)
		if i < e.begin {
			v, err := r.valueAt(s, offset)
			if err != nil || v.name == nil || v.name.text != name {
				continue // what is bad AppendFields tells
			}
			return r.load(s, v)
		}
		if err := s.file.ReadData(offset, &d); err != nil {
			continue
		}
		if n, err := r.nameOf(&d); err != nil || n == nil || n.text != name {
			continue
		}
		start := len(e.buf)
		var err error
		if e.buf, err = r.decode(e.buf, s, &d, r.engine.maxEntry); err != nil {
			return journal.Field{}, err
		}
		return journal.Field{Name: name, Value: e.buf[start+len(name)+1 : len(e.buf) : len(e.buf)]}, nil
	}
	return journal.Field{}, journal.ErrNoField
}

// AppendFields implements journal.Entry.
func (e *entry) AppendFields(dst []journal.Field, mask journal.Mask) ([]journal.Field, error) {
	begin := len(dst)
	shared, out, err := e.Split(dst, mask)
	if err != nil || shared == nil {
		return out, err
	}
	rest := len(out) - begin
	out = append(out, shared.Fields...)
	copy(out[begin+len(shared.Fields):], out[begin:begin+rest])
	copy(out[begin:], shared.Fields)
	return out, nil
}

// Split implements journal.Entry.
func (e *entry) Split(dst []journal.Field, mask journal.Mask) (shared *journal.Run, rest []journal.Field, err error) {
	if mask != nil && len(mask) == 0 {
		if e.r.closed {
			return nil, dst, errClosed
		}
		return nil, dst, nil
	}
	if err = e.protectedSplit(&shared, &rest, mask, dst); err != nil {
		return nil, dst, e.unreadable(err)
	}
	return shared, rest, nil
}

func (e *entry) protectedSplit(shared **journal.Run, rest *[]journal.Field, mask journal.Mask, dst []journal.Field) (err error) {
	defer e.r.protect(debug.SetPanicOnFault(true), &err)
	*shared, *rest, err = e.split(dst, mask)
	return err
}

func (e *entry) split(dst []journal.Field, mask journal.Mask) (*journal.Run, []journal.Field, error) {
	if err := e.look(); err != nil {
		return nil, dst, err
	}
	r, s := e.r, e.r.at
	r.names.use(mask)
	var shared *journal.Run
	first, size := 0, 0
	if e.run != nil {
		var err error
		shared, size, err = r.fieldsOf(s, e.run, mask != nil)
		switch {
		case err == nil:
			first = e.begin
		case errors.Is(err, journal.ErrTooLarge):
			return nil, dst, err
		}
	}
	good := len(dst)
	bad, items := 0, e.object.Items()
	var damage error
	for i := first; i < items; i++ {
		f, ok, err := e.item(i, mask != nil, r.engine.maxEntry-size)
		switch {
		case errors.Is(err, journal.ErrTooLarge):
			return nil, dst[:good], err
		case err != nil:
			s.file.Note(err)
			damage = err
			bad++
		case ok:
			size += len(f.Name) + 1 + len(f.Value)
			dst = append(dst, f)
		}
	}
	if bad > 0 && bad == items {
		return nil, dst[:good], damage
	}
	return shared, dst, nil
}

// item returns the field of item i, unless the mask leaves it out.
func (e *entry) item(i int, masked bool, limit int) (f journal.Field, ok bool, err error) {
	r, s := e.r, e.r.at
	offset := e.object.Item(i)
	if i < e.begin {
		v, err := r.valueAt(s, offset)
		if err != nil || v.name == nil || masked && !r.names.selects(v.name) {
			return journal.Field{}, false, err
		}
		return r.loadWithin(s, v, limit)
	}
	var d journalfile.Data
	if err := s.file.ReadData(offset, &d); err != nil {
		return journal.Field{}, false, err
	}
	name, err := r.nameOf(&d)
	if err != nil {
		return journal.Field{}, false, s.file.Undecodable(&d, err)
	}
	if name == nil || masked && !r.names.selects(name) {
		return journal.Field{}, false, nil
	}
	if d.Entries > 1 && len(d.Payload) <= maxRemembered {
		v, err := r.valueAt(s, offset)
		if err != nil {
			return journal.Field{}, false, err
		}
		return r.loadWithin(s, v, limit)
	}
	start := len(e.buf)
	if e.buf, err = r.decode(e.buf, s, &d, limit); err != nil {
		return journal.Field{}, false, err
	}
	return journal.Field{Name: name.text, Value: e.buf[min(start+len(name.text)+1, len(e.buf)):len(e.buf):len(e.buf)]}, true, nil
}

// try calls f with faults and damage made journal.ErrUnreadable.
func (e *entry) try(f func() error) error {
	err := e.r.guarded(f)
	if err == nil || errors.Is(err, journal.ErrNoField) || errors.Is(err, errClosed) {
		return err
	}
	return e.unreadable(err)
}

// unreadable says which entry's fields cannot be read.
func (e *entry) unreadable(err error) error {
	e.r.survive(err)
	switch {
	case errors.Is(err, errClosed):
		return err
	case errors.Is(err, journal.ErrTooLarge):
		return fmt.Errorf("read journal entry %s: more than %d bytes: %w", e.r.current.Cursor(), e.r.engine.maxEntry, journal.ErrTooLarge)
	default:
		return fmt.Errorf("read journal entry %s: %w: %w", e.r.current.Cursor(), journal.ErrUnreadable, err)
	}
}
