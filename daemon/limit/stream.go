// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// watchedStream is a stream with a context of our own and a timer that runs while a
// message waits for the client's window.
type watchedStream struct {
	grpc.ServerStream
	ctx     context.Context
	timeout time.Duration
	timer   *time.Timer
}

func newWatchedStream(ctx context.Context, s grpc.ServerStream, timeout time.Duration, slow func()) *watchedStream {
	w := &watchedStream{ServerStream: s, ctx: ctx, timeout: timeout, timer: time.AfterFunc(timeout, slow)}
	w.timer.Stop()
	return w
}

func (w *watchedStream) stop() { w.timer.Stop() }

// Context implements grpc.ServerStream.
func (w *watchedStream) Context() context.Context { return w.ctx }

// SendMsg implements grpc.ServerStream.
func (w *watchedStream) SendMsg(m any) error {
	w.timer.Reset(w.timeout)
	defer w.timer.Stop()
	return w.ServerStream.SendMsg(m)
}
