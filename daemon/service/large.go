// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"

	"golang.org/x/sync/semaphore"
)

const (
	// largeBytes is the size above which a record counts as large: it is sent by itself, and counted.
	largeBytes = 256 << 10
	// maxLargeBytes bounds the large records that are on their way at a time, over all streams: many readers of
	// one large record could use up the memory of noded otherwise.
	maxLargeBytes = 128 << 20
)

// large bounds the memory of large records. Who finds it used up waits. It is safe for concurrent use; the nil
// large bounds nothing.
type large struct {
	room *semaphore.Weighted
	size int64
}

func newLarge(size int64) *large { return &large{room: semaphore.NewWeighted(size), size: size} }

// do calls send when there is room for so many bytes, or returns the error of ctx. send returns when
// they are not held any more.
func (l *large) do(ctx context.Context, bytes int, send func() error) error {
	if l == nil {
		return send()
	}
	// One that is larger than everything goes alone.
	weight := min(int64(bytes), l.size)
	if err := l.room.Acquire(ctx, weight); err != nil {
		return err
	}
	defer l.room.Release(weight)
	return send()
}
