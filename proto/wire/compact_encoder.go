// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math/bits"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

const (
	// maxSharedBytes is the length up to which a value that is in no run comes into the table of values.
	maxSharedBytes = 4096
	// maxLocalBytes bounds the values of one entry that are not in the table.
	maxLocalBytes = 1 << 30
	// batchOverhead is what a batch takes besides its columns.
	batchOverhead = 128
)

// CompactEncoder makes the compact batches of one stream. It copies what it is given. It recognizes what it has
// sent by the IDs of runs and fields, so all entries must come from one journal.Reader; values without an ID it
// compares by itself as long as the engine names none. It belongs to one goroutine.
type CompactEncoder struct {
	node  string
	batch *nodedv1.JournalCompactBatch
	spare *nodedv1.JournalCompactBatch
	size  int

	// last is the header of the entry before, source its source, whose place is sourcePlace.
	last        journal.Header
	source      compactSource
	sourcePlace uint32

	// The tables as the receiver has them: what is known of their contents, and how full they are.
	names      nameTable
	sources    map[compactSource]uint32
	runs       placeCache
	values     placeCache
	repeats    repeatTable
	valueCount int
	valueBytes int
	runCount   int
	runValues  int

	// shares: the engine tells what entries have in common.
	shares bool
	// stale: the tables begin anew with the next batch.
	stale bool
	// started: a batch was begun; the tables of the first one are empty anyway.
	started bool
}

// NewCompactEncoder returns the encoder of a stream of entries of the node.
func NewCompactEncoder(node string) *CompactEncoder {
	e := &CompactEncoder{
		node:    Text(node),
		batch:   new(nodedv1.JournalCompactBatch),
		sources: make(map[compactSource]uint32),
		runs:    placeCache{most: maxCompactRuns},
		values:  placeCache{most: maxCompactValues},
	}
	e.empty()
	return e
}

// Len returns the number of entries in the batch.
func (e *CompactEncoder) Len() int { return len(e.batch.XorHashes) }

// Bytes returns about how many bytes the batch takes as a message.
func (e *CompactEncoder) Bytes() int { return e.size }

// FieldBytes returns what the fields of an entry take in the plain form, at most.
func (e *CompactEncoder) FieldBytes(run *journal.Run, rest []journal.Field) int {
	size := 0
	if run != nil {
		if known := e.runs.find(run.ID); known != nil {
			size = int(known.size)
		} else {
			size = FieldBytes(run.Fields)
		}
	}
	return size + FieldBytes(rest)
}

// FieldBytes returns what fields take in the plain form, at most.
func FieldBytes(fields []journal.Field) int {
	size := FieldOverhead * len(fields)
	for i := range fields {
		size += len(fields[i].Name) + len(fields[i].Value)
	}
	return size
}

// Add appends an entry: its header and what Entry.Split gave. An error is ErrCompactFull, after which the batch must be
// taken and the entry can be added to the next one, or ErrCompactUnfit; the batch is then as it was before.
func (e *CompactEncoder) Add(h *journal.Header, run *journal.Run, rest []journal.Field) error {
	if e.Len() == 0 {
		e.begin()
	}
	if run != nil && len(run.Fields) == 0 {
		run = nil
	}
	if !fits(rest) {
		return ErrCompactUnfit
	}
	place := uint32(0)
	var known *placed
	if run != nil {
		e.shares = true
		if known = e.runs.find(run.ID); known == nil && !fits(run.Fields) {
			return ErrCompactUnfit
		}
	}
	if !e.room(run, known, rest) {
		if e.stale = true; e.Len() > 0 {
			return ErrCompactFull
		}
		e.begin()
		if known = nil; !e.room(run, known, rest) {
			return ErrCompactUnfit
		}
	}
	switch {
	case known != nil:
		place = known.place + 1
	case run != nil:
		place = e.addRun(run) + 1
	}
	e.addHeader(h)
	e.batch.EntryRuns = append(e.batch.EntryRuns, place)
	e.batch.RestSizes = append(e.batch.RestSizes, uint32(len(rest)))
	e.size += uvarintBytes(uint64(place)) + uvarintBytes(uint64(len(rest)))
	for i := range rest {
		e.addRest(&rest[i])
	}
	return nil
}

