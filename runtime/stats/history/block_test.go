// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats/metric"
)

// column is how a metric of a test goes on.
type column struct {
	name string
	next func(r *rand.Rand, before float64) float64
}

func columns() []column {
	hole := func(r *rand.Rand, v float64) float64 {
		if r.IntN(4) == 0 {
			return math.NaN()
		}
		return v
	}
	return []column{
		{"constant", func(*rand.Rand, float64) float64 { return 4096 }},
		{"none", func(*rand.Rand, float64) float64 { return math.NaN() }},
		{"noise", func(r *rand.Rand, _ float64) float64 { return float64(r.IntN(1e6)) }},
		{"walk", func(r *rand.Rand, v float64) float64 { return v + float64(r.IntN(9)-4)*4096 }},
		{"holes", func(r *rand.Rand, _ float64) float64 { return hole(r, float64(r.IntN(100))) }},
		{"constant with holes", func(r *rand.Rand, _ float64) float64 { return hole(r, 7) }},
		{"zeros of both signs", func(r *rand.Rand, _ float64) float64 { return math.Copysign(0, float64(r.IntN(2))-0.5) }},
		{"any finite", func(r *rand.Rand, _ float64) float64 {
			if v := math.Float64frombits(r.Uint64()); !math.IsInf(v, 0) && !math.IsNaN(v) {
				return v
			}
			return math.MaxFloat64
		}},
	}
}

// distances are how times of a test follow each other.
func distances() map[string]func(r *rand.Rand, row int) int64 {
	return map[string]func(r *rand.Rand, row int) int64{
		"regular": func(*rand.Rand, int) int64 { return 1000 },
		"jitter":  func(r *rand.Rand, _ int) int64 { return 990 + r.Int64N(20) },
		"gaps": func(r *rand.Rand, _ int) int64 {
			if r.IntN(10) == 0 {
				return 1000 * (1 + r.Int64N(1e6))
			}
			return 1000
		},
		"each millisecond": func(*rand.Rand, int) int64 { return 1 },
		// Half of all times; what it changes by, back to a second, is as much.
		"jump over everything": func(_ *rand.Rand, row int) int64 {
			if row == 1 {
				return math.MaxInt64
			}
			return 1000
		},
	}
}

// rowsOf is a table of one row after the other, as Append makes it.
func rowsOf(r *rand.Rand, first int64, rows int, distance func(*rand.Rand, int) int64) *table {
	t := &table{}
	t.reserve(minRows, 1)
	before := make([]float64, len(columns()))
	for row, ms := 0, first; row < rows; row++ {
		if row > 0 {
			ms += distance(r, row)
		}
		t.addRow(ms)
		for i, c := range columns() {
			v := c.next(r, before[i])
			if math.IsNaN(v) {
				continue
			}
			before[i] = v
			at, ok := t.find(metric.ID(2*i), i)
			if !ok {
				at = t.addColumn(metric.ID(2 * i))
			}
			t.set(at, v)
		}
	}
	return t
}

// bitsOf are the times and the values of a table by metric; a column without values is as one that is not there.
func bitsOf(t *table) (times []int64, values map[metric.ID][]uint64) {
	values = map[metric.ID][]uint64{}
	for c, id := range t.ids {
		var column []uint64
		some := false
		for _, v := range t.column(c) {
			some = some || !math.IsNaN(v)
			column = append(column, math.Float64bits(v))
		}
		if some {
			values[id] = column
		}
	}
	return slices.Clone(t.times), values
}

func TestBlockRoundTrip(t *testing.T) {
	t.Parallel()
	for name, distance := range distances() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// One of each for all, as a Store has them.
			var e encoder
			var d decoder
			var got table
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 2))
				first := []int64{0, -5000, 1_795_000_000_000, math.MinInt64}[seed%4]
				if name == "jump over everything" {
					first = math.MinInt64
				}
				want := rowsOf(r, first, []int{1, 2, 3, headRows, blockRows}[seed%5], distance)
				data, err := e.encode(want)
				if err != nil {
					t.Fatal(err)
				}
				if len(data) > maxBlockBytes {
					t.Fatalf("%d bytes", len(data))
				}
				if err := d.decode(data, &got); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				wantTimes, wantValues := bitsOf(want)
				gotTimes, gotValues := bitsOf(&got)
				if diff := cmp.Diff(wantTimes, gotTimes) + cmp.Diff(wantValues, gotValues); diff != "" {
					t.Fatalf("seed %d: %s", seed, diff)
				}
			}
		})
	}
}

// The largest block that there can be.
func TestBlockLargest(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 3))
	var rows table
	rows.reserve(blockRows, int(metric.Count))
	for row := range int64(blockRows) {
		rows.addRow(row * row * 1e12)
		for id := range metric.Count {
			c, ok := rows.find(id, int(id))
			if !ok {
				c = rows.addColumn(id)
			}
			rows.set(c, columns()[7].next(r, 0))
		}
	}
	var e encoder
	data, err := e.encode(&rows)
	if err != nil || len(data) > maxBlockBytes {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	var d decoder
	var got table
	if err := d.decode(data, &got); err != nil {
		t.Fatal(err)
	}
	if _, values := bitsOf(&got); len(values) != int(metric.Count) {
		t.Errorf("%d columns", len(values))
	}
}

