// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"sync"
	"time"
)

// window lets a number of events pass in each length of time and counts the others.
type window struct {
	limit  int
	length time.Duration

	// mu guards the fields below.
	mu         sync.Mutex
	start      time.Time
	seen       int
	suppressed int
}

// allow reports whether an event at now passes, and how many did not since the last one that did.
func (w *window) allow(now time.Time) (ok bool, suppressed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.start) >= w.length {
		w.start, w.seen = now, 0
	}
	if w.seen >= w.limit {
		w.suppressed++
		return false, 0
	}
	w.seen++
	suppressed, w.suppressed = w.suppressed, 0
	return true, suppressed
}
