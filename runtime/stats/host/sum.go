// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

// maxCounters is how many counters a row has: those of a network interface.
const maxCounters = 8

// row is the counters of one interface or disk.
type row [maxCounters]uint64

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
			grown := v - before[i]
			if v < before[i] {
				grown = v
			}
			a.total[i] += grown
		}
	}
	a.last, a.begun = now, true
	return a.total
}
