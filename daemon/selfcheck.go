// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/noded/noded/daemon/peercred"
)

// selfCheck calls the server from inside, over a socket pair: a call goes through accepting, credentials,
// interceptors and handler as one from outside does, but needs no place among the connections
// that are counted.
type selfCheck struct {
	listener *pairListener
	conn     *grpc.ClientConn
}

// newSelfCheck begins to serve the check; the goroutine that serves is counted in running.
func newSelfCheck(server *grpc.Server, running *sync.WaitGroup) (*selfCheck, error) {
	l := &pairListener{pending: make(chan *net.UnixConn), closed: make(chan struct{})}
	conn, err := grpc.NewClient("passthrough:///self",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.dial(ctx) }))
	if err != nil {
		return nil, fmt.Errorf("self-check: %w", err)
	}
	running.Go(func() {
		// It ends with ErrServerStopped, or because the listener was closed.
		_ = server.Serve(l)
	})
	return &selfCheck{listener: l, conn: conn}, nil
}

// check asks for the health of the server.
func (s *selfCheck) check(ctx context.Context) error {
	response, err := healthpb.NewHealthClient(s.conn).Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	if response.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("health is %s", response.GetStatus())
	}
	return nil
}

func (s *selfCheck) close() {
	_ = s.conn.Close()
	_ = s.listener.Close()
}

// pairListener accepts the other ends of the socket pairs that dial makes.
type pairListener struct {
	pending chan *net.UnixConn
	closed  chan struct{}
	once    sync.Once
}

func (l *pairListener) dial(ctx context.Context) (net.Conn, error) {
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	select {
	case l.pending <- far:
		return near, nil
	case <-l.closed:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(err, near.Close(), far.Close())
}

// Accept implements net.Listener. Its connections are known as those of noded itself by their type.
func (l *pairListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.pending:
		return peercred.Self{UnixConn: c}, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *pairListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *pairListener) Addr() net.Addr { return &net.UnixAddr{Name: "self", Net: "unix"} }

func socketPair() (near, far *net.UnixConn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	near, nearErr := fileConn(fds[0])
	far, farErr := fileConn(fds[1])
	if err := errors.Join(nearErr, farErr); err != nil {
		for _, c := range []*net.UnixConn{near, far} {
			if c != nil {
				_ = c.Close()
			}
		}
		return nil, nil, err
	}
	return near, far, nil
}

func fileConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "self")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a socket pair of %T", c), c.Close())
	}
	return conn, nil
}
