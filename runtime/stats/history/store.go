// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

// What holds if Config says nothing, and the bounds of it.
const (
	DefaultMaxBytes  = 16 << 20
	DefaultRetention = 15 * time.Minute
	// MinBytes is the least that a Store gets along with.
	MinBytes     = 1 << 20
	MinRetention = time.Second
)

// Bounds of what is kept of an entity. They also hold for files.
const (
	// MaxEntityBytes is how long its name can be: samples of a longer name, or an empty one, are not kept.
	MaxEntityBytes = 4 << 10
	// MaxAboutBytes is how long what is said about it can be: more is not kept at all.
	MaxAboutBytes = 64 << 10
)

// Config configures a Store. The zero value is usable.
type Config struct {
	// MaxBytes is how much memory the history may take, as Bytes tells it; DefaultMaxBytes if it is not positive, and MinBytes at least.
	MaxBytes int64
	// Retention is how long samples are kept for sure if there is room; DefaultRetention if it is not positive, and MinRetention at least.
	Retention time.Duration
	// Now is time.Now if it is nil. Ages are differences of what it returns; if it goes back, time stands still meanwhile.
	Now func() time.Time
}

// Value is a number of something. Rates are to be whole numbers, which take less room: microcores, bytes a second, thousandths a second.
type Value struct {
	ID metric.ID
	V  float64
}

// Store keeps samples. It is safe for concurrent use; readers hold up Append for microseconds only, Save for as long as it
// takes to copy the newest rows. Nothing runs behind it.
type Store struct {
	// read-only after New
	maxBytes  int64
	retention time.Duration
	// span is how long a time a block may cover, in milliseconds.
	span  int64
	now   func() time.Time
	start time.Time

	// saving is held while a file is written.
	saving sync.Mutex

	mu sync.RWMutex
	// mu guards the fields below.
	entities map[string]*entity
	// created counts entities, most is how many were in the map at once since it was made: it never shrinks.
	created, most int
	// bytes is the sum of the sizes of the entities.
	bytes int64
	// clock is how many milliseconds the store exists, swept when it looked for what is too old.
	clock, swept int64
	encoder      encoder
	decoder      decoder
	joined       table
}

// New returns an empty Store.
func New(c Config) *Store {
	if c.MaxBytes <= 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.Retention <= 0 {
		c.Retention = DefaultRetention
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Store{
		maxBytes: max(c.MaxBytes, MinBytes), retention: max(c.Retention, MinRetention),
		now: c.Now, start: c.Now(), entities: map[string]*entity{},
	}
	// Blocks are dropped as a whole: a quarter of the retention is what is kept too long for that.
	s.span = (s.retention / 4).Milliseconds()
	return s
}

// Append adds what was measured of an entity at a time. Values that are not finite or of unknown metrics are left out; if none is left,
// nothing happens. Values are not kept. Where there was a sample at the same time just before, the values are added to it.
func (s *Store) Append(name string, t time.Time, values []Value) {
	if name == "" || len(name) > MaxEntityBytes || !slices.ContainsFunc(values, Value.usable) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.elapsed()
	e := s.entity(name)
	before := e.size()
	s.put(e, t.UnixMilli(), values)
	e.arrived, e.touched = now, now
	s.bytes += e.size() - before
	s.trim()
}

func (v Value) usable() bool { return v.ID < metric.Count && !math.IsNaN(v.V) && !math.IsInf(v.V, 0) }

func (s *Store) put(e *entity, ms int64, values []Value) {
	h := &e.head
	if n := h.rows(); n == 0 || ms != h.last() {
		if n > 0 && (ms < h.last() || n >= e.limit || !within(h.first(), ms, s.span)) {
			s.freeze(e)
		}
		if h.stride == 0 {
			h.reserve(minRows, min(len(values), int(metric.Count)))
		}
		h.addRow(ms)
	}
	for i, v := range values {
		if !v.usable() {
			continue
		}
		c, ok := h.find(v.ID, i)
		if !ok {
			c = h.addColumn(v.ID)
		}
		h.set(c, v.V)
	}
}

// within reports whether a time is no more than span after the first one.
func within(first, ms, span int64) bool { return ms >= first && uint64(ms-first) <= uint64(span) }

// Describe keeps a copy of some bytes for as long as there are samples of the entity, or, if there are none yet, for the retention.
func (s *Store) Describe(name string, about []byte) {
	if name == "" || len(name) > MaxEntityBytes || len(about) > MaxAboutBytes {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.elapsed()
	e := s.entity(name)
	e.touched = now
	if !bytes.Equal(e.about, about) {
		before := e.size()
		// A new slice: readers may have the old one.
		e.about = append([]byte(nil), about...)
		s.bytes += e.size() - before
	}
	s.trim()
}

// About returns what Describe was told last of an entity, nil if there is nothing. It must not be changed.
func (s *Store) About(name string) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.entities[name]; e != nil {
		return e.about
	}
	return nil
}

// Entities returns the names of what there are samples of, sorted.
func (s *Store) Entities() []string {
	s.mu.RLock()
	names := make([]string, 0, len(s.entities))
	for name, e := range s.entities {
		if !e.empty() {
			names = append(names, name)
		}
	}
	s.mu.RUnlock()
	slices.Sort(names)
	return names
}

// Oldest returns the earliest time of a sample; zero if there is none.
func (s *Store) Oldest() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	oldest, found := int64(math.MaxInt64), false
	for _, e := range s.entities {
		for i := range e.blocks {
			oldest, found = min(oldest, e.blocks[i].first), true
		}
		if e.head.rows() > 0 {
			oldest, found = min(oldest, e.head.first()), true
		}
	}
	if !found {
		return time.Time{}
	}
	return time.UnixMilli(oldest)
}

// Bytes returns how much memory the history takes: all that it has allocated and not given back, with what the allocator rounds up. The
// garbage collector lets the process have more for some time, as usual.
func (s *Store) Bytes() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.total()
}

func (s *Store) total() int64 {
	return storeBytes + s.encoder.size() + s.joined.size() + int64(s.most)*mapEntryBytes + s.bytes
}

// elapsed returns the time on the clock of the store, which never goes back.
func (s *Store) elapsed() int64 {
	s.clock = max(s.clock, s.now().Sub(s.start).Milliseconds())
	return s.clock
}

// entity returns the entity of a name; there is one afterwards.
func (s *Store) entity(name string) *entity {
	if e := s.entities[name]; e != nil {
		return e
	}
	// The first block of each is shorter by another number of rows, so that not all are compressed at the same time.
	e := &entity{name: strings.Clone(name), limit: 1 + s.created%headRows, touched: s.clock, arrived: s.clock}
	s.created++
	s.entities[e.name] = e
	s.most = max(s.most, len(s.entities))
	s.bytes += e.size()
	return e
}

// remade gives the memory back that the map took when there were many more.
func (s *Store) remade() {
	if s.most > 1024 && s.most/4 > len(s.entities) {
		smaller := make(map[string]*entity, len(s.entities))
		maps.Copy(smaller, s.entities)
		s.entities, s.most = smaller, len(smaller)
	}
}
