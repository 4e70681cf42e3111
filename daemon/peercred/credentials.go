// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package peercred

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
)

// Limits are the numbers of connections that can be open at a time.
type Limits struct {
	Total, PerUser int
}

// ErrTooManyConnections: a connection was closed because of Limits.
var ErrTooManyConnections = errors.New("too many connections")

// ErrClosing: a connection was closed because the server stops.
var ErrClosing = errors.New("the server stops")

// Self is a connection of the server to itself, for which its own listener makes it: it is not counted, and Peer.Self
// is set.
type Self struct{ *net.UnixConn }

// Credentials are gRPC server credentials for unix sockets. They are safe for concurrent use.
type Credentials struct {
	limits  func() Limits
	refused func(p *Peer, err error)

	// mu guards the fields below.
	mu      sync.Mutex
	total   int
	perUser map[uint32]int
	open    map[*trackedConn]struct{}
	// closing: no connection is taken any more, not even one that was accepted before.
	closing bool
}

var _ credentials.TransportCredentials = (*Credentials)(nil)

// New returns credentials that count connections. limits is called for every connection, so that
// the limits can change. refused hears of each connection that is over them, from several goroutines at a time; it may be nil.
func New(limits func() Limits, refused func(p *Peer, err error)) *Credentials {
	if refused == nil {
		refused = func(*Peer, error) {}
	}
	return &Credentials{limits: limits, refused: refused, perUser: make(map[uint32]int), open: make(map[*trackedConn]struct{})}
}

// ServerHandshake identifies the peer. The connection that it returns gives its place back when it is closed.
func (c *Credentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	self, own := raw.(Self)
	conn, ok := raw.(*net.UnixConn)
	switch {
	case own:
		conn = self.UnixConn
	case !ok:
		return nil, nil, fmt.Errorf("peer credentials of a %T: want a unix socket", raw)
	}
	peer, err := read(conn)
	if err != nil {
		return nil, nil, fmt.Errorf("peer credentials: %w", err)
	}
	peer.Self = own
	tracked := &trackedConn{Conn: raw, credentials: c, uid: peer.UID, counted: !own}
	if err := c.enter(tracked); err != nil {
		if errors.Is(err, ErrTooManyConnections) {
			c.refused(peer, err)
		}
		return nil, nil, err
	}
	return tracked, peer, nil
}

func (c *Credentials) enter(conn *trackedConn) error {
	limits := c.limits()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return ErrClosing
	}
	if conn.counted {
		switch {
		case c.total >= limits.Total:
			return fmt.Errorf("%w: %d are open (limits.max_connections)", ErrTooManyConnections, c.total)
		case c.perUser[conn.uid] >= limits.PerUser:
			return fmt.Errorf("%w: %d of user %d are open (limits.max_connections_per_user)", ErrTooManyConnections, c.perUser[conn.uid], conn.uid)
		}
		c.total++
		c.perUser[conn.uid]++
	}
	c.open[conn] = struct{}{}
	return nil
}

func (c *Credentials) leave(conn *trackedConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.open[conn]; !ok {
		return
	}
	delete(c.open, conn)
	if !conn.counted {
		return
	}
	c.total--
	if c.perUser[conn.uid]--; c.perUser[conn.uid] == 0 {
		delete(c.perUser, conn.uid)
	}
}

// CloseSilent closes the connections over which the client has said nothing yet: a server that stops would
// wait for them. Later ones, and those that were accepted and are not known yet, are refused.
func (c *Credentials) CloseSilent() {
	c.close(func(conn *trackedConn) bool { return !conn.spoke.Load() })
}

// CloseAll closes all connections and refuses later ones.
func (c *Credentials) CloseAll() { c.close(func(*trackedConn) bool { return true }) }

func (c *Credentials) close(which func(*trackedConn) bool) {
	c.mu.Lock()
	c.closing = true
	var chosen []*trackedConn
	for conn := range c.open {
		if which(conn) {
			chosen = append(chosen, conn)
		}
	}
	c.mu.Unlock()
	for _, conn := range chosen {
		_ = conn.Close()
	}
}

// Open returns the number of connections that are counted now.
func (c *Credentials) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// ClientHandshake is not for clients.
func (c *Credentials) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("peer credentials identify clients to a server, not the other way round")
}

// Info implements credentials.TransportCredentials.
func (c *Credentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "peercred"}
}

// Clone returns c itself: all users share the counts.
func (c *Credentials) Clone() credentials.TransportCredentials { return c }

// OverrideServerName does nothing; a unix socket has no server name.
func (c *Credentials) OverrideServerName(string) error { return nil }

// trackedConn is a connection that the credentials know of until it is closed.
type trackedConn struct {
	net.Conn
	credentials *Credentials
	uid         uint32
	counted     bool
	// spoke: the client has sent something.
	spoke atomic.Bool
}

func (c *trackedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.spoke.Load() {
		c.spoke.Store(true)
	}
	return n, err
}

func (c *trackedConn) Close() error {
	c.credentials.leave(c)
	return c.Conn.Close()
}
