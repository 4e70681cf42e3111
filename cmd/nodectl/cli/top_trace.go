// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/runtime/stats"
)

const (
	// sparkWidth is how many looks a sparkline shows.
	sparkWidth = 16
	// sparkFloor is the CPU time, in thousand-millionths of a core, that the highest bar stands for at least: what idles looks idle.
	sparkFloor = 50_000_000
)

// trace is the CPU time that something used at the last looks, the newest last.
type trace struct {
	values []amount
	time   time.Time
}

// record remembers what something used at a time. Looks that were not seen, because another view was, leave a gap.
func (s *liveScreen) record(e *stats.Entity, cpu amount, at time.Time) {
	t := s.traces[e.Key]
	if t == nil {
		t = &trace{time: at.Add(-watchInterval)}
		s.traces[e.Key] = t
	}
	looks := int(at.Sub(t.time).Round(watchInterval) / watchInterval)
	switch {
	case at.Equal(t.time):
		return
	case at.Before(t.time) || looks > sparkWidth:
		t.values = nil // The clock was set, or all that was is off the line.
	case len(t.values) > 0:
		t.values = append(t.values, make([]amount, max(looks-1, 0))...)
	}
	t.time = at
	t.values = append(t.values, cpu)
	t.values = slices.Delete(t.values, 0, max(len(t.values)-sparkWidth, 0))
}

// forget drops the traces of which nothing would be left to see at a time.
func (s *liveScreen) forget(now time.Time) {
	maps.DeleteFunc(s.traces, func(_ stats.Key, t *trace) bool { return now.Sub(t.time) > (sparkWidth+oldIntervals)*watchInterval })
}

// bars are the heights of a sparkline, as runes.
func (s *liveScreen) bars() []rune {
	if isUTF8(s.screen.CharacterSet()) {
		return []rune("▁▂▃▄▅▆▇█")
	}
	return []rune("_.-=+*%#")
}

// spark draws the CPU time of something, the newest to the right.
func (s *liveScreen) spark(key stats.Key) string {
	t := s.traces[key]
	if t == nil {
		return ""
	}
	values := t.values
	highest := uint64(sparkFloor)
	for _, v := range values {
		highest = max(highest, v.value)
	}
	bars := s.bars()
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", sparkWidth-len(values)))
	for _, v := range values {
		if !v.known {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(bars[min(int(float64(v.value)/float64(highest)*float64(len(bars))), len(bars)-1)])
	}
	return b.String()
}
