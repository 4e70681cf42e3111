// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"
	"unicode/utf8"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
)

const (
	// maxCached bounds what a reader remembers of values and runs; then all is forgotten.
	maxCached = 32 << 20
	// maxRemembered is the largest value that is remembered.
	maxRemembered = 64 << 10
	// maxRuns bounds the runs of a file, those included that were seen once.
	maxRuns = 1 << 15
	// recentRuns is how many runs are found without a map: about as many as processes log in turn.
	recentRuns = 32
	// minRun is the number of items from which a run is worth its while.
	minRun = 3
	// maxName is the length of the longest name of a field.
	maxName = 64
	// maxNames bounds the number of names that are remembered.
	maxNames = 4096
	// valueOverhead is about what a remembered value takes beside its bytes.
	valueOverhead = 160
)

// memory is what the reader remembers of a file: each data object is decoded once.
type memory struct {
	values map[uint64]*value // by offset
	// runs are found by a hash of their items; nil for one that was seen once and may never be again.
	runs map[uint64]*run
	// recent are runs that were met lately, by the same hash.
	recent [recentRuns]*run
	// bytes is the size of it all.
	bytes int
	// damages is how much damage of the file was told.
	damages int
}

// value is a data object that several entries have.
type value struct {
	offset uint64
	name   *fieldName // nil if the object has none that could be asked for
	// field is complete once loaded is set.
	field  journal.Field
	loaded bool
}

// fieldName is the name of a field. selected tells whether the mask has it, if mask is the reader's.
type fieldName struct {
	text     string
	mask     uint64
	selected bool
}

// names remembers the names of fields and the mask.
type names struct {
	byText map[string]*fieldName
	// recent are the names that items after a run had, which mostly are the same again.
	recent [4]*fieldName
	// mask is counted up when another mask is asked for.
	mask  uint64
	given journal.Mask
	seed  maphash.Seed
}

func newNames() names {
	return names{byText: make(map[string]*fieldName), mask: 1, seed: maphash.MakeSeed()}
}

// use makes m the mask. The same slice again is the same mask.
func (n *names) use(m journal.Mask) {
	if (m == nil) == (n.given == nil) && len(m) == len(n.given) && (len(m) == 0 || &m[0] == &n.given[0]) {
		return
	}
	n.given = m
	n.mask++
}

func (n *names) selects(name *fieldName) bool {
	if name.mask != n.mask {
		name.mask, name.selected = n.mask, n.given.Has(name.text)
	}
	return name.selected
}

// of returns the name that a payload begins with, nil if there is none.
func (n *names) of(payload []byte) *fieldName {
	for _, name := range n.recent {
		if name != nil && len(payload) > len(name.text) && payload[len(name.text)] == '=' && string(payload[:len(name.text)]) == name.text {
			return name
		}
	}
	equals := bytes.IndexByte(payload[:min(len(payload), maxName+1)], '=')
	if equals <= 0 || !utf8.Valid(payload[:equals]) {
		return nil
	}
	name, ok := n.byText[string(payload[:equals])]
	if !ok {
		if len(n.byText) >= maxNames {
			clear(n.byText)
		}
		name = &fieldName{text: string(payload[:equals])}
		n.byText[name.text] = name
	}
	copy(n.recent[1:], n.recent[:])
	n.recent[0] = name
	return name
}

// nameOf returns the name of a data object's field.
func (r *reader) nameOf(d *journalfile.Data) (*fieldName, error) {
	if d.Compression == compress.None {
		return r.names.of(d.Payload), nil
	}
	var room [maxName + 1]byte
	prefix, err := r.decoder.Prefix(room[:0], d.Compression, d.Payload, maxName+1)
	if err != nil {
		return nil, err
	}
	return r.names.of(prefix), nil
}

// valueAt returns the value at the offset, which several entries have.
func (r *reader) valueAt(s *source, offset uint64) (*value, error) {
	if v := s.memory.values[offset]; v != nil {
		return v, nil
	}
	var d journalfile.Data
	if err := s.file.ReadData(offset, &d); err != nil {
		return nil, err
	}
	name, err := r.nameOf(&d)
	if err != nil {
		return nil, s.file.Undecodable(&d, err)
	}
	v := &value{offset: offset, name: name}
	if s.memory.values == nil {
		s.memory.values = make(map[uint64]*value)
	}
	s.memory.values[offset] = v
	r.remember(s, valueOverhead)
	return v, nil
}

// load returns the field of a value, decoding it if that was not done. A large one is not remembered.
func (r *reader) load(s *source, v *value) (journal.Field, error) {
	if v.loaded {
		return v.field, nil
	}
	var d journalfile.Data
	if err := s.file.ReadData(v.offset, &d); err != nil {
		return journal.Field{}, err
	}
	payload, err := r.decode(nil, s, &d, r.engine.maxEntry)
	if err != nil {
		return journal.Field{}, err
	}
	f := journal.Field{Name: v.name.text, Value: payload[min(len(v.name.text)+1, len(payload)):]}
	if len(payload) > maxRemembered {
		return f, nil
	}
	r.nextValue++
	f.ID = r.nextValue
	v.field, v.loaded = f, true
	r.remember(s, len(payload))
	return f, nil
}

