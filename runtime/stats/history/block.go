// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/noded/noded/runtime/stats/metric"
)

// block is rows of samples, compressed. The data is not changed any more, so that readers keep it without a lock.
type block struct {
	// first and last are the times of its samples in milliseconds since 1970.
	first, last int64
	// arrived is when the last sample came, on the clock of the store.
	arrived int64
	data    []byte
}

// The data of a block is, see docs/format/history.md:
//
//	rows     uvarint
//	columns  u8
//	columns times: metric u8, size uvarint
//	columns times: a XOR chunk of that size, or, if the size is 0, the one value of all rows
//	times    varint of the first, uvarint of the second less the first, varint of the change of the distance for each other
//
// The times in the chunks are 0, 1, 2, ...: they cost a bit each. The times of the rows are kept once for all metrics.
const (
	// blockRows is how many rows a block can have, headRows how many are kept without compression, minRows how many there is room for
	// at first.
	blockRows = 128
	headRows  = 16
	minRows   = 2
	// maxColumns is how many metrics a block can have: as many as a byte can tell apart.
	maxColumns = 256
	// maxBlockBytes is more than the data of a block can have: a sample takes 10 bytes at most.
	maxBlockBytes = 256 << 10
	constantBytes = 8
	// chunkHeaderBytes is the number of samples at the beginning of a chunk.
	chunkHeaderBytes = 2
)

// encoder compresses tables. Its memory is used again.
type encoder struct {
	chunk                       chunkenc.XORChunk
	stream, block, body, column []byte
}

func (e *encoder) size() int64 {
	return int64(cap(e.stream) + cap(e.block) + cap(e.body) + cap(e.column))
}

// encode returns the data of a block of 1 to blockRows rows, in memory of its own. Columns without values are left out.
func (e *encoder) encode(t *table) ([]byte, error) {
	directory, body := e.column[:0], e.body[:0]
	columns := 0
	for c, id := range t.ids {
		values := t.column(c)
		size := 0
		if constant(values) {
			if math.IsNaN(values[0]) {
				continue
			}
			body = binary.LittleEndian.AppendUint64(body, math.Float64bits(values[0]))
		} else {
			chunk, err := e.compress(values)
			if err != nil {
				return nil, fmt.Errorf("compress %v: %w", id, err)
			}
			body = append(body, chunk...)
			size = len(chunk)
		}
		columns++
		directory = append(directory, byte(id))
		directory = binary.AppendUvarint(directory, uint64(size))
	}
	data := binary.AppendUvarint(e.block[:0], uint64(t.rows()))
	data = append(data, byte(columns))
	data = append(data, directory...)
	data = append(data, body...)
	data = appendTimes(data, t.times)
	e.column, e.body, e.block = directory, body, data
	// append, unlike make, tells by the capacity what was really allocated.
	return append([]byte(nil), data...), nil
}

func (e *encoder) compress(values []float64) ([]byte, error) {
	e.chunk.Reset(append(e.stream[:0], make([]byte, chunkHeaderBytes)...))
	appender, err := e.chunk.Appender()
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		appender.Append(0, int64(i), v)
	}
	e.stream = e.chunk.Bytes()
	return e.stream, nil
}

func constant(values []float64) bool {
	first := math.Float64bits(values[0])
	for _, v := range values[1:] {
		if math.Float64bits(v) != first {
			return false
		}
	}
	return true
}

// Differences wrap around, and so do their sums: any two times come out as they went in.
func appendTimes(b []byte, times []int64) []byte {
	b = binary.AppendVarint(b, times[0])
	var distance uint64
	for i, t := range times[1:] {
		d := uint64(t - times[i])
		if i == 0 {
			b = binary.AppendUvarint(b, d)
		} else {
			b = binary.AppendVarint(b, int64(d-distance))
		}
		distance = d
	}
	return b
}

// Why the data of a block is not as it must be.
var (
	errShort     = errors.New("it ends too early")
	errRows      = errors.New("bad number of rows")
	errColumns   = errors.New("bad columns")
	errTimes     = errors.New("the times do not ascend")
	errTimesSize = errors.New("there is more after the times")
	errChunk     = errors.New("a chunk contradicts the block")
	errInfinite  = errors.New("infinite value")
	errLong      = errors.New("too long")
)

// view is the data of a block, taken apart. It refers to the data.
type view struct {
	rows, columns          int
	directory, body, times []byte
}

