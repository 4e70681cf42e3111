// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"
	"golang.org/x/net/netutil"

	"github.com/noded/noded/daemon/config"
)

const (
	// maxConnections is how many connections there can be; more wait until one is closed.
	maxConnections = 64
	// The times that a connection may take for each part of a request.
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
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
	m.scrapes = m.newScrapes()
	if c.WebConfigFile != "" {
		if err := web.Validate(c.WebConfigFile); err != nil {
			return nil, fmt.Errorf("metrics.web_config_file: read %s: %w", c.WebConfigFile, hint(err))
		}
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
	if !access.restricted && !isLoopback(l.Addr()) {
		m.log.Warn("everybody who can connect can read metrics; metrics.web_config_file has neither client_auth_type nor basic_auth_users", "address", l.Addr().String())
	}
	server := &http.Server{
		Handler:           m.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// Whoever can connect can fill a log with errors of handshakes.
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelDebug),
	}
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
	m.log.Info("serving metrics", "address", l.Addr().String(), "tls", access.encrypted)
	// What it would say of its start has been said.
	quiet := slog.New(warnings{m.log.Handler()})
	err = web.Serve(netutil.LimitListener(l, maxConnections), server, &web.FlagConfig{WebConfigFile: &m.config.WebConfigFile}, quiet)
	close(ended)
	<-stopped
	_ = l.Close()
	if ctx.Err() == nil || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics.listen: serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// check reports whether what an address serves may be read by those who can connect to it.
func (m *Server) check(a net.Addr) (access, error) {
	access, err := m.access()
	if err == nil && !access.encrypted && !isLoopback(a) {
		err = fmt.Errorf("metrics.listen: %s is not an address of this machine alone, and metrics.web_config_file names no certificate", a)
	}
	return access, err
}

// access is who can read.
type access struct {
	// encrypted: there is a certificate. restricted: not everybody can.
	encrypted, restricted bool
}

// access reads the web configuration file. That package web finds nothing wrong with it was seen in New.
func (m *Server) access() (access, error) {
	path := m.config.WebConfigFile
	if path == "" {
		return access{}, nil
	}
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return access{}, fmt.Errorf("metrics.web_config_file: %w", hint(err))
	}
	var c struct {
		TLS   web.TLSConfig     `yaml:"tls_server_config"`
		Users map[string]string `yaml:"basic_auth_users"`
	}
	if err := yaml.Unmarshal(data, &c); err != nil {
		return access{}, fmt.Errorf("metrics.web_config_file: read %s: %w", path, err)
	}
	return access{
		encrypted:  c.TLS.IsEnabled(),
		restricted: len(c.Users) > 0 || c.TLS.ClientAuth == "RequireAndVerifyClientCert",
	}, nil
}

// warnings lets only warnings and errors through.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
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
