// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"syscall"
	"unicode/utf8"

	"github.com/noded/noded/journal"
)

const (
	// maxNames bounds the number of field names that are remembered, maxNameBytes the length of one.
	maxNames     = 4096
	maxNameBytes = 64
	// keepBytes and keepFields are the sizes of the buffers that are kept after a larger entry.
	keepBytes  = 256 << 10
	keepFields = 4096
)

// entry is the reader's current entry. Its buffers are used again for the next one.
type entry struct {
	r      *reader
	header journal.Header

	loaded bool
	// checked: the entry was still there when a field was not found.
	checked bool
	items   int // of the entry whose fields were read last
	buf     []byte
	ends    []uint64
	fields  []journal.Field
	lookup  []byte
}

// forget makes the entry ready for the next place.
func (e *entry) forget() {
	e.loaded, e.checked = false, false
	e.fields = e.fields[:0]
	if cap(e.buf) > keepBytes {
		e.buf = nil
	}
	if cap(e.lookup) > keepBytes {
		e.lookup = nil
	}
	if cap(e.ends) > keepFields {
		e.ends = nil
	}
	if cap(e.fields) > keepFields {
		e.fields = nil
	}
}

// Header implements journal.Entry.
func (e *entry) Header() journal.Header { return e.header }

// Lookup implements journal.Entry.
func (e *entry) Lookup(name string) (journal.Field, error) {
	if e.r.h == nil {
		return journal.Field{}, errClosed
	}
	if e.loaded {
		for i := range e.fields {
			if e.fields[i].Name == name {
				return e.fields[i], nil
			}
		}
		return journal.Field{}, journal.ErrNoField
	}
	if !journal.ValidFieldName(name) || len(name) >= 2 && name[:2] == "__" {
		return journal.Field{}, journal.ErrNoField
	}
	for {
		room := e.lookup[:cap(e.lookup)]
		size, err := e.r.h.field(name, room)
		switch {
		case err == nil && size > len(name):
			e.r.weigh(size)
			return journal.Field{Name: name, Value: room[len(name)+1 : size : size]}, nil
		case err == nil, errors.Is(err, syscall.ENOENT):
			if e.r.watch.started && !e.checked && !e.r.h.stillThere() {
				return journal.Field{}, e.unreadable(syscall.EBADMSG)
			}
			e.checked = true
			return journal.Field{}, journal.ErrNoField
		case errors.Is(err, errnoNoRoom) && size > len(room):
			e.lookup = make([]byte, grown(size))
		default:
			return journal.Field{}, e.unreadable(err)
		}
	}
}

// AppendFields implements journal.Entry.
func (e *entry) AppendFields(dst []journal.Field, mask journal.Mask) ([]journal.Field, error) {
	if e.r.h == nil {
		return dst, errClosed
	}
	if mask != nil && len(mask) == 0 {
		return dst, nil
	}
	if err := e.load(); err != nil {
		return dst, err
	}
	if mask == nil {
		return append(dst, e.fields...), nil
	}
	for i := range e.fields {
		if mask.Has(e.fields[i].Name) {
			dst = append(dst, e.fields[i])
		}
	}
	return dst, nil
}

// Split implements journal.Entry. libsystemd does not tell what entries have in common.
func (e *entry) Split(dst []journal.Field, mask journal.Mask) (*journal.Run, []journal.Field, error) {
	rest, err := e.AppendFields(dst, mask)
	return nil, rest, err
}

