// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"math"
	"time"

	"github.com/noded/noded/runtime/stats/kernel"
	"github.com/noded/noded/runtime/stats/metric"
)

// procStat is what is wanted of /proc/stat; see proc_stat(5).
type procStat struct {
	// user, system and usage are in ticks.
	user, system, usage uint64
	// cpus counts the lines of single processors, which are those that are online.
	cpus int
	// boot is when the machine booted; zero if that is not told.
	boot time.Time
}

// maxTicks is the most that there can be of each: the kernel counts nanoseconds in 64 bits, and so begins anew after 584 years of one
// processor, which 512 of them use up in 14 months.
const maxTicks = math.MaxUint64 / uint64(tick)

var errNoCPU = errors.New("no line of all processors")

// parseStat reads /proc/stat.
func parseStat(data []byte) (procStat, error) {
	var s procStat
	found := false
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		name, rest := nextField(line)
		switch {
		case string(name) == "cpu" && !found:
			found = s.parseTimes(rest)
		case bytes.HasPrefix(name, []byte("cpu")):
			s.cpus++
		case string(name) == "btime":
			value, _ := nextField(rest)
			if v, ok := kernel.ParseUint(value); ok && v < math.MaxInt32*4 {
				s.boot = time.Unix(int64(v), 0)
			}
		}
	}
	if !found {
		return s, errNoCPU
	}
	return s, nil
}

// parseTimes reads user, nice, system, idle, iowait, irq and softirq. Kernels before 2.6 end after idle. What follows, steal, guest and
// guest_nice, is not wanted; see the package comment. Nor are idle and iowait, which have no bound.
func (s *procStat) parseTimes(line []byte) bool {
	const idle, iowait = 3, 4
	var ticks [7]uint64
	for i := range ticks {
		var field []byte
		field, line = nextField(line)
		v, ok := kernel.ParseUint(field)
		if !ok && i <= idle || v > maxTicks && i != idle && i != iowait {
			return false
		}
		ticks[i] = v
	}
	s.user = ticks[0] + ticks[1]
	s.system = ticks[2] + ticks[5] + ticks[6]
	s.usage = s.user + s.system
	return true
}

// put sets the times in nanoseconds. Sums that do not fit begin anew at 0, as those of the kernel do.
func (s *procStat) put(to *metric.Set) {
	to.Put(metric.CPUUsage, s.usage*uint64(tick))
	to.Put(metric.CPUUser, s.user*uint64(tick))
	to.Put(metric.CPUSystem, s.system*uint64(tick))
}
