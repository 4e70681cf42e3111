// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// maxSelectorBytes is where a summary of selectors is cut.
const maxSelectorBytes = 512

// Call is what is known about a call that runs. It is safe for concurrent use; the nil Call
// records nothing.
type Call struct {
	records atomic.Int64
	bytes   atomic.Int64

	// mu guards the fields below.
	mu        sync.Mutex
	selectors string
}

type callKey struct{}

// FromContext returns the call that ctx belongs to, or nil.
func FromContext(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Select records what the caller asked for.
func (c *Call) Select(selectors string) {
	if c == nil {
		return
	}
	if len(selectors) > maxSelectorBytes {
		cut := maxSelectorBytes
		for cut > 0 && !utf8.RuneStart(selectors[cut]) {
			cut--
		}
		selectors = selectors[:cut] + "..."
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.selectors = selectors
}

// AddRecords counts records that were sent.
func (c *Call) AddRecords(n int) {
	if c != nil {
		c.records.Add(int64(n))
	}
}

func (c *Call) selected() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.selectors
}
