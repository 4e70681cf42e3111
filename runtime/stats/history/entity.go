// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/binary"
	"slices"
	"time"
)

// entity is what is kept of one thing.
type entity struct {
	name  string
	about []byte
	// blocks are in the order in which their samples came.
	blocks []block
	// data is how much memory the data of the blocks takes.
	data int64
	// head is the newest rows; limit is how many it has before it becomes a block.
	head  table
	limit int
	// arrived is when the last row of head came, touched when the entity was last mentioned.
	arrived, touched int64
}

// What things take, on 64 bits. The size of an entity is that which the allocator rounds it up to.
const (
	storeBytes  = 1 << 10
	entityBytes = 176
	blockBytes  = 48
	// mapEntryBytes is for a key, a pointer and a byte of control in a table that is half full: it is between 7/16 and 7/8.
	mapEntryBytes = 50
)

// size is how much memory the entity takes.
func (e *entity) size() int64 {
	return entityBytes + stringBytes(e.name) + int64(cap(e.about)) + int64(cap(e.blocks))*blockBytes + e.data + e.head.size()
}

// stringBytes is what the allocator makes of a string.
func stringBytes(s string) int64 { return int64((len(s)+15)&^15 + len(s)/16) }

func (e *entity) empty() bool { return len(e.blocks) == 0 && e.head.rows() == 0 }

// insert adds a block behind all that came no later.
func (e *entity) insert(b block) {
	at := len(e.blocks)
	for at > 0 && e.blocks[at-1].arrived > b.arrived {
		at--
	}
	e.blocks = slices.Insert(e.blocks, at, b)
	e.data += int64(cap(b.data))
}

// drop removes what came no later than at.
func (e *entity) drop(at int64) {
	n := 0
	for n < len(e.blocks) && e.blocks[n].arrived <= at {
		e.data -= int64(cap(e.blocks[n].data))
		n++
	}
	switch left := len(e.blocks) - n; {
	case n == 0:
	case left == 0:
		e.blocks = nil
	case left <= cap(e.blocks)/4:
		e.blocks = append([]block(nil), e.blocks[n:]...)
	default:
		e.blocks = slices.Delete(e.blocks, 0, n)
	}
	if e.head.rows() > 0 && e.arrived <= at {
		e.head = table{}
	}
}

// freeze compresses the head and empties it. The block before takes the rows if it is still short.
func (s *Store) freeze(e *entity) {
	rows := &e.head
	if n := len(e.blocks); n > 0 && s.joins(&e.blocks[n-1], rows) {
		b := e.blocks[n-1]
		if s.decoder.decode(b.data, &s.joined) == nil {
			s.joined.join(rows)
			rows = &s.joined
			e.data -= int64(cap(b.data))
			e.blocks = e.blocks[:n-1]
		}
	}
	// Compressing fails for no rows that there can be.
	if data, err := s.encoder.encode(rows); err == nil {
		e.insert(block{first: rows.first(), last: rows.last(), arrived: e.arrived, data: data})
	}
	e.head.clear()
	e.limit = headRows
}

// joins reports whether the rows can become part of the block.
func (s *Store) joins(b *block, rows *table) bool {
	n, _ := binary.Uvarint(b.data)
	return b.last < rows.first() && int(n)+rows.rows() <= blockRows && within(b.first, rows.last(), s.span)
}

// trim drops what is too old, from time to time, and what there is no room for.
func (s *Store) trim() {
	retention := s.retention.Milliseconds()
	if s.clock-s.swept >= retention/32 {
		s.swept = s.clock
		s.sweep(s.clock-retention-1, s.clock-max(retention/8, time.Minute.Milliseconds()))
	}
	for s.total() > s.maxBytes && s.evict() {
	}
}

// sweep drops what came no later than at, and compresses what is left of those of which nothing came after idle.
func (s *Store) sweep(at, idle int64) {
	for name, e := range s.entities {
		before := e.size()
		e.drop(at)
		if e.head.rows() > 0 && e.arrived <= idle {
			s.freeze(e)
			e.head = table{}
		}
		after := e.size()
		if e.empty() && e.touched <= at {
			delete(s.entities, name)
			after = 0
		}
		s.bytes += after - before
	}
	s.remade()
}

// share is something that can be dropped.
type share struct{ arrived, bytes int64 }

// evict drops the oldest of all, until there is some room to spare: finding the oldest means to look at all. It returns false if there is
// nothing to drop.
func (s *Store) evict() bool {
	var shares []share
	for _, e := range s.entities {
		for i := range e.blocks {
			shares = append(shares, share{e.blocks[i].arrived, int64(cap(e.blocks[i].data))})
		}
		if e.head.rows() > 0 {
			shares = append(shares, share{e.arrived, e.head.size()})
		}
		// With the last of its samples goes the rest.
		shares = append(shares, share{e.touched, e.size() - e.data - e.head.size()})
	}
	if len(shares) == 0 {
		return false
	}
	slices.SortFunc(shares, func(a, b share) int { return int(min(max(a.arrived-b.arrived, -1), 1)) })
	want := s.total() - s.maxBytes + s.maxBytes/32
	at := shares[0].arrived
	for _, x := range shares {
		if want <= 0 {
			break
		}
		at, want = x.arrived, want-x.bytes
	}
	s.sweep(at, at)
	return true
}
