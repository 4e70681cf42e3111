// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package peercred

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/credentials"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect returns the server's end of a connection over a real socket.
func connect(t *testing.T) net.Conn {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func TestHandshakeKnowsThePeer(t *testing.T) {
	t.Parallel()
	c := New(func() Limits { return Limits{Total: 1, PerUser: 1} }, nil)
	_, info, err := c.ServerHandshake(connect(t))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := info.(*Peer)
	if !ok {
		t.Fatalf("AuthInfo is a %T", info)
	}
	if int(p.UID) != os.Geteuid() || int(p.GID) != os.Getegid() || int(p.PID) != os.Getpid() {
		t.Errorf("peer = %+v", p)
	}
	if p.SecurityLevel != credentials.PrivacyAndIntegrity || p.AuthType() != "peercred" {
		t.Errorf("peer = %+v", p)
	}
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if !p.Member(uint32(g)) {
			t.Errorf("peer is not in its group %d: %v", g, p.Groups)
		}
	}
	if p.Member(987654) || slices.Contains(p.Groups, 987654) {
		t.Error("peer is in a group that it is not in")
	}
}

func TestHandshakeRefusesOtherTransports(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := New(func() Limits { return Limits{Total: 1, PerUser: 1} }, nil)
	if _, _, err := c.ServerHandshake(near); err == nil {
		t.Error("a pipe was given an identity")
	}
	if _, _, err := c.ClientHandshake(t.Context(), "", near); err == nil {
		t.Error("the credentials served a client")
	}
}

func TestConnectionCounts(t *testing.T) {
	t.Parallel()
	limits := Limits{Total: 3, PerUser: 2}
	c := New(func() Limits { return limits }, nil)
	enter := func(uid uint32, ok bool) *trackedConn {
		t.Helper()
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		conn := &trackedConn{Conn: near, credentials: c, uid: uid, counted: true}
		if err := c.enter(conn); (err == nil) != ok || err != nil && !errors.Is(err, ErrTooManyConnections) {
			t.Errorf("enter(%d) = %v, want ok=%v", uid, err, ok)
		}
		return conn
	}
	first := enter(1, true)
	enter(1, true)
	enter(1, false)
	enter(2, true)
	enter(3, false)
	for range 2 {
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}
	enter(3, true)
	c.CloseAll()
	if c.Open() != 0 || len(c.perUser) != 0 || len(c.open) != 0 {
		t.Errorf("%d connections, %v are left", c.Open(), c.perUser)
	}
}

func TestCloseSilent(t *testing.T) {
	t.Parallel()
	c := New(func() Limits { return Limits{} }, nil)
	var conns [2]*trackedConn
	for i := range conns {
		near, far := net.Pipe()
		defer far.Close()
		conns[i] = &trackedConn{Conn: near, credentials: c}
		if err := c.enter(conns[i]); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			go func() { _, _ = far.Write([]byte("x")) }()
			if _, err := conns[i].Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.CloseSilent()
	if _, open := c.open[conns[1]]; len(c.open) != 1 || !open {
		t.Errorf("%d connections are left", len(c.open))
	}
	c.CloseAll()
}

// TestConnectionsOfALateHandshake: a connection that was accepted before the server began to stop, and comes to its
// handshake afterwards, would keep it waiting.
func TestConnectionsOfALateHandshake(t *testing.T) {
	t.Parallel()
	for _, closeThem := range []func(*Credentials){(*Credentials).CloseSilent, (*Credentials).CloseAll} {
		c := New(func() Limits { return Limits{Total: 9, PerUser: 9} }, nil)
		accepted := connect(t)
		closeThem(c)
		if _, _, err := c.ServerHandshake(accepted); !errors.Is(err, ErrClosing) {
			t.Errorf("ServerHandshake = %v, want ErrClosing", err)
		}
		if c.Open() != 0 {
			t.Errorf("%d connections are open", c.Open())
		}
	}
}

// TestSelf: the process itself is known by the type of its connection, not by its pid, which another process can have
// in a namespace of its own.
func TestSelf(t *testing.T) {
	t.Parallel()
	var refused []error
	c := New(func() Limits { return Limits{Total: 1, PerUser: 1} }, func(_ *Peer, err error) { refused = append(refused, err) })
	handshake := func(conn net.Conn, wantErr error, self bool) {
		t.Helper()
		_, info, err := c.ServerHandshake(conn)
		if !errors.Is(err, wantErr) {
			t.Fatalf("ServerHandshake = %v, want %v", err, wantErr)
		}
		if p, ok := info.(*Peer); err == nil && (!ok || p.Self != self) {
			t.Errorf("peer = %+v, want Self=%v", info, self)
		}
	}
	handshake(connect(t), nil, false)
	handshake(connect(t), ErrTooManyConnections, false)
	handshake(Self{connect(t).(*net.UnixConn)}, nil, true)
	if c.Open() != 1 || len(refused) != 1 {
		t.Errorf("%d connections are counted, %v refused, want 1 and 1", c.Open(), refused)
	}
}

func TestFromContextWithoutPeer(t *testing.T) {
	t.Parallel()
	if p, ok := FromContext(context.Background()); ok || p != nil {
		t.Errorf("FromContext = %v, %v", p, ok)
	}
}
