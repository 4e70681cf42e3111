// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

const (
	// cpuSlack is by how much a rate of CPU time may exceed the number of processors: what is more comes of counters that were read in
	// mid-write.
	cpuSlack = 1.2
	// recountInterval is how often the processors are counted at most because of rates that exceed their number.
	recountInterval = 5 * time.Second
)

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
	told := true
	if before != nil {
		window := u.Boot - before.Boot
		if window >= 0 && window < minWindow {
			// Too short for rates. What is there is hardly older.
			told = false
			sum := u.Sum
			*u = *before
			u.Entity, u.Sum = s.entity, sum
		} else if window >= minWindow {
			l.rate(u, before, window, s.rewired)
		}
	}
	if s.rewired && told {
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
		if !l.sampler.tooMany(r) {
			return false
		}
		// There may be more of them than a moment ago.
		if l.counted.IsZero() || l.now.Sub(l.counted) >= recountInterval {
			l.counted = l.now
			l.sampler.countCPUs()
		}
		return l.sampler.tooMany(r)
	default:
		return false
	}
}

// tooMany reports whether a rate is of more processors than there are.
func (s *Sampler) tooMany(r float64) bool {
	cpus := s.cpus.Load()
	return cpus > 0 && r > cpuSlack*float64(cpus)
}

func isNetwork(id metric.ID) bool {
	return id >= metric.NetworkReceiveBytes && id <= metric.NetworkTransmitDropped
}