// open takes the data of a block apart. That the sizes fit is checked, the content of the parts is not.
func open(data []byte) (view, error) {
	if len(data) > maxBlockBytes {
		return view{}, errLong
	}
	rows, n := binary.Uvarint(data)
	switch {
	case n <= 0 || n >= len(data):
		return view{}, errShort
	case rows == 0 || rows > blockRows:
		return view{}, errRows
	}
	v := view{rows: int(rows), columns: int(data[n])}
	rest := data[n+1:]
	v.directory = rest
	var known [maxColumns]bool
	sum, at := uint64(0), 0
	for range v.columns {
		if at >= len(rest) {
			return view{}, errShort
		}
		id := rest[at]
		size, n := binary.Uvarint(rest[at+1:])
		if n <= 0 || size > maxBlockBytes || known[id] {
			return view{}, errColumns
		}
		known[id] = true
		if size == 0 {
			size = constantBytes
		}
		sum += size
		at += 1 + n
	}
	v.directory, rest = rest[:at], rest[at:]
	if sum > uint64(len(rest)) {
		return view{}, errShort
	}
	v.body, v.times = rest[:sum], rest[sum:]
	return v, nil
}

// part is a column of a view. It is constant if chunk is nil.
type part struct {
	id    metric.ID
	chunk []byte
	value float64
}

// all goes through the columns.
func (v view) all(yield func(int, part) bool) {
	directory, body := v.directory, v.body
	for i := range v.columns {
		size, n := binary.Uvarint(directory[1:])
		p := part{id: metric.ID(directory[0])}
		if size == 0 {
			p.value = math.Float64frombits(binary.LittleEndian.Uint64(body))
			size = constantBytes
		} else {
			p.chunk = body[:size]
		}
		directory, body = directory[1+n:], body[size:]
		if !yield(i, p) {
			return
		}
	}
}

// column finds a metric.
func (v view) column(id metric.ID) (part, bool) {
	for _, p := range v.all {
		if p.id == id {
			return p, true
		}
	}
	return part{}, false
}

// readTimes puts the times of the rows into to, which has as many.
func (v view) readTimes(to []int64) error {
	rest := v.times
	var distance uint64
	for i := range to {
		var n int
		switch i {
		case 0:
			to[0], n = binary.Varint(rest)
		case 1:
			distance, n = binary.Uvarint(rest)
			to[1] = to[0] + int64(distance)
		default:
			var change int64
			change, n = binary.Varint(rest)
			distance += uint64(change)
			to[i] = to[i-1] + int64(distance)
		}
		if n <= 0 {
			return errShort
		}
		if i > 0 && to[i] <= to[i-1] {
			return errTimes
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return errTimesSize
	}
	return nil
}

// decoder reads chunks. Its memory is used again.
type decoder struct {
	chunk    chunkenc.XORChunk
	iterator chunkenc.Iterator
}

// values puts the values of a column into to, which has as many as there are rows.
func (d *decoder) values(p part, to []float64) error {
	if p.chunk == nil {
		if math.IsInf(p.value, 0) {
			return errInfinite
		}
		for i := range to {
			to[i] = p.value
		}
		return nil
	}
	if len(p.chunk) < chunkHeaderBytes {
		return errChunk
	}
	d.chunk.Reset(p.chunk)
	if d.chunk.NumSamples() != len(to) {
		return errChunk
	}
	d.iterator = d.chunk.Iterator(d.iterator)
	for i := range to {
		if d.iterator.Next() != chunkenc.ValFloat {
			return errChunk
		}
		t, v := d.iterator.At()
		switch {
		case t != int64(i):
			return errChunk
		case math.IsInf(v, 0):
			return errInfinite
		}
		to[i] = v
	}
	return nil
}

// decode puts all of a block into t. An error means that the data was not made by encode; t is then of no use.
func (d *decoder) decode(data []byte, t *table) error {
	v, err := open(data)
	if err != nil {
		return err
	}
	t.times, t.ids = t.times[:0], t.ids[:0]
	t.reserve(v.rows, v.columns)
	t.times = t.times[:v.rows]
	if err := v.readTimes(t.times); err != nil {
		return err
	}
	for i, p := range v.all {
		t.ids = append(t.ids, p.id)
		if err := d.values(p, t.column(i)); err != nil {
			return err
		}
	}
	return nil
}
