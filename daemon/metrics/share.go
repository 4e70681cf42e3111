// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net"
	"net/netip"
	"sync"
)

// shareListener closes connections of addresses that have their share already. It is safe for concurrent use.
type shareListener struct {
	net.Listener
	denied func(remote string)

	// mu guards counts, the connections of each address that has some.
	mu     sync.Mutex
	counts map[netip.Prefix]int
}

func newShareListener(l net.Listener, denied func(remote string)) *shareListener {
	return &shareListener{Listener: l, denied: denied, counts: make(map[netip.Prefix]int)}
}

// Accept implements net.Listener.
func (l *shareListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := shareOf(c.RemoteAddr())
		l.mu.Lock()
		ok := l.counts[from] < connectionsPerAddress
		if ok {
			l.counts[from]++
		}
		l.mu.Unlock()
		if ok {
			return &sharedConn{Conn: c, done: sync.OnceFunc(func() { l.end(from) })}, nil
		}
		l.denied(c.RemoteAddr().String())
		_ = c.Close()
	}
}

func (l *shareListener) end(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts[from]--; l.counts[from] <= 0 {
		delete(l.counts, from)
	}
}

// sharedConn counts as long as it is open.
type sharedConn struct {
	net.Conn
	done func()
}

// Close implements net.Conn.
func (c *sharedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// shareOf returns what has a share of the connections: an address, but of IPv6 the network that one machine can have all of, and this machine
// as a whole.
func shareOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := tcp.AddrPort().Addr().Unmap()
	bits := 32
	switch {
	case address.IsLoopback():
		bits, address = 8, netip.AddrFrom4([4]byte{127})
	case address.Is6():
		bits = 64
	}
	// An address of either length has that many bits.
	p, _ := address.WithZone("").Prefix(bits)
	return p
}
