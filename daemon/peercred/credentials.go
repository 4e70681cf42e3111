// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package peercred

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc/credentials"
)

// Limits are the numbers of connections that can be open at a time.
type Limits struct {
	Total, PerUser int
}

// ErrTooManyConnections: a connection was closed because of Limits.
var ErrTooManyConnections = errors.New("too many connections")

// Credentials are gRPC server credentials for unix sockets. They are safe for concurrent use.
type Credentials struct {
	limits func() Limits

	// mu guards the fields below.
	mu      sync.Mutex
	total   int
	perUser map[uint32]int
}

var _ credentials.TransportCredentials = (*Credentials)(nil)

// New returns credentials that count connections. limits is called for every connection, so that
// the limits can change.
func New(limits func() Limits) *Credentials {
	return &Credentials{limits: limits, perUser: make(map[uint32]int)}
}

// ServerHandshake identifies the peer. The connection that it returns gives its place back when it is closed. A
// connection of this very process, which checks itself, is always let in.
func (c *Credentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, ok := raw.(*net.UnixConn)
	if !ok {
		return nil, nil, fmt.Errorf("peer credentials of a %T: want a unix socket", raw)
	}
	peer, err := read(conn)
	if err != nil {
		return nil, nil, fmt.Errorf("peer credentials: %w", err)
	}
	if int(peer.PID) == os.Getpid() {
		return raw, peer, nil
	}
	if err := c.enter(peer.UID); err != nil {
		return nil, nil, err
	}
	return &countedConn{Conn: raw, leave: sync.OnceFunc(func() { c.leave(peer.UID) })}, peer, nil
}

func (c *Credentials) enter(uid uint32) error {
	limits := c.limits()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total >= limits.Total || c.perUser[uid] >= limits.PerUser {
		return fmt.Errorf("user %d: %w", uid, ErrTooManyConnections)
	}
	c.total++
	c.perUser[uid]++
	return nil
}

func (c *Credentials) leave(uid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.perUser[uid]--; c.perUser[uid] == 0 {
		delete(c.perUser, uid)
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

type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