// load copies all fields of the entry.
func (e *entry) load() error {
	if e.loaded {
		return nil
	}
	items, err := e.copyItems()
	if err != nil {
		return e.unreadable(err)
	}
	// Libsystemd leaves out items whose data is gone. To ask whether the entry is still there costs as much as to go to
	// it; that is spared where nothing is strange.
	odd := e.r.watch.started || items != e.items
	e.items = items
	e.fields = e.fields[:0]
	begin := uint64(0)
	for _, end := range e.ends[:items] {
		item := e.buf[:cap(e.buf)][begin:end:end]
		begin = end
		equals := bytes.IndexByte(item, '=')
		if equals <= 0 || item[len(item)-1] == 0 {
			odd = true
		}
		// Other names are not journald's: nothing could ask for them.
		if equals > 0 && equals <= maxNameBytes && utf8.Valid(item[:equals]) {
			e.fields = append(e.fields, journal.Field{Name: e.r.intern(item[:equals]), Value: item[equals+1:]})
		}
	}
	// No writer makes an entry without fields: then the data is gone or damaged.
	if items == 0 || odd && !e.r.h.stillThere() {
		e.fields = e.fields[:0]
		return e.unreadable(syscall.EBADMSG)
	}
	e.loaded = true
	return nil
}

// copyItems copies all items of the entry to buf, mostly by one call of the shim, and returns their number.
func (e *entry) copyItems() (int, error) {
	for {
		size, items, err := e.r.h.fields(e.buf[:cap(e.buf)], e.ends)
		if err == nil {
			e.r.weigh(size)
			return items, nil
		}
		if !errors.Is(err, errnoNoRoom) {
			return 0, err
		}
		if size > cap(e.buf) {
			e.buf = make([]byte, grown(size))
		}
		if items > len(e.ends) {
			e.ends = make([]uint64, grown(items))
		}
	}
}

// unreadable says which entry's fields cannot be read.
func (e *entry) unreadable(err error) error {
	if errors.Is(err, syscall.E2BIG) {
		// Libsystemd may have decompressed it, and keeps the buffer until the journal is opened anew.
		e.r.heavy = maxHeavy*e.r.origin.maxEntry + 1
		return fmt.Errorf("read journal entry %s: more than %d bytes: %w", e.header.Cursor(), e.r.origin.maxEntry, journal.ErrTooLarge)
	}
	return fmt.Errorf("read journal entry %s: %w: %w", e.header.Cursor(), journal.ErrUnreadable, err)
}

// grown is the size of a buffer for need items with room for the next ones; large ones get no more than they need.
func grown(need int) int {
	if need > heavyEntry {
		return need
	}
	return need + need/2 + 64
}

// weigh counts an entry or field that was read, if it is heavy.
func (r *reader) weigh(size int) {
	if size > heavyEntry {
		r.heavy += size
	}
}

func (r *reader) intern(name []byte) string {
	if s, ok := r.names[string(name)]; ok {
		return s
	}
	s := string(name)
	if len(r.names) < maxNames {
		r.names[s] = s
	}
	return s
}

// parseCursor reads a cursor as libsystemd prints it, without allocating.
func parseCursor(text []byte) (journal.Header, bool) {
	var h journal.Header
	ok := true
	id := func(key byte) (id journal.ID128) {
		if len(text) < 34 || text[0] != key || text[1] != '=' {
			ok = false
			return id
		}
		if _, err := hex.Decode(id[:], text[2:34]); err != nil {
			ok = false
		}
		text = bytes.TrimPrefix(text[34:], []byte{';'})
		return id
	}
	number := func(key byte) (n uint64) {
		if len(text) < 3 || text[0] != key || text[1] != '=' {
			ok = false
			return 0
		}
		text = text[2:]
		for len(text) > 0 && text[0] != ';' {
			digit := text[0]
			switch {
			case digit >= '0' && digit <= '9':
				digit -= '0'
			case digit >= 'a' && digit <= 'f':
				digit -= 'a' - 10
			default:
				ok = false
			}
			if n>>60 != 0 {
				ok = false
			}
			n = n<<4 | uint64(digit&15)
			text = text[1:]
		}
		text = bytes.TrimPrefix(text, []byte{';'})
		return n
	}
	h.SeqnumID = id('s')
	h.Seqnum = number('i')
	h.BootID = id('b')
	h.Monotonic = journal.Usec(number('m'))
	h.Realtime = journal.Usec(number('t'))
	h.XorHash = number('x')
	return h, ok && len(text) == 0
}
