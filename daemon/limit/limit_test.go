// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/daemon/peercred"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStream is a stream whose messages go to send.
type fakeStream struct {
	grpc.ServerStream
	ctx  context.Context
	send func(m any) error
}

func (s *fakeStream) Context() context.Context { return s.ctx }
func (s *fakeStream) SendMsg(m any) error      { return s.send(m) }

func newCalls(l Limits) *Calls {
	return New(Config{
		Limits:  func() Limits { return l },
		Counted: func(method string) bool { return strings.HasPrefix(method, "/counted/") },
		Logger:  slog.New(slog.DiscardHandler),
	})
}

func as(ctx context.Context, uid uint32) context.Context {
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: &peercred.Peer{UID: uid}})
}

func TestCounts(t *testing.T) {
	t.Parallel()
	c := newCalls(Limits{Total: 3, PerUser: 2, SendTimeout: time.Hour})
	var leaves []func()
	enter := func(uid uint32, method string, want codes.Code) {
		t.Helper()
		leave, err := c.enter(as(t.Context(), uid), method)
		if status.Code(err) != want {
			t.Errorf("enter(%d, %s) = %v, want %v", uid, method, err, want)
		}
		if err == nil {
			leaves = append(leaves, leave)
		}
	}
	enter(1, "/counted/A", codes.OK)
	enter(1, "/counted/A", codes.OK)
	enter(1, "/counted/B", codes.ResourceExhausted)
	enter(1, "/other/A", codes.OK)
	enter(2, "/counted/A", codes.OK)
	enter(3, "/counted/A", codes.ResourceExhausted)
	if c.Open() != 3 {
		t.Errorf("Open = %d", c.Open())
	}
	for _, leave := range leaves {
		leave()
	}
	if c.Open() != 0 || len(c.perUser) != 0 {
		t.Errorf("Open = %d, %v are left", c.Open(), c.perUser)
	}
	c.Stop()
	enter(1, "/counted/A", codes.Unavailable)
}

// TestSlowClient: a message may wait for send_timeout, each for itself; the handler ends when the stream does.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(Limits{Total: 1, PerUser: 1, SendTimeout: time.Minute})
		ctx, finish := context.WithCancel(as(t.Context(), 1))
		sent := 0
		stream := &fakeStream{ctx: ctx, send: func(any) error {
			if sent++; sent <= 3 {
				time.Sleep(59 * time.Second)
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		start := time.Now()
		err := c.Stream(nil, stream, &grpc.StreamServerInfo{FullMethod: "/counted/A"}, func(_ any, s grpc.ServerStream) error {
			for {
				if err := s.SendMsg(nil); err != nil {
					return err
				}
				time.Sleep(time.Hour)
			}
		})
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "limits.send_timeout") {
			t.Errorf("Stream = %v", err)
		}
		if d, want := time.Since(start), 3*time.Hour+4*time.Minute-3*time.Second; d != want {
			t.Errorf("cut after %v, want %v", d, want)
		}
		if c.Open() != 1 {
			t.Error("the handler does not run any more")
		}
		// gRPC ends the stream's context when the interceptor returns.
		finish()
		c.Wait()
		if c.Open() != 0 {
			t.Errorf("Open = %d", c.Open())
		}
	})
}

func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(Limits{Total: 9, PerUser: 9, SendTimeout: time.Hour})
		ctx, finish := context.WithCancel(as(t.Context(), 1))
		results := make(chan error, 2)
		// One handler listens to its context, the other only to the stream's.
		for _, handler := range []grpc.StreamHandler{
			func(_ any, s grpc.ServerStream) error { <-s.Context().Done(); return s.Context().Err() },
			func(any, grpc.ServerStream) error { <-ctx.Done(); return ctx.Err() },
		} {
			go func() {
				results <- c.Stream(nil, &fakeStream{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: "/counted/A"}, handler)
			}()
		}
		synctest.Wait()
		start := time.Now()
		c.Stop()
		for range 2 {
			if err := <-results; status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "noded is stopping") {
				t.Errorf("Stream = %v", err)
			}
		}
		if d := time.Since(start); d != graceAfterStop {
			t.Errorf("the stop took %v", d)
		}
		finish()
		c.Wait()
	})
}

func TestUnary(t *testing.T) {
	t.Parallel()
	c := newCalls(Limits{Total: 1, PerUser: 1, SendTimeout: time.Hour})
	call := func(handler grpc.UnaryHandler) (any, error) {
		return c.Unary(as(t.Context(), 1), nil, &grpc.UnaryServerInfo{FullMethod: "/counted/A"}, handler)
	}
	if got, err := call(func(context.Context, any) (any, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("Unary = %v, %v", got, err)
	}
	if _, err := call(func(context.Context, any) (any, error) { return nil, errors.New("x") }); err == nil || err.Error() != "x" {
		t.Errorf("Unary = %v", err)
	}
	if _, err := call(func(context.Context, any) (any, error) { panic("boom") }); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "boom") {
		t.Errorf("Unary = %v", err)
	}
	_, err := call(func(ctx context.Context, _ any) (any, error) {
		c.Stop()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("Unary = %v", err)
	}
	if c.Open() != 0 {
		t.Errorf("Open = %d", c.Open())
	}
}