// AddCatalog gives the entry that was added last a text of the message catalog. A batch that becomes a message needs
// texts that are UTF-8, see Text.
func (e *CompactEncoder) AddCatalog(text string) {
	if text == "" || e.Len() == 0 {
		return
	}
	e.batch.CatalogEntries = append(e.batch.CatalogEntries, uint32(e.Len()-1))
	e.batch.CatalogTexts = append(e.batch.CatalogTexts, text)
	e.size += len(text) + FieldOverhead
}

// Take returns the batch and begins the next one. The batch belongs to the caller, who may hand it to Reuse when
// nobody reads it any more.
func (e *CompactEncoder) Take() *nodedv1.JournalCompactBatch {
	b := e.batch
	b.Node = e.node
	e.batch, e.spare = e.spare, nil
	if e.batch == nil {
		e.batch = new(nodedv1.JournalCompactBatch)
	}
	return b
}

// Reuse takes the room of a batch for a later one.
func (e *CompactEncoder) Reuse(b *nodedv1.JournalCompactBatch) {
	if roomOf(b) <= keepBatchBytes {
		emptyBatch(b)
		e.spare = b
	}
}

// begin begins a batch, and the tables if it is time to.
func (e *CompactEncoder) begin() {
	e.size = batchOverhead + len(e.node)
	e.last = journal.Header{}
	if e.stale || e.repeats.full {
		e.empty()
		// What was begun already carries no entry yet, so nothing of it is in the tables either.
		e.batch.Reset_ = e.started
	}
	e.started = true
}

// empty forgets what is in the tables.
func (e *CompactEncoder) empty() {
	e.stale = false
	e.names.empty()
	clear(e.sources)
	e.source, e.sourcePlace = compactSource{}, noPlace
	e.runs.empty()
	e.values.empty()
	e.repeats.empty()
	e.valueCount, e.valueBytes, e.runCount, e.runValues = 0, 0, 0, 0
}

// fits reports whether these fields can be sent in the compact form at all.
func fits(fields []journal.Field) bool {
	size := 0
	for i := range fields {
		// A byte that is not UTF-8 becomes three.
		if name := fields[i].Name; len(name) > maxCompactNameBytes/3 && len(Text(name)) > maxCompactNameBytes {
			return false
		}
		size += len(fields[i].Value)
	}
	return size <= maxLocalBytes
}

// room reports whether an entry can be added without passing a limit of the tables, whatever its fields are.
func (e *CompactEncoder) room(run *journal.Run, known *placed, rest []journal.Field) bool {
	fields, bytes := len(rest), len(rest)*maxSharedBytes
	if run != nil && known == nil {
		fields += len(run.Fields)
		for i := range run.Fields {
			bytes += len(run.Fields[i].Value)
		}
		if e.runCount == maxCompactRuns || e.runValues+len(run.Fields) > maxCompactRunValues {
			return false
		}
	}
	return e.names.len()+fields <= maxCompactNames && len(e.sources) < maxCompactSources &&
		e.valueCount+fields <= maxCompactValues && e.valueBytes+bytes <= maxCompactValueBytes
}

// addHeader appends what every entry has.
func (e *CompactEncoder) addHeader(h *journal.Header) {
	b, last := e.batch, &e.last
	seqnum, realtime, monotonic := int64(h.Seqnum-last.Seqnum), int64(h.Realtime-last.Realtime), int64(h.Monotonic-last.Monotonic)
	b.Seqnums = append(b.Seqnums, seqnum)
	b.RealtimesUsec = append(b.RealtimesUsec, realtime)
	b.MonotonicsUsec = append(b.MonotonicsUsec, monotonic)
	last.Seqnum, last.Realtime, last.Monotonic = h.Seqnum, h.Realtime, h.Monotonic
	e.size += 8 + varintBytes(seqnum) + varintBytes(realtime) + varintBytes(monotonic)

	place := e.placeOfSource(h)
	switch n := len(b.XorHashes); {
	case n == 0 || len(b.EntrySources) > 1:
		b.EntrySources = append(b.EntrySources, place)
		e.size += uvarintBytes(uint64(place))
	case b.EntrySources[0] != place:
		// It was the same for all so far.
		first := b.EntrySources[0]
		for len(b.EntrySources) < n {
			b.EntrySources = append(b.EntrySources, first)
		}
		b.EntrySources = append(b.EntrySources, place)
		e.size += (n + 1) * uvarintBytes(uint64(max(first, place)))
	}
	b.XorHashes = append(b.XorHashes, h.XorHash)
}

