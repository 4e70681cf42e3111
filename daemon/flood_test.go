// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// rawClient speaks HTTP/2 frames itself, to do what no gRPC library does.
type rawClient struct {
	conn   net.Conn
	framer *http2.Framer
}

func dialRaw(t *testing.T, path string) *rawClient {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &rawClient{conn: conn, framer: http2.NewFramer(conn, conn)}
	_, err = io.WriteString(conn, http2.ClientPreface)
	if err := errors.Join(err, c.framer.WriteSettings()); err != nil {
		t.Fatal(err)
	}
	return c
}

// discard reads and drops what the server sends, until it closes.
func (c *rawClient) discard() { _, _ = io.Copy(io.Discard, c.conn) }

// open begins a call of Read without ending its request.
func (c *rawClient) open(id uint32) error {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", nodedv1.JournalService_Read_FullMethodName}, {":authority", "x"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		if err := e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	return errors.Join(
		c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}),
		// The empty message, so that the handler starts.
		c.framer.WriteData(id, true, make([]byte, 5)))
}

// TestFloods opens and resets calls, and pings, as fast as it can: others are served meanwhile and nothing is left.
func TestFloods(t *testing.T) { //nolint:paralleltest // it counts what the process has
	r := start(t, &fakeJournal{read: follow(3)}, "", nil)
	client := nodedv1.NewNodeServiceClient(r.dial(t))
	call := func() time.Duration {
		begin := time.Now()
		if _, err := client.GetNode(t.Context(), &nodedv1.GetNodeRequest{}); err != nil {
			t.Fatal(err)
		}
		return time.Since(begin)
	}
	call()
	goroutines, descriptors := runtime.NumGoroutine(), descriptorCount(t)

	floods := map[string]func(c *rawClient, i uint32) error{
		"open and reset": func(c *rawClient, i uint32) error {
			return errors.Join(c.open(2*i+1), c.framer.WriteRSTStream(2*i+1, http2.ErrCodeCancel))
		},
		"ping": func(c *rawClient, i uint32) error { return c.framer.WritePing(false, [8]byte{byte(i)}) },
	}
	for name, flood := range floods {
		c := dialRaw(t, r.socket)
		drained, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(drained)
			c.discard()
		}()
		go func() {
			defer close(done)
			for i := range uint32(20_000) {
				if flood(c, i) != nil {
					return // the server has had enough
				}
			}
		}()
		var slowest time.Duration
		for flooding := true; flooding; {
			slowest = max(slowest, call())
			select {
			case <-done:
				flooding = false
			default:
			}
		}
		if slowest > 30*time.Second { // on a busy machine
			t.Errorf("%s: another client waited for %v", name, slowest)
		}
		_ = c.conn.Close()
		<-drained
	}
	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines && descriptorCount(t) <= descriptors })
}

// TestConnectionsThatSayNothing: connections without a preface do not keep others out, and are closed when the server stops.
func TestConnectionsThatSayNothing(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{}, "limits: {drain_timeout: 10m}", nil)
	for range 50 {
		conn, err := net.Dial("unix", r.socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	if _, err := nodedv1.NewJournalServiceClient(r.dial(t)).ListBoots(t.Context(), &nodedv1.ListBootsRequest{}); err != nil {
		t.Error(err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
