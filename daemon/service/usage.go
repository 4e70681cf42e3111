// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"time"

	"github.com/noded/noded/journal"
)

// usageAge is how long the answer of a usageCache is good. Looking at every journal file takes time
// on a node that has thousands, and everybody who monitors nodes asks for their health.
const usageAge = time.Second

// usageCache answers many callers with one look at the journal files. It is safe for concurrent use.
type usageCache struct {
	look func(context.Context) (journal.Usage, error)
	// turn is held by the caller that looks; the others wait for its answer.
	turn chan struct{}

	// The fields below belong to who holds turn. usage is read-only once it was handed out.
	usage journal.Usage
	err   error
	at    time.Time
}

func newUsageCache(look func(context.Context) (journal.Usage, error)) *usageCache {
	return &usageCache{look: look, turn: make(chan struct{}, 1)}
}

// get returns what a look not older than usageAge saw, or the error of ctx.
func (c *usageCache) get(ctx context.Context) (journal.Usage, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return journal.Usage{}, ctx.Err()
	}
	defer func() { <-c.turn }()
	if !c.at.IsZero() && time.Since(c.at) < usageAge {
		return c.usage, c.err
	}
	usage, err := c.look(ctx)
	if ctx.Err() != nil {
		// The caller has gone; the next one looks for itself.
		return journal.Usage{}, ctx.Err()
	}
	c.usage, c.err, c.at = usage, err, time.Now()
	return usage, err
}
