// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

const (
	// runRoom is the number of fields for which there is room behind those of a run, and maxRunRoom to how much it grows.
	runRoom    = 8
	maxRunRoom = 32
	// keepFields is the room for fields that a decoder keeps for the next batch.
	keepFields = 4096
)

// CompactDecoder makes records of compact batches. It trusts no number in them, and its memory is bounded by the limits of
// the tables and the size of the batch. The zero value is ready to use. It belongs to one goroutine.
type CompactDecoder struct {
	names      []string
	sources    []compactSource
	values     []journal.Field
	valueBytes int
	runs       []*compactRun
	runValues  int

	// valueIDs and runIDs count the IDs that were given away; they go on when the tables begin anew.
	valueIDs, runIDs uint64
	record           journal.Record
	// fields is for records without a run, and for those with very many fields behind it.
	fields []journal.Field
}

// compactRun is a run in the table. fields are those of the run, with room behind them.
type compactRun struct {
	run    journal.Run
	fields []journal.Field
}

// Reset empties the tables, for a new stream. IDs of runs and fields go on: they are never given twice.
func (d *CompactDecoder) Reset() {
	clear(d.names)
	clear(d.values)
	clear(d.runs)
	d.names, d.sources, d.values, d.runs = d.names[:0], d.sources[:0], d.values[:0], d.runs[:0]
	d.valueBytes, d.runValues = 0, 0
}

// Decode calls yield with each entry of the batch. The record and its bytes are valid during the call; its Run stays valid.
// An error of yield ends the decoding and is returned. The error of a batch that does not add up is an
// ErrCompactMalformed, which may come after some records; the stream cannot be decoded any further then.
func (d *CompactDecoder) Decode(b *nodedv1.JournalCompactBatch, yield func(*journal.Record) error) error {
	if b.GetReset_() {
		d.Reset()
	}
	if err := d.extend(b); err != nil {
		return err
	}
	entries := len(b.XorHashes)
	for _, column := range []int{len(b.Seqnums), len(b.RealtimesUsec), len(b.MonotonicsUsec), len(b.EntryRuns), len(b.RestSizes)} {
		if column != entries {
			return malformed("a column has %d elements for %d entries", column, entries)
		}
	}
	if n := len(b.EntrySources); n != entries && n != 1 {
		return malformed("the column of sources has %d elements for %d entries", n, entries)
	}
	if len(b.CatalogEntries) != len(b.CatalogTexts) {
		return malformed("%d catalog texts for %d entries", len(b.CatalogTexts), len(b.CatalogEntries))
	}
	c := batchCursor{rest: b.Rest, localSizes: b.LocalSizes, localBytes: b.LocalBytes}
	d.record = journal.Record{Node: b.Node}
	if err := d.entries(b, &c, yield); err != nil {
		return err
	}
	if len(c.rest)+len(c.localSizes)+len(c.localBytes) > 0 || c.catalogs < len(b.CatalogEntries) {
		return malformed("there is more than its entries have")
	}
	return nil
}

// batchCursor is what is left of the columns that do not have one element per entry.
type batchCursor struct {
	rest       []uint32
	localSizes []uint32
	localBytes []byte
	catalogs   int
}

func (d *CompactDecoder) entries(b *nodedv1.JournalCompactBatch, c *batchCursor, yield func(*journal.Record) error) error {
	defer d.letGo()
	r := &d.record
	for i, hash := range b.XorHashes {
		r.Seqnum += uint64(b.Seqnums[i])
		r.Realtime += journal.Usec(b.RealtimesUsec[i])
		r.Monotonic += journal.Usec(b.MonotonicsUsec[i])
		r.XorHash = hash
		if i < len(b.EntrySources) {
			place := b.EntrySources[i]
			if int64(place) >= int64(len(d.sources)) {
				return malformed("there is no source %d", place)
			}
			r.SeqnumID, r.BootID = d.sources[place].seqnumID, d.sources[place].bootID
		}
		r.Catalog = ""
		if c.catalogs < len(b.CatalogEntries) && int64(b.CatalogEntries[c.catalogs]) == int64(i) {
			r.Catalog = b.CatalogTexts[c.catalogs]
			c.catalogs++
		}
		rest := int64(b.RestSizes[i])
		if rest > int64(len(c.rest)) || rest > maxCompactEntryFields {
			return malformed("an entry has %d fields after its run and there are %d", rest, len(c.rest))
		}
		fields, err := d.begin(b.EntryRuns[i], int(rest))
		if err != nil {
			return err
		}
		begin := len(fields)
		if r.Fields, err = d.appendRest(fields, c, int(rest)); err != nil {
			return err
		}
		if err := yield(r); err != nil {
			return err
		}
		if r.Run != nil {
			// The room behind a run must not keep the batch alive.
			clear(r.Fields[begin:])
		}
	}
	return nil
}

// letGo lets go of the batch in what is used again.
func (d *CompactDecoder) letGo() {
	if cap(d.fields) > keepFields {
		d.fields = nil
	}
	clear(d.fields[:cap(d.fields)])
	d.record = journal.Record{}
}

