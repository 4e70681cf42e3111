// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// A restarted noded is back within tens of milliseconds, so begin there; more than a second between
// attempts would only make a follower late.
const (
	firstDelay = 20 * time.Millisecond
	maxDelay   = time.Second
)

// backOff gives the delays between attempts: exponential, with jitter, capped.
type backOff struct{ next time.Duration }

// delay returns how long to wait before the next attempt: between half and all of the step.
func (b *backOff) delay() time.Duration {
	step := max(b.next, firstDelay)
	b.next = min(2*step, maxDelay)
	return step/2 + rand.N(step/2+1)
}

func (b *backOff) reset() { b.next = 0 }

// sleep waits for d, or until ctx ends, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
