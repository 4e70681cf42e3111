// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"slices"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// The limits of a stream of StatsService.Watch, as the API documents them. Both sides keep to them.
const (
	maxWatchRows    = 16 << 10
	maxWatchMetrics = 64
	maxWatchShift   = 62
	// maxWatchSubjectBytes bounds what is told about who a row is of, and maxWatchSubjectsBytes that of all rows.
	maxWatchSubjectBytes  = 64 << 10
	maxWatchSubjectsBytes = 32 << 20
	// keyframeInterval is how often all rows are told.
	keyframeInterval = time.Minute
	// watchTolerance is how far the time of a row that is left out may be from what the receiver takes it for.
	watchTolerance = 10 * time.Millisecond
)

// maxBootMicroseconds is the longest time since the boot that fits a time.Duration.
const maxBootMicroseconds = math.MaxInt64 / int64(time.Microsecond)

// StatsLook is one look at a node, as a StatsWatchDecoder puts it together. It and its rows are valid until the next one is decoded; what
// Entity, Node, Metrics, Problems and Ended point at stays valid.
type StatsLook struct {
	Node   string
	BootID journal.ID128
	// Metrics are the numbers that rows can have. Those that this build does not know are left out.
	Metrics []metric.ID
	// Time is the wall clock of the node when the look began, Boot the same since the boot.
	Time time.Time
	Boot time.Duration
	// Interval is how often looks are meant to come.
	Interval time.Duration
	// Skipped is how many looks of the node were left out before this one.
	Skipped int
	// Anew: the stream began anew. What has the key of a row before is still the same thing.
	Anew bool
	// Rows are all that is there, in the order in which it came to be known.
	Rows []*StatsRow
	// Ended is what is there no more.
	Ended []stats.Key
	// Problems say what is known only in part, and why: a sentence each.
	Problems []string
}

// StatsRow is what one thing uses.
type StatsRow struct {
	Entity *stats.Entity
	// Time is when the numbers were read, on the wall clock, Boot the same since the boot. If not Told they are those of the row before,
	// moved on as the look did: the numbers were read again and had not changed.
	Time time.Time
	Boot time.Duration
	Told bool

	// The fields below are those of the stream: offset is in microseconds after the look, values are in the units of the API.
	id    uint32
	fresh bool
	// subject is how many bytes told who it is.
	subject int
	metrics []metric.ID
	mask    uint64
	values  []int64
	offset  int64
}

// Get returns a number, in the unit that package metric has; ok is false if it is not known.
func (r *StatsRow) Get(id metric.ID) (v uint64, ok bool) {
	i := slices.Index(r.metrics, id)
	if i < 0 || r.mask&(1<<i) == 0 {
		return 0, false
	}
	return fromWatchValue(id, r.values[i]), true
}

// Numbers puts all numbers that are known into a set.
func (r *StatsRow) Numbers(to *metric.Set) {
	for i, id := range r.metrics {
		if id < metric.Count && r.mask&(1<<i) != 0 {
			to.Put(id, fromWatchValue(id, r.values[i]))
		}
	}
}

// toWatchValue converts a number to the unit of a column. Differences are made of what it returns, so that rounding does not add up.
func toWatchValue(id metric.ID, v uint64) int64 {
	if id.Info().Unit == metric.UnitNanoseconds {
		v /= uint64(time.Microsecond)
	}
	return int64(min(v, math.MaxInt64))
}

// fromWatchValue does the opposite.
func fromWatchValue(id metric.ID, v int64) uint64 {
	if id.Info().Unit == metric.UnitNanoseconds {
		const scale = uint64(time.Microsecond)
		return min(uint64(v), math.MaxUint64/scale) * scale
	}
	return uint64(v)
}

// allNumbers is the mask of a row that has all of n numbers.
func allNumbers(n int) uint64 {
	if n >= maxWatchMetrics {
		return math.MaxUint64
	}
	return 1<<n - 1
}