func (e *CompactEncoder) placeOfSource(h *journal.Header) uint32 {
	if e.sourcePlace != noPlace && h.SeqnumID == e.source.seqnumID && h.BootID == e.source.bootID {
		return e.sourcePlace
	}
	e.source = compactSource{seqnumID: h.SeqnumID, bootID: h.BootID}
	place, known := e.sources[e.source]
	if !known {
		place = uint32(len(e.sources))
		e.sources[e.source] = place
		e.batch.Sources = append(append(e.batch.Sources, h.SeqnumID[:]...), h.BootID[:]...)
		e.size += sourceBytes
	}
	e.sourcePlace = place
	return place
}

// addRun appends a run to the table.
func (e *CompactEncoder) addRun(run *journal.Run) (place uint32) {
	b := e.batch
	for i := range run.Fields {
		f := &run.Fields[i]
		value := e.values.find(f.ID)
		if value == nil {
			value = &placed{place: e.addValue(e.placeOfName(f.Name), f)}
		}
		b.RunValues = append(b.RunValues, value.place)
		e.size += uvarintBytes(uint64(value.place))
	}
	b.RunSizes = append(b.RunSizes, uint32(len(run.Fields)))
	e.size += uvarintBytes(uint64(len(run.Fields)))
	place = uint32(e.runCount)
	e.runCount++
	e.runValues += len(run.Fields)
	e.runs.add(placed{id: run.ID, place: place, size: uint32(FieldBytes(run.Fields))})
	return place
}

// addValue appends a value to the table.
func (e *CompactEncoder) addValue(name uint32, f *journal.Field) (place uint32) {
	b := e.batch
	b.ValueNames = append(b.ValueNames, name)
	b.ValueSizes = append(b.ValueSizes, uint32(len(f.Value)))
	b.ValueBytes = append(b.ValueBytes, f.Value...)
	e.size += uvarintBytes(uint64(name)) + uvarintBytes(uint64(len(f.Value))) + len(f.Value)
	place = uint32(e.valueCount)
	e.valueCount++
	e.valueBytes += len(f.Value)
	e.values.add(placed{id: f.ID, place: place})
	return place
}

// addRest appends a field that is in no run.
func (e *CompactEncoder) addRest(f *journal.Field) {
	name := e.placeOfName(f.Name)
	if place, shared := e.share(name, f); shared {
		e.batch.Rest = append(e.batch.Rest, 2*place)
		e.size += uvarintBytes(uint64(2 * place))
		return
	}
	e.batch.Rest = append(e.batch.Rest, 2*name+1)
	e.batch.LocalSizes = append(e.batch.LocalSizes, uint32(len(f.Value)))
	e.batch.LocalBytes = append(e.batch.LocalBytes, f.Value...)
	e.size += uvarintBytes(uint64(2*name+1)) + uvarintBytes(uint64(len(f.Value))) + len(f.Value)
}

// share finds the value in the table, or adds it if others are likely to have it too.
func (e *CompactEncoder) share(name uint32, f *journal.Field) (place uint32, ok bool) {
	switch {
	case f.ID != 0:
		e.shares = true
		if known := e.values.find(f.ID); known != nil {
			return known.place, true
		}
		if len(f.Value) > maxSharedBytes {
			return 0, false
		}
		return e.addValue(name, f), true
	case e.shares:
		return 0, false
	}
	slot, known := e.repeats.find(name, f.Value)
	if slot == nil {
		return 0, false
	}
	if !known {
		e.repeats.put(slot, name, f.Value, e.addValue(name, f))
	}
	return slot.place, true
}

func (e *CompactEncoder) placeOfName(name string) uint32 {
	place, known := e.names.find(name)
	if !known {
		var text string
		place, text = e.names.add(name)
		e.batch.Names = append(e.batch.Names, text)
		e.size += len(text) + 2
	}
	return place
}

// uvarintBytes returns the length of a number as a varint.
func uvarintBytes(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// varintBytes returns the length of a signed number as a varint in zigzag form.
func varintBytes(v int64) int { return uvarintBytes(uint64(v)<<1 ^ uint64(v>>63)) }
