// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// MaxMessageBytes is the largest message that a Client accepts.
const MaxMessageBytes = 64 << 20

// DefaultTimeout is the Config.Timeout that is used when it is zero.
const DefaultTimeout = 30 * time.Second

// A server that hangs keeps its connections: pings find it out. The server allows them this often.
const (
	pingInterval = 20 * time.Second
	pingTimeout  = 10 * time.Second
)

// streamWindow and connWindow are how much the server may send ahead of what was received, on a stream and in all: some
// batches, so that it does not wait for word of each.
const (
	streamWindow = 4 << 20
	connWindow   = 8 << 20
)

// maxConnectTime bounds one attempt to connect, which ends with the server's greeting.
const maxConnectTime = 20 * time.Second

// Config says where a noded is and how long to wait for it.
type Config struct {
	// Address is unix:///PATH. Empty means DefaultAddress.
	Address string
	// Timeout is the longest time without contact: for a call to answer, and for a read that
	// broke to come back. Zero means DefaultTimeout; negative gives up at once.
	Timeout time.Duration
}

// Client is a connection to one noded. It is safe for concurrent use.
type Client struct {
	path    string
	timeout time.Duration
	conn    *grpc.ClientConn
	journal nodedv1.JournalServiceClient
	node    nodedv1.NodeServiceClient
	logs    nodedv1.LogServiceClient
	runtime nodedv1.RuntimeServiceClient
	stats   nodedv1.StatsServiceClient

	// mu guards the fields below.
	mu      sync.Mutex
	dialErr *Error
}

// Dial checks the address and makes a Client; it connects with the first call. The caller closes it.
func Dial(cfg Config) (*Client, error) {
	if cfg.Address == "" {
		cfg.Address = DefaultAddress
	}
	path, err := ParseAddress(cfg.Address)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	c := &Client{path: path, timeout: max(cfg.Timeout, 0)}
	c.conn, err = grpc.NewClient("passthrough:///localhost",
		// The kernel tells the server who connects; there is nothing to encrypt on a unix socket.
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(c.dial),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes), grpc.ForceCodecV2(new(wire.Codec))),
		grpc.WithDisableServiceConfig(),
		grpc.WithInitialWindowSize(streamWindow), grpc.WithInitialConnWindowSize(connWindow),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstDelay, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxDelay},
			MinConnectTimeout: c.connectTime(),
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}),
	)
	if err != nil {
		return nil, err
	}
	c.journal = nodedv1.NewJournalServiceClient(c.conn)
	c.node = nodedv1.NewNodeServiceClient(c.conn)
	c.logs = nodedv1.NewLogServiceClient(c.conn)
	c.runtime = nodedv1.NewRuntimeServiceClient(c.conn)
	c.stats = nodedv1.NewStatsServiceClient(c.conn)
	return c, nil
}

// connectTime is how long one attempt to connect can take.
func (c *Client) connectTime() time.Duration {
	if c.timeout <= 0 {
		return maxConnectTime
	}
	return min(c.timeout, maxConnectTime)
}

// Close ends all calls and the connection.
func (c *Client) Close() error { return c.conn.Close() }

// dial connects, and keeps the errno for callError: gRPC would make text of it.
func (c *Client) dial(ctx context.Context, _ string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.path)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialErr = nil
	if err != nil {
		c.dialErr = dialError(c.path, err)
		return nil, c.dialErr
	}
	return conn, nil
}

func (c *Client) lastDialError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dialErr == nil {
		return nil
	}
	return c.dialErr
}

// call bounds a call that answers once by the timeout.
func (c *Client) call(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.timeout)
}

// Node returns who the node is.
func (c *Client) Node(ctx context.Context) (*nodedv1.Node, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.node.GetNode(ctx, &nodedv1.GetNodeRequest{})
	return resp.GetNode(), c.callError(err)
}

// Health returns the state of every source that noded reads.
func (c *Client) Health(ctx context.Context) (*nodedv1.GetHealthResponse, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.node.GetHealth(ctx, &nodedv1.GetHealthRequest{})
	return resp, c.callError(err)
}

// Boots lists the boots that the journal holds, oldest first.
func (c *Client) Boots(ctx context.Context) ([]journal.Boot, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.journal.ListBoots(ctx, &nodedv1.ListBootsRequest{})
	if err != nil {
		return nil, c.callError(err)
	}
	return wire.BootsFromProto(resp.GetBoots()), nil
}

// Units lists the units that have logged, sorted; with patterns only those that match one. user
// lists units of user managers instead.
func (c *Client) Units(ctx context.Context, patterns []string, user bool) ([]string, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.journal.ListUnits(ctx, &nodedv1.ListUnitsRequest{Patterns: patterns, User: user})
	if err != nil {
		return nil, c.callError(err)
	}
	units := make([]string, 0, len(resp.GetUnits()))
	for _, u := range resp.GetUnits() {
		units = append(units, u.GetName())
	}
	return units, nil
}

// FieldNames lists the names of all fields.
func (c *Client) FieldNames(ctx context.Context) ([]string, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.journal.ListFields(ctx, &nodedv1.ListFieldsRequest{})
	return resp.GetNames(), c.callError(err)
}

// FieldValues calls yield for each distinct value of a field. An error of yield ends the listing and is
// returned.
func (c *Client) FieldValues(ctx context.Context, name string, yield func(value []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.journal.ListFieldValues(ctx, &nodedv1.ListFieldValuesRequest{Field: name})
	if err != nil {
		return c.callError(err)
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.callError(err)
		}
		for _, v := range resp.GetValues() {
			if err := yield(v); err != nil {
				return err
			}
		}
	}
}

// Usage returns the disk space that the journals use.
func (c *Client) Usage(ctx context.Context) (journal.Usage, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.journal.GetUsage(ctx, &nodedv1.GetUsageRequest{})
	if err != nil {
		return journal.Usage{}, c.callError(err)
	}
	return wire.UsageFromProto(resp), nil
}
