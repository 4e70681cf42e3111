// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"math"
	"slices"

	"github.com/noded/noded/runtime/stats/metric"
)

// table is rows of samples that are not compressed: a time, and in each column a value, or NaN where there is none. Times ascend.
type table struct {
	times []int64
	ids   []metric.ID
	// values are column after column, each of stride values of which the first len(times) are in use.
	values []float64
	stride int
}

func (t *table) rows() int { return len(t.times) }

func (t *table) first() int64 { return t.times[0] }

func (t *table) last() int64 { return t.times[len(t.times)-1] }

func (t *table) column(c int) []float64 { return t.values[c*t.stride : c*t.stride+len(t.times)] }

// size is what it has allocated.
func (t *table) size() int64 { return int64(8*cap(t.times) + cap(t.ids) + 8*cap(t.values)) }

// clear forgets the rows and keeps the memory and the columns.
func (t *table) clear() { t.times = t.times[:0] }

// find returns the column of a metric; hint is where it probably is.
func (t *table) find(id metric.ID, hint int) (c int, ok bool) {
	if hint < len(t.ids) && t.ids[hint] == id {
		return hint, true
	}
	c = slices.Index(t.ids, id)
	return c, c >= 0
}

// reserve makes room for that many rows and columns.
func (t *table) reserve(rows, columns int) {
	if rows <= t.stride && columns*t.stride <= len(t.values) {
		return
	}
	stride := max(rows, t.stride)
	// Grow rounds up to what the allocator gives anyway, so that the capacity is what is really used.
	values := slices.Grow([]float64(nil), stride*max(columns, len(t.ids)))
	values = values[:cap(values)]
	for c := range t.ids {
		copy(values[c*stride:], t.column(c))
	}
	t.values, t.stride = values, stride
	if cap(t.times) < stride {
		t.times = append(slices.Grow([]int64(nil), stride), t.times...)
	}
}

// addColumn adds a metric that no row has yet.
func (t *table) addColumn(id metric.ID) int {
	c := len(t.ids)
	t.reserve(t.stride, c+1)
	t.ids = append(t.ids, id)
	fill(t.column(c))
	return c
}

// addRow adds a row without values. Its time is after all others.
func (t *table) addRow(ms int64) {
	n := len(t.times)
	if n == t.stride {
		t.reserve(max(minRows, 2*n), len(t.ids))
	}
	t.times = append(t.times, ms)
	for c := range t.ids {
		t.values[c*t.stride+n] = math.NaN()
	}
}

// set puts a value into the last row.
func (t *table) set(c int, v float64) { t.values[c*t.stride+len(t.times)-1] = v }

// join adds the rows of another one, which are all later.
func (t *table) join(o *table) {
	n := len(t.times)
	t.reserve(n+len(o.times), len(t.ids))
	t.times = append(t.times, o.times...)
	for c := range t.ids {
		fill(t.column(c)[n:])
	}
	for i, id := range o.ids {
		c, ok := t.find(id, i)
		if !ok {
			c = t.addColumn(id)
		}
		copy(t.column(c)[n:], o.column(i))
	}
}

// clone returns a copy that shares nothing.
func (t *table) clone() table {
	return table{times: slices.Clone(t.times), ids: slices.Clone(t.ids), values: slices.Clone(t.values), stride: t.stride}
}

func fill(values []float64) {
	for i := range values {
		values[i] = math.NaN()
	}
}
