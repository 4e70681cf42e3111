// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"

	"github.com/noded/noded/proto/wire"
)

const (
	// largeBytes is the size above which a record counts as large: it is sent by itself, and counted.
	largeBytes = 256 << 10
	// maxLargeBytes bounds the memory of the large records that are being sent, over all streams, and maxWaitingBytes
	// that of those which wait for it: many readers of one large record could use up the memory of noded otherwise.
	maxLargeBytes   = 128 << 20
	maxWaitingBytes = 64 << 20
	// maxDecoding bounds the entries that are decoded at a time. How large one is shows only then.
	maxDecoding = 8
)

// large bounds the memory of large records. It is safe for concurrent use; the nil large bounds nothing.
type large struct {
	decoding      chan struct{}
	room, waiting *semaphore.Weighted
	size          int64
}

func newLarge(size, waiting int64) *large {
	return &large{
		decoding: make(chan struct{}, maxDecoding),
		room:     semaphore.NewWeighted(size),
		waiting:  semaphore.NewWeighted(waiting),
		size:     size,
	}
}

// enter returns when not too many others take an entry out of the journal, or with the error of ctx. leave is called
// afterwards.
func (l *large) enter(ctx context.Context) error {
	if l == nil {
		return nil
	}
	select {
	case l.decoding <- struct{}{}:
		return nil
	default:
	}
	select {
	case l.decoding <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *large) leave() {
	if l != nil {
		<-l.decoding
	}
}

// do calls send for a record of so many bytes when there is room for it, or returns the error of ctx. If too many wait
// already the call is refused: its client can go on from the last cursor, and meanwhile holds nothing. send
// returns when the record is not held any more.
func (l *large) do(ctx context.Context, bytes int, send func() error) error {
	if l == nil {
		return send()
	}
	// The engine has the record, and the transport the message. One that is larger than everything goes alone.
	weight := min(2*int64(bytes), l.size)
	if !l.room.TryAcquire(weight) {
		if err := l.wait(ctx, int64(bytes), weight); err != nil {
			return err
		}
	}
	defer l.room.Release(weight)
	return send()
}

func (l *large) wait(ctx context.Context, bytes, weight int64) error {
	if !l.waiting.TryAcquire(bytes) {
		return wire.Refusal(codes.ResourceExhausted, wire.ReasonExhausted,
			"too many calls read large records at a time", "go on from the last cursor")
	}
	defer l.waiting.Release(bytes)
	return l.room.Acquire(ctx, weight)
}
