// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metric

// Set is the numbers that were read of one thing at one time. The zero value has none. A number that is not there is not
// known, which is not the same as zero.
type Set struct {
	has    uint64
	values [Count]uint64
}

// Put sets a number.
func (s *Set) Put(id ID, v uint64) {
	s.has |= 1 << id
	s.values[id] = v
}

// Get returns a number; ok is false if it is not known.
func (s *Set) Get(id ID) (v uint64, ok bool) { return s.values[id], s.Has(id) }

// Value returns a number, 0 if it is not known.
func (s *Set) Value(id ID) uint64 { return s.values[id] }

// Has reports whether a number is known.
func (s *Set) Has(id ID) bool { return s.has&(1<<id) != 0 }

// Reset forgets all numbers.
func (s *Set) Reset() { *s = Set{} }

// Merge takes over what is known in o.
func (s *Set) Merge(o *Set) {
	for id := range Count {
		if v, ok := o.Get(id); ok {
			s.Put(id, v)
		}
	}
}

// Rates are how fast counters grew: per second, CPU time in seconds per second, which is cores.
type Rates struct {
	has    uint64
	values [Count]float64
}

// Put sets a rate.
func (r *Rates) Put(id ID, v float64) {
	r.has |= 1 << id
	r.values[id] = v
}

// Get returns a rate; ok is false if it is not known.
func (r *Rates) Get(id ID) (v float64, ok bool) { return r.values[id], r.Has(id) }

// Value returns a rate, 0 if it is not known.
func (r *Rates) Value(id ID) float64 { return r.values[id] }

// Has reports whether a rate is known.
func (r *Rates) Has(id ID) bool { return r.has&(1<<id) != 0 }

// A set has a bit for each number.
const _ = uint(64 - Count)
