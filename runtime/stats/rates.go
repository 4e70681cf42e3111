// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

// cpuSlack is by how much a rate of CPU time may exceed the number of processors: what is more comes of counters that were read in
// mid-write.
const cpuSlack = 1.2

// finish completes what was just read of something with who it is and with rates, and makes it the last.
func (l *looker) finish(s *slot, u *Usage, inode uint64) {
	before := s.last
	if !s.known {
		s.begin(inode)
		l.fresh = l.fresh || s.key.kind != KindUnit || l.sequence == 0
		before = nil
	} else if inode != s.inode || s != &l.node && fell(metric.CPUUsage, u, before) {
		l.recordLast(s)
		s.begin(inode)
		l.fresh = l.fresh || s.key.kind != KindUnit
		before = nil
	}
	s.read = l.now
	u.Entity = s.entity
	if before != nil {
		window := u.Boot - before.Boot
		if window >= 0 && window < minWindow {
			// Too short for rates. What is there is hardly older.
			sum := u.Sum
			*u = *before
			u.Entity, u.Sum = s.entity, sum
		} else if window >= minWindow {
			l.rate(u, before, window, s.rewired)
		}
	}
	if s.rewired {
		s.past.forgetNetwork(l.sampler.kept)
		s.rewired = false
	}
	s.last = u
}

// begin makes a slot that of another one than before.
func (s *slot) begin(inode uint64) {
	generation := inode
	if s.known && generation <= s.generation {
		generation = s.generation + 1
	}
	s.known, s.inode = true, inode
	s.past.reset()
	if s.generation != generation {
		s.generation = generation
		e := *s.entity
		e.Key.Generation = generation
		s.entity = &e
	}
	s.last, s.rewired = nil, false
}

// fell reports whether a counter is less than it was.
func fell(id metric.ID, u, before *Usage) bool {
	if before == nil {
		return false
	}
	was, ok := before.Numbers.Get(id)
	is, has := u.Numbers.Get(id)
	return ok && has && is < was
}

// rate puts the rates of all counters into u. One that fell has none this time, and one that had none before neither.
func (l *looker) rate(u, before *Usage, window time.Duration, rewired bool) {
	u.Window = window
	seconds := window.Seconds()
	for _, id := range l.sampler.counters {
		is, ok := u.Numbers.Get(id)
		was, had := before.Numbers.Get(id)
		if !ok || !had || is < was || rewired && isNetwork(id) {
			continue
		}
		r := perSecond(id, is-was, seconds)
		if l.absurd(id, r) {
			continue
		}
		u.Rates.Put(id, r)
	}
}

// perSecond is the rate of a counter, as metric.Rates has it.
func perSecond(id metric.ID, n uint64, seconds float64) float64 {
	r := float64(n) / seconds
	if id.Info().Unit == metric.UnitNanoseconds {
		r /= float64(time.Second)
	}
	return r
}

// absurd reports whether a rate cannot be.
func (l *looker) absurd(id metric.ID, r float64) bool {
	switch id {
	case metric.CPUUsage, metric.CPUUser, metric.CPUSystem:
		cpus := l.sampler.cpus.Load()
		return cpus > 0 && r > cpuSlack*float64(cpus)
	default:
		return false
	}
}

func isNetwork(id metric.ID) bool {
	return id >= metric.NetworkReceiveBytes && id <= metric.NetworkTransmitDropped
}
