// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

// MaxPoints is how many points there can be in a Summary; who wants more gets as many.
const MaxPoints = 10_000

// gapDistances is how many times the usual distance of samples one can stand for at most.
const gapDistances = 3

// Summary is about the samples of one metric of an entity over a time.
type Summary struct {
	// Samples is how many there are, First and Last are the times of the first and the last one.
	Samples     int
	First, Last time.Time
	// Mean weighs each sample with the time that it stands for: since the sample before it, also if that is before the time that was
	// asked for, but at most three times the median of these distances (of two, the longer one), so that a gap does not weigh. The first
	// of all that are kept stands for the median. If all distances are 0, they weigh the same. P95 is the least value that 95% of the samples do not exceed (nearest rank). LastValue is that of Last.
	Min, Mean, P95, Max, LastValue float64
	// Points are the means, as above, of equal parts of the time that was asked for; NaN where there is no sample.
	Points []float64
}

// sample is a value at a time in milliseconds.
type sample struct {
	ms int64
	v  float64
}

// Summarize summarises the samples from one time on and before another. It is false if there are none.
func (s *Store) Summarize(name string, id metric.ID, from, to time.Time, points int) (Summary, bool) {
	lo, hi := ceilMilli(from), ceilMilli(to)
	if lo >= hi {
		return Summary{}, false
	}
	samples, before, ok := s.samples(name, id, lo, hi)
	if len(samples) == 0 {
		return Summary{}, false
	}
	weights := weigh(samples, before, ok)
	values := make([]float64, len(samples))
	for i, x := range samples {
		values[i] = x.v
	}
	last := len(samples) - 1
	sum := Summary{
		Samples: len(samples), First: time.UnixMilli(samples[0].ms), Last: time.UnixMilli(samples[last].ms),
		Mean: mean(values, weights), LastValue: values[last],
		Points: means(samples, values, weights, lo, hi, min(max(points, 0), MaxPoints)),
	}
	slices.Sort(values)
	sum.Min, sum.Max = values[0], values[last]
	sum.P95 = values[(95*len(values)+99)/100-1]
	return sum, true
}

// ceilMilli returns the first millisecond that is not before t.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return ms
}

// weigh returns how long each sample stands for. They ascend; before is the time of the sample before the first, if ok.
func weigh(samples []sample, before int64, ok bool) []float64 {
	weights := make([]float64, len(samples))
	for i := range samples {
		if i > 0 {
			before = samples[i-1].ms
		}
		weights[i] = float64(uint64(samples[i].ms - before))
	}
	known := weights
	if !ok {
		known = weights[1:]
	}
	if len(known) == 0 {
		return []float64{1}
	}
	distances := slices.Sorted(slices.Values(known))
	median := distances[len(distances)/2]
	if !ok {
		weights[0] = median
	}
	for i, w := range weights {
		weights[i] = min(w, gapDistances*median)
	}
	return weights
}

// mean is the weighted mean, or the plain one if nothing weighs anything.
func mean(values, weights []float64) float64 {
	var weight, m float64
	for _, w := range weights {
		weight += w
	}
	for i, v := range values {
		// Shares are added up, and not products, which could become infinite.
		if weight > 0 {
			m += v * (weights[i] / weight)
		} else {
			m += v / float64(len(values))
		}
	}
	// Rounding must not take it out of its bounds.
	return min(max(m, slices.Min(values)), slices.Max(values))
}

// means are those of n equal parts of the time.
func means(samples []sample, values, weights []float64, lo, hi int64, n int) []float64 {
	if n == 0 {
		return nil
	}
	points := make([]float64, n)
	next := 0
	for i := range points {
		begin := next
		for next < len(samples) && part64(samples[next].ms, lo, hi, n) == i {
			next++
		}
		points[i] = math.NaN()
		if begin < next {
			points[i] = mean(values[begin:next], weights[begin:next])
		}
	}
	return points
}

// part64 returns in which of n equal parts of the time ms is: (ms-lo)*n/(hi-lo), in 128 bits.
func part64(ms, lo, hi int64, n int) int {
	high, low := bits.Mul64(uint64(ms-lo), uint64(n))
	quotient, _ := bits.Div64(high, low, uint64(hi-lo))
	return int(quotient)
}

// samples returns the samples of a time, ascending, and the time of the one before them if there is one.
func (s *Store) samples(name string, id metric.ID, lo, hi int64) (samples []sample, before int64, ok bool) {
	c := collector{id: id, lo: lo, hi: hi}
	var earlier []block
	s.mu.RLock()
	e := s.entities[name]
	if e == nil {
		s.mu.RUnlock()
		return nil, 0, false
	}
	// Under the lock blocks are only listed: their data does not change.
	blocks := make([]block, 0, len(e.blocks))
	for _, b := range e.blocks {
		switch {
		case b.first >= hi:
		case b.last < lo:
			earlier = append(earlier, b)
		default:
			blocks = append(blocks, b)
		}
	}
	var head []sample
	if column, ok := e.head.find(id, 0); ok {
		for i, v := range e.head.column(column) {
			if !math.IsNaN(v) {
				head = append(head, sample{e.head.times[i], v})
			}
		}
	}
	s.mu.RUnlock()
	for _, b := range blocks {
		c.read(b)
	}
	for _, x := range head {
		c.add(x)
	}
	// The sample before is searched for in the latest blocks first.
	slices.SortFunc(earlier, func(a, b block) int { return cmp.Compare(b.last, a.last) })
	for _, b := range earlier {
		if c.ok && b.last <= c.before {
			break
		}
		c.read(b)
	}
	if byTime := func(a, b sample) int { return cmp.Compare(a.ms, b.ms) }; !slices.IsSortedFunc(c.samples, byTime) {
		slices.SortStableFunc(c.samples, byTime)
	}
	return c.samples, c.before, c.ok
}

// collector collects the samples of a metric from lo on and before hi.
type collector struct {
	id      metric.ID
	lo, hi  int64
	samples []sample
	// before is the time of the latest sample before lo, if ok.
	before int64
	ok     bool

	decoder decoder
	times   [blockRows]int64
	values  [blockRows]float64
}

func (c *collector) add(x sample) {
	switch {
	case x.ms >= c.hi:
	case x.ms >= c.lo:
		c.samples = append(c.samples, x)
	case !c.ok || x.ms > c.before:
		c.before, c.ok = x.ms, true
	}
}

// read adds the samples of a block, which is as encode made it or has been checked.
func (c *collector) read(b block) {
	v, err := open(b.data)
	if err != nil {
		return
	}
	p, ok := v.column(c.id)
	if !ok {
		return
	}
	times, values := c.times[:v.rows], c.values[:v.rows]
	if v.readTimes(times) != nil || c.decoder.values(p, values) != nil {
		return
	}
	for i, x := range values {
		if !math.IsNaN(x) {
			c.add(sample{times[i], x})
		}
	}
}
