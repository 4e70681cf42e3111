// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "github.com/noded/noded/journal"

// The bounds of what a Printer remembers.
const (
	// maxCacheBytes is the size from which everything is dropped.
	maxCacheBytes = 32 << 20
	// maxCachedBytes is the size up to which the text of a run or field is kept.
	maxCachedBytes = 64 << 10
	// maxRunSlots and maxFieldSlots are how many runs and fields are kept; they are powers of two.
	maxRunSlots   = 1 << 14
	maxFieldSlots = 1 << 16
	// minSlots is where both begin.
	minSlots = 1 << 8
	// slotBytes is about what a slot takes besides its text.
	slotBytes = 256
)

// cache holds what has been made of runs and fields, by their IDs. IDs are dense, so each has the slot that its low bits
// name; where there are more IDs than slots, the newest owner of a slot stays.
type cache struct {
	runs   []*runSlot
	fields []fieldSlot
	// bytes is about what all that takes.
	bytes int
}

// runSlot holds what a Printer has made of a run. It does not hold on to the run itself, nor to its values, since those may be
// parts of something larger, which nobody needs any more when the tables of a stream have begun anew.
type runSlot struct {
	id uint64
	// length is the number of the run's fields.
	length int
	// text is how the mode prints all fields of the run, names are the names in it: export, JSON and verbose.
	text  []byte
	names nameSet
	// line is what the short modes use of the run, source its host name, identifier and pid as printed, and columns
	// what they count for.
	line    lineFields
	source  []byte
	columns int
}

// fieldSlot holds how the mode prints the field of this ID.
type fieldSlot struct {
	id   uint64
	name *name
	text []byte
}

// run returns the slot of the run, or nil if there is none.
func (c *cache) run(run *journal.Run) *runSlot {
	if len(c.runs) == 0 || run.ID == 0 {
		return nil
	}
	if s := c.runs[run.ID&uint64(len(c.runs)-1)]; s != nil && s.id == run.ID && s.length == len(run.Fields) {
		return s
	}
	return nil
}

// field returns the slot of the field of this ID, or nil if there is none.
func (c *cache) field(id uint64) *fieldSlot {
	if len(c.fields) == 0 {
		return nil
	}
	if s := &c.fields[id&uint64(len(c.fields)-1)]; s.id == id {
		return s
	}
	return nil
}

// addRun keeps s, which may be what replaces another run, unless it is large.
func (c *cache) addRun(s *runSlot) {
	size := s.size()
	if s.id == 0 || size > maxCachedBytes {
		return
	}
	s.line.own()
	c.reserve(size)
	if n := slotsFor(s.id, len(c.runs), maxRunSlots); n > len(c.runs) {
		old := c.runs
		c.runs = make([]*runSlot, n)
		for _, o := range old {
			if o != nil {
				c.runs[o.id&uint64(n-1)] = o
			}
		}
	}
	place := &c.runs[s.id&uint64(len(c.runs)-1)]
	if o := *place; o != nil {
		c.bytes -= o.size()
	}
	*place = s
}

// size is about what the slot takes.
func (s *runSlot) size() int { return slotBytes + len(s.text) + len(s.source) + s.line.size() }

// addField keeps the text of the field of this ID.
func (c *cache) addField(id uint64, name *name, text []byte) {
	if len(text) > maxCachedBytes {
		return
	}
	c.reserve(len(text))
	if n := slotsFor(id, len(c.fields), maxFieldSlots); n > len(c.fields) {
		old := c.fields
		c.fields = make([]fieldSlot, n)
		for _, o := range old {
			if o.id != 0 {
				c.fields[o.id&uint64(n-1)] = o
			}
		}
	}
	s := &c.fields[id&uint64(len(c.fields)-1)]
	// The buffer of the field before is used again; its size was counted already.
	before := cap(s.text)
	s.id, s.name, s.text = id, name, append(s.text[:0], text...)
	c.bytes += cap(s.text) - before - len(text)
}

// reserve counts n more bytes. It drops everything first if they are too many.
func (c *cache) reserve(n int) {
	if c.bytes+n > maxCacheBytes {
		*c = cache{}
	}
	c.bytes += n
}

// slotsFor returns how many slots there should be for an ID.
func slotsFor(id uint64, now, most int) int {
	n := max(now, minSlots)
	for n < most && uint64(n) <= id {
		n *= 2
	}
	return n
}