// A constant column costs its value, and a row that comes when it is due a byte.
func TestBlockSizes(t *testing.T) {
	t.Parallel()
	var rows table
	rows.reserve(blockRows, 1)
	for row := range int64(blockRows) {
		rows.addRow(1_795_000_000_000 + row*1000)
		if row == 0 {
			rows.addColumn(metric.MemoryUsage)
		}
		rows.set(0, 1<<30)
	}
	var e encoder
	data, err := e.encode(&rows)
	if err != nil {
		t.Fatal(err)
	}
	// The rows, the columns, one of the directory, the value, two times, and a byte for each other.
	if want := 2 + 1 + 2 + 8 + 6 + 2 + blockRows - 2; len(data) != want {
		t.Errorf("%d bytes, want %d", len(data), want)
	}
}

func TestBlockErrors(t *testing.T) {
	t.Parallel()
	constant := func(v float64) []byte {
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
	}
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, errShort},
		{"no columns", []byte{1}, errShort},
		{"no rows", []byte{0, 0, 0}, errRows},
		{"too many rows", []byte{0x81, 1, 0, 0}, errRows},
		{"a number without end", bytes.Repeat([]byte{0xff}, 20), errShort},
		{"no directory", []byte{1, 1}, errShort},
		{"half a directory", []byte{1, 1, 0}, errColumns},
		{"a metric twice", slices.Concat([]byte{1, 2, 5, 0, 5, 0}, make([]byte, 17)), errColumns},
		{"a column that is too long", slices.Concat([]byte{1, 1, 0, 0xff, 0xff, 0x7f}, make([]byte, 20)), errColumns},
		{"no body", []byte{1, 1, 0, 0, 1, 2, 3}, errShort},
		{"no times", slices.Concat([]byte{1, 1, 0, 0}, constant(1)), errShort},
		{"more after the times", slices.Concat([]byte{1, 1, 0, 0}, constant(1), []byte{0, 0}), errTimesSize},
		{"the same time twice", slices.Concat([]byte{2, 1, 0, 0}, constant(1), []byte{2, 0}), errTimes},
		{"times go back", slices.Concat([]byte{3, 1, 0, 0}, constant(1), []byte{2, 1, 3}), errTimes},
		{"infinite", slices.Concat([]byte{1, 1, 0, 0}, constant(math.Inf(-1)), []byte{0}), errInfinite},
		{"a chunk of a byte", []byte{1, 1, 0, 1, 0, 0}, errChunk},
		{"a chunk of more rows", []byte{1, 1, 0, 2, 0, 2, 0}, errChunk},
		{"a chunk without values", []byte{1, 1, 0, 2, 0, 1, 0}, errChunk},
		{"too long", make([]byte, maxBlockBytes+1), errLong},
	} {
		var d decoder
		if err := d.decode(test.data, &table{}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

// What is cut off or has a bit that is another one gives an error or rows that a block can have.
func TestBlockDamage(t *testing.T) {
	t.Parallel()
	var e encoder
	data, err := e.encode(rowsOf(rand.New(rand.NewPCG(4, 4)), 1_795_000_000_000, 40, distances()["jitter"]))
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if err := new(decoder).decode(data[:n], &table{}); err == nil {
			t.Fatalf("%d of %d bytes decode", n, len(data))
		}
	}
	var d decoder
	var rows table
	for i := range 8 * len(data) {
		flipped := slices.Clone(data)
		flipped[i/8] ^= 1 << (i % 8)
		if d.decode(flipped, &rows) == nil {
			valid(t, &rows)
		}
	}
}

// valid fails if a table is not as Append could have made it.
func valid(t *testing.T, rows *table) {
	t.Helper()
	if n := rows.rows(); n == 0 || n > blockRows || !slices.IsSorted(rows.times) || len(slices.Compact(slices.Clone(rows.times))) != n {
		t.Fatalf("bad times %v", rows.times)
	}
	if ids := slices.Clone(rows.ids); len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) {
		t.Fatalf("a metric twice: %v", ids)
	}
	for c := range rows.ids {
		if slices.ContainsFunc(rows.column(c), func(v float64) bool { return math.IsInf(v, 0) }) {
			t.Fatalf("infinite: %v", rows.column(c))
		}
	}
}

// FuzzBlock: whatever the data is, the memory is bounded, and what is decoded comes out of its encoding again.
func FuzzBlock(f *testing.F) {
	var seeds encoder
	for name, distance := range distances() {
		for _, rows := range []int{1, 2, 33, blockRows} {
			data, err := seeds.encode(rowsOf(rand.New(rand.NewPCG(5, uint64(rows))), -7000, rows, distance))
			if err != nil {
				f.Fatal(name, err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d decoder
		var rows, again table
		err := d.decode(data, &rows)
		if size := rows.size(); size > 300<<10 {
			t.Fatalf("%d bytes for %d", size, len(data))
		}
		if err != nil {
			return
		}
		valid(t, &rows)
		// The places of single columns are as all say.
		v, err := open(data)
		if err != nil || v.columns != len(rows.ids) {
			t.Fatalf("%d columns, %v, want %d", v.columns, err, len(rows.ids))
		}
		for _, id := range rows.ids {
			if p, ok := v.column(id); !ok || p.id != id {
				t.Fatalf("%v is not found", id)
			}
		}
		var e encoder
		encoded, err := e.encode(&rows)
		if err != nil {
			t.Fatal(err)
		}
		// A forged block can have all of the 256 columns at their largest; those have no place in a block again.
		if len(encoded) > maxBlockBytes {
			return
		}
		if err := d.decode(encoded, &again); err != nil {
			t.Fatal(err)
		}
		times, values := bitsOf(&rows)
		timesAgain, valuesAgain := bitsOf(&again)
		if diff := cmp.Diff(times, timesAgain) + cmp.Diff(values, valuesAgain); diff != "" {
			t.Fatal(diff)
		}
	})
}
