// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/daemon/peercred"
	"github.com/noded/noded/proto/wire"
)

// ErrStopping is the cause with which the contexts of calls end when the server stops.
var ErrStopping = errors.New("noded is stopping")

// ErrSlowClient is the cause with which the context of a stream ends when its client takes nothing for too long.
var ErrSlowClient = errors.New("the client does not read")

// graceAfterStop is how long a stream can take to notice that the server stops.
const graceAfterStop = time.Second

// Limits are the limits of calls.
type Limits struct {
	// Total and PerUser bound the counted calls that run at a time.
	Total, PerUser int
	// SendTimeout bounds the time that one message waits for its client.
	SendTimeout time.Duration
}

// Config says how Calls works.
type Config struct {
	// Limits is asked at the start of each call.
	Limits func() Limits
	// Counted selects the methods that count.
	Counted func(method string) bool
	Logger  *slog.Logger
}

// Calls knows the calls that run. It is safe for concurrent use.
type Calls struct {
	config   Config
	stopping context.Context
	stop     context.CancelCauseFunc
	// handlers counts the goroutines in which handlers of streams run.
	handlers sync.WaitGroup

	// mu guards the fields below.
	mu      sync.Mutex
	total   int
	perUser map[uint32]int
}

// New returns Calls without calls.
func New(c Config) *Calls {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Calls{config: c, stopping: ctx, stop: cancel, perUser: make(map[uint32]int)}
}

// Stop ends the contexts of all calls with ErrStopping; calls that begin later are refused.
func (c *Calls) Stop() { c.stop(ErrStopping) }

// Wait returns when no handler of a stream runs any more. The server has stopped before.
func (c *Calls) Wait() { c.handlers.Wait() }

// Open returns the number of counted calls that run.
func (c *Calls) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

func (c *Calls) enter(ctx context.Context, method string) (leave func(), err error) {
	if c.stopping.Err() != nil {
		return nil, stoppingStatus()
	}
	if !c.config.Counted(method) {
		return func() {}, nil
	}
	var uid uint32
	if caller, ok := peercred.FromContext(ctx); ok {
		uid = caller.UID
	}
	limits := c.config.Limits()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.total >= limits.Total:
		return nil, exhausted(fmt.Sprintf("%d calls are running, which is the limit of this node (limits.max_streams)", c.total),
			"try again later, or raise limits.max_streams in noded.yaml(5)")
	case c.perUser[uid] >= limits.PerUser:
		return nil, exhausted(fmt.Sprintf("%d calls of user %d are running, which is the limit of one user (limits.max_streams_per_user)", c.perUser[uid], uid),
			"end some of them, or raise limits.max_streams_per_user in noded.yaml(5)")
	}
	c.total++
	c.perUser[uid]++
	return func() { c.leave(uid) }, nil
}

func (c *Calls) leave(uid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.perUser[uid]--; c.perUser[uid] == 0 {
		delete(c.perUser, uid)
	}
}

// begin returns the context of a call. end releases it.
func (c *Calls) begin(parent context.Context) (ctx context.Context, cancel context.CancelCauseFunc, end func()) {
	ctx, cancel = context.WithCancelCause(parent)
	unhook := context.AfterFunc(c.stopping, func() { cancel(ErrStopping) })
	return ctx, cancel, func() {
		unhook()
		cancel(nil)
	}
}

// Unary is the interceptor of unary calls.
func (c *Calls) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (response any, err error) {
	leave, err := c.enter(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, _, end := c.begin(ctx)
	defer end()
	err = c.guard(info.FullMethod, func() error {
		response, err = handler(ctx, req)
		return err
	})
	if err != nil {
		return nil, result(ctx, err)
	}
	return response, nil
}

// Stream is the interceptor of streams. The handler runs in a goroutine of its own, so that a stream can be
// ended while its handler waits for the client: returning from here makes gRPC wake it up.
func (c *Calls) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	leave, err := c.enter(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	ctx, cancel, end := c.begin(stream.Context())
	watched := newWatchedStream(ctx, stream, c.config.Limits().SendTimeout, func() { cancel(ErrSlowClient) })
	done := make(chan error, 1)
	c.handlers.Go(func() {
		defer end()
		err := c.guard(info.FullMethod, func() error { return handler(srv, watched) })
		watched.stop()
		// The caller who sees the end of a call can begin the next one.
		leave()
		done <- err
	})
	select {
	case err := <-done:
		return result(ctx, err)
	case <-ctx.Done():
	}
	switch {
	case errors.Is(context.Cause(ctx), ErrSlowClient):
		return result(ctx, ErrSlowClient)
	case errors.Is(context.Cause(ctx), ErrStopping):
		return c.awaitStop(ctx, done)
	default:
		return result(ctx, <-done)
	}
}

func (c *Calls) awaitStop(ctx context.Context, done <-chan error) error {
	timer := time.NewTimer(graceAfterStop)
	defer timer.Stop()
	select {
	case err := <-done:
		return result(ctx, err)
	case <-timer.C:
		return stoppingStatus()
	}
}

// guard turns a panic of a handler into an Internal status: one call fails, not all.
func (c *Calls) guard(method string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.config.Logger.Error("handler panicked", "method", method, "err", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, "internal error; see the log of noded")
		}
	}()
	return f()
}

// result is the status of a call that ended with err, knowing why its context ended.
func result(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrStopping):
		return stoppingStatus()
	case errors.Is(cause, ErrSlowClient):
		return exhausted("the client took nothing for longer than limits.send_timeout", "read faster, or go on from the last cursor")
	default:
		return err
	}
}

func stoppingStatus() error {
	return status.Error(codes.Unavailable, ErrStopping.Error()+"; go on from the last cursor when it is back")
}

func exhausted(message, hint string) error {
	return wire.Refusal(codes.ResourceExhausted, wire.ReasonExhausted, message, hint)
}
