// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"encoding/binary"
	"errors"
	"sort"
)

// list is the entries that a chain of entry arrays names, in the order of their offsets, which is that in which they were
// written. The first entry of a value stands in its data object instead. Arrays double in size, so that a chain
// has few.
type list struct {
	f *File
	// single is the entry before those of the arrays; 0 if there is none.
	single uint64
	// n is the number of entries.
	n uint64
	// spans are the arrays looked at so far, last the offset of the last of them, next that of the one after it.
	spans      []span
	last, next uint64
	current    int
}

// span is the items of one array.
type span struct {
	items    uint64 // offset of the first
	first, n uint64 // its number in the list, and how many there is room for
}

// reset sets the list to n entries. What is known of a chain with the same beginning stays known.
func (l *list) reset(single, head, n uint64) {
	if l.single != single || len(l.spans) == 0 || l.spans[0].items != head+entryArraySize {
		l.single, l.spans, l.last, l.next, l.current = single, l.spans[:0], 0, head, 0
	}
	l.n = n
}

// known is the number of entries in the arrays looked at.
func (l *list) known() uint64 {
	if n := len(l.spans); n > 0 {
		return l.spans[n-1].first + l.spans[n-1].n
	}
	if l.single != 0 {
		return 1
	}
	return 0
}

// grow looks at the next array of the chain.
func (l *list) grow() error {
	next := l.next
	if next == 0 && l.last != 0 {
		// A writer may have added one.
		b, _, err := l.f.object(l.last, objectEntryArray, entryArraySize)
		if err != nil {
			return err
		}
		next = binary.LittleEndian.Uint64(b[16:])
	}
	if next <= l.last {
		return l.f.corrupt(max(l.last, next), objectEntryArray, "the chain of entry arrays ends at %d of %d entries", l.known(), l.n)
	}
	b, size, err := l.f.object(next, objectEntryArray, entryArraySize)
	if err != nil && l.f.outgrown() {
		return errNewer
	}
	if err != nil {
		return err
	}
	n := (size - entryArraySize) / l.f.itemSize()
	if n == 0 {
		return l.f.corrupt(next, objectEntryArray, "%d bytes", size)
	}
	l.spans = append(l.spans, span{items: next + entryArraySize, first: l.known(), n: n})
	l.last, l.next = next, binary.LittleEndian.Uint64(b[16:])
	return nil
}

// errNewer: an array is newer than the last refresh of the file.
var errNewer = errors.New("newer than the last refresh")

// clip looks at all arrays that the list needs. If they hold fewer entries than n, n becomes that number, and the
// error says why, unless the rest is newer than the last refresh.
func (l *list) clip() error {
	for l.known() < l.n {
		err := l.grow()
		if err == nil {
			continue
		}
		if l.n = l.known(); errors.Is(err, errNewer) {
			return nil
		}
		return err
	}
	return nil
}

// at returns the offset of entry i, which must be less than n. 0 is one that is just being added.
func (l *list) at(i uint64) (uint64, error) {
	if i == 0 && l.single != 0 {
		return l.single, nil
	}
	for i >= l.known() {
		if err := l.grow(); err != nil {
			return 0, err
		}
	}
	if s := &l.spans[l.current]; i < s.first || i-s.first >= s.n {
		l.current = sort.Search(len(l.spans)-1, func(k int) bool { return i < l.spans[k+1].first })
	}
	s := &l.spans[l.current]
	if l.f.compact {
		b, ok := l.f.content.at(s.items+(i-s.first)*4, 4)
		if !ok {
			return 0, l.f.corrupt(s.items-entryArraySize, objectEntryArray, "after the end of the file")
		}
		return uint64(binary.LittleEndian.Uint32(b)), nil
	}
	b, ok := l.f.content.at(s.items+(i-s.first)*8, 8)
	if !ok {
		return 0, l.f.corrupt(s.items-entryArraySize, objectEntryArray, "after the end of the file")
	}
	return binary.LittleEndian.Uint64(b), nil
}

// unordered is the error of a search that gave up at entry i although there are more; nil if there are none.
func (l *list) unordered(i uint64, more bool) error {
	if !more {
		return nil
	}
	return l.f.corrupt(l.last, objectEntryArray, "entries around number %d are not in order", i)
}

// written returns how many entries the list has if its last ones are 0: those before the first 0, by bisection.
func (l *list) written() uint64 {
	return uint64(sort.Search(int(l.n), func(i int) bool {
		offset, err := l.at(uint64(i))
		return err == nil && offset == 0
	}))
}

// bisect returns the number of the first entry for which reached is true, n if there is none. Like libsystemd it looks at the
// last entry of each array first, which also finds the earliest place where a clock that was set back makes the times
// unsorted. Entries that cannot be read count as those before them.
func (l *list) bisect(reached func(e *Entry) bool) (uint64, error) {
	probe := func(i uint64) bool {
		var e Entry
		for back := range uint64(maxProbes) {
			offset, err := l.at(i - back)
			if err == nil {
				err = l.f.ReadEntry(offset, &e)
			}
			if err == nil {
				return reached(&e)
			}
			l.f.note(err)
			if back == i {
				break
			}
		}
		return false
	}
	if l.n == 0 {
		return 0, nil
	}
	if err := l.clip(); err != nil {
		l.f.note(err)
		if l.n == 0 {
			return 0, err
		}
	}
	begin := uint64(0)
	for k := -1; k < len(l.spans) && begin < l.n; k++ {
		end := uint64(1)
		if k >= 0 {
			end = min(l.spans[k].first+l.spans[k].n, l.n)
		} else if l.single == 0 {
			continue
		}
		if probe(end - 1) {
			n := sort.Search(int(end-1-begin), func(i int) bool { return probe(begin + uint64(i)) })
			return begin + uint64(n), nil
		}
		begin = end
	}
	return l.n, nil
}

// maxProbes is how many unreadable entries in a row a bisection looks at.
const maxProbes = 8

// offsetAt is at for positions: the number n is the place after the last entry that there is.
func (l *list) offsetAt(i uint64) (uint64, error) {
	if i < l.n {
		return l.at(i)
	}
	if l.n == 0 {
		return 0, nil
	}
	offset, err := l.at(l.n - 1)
	return offset + 1, err
}
