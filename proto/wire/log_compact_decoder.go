// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/podlog"
)

// LogCompactDecoder makes records of compact batches of logs. It trusts no number in them, and its memory is bounded by the
// limits of the tables and the size of the batch. The zero value is ready to use. It belongs to one goroutine.
type LogCompactDecoder struct {
	sources []*podlog.Source
	files   []logFileState
	record  podlog.Record
}

// logFileState is a file in the table. end is the offset of its last record.
type logFileState struct {
	file *podlog.File
	end  int64
}

// Reset empties the tables, for a new stream.
func (d *LogCompactDecoder) Reset() {
	clear(d.sources)
	clear(d.files)
	d.sources, d.files = d.sources[:0], d.files[:0]
}

// Decode calls yield with each record of the batch. The record is valid during the call, its text as long as the batch is
// not used again, and its File stays valid. An error of yield ends the decoding and is returned. The error of a batch
// that does not add up is an ErrCompactMalformed, which may come after some records; the stream cannot be
// decoded any further then.
func (d *LogCompactDecoder) Decode(b *nodedv1.LogCompactBatch, yield func(*podlog.Record) error) error {
	if b.GetReset_() {
		d.Reset()
	}
	if err := d.extend(b); err != nil {
		return err
	}
	records := len(b.Sizes)
	if len(b.Times) != records || len(b.Offsets) != records {
		return malformed("%d times and %d offsets for %d records", len(b.Times), len(b.Offsets), records)
	}
	for _, column := range []int{len(b.RecordFiles), len(b.Zones), len(b.Flags)} {
		if column != records && column != 1 {
			return malformed("a column has %d elements for %d records", column, records)
		}
	}
	if len(b.PendingRecords) != len(b.PendingBytes) {
		return malformed("%d unfinished lines for %d records", len(b.PendingBytes), len(b.PendingRecords))
	}
	defer func() { d.record = podlog.Record{} }()
	return d.records(b, yield)
}

func (d *LogCompactDecoder) records(b *nodedv1.LogCompactBatch, yield func(*podlog.Record) error) error {
	r := &d.record
	text, pending := b.Text, 0
	var file *logFileState
	for i, size := range b.Sizes {
		if uint64(size) > uint64(len(text)) {
			return malformed("a text of %d bytes of which there are %d", size, len(text))
		}
		r.Text, text = text[:size:size], text[size:]
		if i < len(b.RecordFiles) {
			place := b.RecordFiles[i]
			if uint64(place) >= uint64(len(d.files)) {
				return malformed("there is no file %d", place)
			}
			file = &d.files[place]
			r.File = file.file
		}
		if i < len(b.Zones) {
			zone := b.Zones[i]
			if zone < math.MinInt16 || zone > math.MaxInt16 {
				return malformed("a time zone of %d minutes", zone)
			}
			r.Zone = int16(zone)
		}
		if i < len(b.Flags) {
			flags := b.Flags[i]
			r.Stream, r.Partial, r.Unparsed = streamOfFlags(flags), flags&logPartial != 0, flags&logUnparsed != 0
		}
		r.Time += b.Times[i]
		file.end += b.Offsets[i]
		r.End, r.Pending = file.end, 0
		if pending < len(b.PendingRecords) && uint64(b.PendingRecords[pending]) == uint64(i) {
			bytes := b.PendingBytes[pending]
			if r.End >= 0 && bytes > uint64(r.End) {
				return malformed("an unfinished line %d bytes before %d", bytes, r.End)
			}
			r.Pending = int64(bytes)
			pending++
		}
		if r.End < 0 {
			return malformed("an offset of %d", r.End)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	if len(text) > 0 || pending < len(b.PendingRecords) {
		return malformed("there is more than its records have")
	}
	return nil
}

// extend appends to the tables what the batch adds.
func (d *LogCompactDecoder) extend(b *nodedv1.LogCompactBatch) error {
	if len(d.sources)+len(b.Sources) > maxLogSources || len(d.files)+len(b.Files) > maxLogFiles {
		return malformed("more than %d sources or %d files", maxLogSources, maxLogFiles)
	}
	for _, m := range b.Sources {
		if size := LogSourceBytes(m); size > maxLogSourceBytes {
			return malformed("a source of %d bytes", size)
		}
		d.sources = append(d.sources, logSourceFromProto(b.Node, m))
	}
	for _, m := range b.Files {
		if uint64(m.GetSource()) >= uint64(len(d.sources)) {
			return malformed("there is no source %d", m.GetSource())
		}
		d.files = append(d.files, logFileState{file: &podlog.File{
			Source: d.sources[m.GetSource()], Run: m.GetRun(), Inode: m.GetInode(), Fingerprint: m.GetFingerprint(),
		}})
	}
	return nil
}
