// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"hash/maphash"
	"math"
	"strings"
)

// noPlace is no place in a table.
const noPlace = math.MaxUint32

// placed is something with an ID and its place in a table of the stream.
type placed struct {
	id    uint64
	place uint32
	// size is what the fields of a run take in the plain form.
	size uint32
}

// placeCache finds the place of an ID. IDs count from 1 on, so that each has a slot of its own until there are more than
// most; from then on a later one takes the slot of an earlier one, which is sent again if it comes back.
type placeCache struct {
	slots []placed
	most  int
}

// minSlots is the number of slots that a cache begins with.
const minSlots = 64

func (c *placeCache) empty() { clear(c.slots) }

// find returns nil if the place is not known.
func (c *placeCache) find(id uint64) *placed {
	if id == 0 || len(c.slots) == 0 {
		return nil
	}
	if slot := &c.slots[id&uint64(len(c.slots)-1)]; slot.id == id {
		return slot
	}
	return nil
}

func (c *placeCache) add(p placed) {
	if p.id == 0 {
		return
	}
	// The number of slots is a power of two. While it grows every ID is smaller than it, and keeps its slot.
	for len(c.slots) < c.most && p.id >= uint64(len(c.slots)) {
		c.slots = append(c.slots, make([]placed, max(minSlots, len(c.slots)))...)
	}
	c.slots[p.id&uint64(len(c.slots)-1)] = p
}

// nameTable finds the place of a name.
type nameTable struct {
	places map[string]uint32
	// recent has names that were asked for, by some of their bytes: engines give the same few all the time.
	recent [64]recentName
}

type recentName struct {
	name  string
	place uint32
}

func (t *nameTable) empty() {
	if t.places == nil {
		t.places = make(map[string]uint32)
	}
	clear(t.places)
	clear(t.recent[:])
}

func (t *nameTable) len() int { return len(t.places) }

func (t *nameTable) slot(name string) *recentName {
	if name == "" {
		return &t.recent[0]
	}
	return &t.recent[(len(name)*5+int(name[len(name)-1])+int(name[len(name)/2])*3)%len(t.recent)]
}

func (t *nameTable) find(name string) (place uint32, known bool) {
	slot := t.slot(name)
	if slot.name == name && name != "" {
		return slot.place, true
	}
	if place, known = t.places[name]; known {
		*slot = recentName{name: name, place: place}
	}
	return place, known
}

// add appends a name, and returns it as the API can carry it too.
func (t *nameTable) add(name string) (place uint32, text string) {
	// The engine's string may be a part of something large.
	name = strings.Clone(name)
	place = uint32(len(t.places))
	t.places[name] = place
	return place, Text(name)
}

const (
	// maxRepeatBytes is the length from which on values are not looked for: they seldom come again.
	maxRepeatBytes = 256
	repeatSlots    = 16 << 10
	// maxRepeats leaves slots free, so that searches end soon.
	maxRepeats = repeatSlots / 2
	// repeatSteps bounds a search.
	repeatSteps = 8
	seenSlots   = 16 << 10
)

// repeatTable finds values that come again, for engines that do not tell. A value is remembered when it comes
// for the second time, since most of those that come once never do.
type repeatTable struct {
	seed  maphash.Seed
	slots []repeat
	// seen has a part of the hash of values that came.
	seen  []uint32
	kept  []byte
	count int
	// full: nothing more can be remembered until the tables begin anew.
	full bool
}

// repeat is a value in the table of the stream, which is kept to be compared.
type repeat struct {
	hash        uint64
	name, place uint32
	start, end  uint32
	used        bool
}

func (t *repeatTable) empty() {
	if t.count > 0 {
		clear(t.slots)
	}
	t.kept, t.count, t.full = t.kept[:0], 0, false
}

// find returns the slot of a value, known; or the slot that put may fill since the value came before; or nil.
func (t *repeatTable) find(name uint32, value []byte) (slot *repeat, known bool) {
	if len(value) >= maxRepeatBytes {
		return nil, false
	}
	if t.slots == nil {
		t.seed, t.slots, t.seen = maphash.MakeSeed(), make([]repeat, repeatSlots), make([]uint32, seenSlots)
	}
	// The multiplier is the golden ratio's: it spreads names over the bits.
	hash := maphash.Bytes(t.seed, value) ^ uint64(name+1)*0x9e3779b97f4a7c15
	for step := range uint64(repeatSteps) {
		s := &t.slots[(hash+step)%repeatSlots]
		if !s.used {
			slot = s
			break
		}
		if s.hash == hash && s.name == name && bytes.Equal(t.kept[s.start:s.end], value) {
			return s, true
		}
	}
	before := &t.seen[hash>>32%seenSlots]
	again := *before == uint32(hash)
	*before = uint32(hash)
	if t.full = t.full || t.count == maxRepeats; slot == nil || t.full || !again {
		return nil, false
	}
	slot.hash = hash
	return slot, false
}

// put fills a slot that find returned.
func (t *repeatTable) put(slot *repeat, name uint32, value []byte, place uint32) {
	slot.used, slot.name, slot.place, slot.start = true, name, place, uint32(len(t.kept))
	t.kept = append(t.kept, value...)
	slot.end = uint32(len(t.kept))
	t.count++
}
