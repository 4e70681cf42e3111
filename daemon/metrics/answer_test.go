// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/noded/noded/runtime/stats"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	var room room
	ctx, cancel := context.WithCancelCause(t.Context())
	a := &answer{ctx: ctx, room: &room}
	var want bytes.Buffer
	for i := range 300 {
		p := bytes.Repeat([]byte{byte(i)}, i*7)
		want.Write(p)
		if n, err := a.Write(p); n != len(p) || err != nil {
			t.Fatalf("Write of %d bytes = %d, %v", len(p), n, err)
		}
	}
	var got bytes.Buffer
	if err := a.send(&got); err != nil || a.size != want.Len() || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes, want %d, %v", got.Len(), want.Len(), err)
	}
	if _, err := (&answer{ctx: ctx, room: &room}).Write(make([]byte, maxAnswersBytes)); !errors.Is(err, errTooMuch) {
		t.Errorf("Write of too much = %v", err)
	}
	gone := errors.New("gone")
	cancel(gone)
	if _, err := a.Write([]byte("x")); !errors.Is(err, gone) {
		t.Errorf("Write after the end = %v", err)
	}
}

// stuck is the http.ResponseWriter of a client that reads nothing.
type stuck struct {
	discard
	reached chan<- struct{}
	release <-chan struct{}
}

func (s *stuck) Write([]byte) (int, error) {
	s.reached <- struct{}{}
	<-s.release
	return 0, errors.New("connection reset by peer")
}

// pipeListener accepts the ends of pipes, which have no room for what nobody reads.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// TestConnectionsThatReadNothing end, as do those that are idle.
func TestConnectionsThatReadNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newServer(t, nil)
		l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Serve(ctx, l) }()
		dial := func() net.Conn {
			client, server := net.Pipe()
			l.conns <- server
			if _, err := io.WriteString(client, "GET "+PathResource+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			return client
		}
		stuck, idle := dial(), dial()
		response, err := http.ReadResponse(bufio.NewReader(idle), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		time.Sleep(max(idleTimeout, writeTimeout) + readTimeout)
		synctest.Wait()
		for name, c := range map[string]net.Conn{"stuck": stuck, "idle": idle} {
			if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
				t.Errorf("the %s connection: %d, %v", name, n, err)
			}
			_ = c.Close()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestClientsThatReadNothing keep nobody waiting, and what waits for them is bounded.
func TestClientsThatReadNothing(t *testing.T) {
	t.Parallel()
	large := large(50, 50)
	source := fixtureSource()
	source.snapshot = func() *stats.Snapshot { return large }
	m := newServer(t, func(c *Config) { c.Source = source })
	reached, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	ask := func(w http.ResponseWriter) {
		m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, PathCadvisor, nil))
	}
	const clients = 3 * concurrentScrapes
	for range clients {
		group.Go(func() { ask(&stuck{discard: discard{header: http.Header{}}, reached: reached, release: release}) })
	}
	for range clients {
		<-reached
	}
	body, _ := get(t, m, PathCadvisor, "")
	if waiting := m.room.used.Load(); waiting < clients*int64(len(body)) {
		t.Errorf("%d bytes wait, of %d answers of %d", waiting, clients, len(body))
	}
	// When there is no more room nothing is answered.
	taken := maxAnswersBytes - m.room.used.Load()
	m.room.used.Add(taken)
	w := httptest.NewRecorder()
	ask(w)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "do not read") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	m.room.used.Add(-taken)
	close(release)
	group.Wait()
	if waiting := m.room.used.Load(); waiting != 0 {
		t.Errorf("%d bytes wait for nobody", waiting)
	}
	body, _ = get(t, m, PathOwn, "")
	for _, want := range []string{`noded_scrapes_total{path="/metrics/cadvisor"} 1`, `noded_scrapes_failed_total{path="/metrics/cadvisor"} 7`} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in\n%s", want, body)
		}
	}
}
