// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/noded/noded/journal"
)

func TestUsageCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		c := newUsageCache(func(ctx context.Context) (journal.Usage, error) {
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
				return journal.Usage{}, ctx.Err()
			}
			looks++
			return journal.Usage{SizeBytes: uint64(looks)}, nil
		})
		// One that gives up leaves nothing behind.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("get with a deadline = %v", err)
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if u, err := c.get(t.Context()); err != nil || u.SizeBytes != 1 {
					t.Errorf("get = %v, %v", u, err)
				}
			})
		}
		synctest.Wait()
		// One that waits for another's look can give up too.
		waiting, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.get(waiting); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("get with a deadline = %v", err)
		}
		all.Wait()
		time.Sleep(usageAge)
		if u, err := c.get(t.Context()); err != nil || u.SizeBytes != 2 {
			t.Errorf("get after a while = %v, %v", u, err)
		}
	})
}
