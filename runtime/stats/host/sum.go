// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

// maxCounters is how many counters a row has: those of a network interface.
const maxCounters = 8

// row is the counters of one interface or disk.
type row [maxCounters]uint64

// anewBelow is below what part of what it was a counter is taken for one that began anew at 0. Others that fall are of drivers that add up several
// counters without a lock, or that take something back: what is in them was added already.
const anewBelow = 4

// accumulator sums up counters of things that come and go, so that the sums only grow: what comes later counts from when it is first
// seen, what has gone stays in, and what begins anew at 0 is added. The first sums are those of the counters.
type accumulator struct {
	last  map[string]row
	total row
	begun bool
}

// add takes the counters of all that is there now, and returns the sums.
func (a *accumulator) add(now map[string]row) row {
	for name, values := range now {
		before, known := a.last[name]
		if !known && a.begun {
			continue
		}
		for i, v := range values {
			switch {
			case v >= before[i]:
				a.total[i] += v - before[i]
			case v < before[i]/anewBelow:
				a.total[i] += v
			}
		}
	}
	a.last, a.begun = now, true
	return a.total
}
