// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/podlog"
)

// logSourceOverhead and logFileOverhead are upper bounds of what a source takes in a message besides its text, and a file.
const (
	logSourceOverhead = 16
	logFileOverhead   = 32
)

// LogCompactEncoder makes the compact batches of one stream of logs. It copies what it is given. It belongs to one
// goroutine.
type LogCompactEncoder struct {
	node  string
	batch *nodedv1.LogCompactBatch
	spare *nodedv1.LogCompactBatch
	size  int
	// time is that of the record before in the batch.
	time int64

	// file and place are those of the record before; nil when there is none.
	file  *podlog.File
	place uint32

	// The tables as the receiver has them. places finds files by pointer, files by what is in them.
	sources map[podlog.Source]uint32
	files   map[logFile]uint32
	places  map[*podlog.File]uint32
	// ends has the offset of the last record of each file.
	ends []int64

	// stale: the tables begin anew with the next batch.
	stale bool
	// started: a batch was begun; the tables of the first one are empty anyway.
	started bool
}

// logFile is what is in a podlog.File, with the place of its source.
type logFile struct {
	source, run        uint32
	inode, fingerprint uint64
}

// NewLogCompactEncoder returns the encoder of a stream of records of the node.
func NewLogCompactEncoder(node string) *LogCompactEncoder {
	return &LogCompactEncoder{
		node:    Text(node),
		batch:   new(nodedv1.LogCompactBatch),
		sources: make(map[podlog.Source]uint32),
		files:   make(map[logFile]uint32),
		places:  make(map[*podlog.File]uint32),
	}
}

// Len returns the number of records in the batch.
func (e *LogCompactEncoder) Len() int { return len(e.batch.Sizes) }

// Bytes returns about how many bytes the batch takes as a message.
func (e *LogCompactEncoder) Bytes() int { return e.size }

// Add appends a record. An error is ErrCompactFull, after which the batch must be taken and the record can be added to the
// next one, or ErrCompactUnfit; the batch is then as it was before.
func (e *LogCompactEncoder) Add(r *podlog.Record) error {
	if len(e.batch.Sizes) == 0 {
		e.begin()
	}
	if r.File != e.file {
		if err := e.find(r.File); err != nil {
			return err
		}
	}
	if len(r.Text) > maxLogTextBytes {
		return ErrCompactUnfit
	}
	b := e.batch
	n := len(b.Sizes)
	b.Sizes = append(b.Sizes, uint32(len(r.Text)))
	b.Text = append(b.Text, r.Text...)
	time := r.Time - e.time
	e.time = r.Time
	b.Times = append(b.Times, time)
	end := &e.ends[e.place]
	offset := r.End - *end
	*end = r.End
	b.Offsets = append(b.Offsets, offset)
	e.size += len(r.Text) + uvarintBytes(uint64(len(r.Text))) + varintBytes(time) + varintBytes(offset)

	if len(b.RecordFiles) != 1 || b.RecordFiles[0] != e.place {
		e.addPlace(n)
	}
	zone := int32(r.Zone)
	if len(b.Zones) != 1 || b.Zones[0] != zone {
		b.Zones = extend(b.Zones, zone, n)
		e.size += FieldOverhead
	}
	flags := logFlags(r)
	if len(b.Flags) != 1 || b.Flags[0] != flags {
		before := len(b.Flags)
		b.Flags = extend(b.Flags, flags, n)
		e.size += len(b.Flags) - before
	}
	if r.Pending != 0 {
		b.PendingRecords = append(b.PendingRecords, uint32(n))
		b.PendingBytes = append(b.PendingBytes, uint64(r.Pending))
		e.size += FieldOverhead
	}
	return nil
}

// addPlace appends the file of record n to its column.
func (e *LogCompactEncoder) addPlace(n int) {
	b := e.batch
	before := len(b.RecordFiles)
	b.RecordFiles = extend(b.RecordFiles, e.place, n)
	each := uvarintBytes(uint64(e.place))
	if before == 1 {
		each = max(each, uvarintBytes(uint64(b.RecordFiles[0])))
	}
	e.size += each * (len(b.RecordFiles) - before)
}

// extend appends the value of record n to a column that has one element as long as that holds for all.
func extend[T comparable](column []T, value T, n int) []T {
	if len(column) == 1 {
		// It was the same for all so far.
		for first := column[0]; len(column) < n; {
			column = append(column, first)
		}
	}
	return append(column, value)
}

// Take returns the batch and begins the next one. The batch belongs to the caller, who may hand it to Reuse when
// nobody reads it any more.
func (e *LogCompactEncoder) Take() *nodedv1.LogCompactBatch {
	b := e.batch
	b.Node = e.node
	e.batch, e.spare = e.spare, nil
	if e.batch == nil {
		e.batch = new(nodedv1.LogCompactBatch)
	}
	e.size = 0
	return b
}

// Reuse takes the room of a batch for a later one.
func (e *LogCompactEncoder) Reuse(b *nodedv1.LogCompactBatch) {
	if roomOfLogs(b) <= keepBatchBytes {
		emptyLogBatch(b)
		e.spare = b
	}
}

// begin begins a batch, and the tables if it is time to.
func (e *LogCompactEncoder) begin() {
	if e.stale {
		e.stale = false
		clear(e.sources)
		clear(e.files)
		clear(e.places)
		e.ends = e.ends[:0]
		e.file = nil
		// What an Add that failed has put into the batch is not in the tables either.
		emptyLogBatch(e.batch)
		e.batch.Reset_ = e.started
		e.size = 0
	}
	e.started = true
	if e.size == 0 {
		e.size = batchOverhead + len(e.node)
	}
	e.time = 0
}

// find makes file and place those of f, which it appends to the tables if it is not there.
func (e *LogCompactEncoder) find(f *podlog.File) error {
	if place, known := e.places[f]; known {
		e.file, e.place = f, place
		return nil
	}
	// Another pointer can mean the same file.
	source, known := e.sources[*f.Source]
	if known {
		key := logFile{source: source, run: f.Run, inode: f.Inode, fingerprint: f.Fingerprint}
		if place, known := e.files[key]; known {
			e.remember(f, place)
			return nil
		}
	}
	if len(e.files) >= maxLogFiles || !known && len(e.sources) >= maxLogSources {
		if e.stale = true; e.Len() > 0 {
			return ErrCompactFull
		}
		e.begin()
		known = false
	}
	b := e.batch
	if !known {
		m := logSourceToProto(f.Source)
		size := LogSourceBytes(m)
		if size > maxLogSourceBytes {
			return ErrCompactUnfit
		}
		source = uint32(len(e.sources))
		e.sources[*f.Source] = source
		b.Sources = append(b.Sources, m)
		e.size += size + logSourceOverhead
	}
	place := uint32(len(e.files))
	e.files[logFile{source: source, run: f.Run, inode: f.Inode, fingerprint: f.Fingerprint}] = place
	b.Files = append(b.Files, &nodedv1.LogFile{Source: source, Run: f.Run, Inode: f.Inode, Fingerprint: f.Fingerprint})
	e.ends = append(e.ends, 0)
	e.size += logFileOverhead
	e.remember(f, place)
	return nil
}

// remember notes the place of a file under this pointer.
func (e *LogCompactEncoder) remember(f *podlog.File, place uint32) {
	if len(e.places) >= maxLogFiles {
		// Pointers that are no longer used keep files in memory.
		clear(e.places)
	}
	e.places[f] = place
	e.file, e.place = f, place
}
