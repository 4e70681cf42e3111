// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"github.com/noded/noded/daemon/config"
)

const (
	// maxConnections is how many connections there can be; more wait until one is closed.
	maxConnections = 64
	// connectionsPerAddress is how many of them one address can have, and streamsPerConnection how many requests a connection of HTTP/2.
	connectionsPerAddress = 16
	streamsPerConnection  = 8
	// The times that a connection may take for each part of a request.
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 30 * time.Second
	// maxHeaderBytes bounds the header of a request.
	maxHeaderBytes = 16 << 10
	// stopTimeout is how long scrapes have to end when the server stops.
	stopTimeout = 3 * time.Second
)

// Config says what is served, and where.
type Config struct {
	// Listen is address:port, as config.ParseListen reads it.
	Listen string
	// WebConfigFile is a web configuration file of Prometheus' exporters; empty for none. It and the certificates that it names are
	// read again for each connection.
	WebConfigFile string
	// PodLabels are keys of labels of pods that are served.
	PodLabels []string
	// Units are patterns of the names of units that are served; none: all but those whose names are made anew each time.
	Units []string
	// Device is the disk that I/O is of, /dev/vda, or a word for several.
	Device  string
	Source  Source
	Version string
	// Values returns numbers of noded itself; nil: there are none.
	Values func() []Value
	// Logger may be nil.
	Logger *slog.Logger
}

// Server serves metrics. It is safe for concurrent use.
type Server struct {
	// read-only after New
	config   Config
	log      *slog.Logger
	families []family
	units    []family
	labels   []podLabel
	registry *prometheus.Registry
	scrapes  []*scrapes
	// turns has a value for each scrape that is being written.
	turns chan struct{}
	// buffers are *[]byte, compressors *gzip.Writer, that nobody uses.
	buffers, compressors sync.Pool
	room                 room
	denials              denials
}

// podLabel is a label of pods that is served.
type podLabel struct{ key, name string }

// New returns a server. It listens on nothing yet, but reads the web configuration file, so that what is wrong with it is told at once.
func New(c Config) (*Server, error) {
	m := &Server{config: c, log: c.Logger, families: cadvisorFamilies(), units: unitFamilies(), turns: make(chan struct{}, concurrentScrapes)}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	for _, key := range c.PodLabels {
		m.labels = append(m.labels, podLabel{key, config.LabelName(key)})
	}
	var err error
	if m.registry, err = newRegistry(); err != nil {
		return nil, err
	}
	m.denials.log = m.log
	m.scrapes = m.newScrapes()
	if _, err := readWeb(c.WebConfigFile, true); err != nil {
		return nil, err
	}
	// It knows which headers can be set.
	if err := web.Validate(c.WebConfigFile); err != nil {
		return nil, fmt.Errorf("metrics.web_config_file: read %s: %w", c.WebConfigFile, err)
	}
	return m, nil
}

// Listen listens on Config.Listen. The caller closes the listener, or hands it to Serve.
func (m *Server) Listen(ctx context.Context) (net.Listener, error) {
	address, err := config.ParseListen(m.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("metrics.listen: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address.String())
	if err != nil {
		return nil, fmt.Errorf("metrics.listen: listen on %s: %w", address, hint(err))
	}
	if _, err := m.check(l.Addr()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Serve serves on l until ctx ends, and closes it. It returns nil when ctx has ended, and an error at once if l is one that others than this
// machine can reach and the web configuration has no certificate. It can be called for several listeners, one after the other.
func (m *Server) Serve(ctx context.Context, l net.Listener) error {
	access, err := m.check(l.Addr())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	m.warn(access, l.Addr())
	server := m.newServer(access)
	stopped := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
			// The connections are closed all the same when the time is over.
			timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			_ = server.Shutdown(timeout)
			_ = server.Close()
		case <-ended:
		}
	}()
	m.log.Info("serving metrics", "address", l.Addr().String(), "tls", access.tls != nil)
	limited := netutil.LimitListener(newShareListener(l, func(remote string) { m.denials.add(deniedConnections, remote, nil) }), maxConnections)
	if access.tls != nil {
		err = server.ServeTLS(limited, "", "")
	} else {
		err = server.Serve(limited)
	}
	close(ended)
	<-stopped
	_ = l.Close()
	if ctx.Err() == nil || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics.listen: serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// warn tells who can read what is served, if that is everybody.
func (m *Server) warn(access *webConfig, a net.Addr) {
	switch {
	case access.restricted():
	case isLoopback(a):
		m.log.Warn("every user of this machine, and every pod with its network, can read metrics; metrics.web_config_file can name basic_auth_users", "address", a.String())
	default:
		m.log.Warn("everybody who can connect can read metrics; metrics.web_config_file has neither client_auth_type nor basic_auth_users", "address", a.String())
	}
}

// newServer returns what serves a listener.
func (m *Server) newServer(access *webConfig) *http.Server {
	server := &http.Server{
		Handler:           m.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streamsPerConnection},
		Protocols:         new(http.Protocols),
		ErrorLog:          slog.NewLogLogger(serverLog{m.log.Handler(), &m.denials}, slog.LevelDebug),
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(access.HTTPConfig.HTTP2)
	if m.config.WebConfigFile != "" {
		server.Handler = newUsers(m.config.WebConfigFile, server.Handler, m.denials.request)
	}
	if limit := access.RateLimiterConfig; limit.Interval > 0 {
		server.Handler = limitRate(server.Handler, rate.NewLimiter(rate.Every(limit.Interval), limit.Burst))
	}
	if access.tls == nil {
		return server
	}
	next := []string{"http/1.1"}
	if access.HTTPConfig.HTTP2 {
		next = []string{"h2", "http/1.1"}
	}
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
	// The files may have been replaced since the last connection.
	server.TLSConfig.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c, err := readWeb(m.config.WebConfigFile, true)
		switch {
		case err != nil:
			return nil, err
		case c.tls == nil:
			return nil, errors.New("metrics.web_config_file: there is no certificate any more")
		}
		c.tls.NextProtos = next
		return c.tls, nil
	}
	return server
}

// limitRate refuses requests beyond a rate.
func limitRate(next http.Handler, limiter *rate.Limiter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !limiter.Allow() {
			http.Error(w, http.StatusText(http.StatusTooManyRequests), http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// check returns the web configuration if what an address serves may be read by those who can connect to it.
func (m *Server) check(a net.Addr) (*webConfig, error) {
	c, err := readWeb(m.config.WebConfigFile, true)
	if err == nil && c.tls == nil && !isLoopback(a) {
		err = fmt.Errorf("metrics.listen: %s is not an address of this machine alone, and metrics.web_config_file names no certificate", a)
	}
	return c, err
}

// isLoopback reports whether nobody but this machine can connect to an address.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// hint adds what the shipped unit has to do with an error.
func hint(err error) error {
	for _, sandbox := range []error{syscall.EAFNOSUPPORT, syscall.EACCES, syscall.EPERM, syscall.EADDRNOTAVAIL, syscall.ENOENT} {
		if errors.Is(err, sandbox) {
			return fmt.Errorf("%w (noded.service allows no network and shows no file outside of /etc/noded; see docs/metrics.md)", err)
		}
	}
	return err
}
