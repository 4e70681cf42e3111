// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// chunkBytes is what answers grow by.
	chunkBytes = 64 << 10
	// maxAnswersBytes bounds the answers that have not been taken yet, all together. That of a node with 110 pods has some 3 MB, or a
	// tenth of it compressed.
	maxAnswersBytes = 64 << 20
)

// errTooMuch is why an answer is not given: too many clients have not taken theirs, or it is too large.
var errTooMuch = errors.New("too many bytes wait for clients that do not read")

// room is where answers wait until they are taken. It is safe for concurrent use.
type room struct {
	used atomic.Int64
	// free are *[chunkBytes]byte that nobody uses.
	free sync.Pool
}

// answer is what a scrape is answered with. It is complete before it is sent, so that a client that reads slowly keeps no other one waiting.
// It belongs to one goroutine.
type answer struct {
	ctx    context.Context
	room   *room
	chunks []*[chunkBytes]byte
	size   int
}

// Write implements io.Writer. It fails when nobody wants the answer any more, and with errTooMuch.
func (a *answer) Write(p []byte) (n int, err error) {
	if err := context.Cause(a.ctx); err != nil {
		return 0, err
	}
	for n < len(p) {
		end := a.size % chunkBytes
		if end == 0 {
			if a.room.used.Add(chunkBytes) > maxAnswersBytes {
				a.room.used.Add(-chunkBytes)
				return n, errTooMuch
			}
			c, ok := a.room.free.Get().(*[chunkBytes]byte)
			if !ok {
				c = new([chunkBytes]byte)
			}
			a.chunks = append(a.chunks, c)
		}
		copied := copy(a.chunks[len(a.chunks)-1][end:], p[n:])
		n += copied
		a.size += copied
	}
	return n, nil
}

// send writes the answer.
func (a *answer) send(to io.Writer) error {
	left := a.size
	for _, c := range a.chunks {
		part := min(left, chunkBytes)
		if _, err := to.Write(c[:part]); err != nil {
			return err
		}
		left -= part
	}
	return nil
}

// release gives the room back. The answer is empty after it.
func (a *answer) release() {
	for _, c := range a.chunks {
		a.room.free.Put(c)
	}
	a.room.used.Add(-int64(len(a.chunks)) * chunkBytes)
	a.chunks, a.size = nil, 0
}