// loadWithin is load for a field that may have that many bytes with its name.
func (r *reader) loadWithin(s *source, v *value, limit int) (f journal.Field, ok bool, err error) {
	f, err = r.load(s, v)
	if err == nil && len(f.Name)+1+len(f.Value) > limit {
		err = journal.ErrTooLarge
	}
	return f, err == nil, err
}

// decode appends the payload of a data object to dst. One of more than limit bytes is a journal.ErrTooLarge.
func (r *reader) decode(dst []byte, s *source, d *journalfile.Data, limit int) ([]byte, error) {
	if d.Compression == compress.None {
		if len(d.Payload) > limit {
			return dst, journal.ErrTooLarge
		}
		out := append(dst, d.Payload...)
		return out, s.file.Intact(d)
	}
	out, err := r.decoder.Append(dst, d.Compression, d.Payload, limit)
	switch {
	case err == nil:
		return out, s.file.Intact(d)
	case errors.Is(err, compress.ErrTooLarge):
		return dst, journal.ErrTooLarge
	default:
		return dst, s.file.Undecodable(d, err)
	}
}

// remember counts what is remembered, and forgets everything when it is too much.
func (r *reader) remember(s *source, n int) {
	s.memory.bytes += n
	r.cached += n
	if r.cached <= maxCached {
		return
	}
	for _, other := range r.open {
		other.memory = memory{damages: other.memory.damages}
	}
	r.cached = 0
}

// run is a list of items that many entries begin with.
type run struct {
	raw    []byte
	values []*value // those with a name
	// full has all fields, masked those that the mask selects; nil until they are needed. size is that of the fields of full.
	full, masked *journal.Run
	mask         uint64
	size, kept   int
	// found remembers the field looked up last.
	sought string
	found  int
}

// runOf returns the run of the entry's first n items, nil if they were not met before.
func (r *reader) runOf(s *source, e *journalfile.Entry, n int) (*run, error) {
	if n < minRun {
		return nil, nil
	}
	raw := e.Raw(n)
	m := &s.memory
	hash := maphash.Bytes(r.names.seed, raw)
	recent := &m.recent[hash%recentRuns]
	if *recent != nil && bytes.Equal((*recent).raw, raw) {
		return *recent, nil
	}
	known, met := m.runs[hash]
	switch {
	case known != nil && bytes.Equal(known.raw, raw):
		*recent = known
		return known, nil
	case known != nil:
		return nil, nil
	case !met:
		if m.runs == nil || len(m.runs) >= maxRuns {
			m.runs = make(map[uint64]*run)
		}
		m.runs[hash] = nil
		r.remember(s, 16)
		return nil, nil
	}
	made := &run{raw: bytes.Clone(raw), values: make([]*value, 0, n)}
	for i := range n {
		v, err := r.valueAt(s, e.Item(i))
		if err != nil {
			return nil, err
		}
		if v.name != nil {
			made.values = append(made.values, v)
		}
	}
	if s.memory.runs == nil {
		s.memory.runs = make(map[uint64]*run)
	}
	s.memory.runs[hash], s.memory.recent[hash%recentRuns] = made, made
	r.remember(s, len(raw)+n*64)
	return made, nil
}

// fields returns the run as the mask wants it, nil for no fields.
func (r *reader) fieldsOf(s *source, n *run, masked bool) (*journal.Run, int, error) {
	if !masked {
		if n.full == nil {
			full, size, err := r.makeRun(s, n, false)
			if err != nil {
				return nil, 0, err
			}
			n.full, n.size = full, size
		}
		return n.full, n.size, nil
	}
	if n.mask != r.names.mask {
		part, size, err := r.makeRun(s, n, true)
		if err != nil {
			return nil, 0, err
		}
		n.masked, n.kept, n.mask = part, size, r.names.mask
	}
	return n.masked, n.kept, nil
}

func (r *reader) makeRun(s *source, n *run, masked bool) (*journal.Run, int, error) {
	fields := make([]journal.Field, 0, len(n.values))
	size, large := 0, 0
	for _, v := range n.values {
		if masked && !r.names.selects(v.name) {
			continue
		}
		f, err := r.load(s, v)
		if err != nil {
			return nil, 0, err
		}
		if size += len(f.Name) + 1 + len(f.Value); size > r.engine.maxEntry {
			return nil, 0, journal.ErrTooLarge
		}
		if !v.loaded {
			large += len(f.Value) // which only the run keeps
		}
		fields = append(fields, f)
	}
	r.remember(s, len(fields)*48+large)
	if len(fields) == 0 {
		return nil, 0, nil
	}
	r.nextRun++
	return &journal.Run{ID: r.nextRun, Fields: slices.Clip(fields)}, size, nil
}

// index returns the place of the first field of that name in the run's values, -1 if it has none.
func (n *run) index(name string) int {
	if n.sought == name && n.sought != "" {
		return n.found
	}
	n.sought = name
	n.found = slices.IndexFunc(n.values, func(v *value) bool { return v.name.text == name })
	return n.found
}
