// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// maxMessageBytes bounds what a runtime can answer.
	maxMessageBytes = 64 << 20
	// callTimeout is how long an answer may take.
	callTimeout = 10 * time.Second
)

// errNoAnswer: the runtime is there but does not answer.
var errNoAnswer = errors.New("no answer")

// conn is a connection to a runtime. It is safe for concurrent use.
type conn struct {
	*grpc.ClientConn
	runtime runtimeapi.RuntimeServiceClient
	timeout time.Duration

	// mu guards the field below: why the socket could not be connected to last.
	mu     sync.Mutex
	dialed error
}

// dial makes a connection, which is opened by the first call.
func dial(socket string, timeout time.Duration) (*conn, error) {
	c := &conn{timeout: timeout}
	cc, err := grpc.NewClient("passthrough:///localhost",
		grpc.WithTransportCredentials(insecure.NewCredentials()), // a unix socket
		grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
		grpc.WithDisableServiceConfig(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			nc, err := d.DialContext(ctx, "unix", socket)
			c.mu.Lock()
			c.dialed = err
			c.mu.Unlock()
			return nc, err
		}))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", socket, err)
	}
	c.ClientConn, c.runtime = cc, runtimeapi.NewRuntimeServiceClient(cc)
	return c, nil
}

// explain makes an error of a call one to show.
func (c *conn) explain(err error) error {
	c.mu.Lock()
	dialed := c.dialed
	c.mu.Unlock()
	s, ok := status.FromError(err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return err
	case s.Code() == codes.Unavailable && dialed != nil:
		// The path of the socket is told beside it.
		if op := (*net.OpError)(nil); errors.As(dialed, &op) {
			return op.Err
		}
		return dialed
	case s.Code() == codes.DeadlineExceeded:
		return fmt.Errorf("%w within %v", errNoAnswer, c.timeout)
	case s.Code() == codes.Unimplemented:
		return fmt.Errorf("it does not serve version 1 of the CRI: %w", errors.ErrUnsupported)
	}
	return errors.New(clip(s.Message(), 500))
}

// ask calls a method of the runtime with a timeout.
func ask[Request, Response any](ctx context.Context, c *conn,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error), request Request,
) (Response, error) {
	return askWithin(ctx, c.timeout, method, request)
}

// askWithin is ask with another timeout.
func askWithin[Request, Response any](ctx context.Context, timeout time.Duration,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error), request Request,
) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return method(ctx, request)
}

func isNotFound(err error) bool { return status.Code(err) == codes.NotFound }

// clip bounds a text of the runtime.
func clip(text string, most int) string {
	if len(text) <= most {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:most], "\uFFFD") + "..."
}