// begin returns the fields that an entry begins with, with room for as many more.
func (d *CompactDecoder) begin(place uint32, rest int) ([]journal.Field, error) {
	var run *compactRun
	d.record.Run = nil
	if place > 0 {
		if int64(place) > int64(len(d.runs)) {
			return nil, malformed("there is no run %d", place-1)
		}
		run = d.runs[place-1]
		d.record.Run = &run.run
		if cap(run.fields)-len(run.fields) >= rest {
			return run.fields, nil
		}
		if rest <= maxRunRoom {
			// The run itself stays where it is, in the hands of who knows it.
			run.fields = append(make([]journal.Field, 0, len(run.fields)+maxRunRoom), run.fields...)
			return run.fields, nil
		}
	}
	// Long lists are made in one place for all.
	d.fields = d.fields[:0]
	if run != nil {
		d.fields = append(d.fields, run.fields...)
	}
	d.fields = slices.Grow(d.fields, rest)
	return d.fields, nil
}

// appendRest appends the fields of an entry that are in no run.
func (d *CompactDecoder) appendRest(fields []journal.Field, c *batchCursor, n int) ([]journal.Field, error) {
	for _, item := range c.rest[:n] {
		place := int(item >> 1)
		if item&1 == 0 {
			if place >= len(d.values) {
				return nil, malformed("there is no value %d", place)
			}
			fields = append(fields, d.values[place])
			continue
		}
		if place >= len(d.names) {
			return nil, malformed("there is no name %d", place)
		}
		if len(c.localSizes) == 0 || int64(c.localSizes[0]) > int64(len(c.localBytes)) {
			return nil, malformed("the bytes of the values end early")
		}
		size := int(c.localSizes[0])
		fields = append(fields, journal.Field{Name: d.names[place], Value: c.localBytes[:size:size]})
		c.localSizes, c.localBytes = c.localSizes[1:], c.localBytes[size:]
	}
	c.rest = c.rest[n:]
	return fields, nil
}

// extend appends to the tables what the batch adds.
func (d *CompactDecoder) extend(b *nodedv1.JournalCompactBatch) error {
	if len(d.names)+len(b.Names) > maxCompactNames {
		return malformed("more than %d names", maxCompactNames)
	}
	for _, name := range b.Names {
		if len(name) > maxCompactNameBytes {
			return malformed("a name of %d bytes", len(name))
		}
	}
	d.names = append(d.names, b.Names...)
	if len(b.Sources)%sourceBytes != 0 || len(d.sources)+len(b.Sources)/sourceBytes > maxCompactSources {
		return malformed("%d bytes of sources", len(b.Sources))
	}
	for source := range slices.Chunk(b.Sources, sourceBytes) {
		d.sources = append(d.sources, compactSource{journal.ID128(source[:16]), journal.ID128(source[16:])})
	}
	if err := d.extendValues(b); err != nil {
		return err
	}
	return d.extendRuns(b)
}

func (d *CompactDecoder) extendValues(b *nodedv1.JournalCompactBatch) error {
	if len(b.ValueNames) != len(b.ValueSizes) {
		return malformed("%d names of %d values", len(b.ValueNames), len(b.ValueSizes))
	}
	if len(d.values)+len(b.ValueNames) > maxCompactValues || d.valueBytes+len(b.ValueBytes) > maxCompactValueBytes {
		return malformed("more than %d values or %d bytes of them", maxCompactValues, maxCompactValueBytes)
	}
	d.valueBytes += len(b.ValueBytes)
	// The batch may be used again.
	left := bytes.Clone(b.ValueBytes)
	for i, size := range b.ValueSizes {
		if int64(size) > int64(len(left)) {
			return malformed("the bytes of the values end early")
		}
		if int64(b.ValueNames[i]) >= int64(len(d.names)) {
			return malformed("there is no name %d", b.ValueNames[i])
		}
		d.valueIDs++
		d.values = append(d.values, journal.Field{Name: d.names[b.ValueNames[i]], Value: left[:size:size], ID: d.valueIDs})
		left = left[size:]
	}
	if len(left) > 0 {
		return malformed("there are more bytes than the values have")
	}
	return nil
}

func (d *CompactDecoder) extendRuns(b *nodedv1.JournalCompactBatch) error {
	if len(d.runs)+len(b.RunSizes) > maxCompactRuns || d.runValues+len(b.RunValues) > maxCompactRunValues {
		return malformed("more than %d runs or %d values in them", maxCompactRuns, maxCompactRunValues)
	}
	d.runValues += len(b.RunValues)
	left := b.RunValues
	for _, size := range b.RunSizes {
		if size == 0 || size > maxCompactEntryFields || int64(size) > int64(len(left)) {
			return malformed("a run of %d fields of which there are %d", size, len(left))
		}
		run := &compactRun{fields: make([]journal.Field, 0, int(size)+runRoom)}
		for _, place := range left[:size] {
			if int64(place) >= int64(len(d.values)) {
				return malformed("there is no value %d", place)
			}
			run.fields = append(run.fields, d.values[place])
		}
		d.runIDs++
		run.run = journal.Run{ID: d.runIDs, Fields: run.fields[:size:size]}
		d.runs = append(d.runs, run)
		left = left[size:]
	}
	if len(left) > 0 {
		return malformed("there are more fields than the runs have")
	}
	return nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCompactMalformed, fmt.Sprintf(format, args...))
}
