// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/runtime/stats"
)

// traceLength is how many looks a sparkline remembers, sparkWidth how many it shows.
const (
	traceLength = 60
	sparkWidth  = 16
	// sparkFloor is the CPU time, in thousand-millionths of a core, that the highest bar stands for at least: what idles looks idle.
	sparkFloor = 50_000_000
)

// trace is the CPU time that something used at the last looks, the newest last.
type trace struct {
	values []amount
	time   time.Time
	// seen: it was in the last frame.
	seen bool
}

// record remembers what something used at a time.
func (s *liveScreen) record(e *stats.Entity, cpu amount, at time.Time) {
	t := s.traces[e.Key]
	if t == nil {
		t = &trace{}
		s.traces[e.Key] = t
	}
	t.seen = true
	if at.Equal(t.time) {
		return
	}
	t.time = at
	t.values = append(t.values, cpu)
	if len(t.values) > traceLength {
		t.values = slices.Delete(t.values, 0, len(t.values)-traceLength)
	}
}

// forget drops the traces of what was not in the last frame.
func (s *liveScreen) forget() {
	for key, t := range s.traces {
		if !t.seen {
			delete(s.traces, key)
		}
		t.seen = false
	}
}

// bars are the heights of a sparkline, as runes.
func (s *liveScreen) bars() []rune {
	if s.screen.CharacterSet() == "UTF-8" {
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
	values := t.values[max(len(t.values)-sparkWidth, 0):]
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
