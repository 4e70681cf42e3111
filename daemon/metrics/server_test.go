// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/noded/noded/runtime/stats"
)

// start serves on a port of 127.0.0.1 until the test ends and returns the address.
func start(t *testing.T, m *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return l.Addr().String()
}

// client returns a client that keeps no connection.
func client(c *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}, Timeout: 10 * time.Second}
}

func TestServe(t *testing.T) {
	t.Parallel()
	address := start(t, newServer(t, nil))
	response, err := client(nil).Get("http://" + address + PathResource)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "resource_scrape_error 0\n") {
		t.Errorf("%s, %v:\n%s", response.Status, err, body)
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ours"), newAuthority(t, "theirs")
	address := start(t, newServer(t, func(c *Config) { c.WebConfigFile = ca.webConfig(ca.mutual()) }))
	for _, test := range []struct {
		name   string
		config *tls.Config
		want   string
	}{
		{"with", &tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{ca.pair("prometheus")}}, ""},
		{"without", &tls.Config{RootCAs: ca.pool()}, "certificate required"},
		{"of another authority", &tls.Config{RootCAs: ca.pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair := other.pair("prometheus")
			return &pair, nil
		}}, "unknown certificate authority"},
		{"server of another authority", &tls.Config{RootCAs: other.pool(), Certificates: []tls.Certificate{ca.pair("p2")}}, "signed by unknown authority"},
		{"old TLS", &tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{ca.pair("p3")}, MaxVersion: tls.VersionTLS12}, "protocol version not supported"},
	} {
		response, err := client(test.config).Get("https://" + address + PathOwn)
		if err == nil {
			_ = response.Body.Close()
		}
		switch {
		case test.want == "" && (err != nil || response.StatusCode != http.StatusOK):
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	response, err := client(nil).Get("http://" + address + PathOwn)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %s", response.Status)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	// The password is "test".
	const users = "basic_auth_users:\n  prometheus: $2b$10$N6eqs9hVLnBHPGY3aUHV6.OoIFd4KKa4zqwjvcWrFtdtJqyBrEqVW\n"
	m := newServer(t, func(c *Config) { c.WebConfigFile = ca.webConfig(users) })
	if a, err := m.access(); err != nil || !a.encrypted || !a.restricted {
		t.Errorf("access = %+v, %v", a, err)
	}
	response, err := client(&tls.Config{RootCAs: ca.pool()}).Get("https://" + start(t, m) + PathOwn)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a user: %s", response.Status)
	}
}

// TestRefused: what would be readable by others in plain text is not served.
func TestRefused(t *testing.T) {
	t.Parallel()
	plain := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(plain, []byte("http_server_config:\n  http2: false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"", plain} {
		m := newServer(t, func(c *Config) { c.Listen, c.WebConfigFile = "0.0.0.0:1", file })
		// The port is one that is free.
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		err = m.Serve(context.Background(), l)
		if err == nil || !strings.Contains(err.Error(), "is not an address of this machine alone, and metrics.web_config_file names no certificate") {
			t.Errorf("Serve with %q = %v", file, err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener is open: %v", err)
		}
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct{ listen, want string }{
		{taken.Addr().String(), "address already in use"},
		{"192.0.2.1:9", "docs/metrics.md"},
		{":9842", "want an address before the port"},
	} {
		l, err := newServer(t, func(c *Config) { c.Listen = test.listen }).Listen(t.Context())
		if err == nil {
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "metrics.listen") {
			t.Errorf("Listen on %s = %v, want %q", test.listen, err, test.want)
		}
	}
}

func TestBadWebConfig(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	for name, test := range map[string]struct{ text, want string }{
		"unknown key": {"tls: {}\n", "field tls not found"},
		"no key":      {"tls_server_config: {cert_file: " + ca.file + "}\n", "missing one of key or key_file"},
		"no file":     {"tls_server_config: {cert_file: /none.crt, key_file: /none.key}\n", "/none.crt"},
		"no policy":   {"tls_server_config: {cert_file: a, key_file: b, client_auth_type: Maybe}\n", "a"},
		"bad user":    {"basic_auth_users: {a: plain}\n", "crypto/bcrypt"},
	} {
		path := filepath.Join(t.TempDir(), "web.yaml")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(Config{Source: fixtureSource(), WebConfigFile: path})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "metrics.web_config_file") {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if _, err := New(Config{Source: fixtureSource(), WebConfigFile: "/none.yaml"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("New without the file = %v", err)
	}
}

// TestCertificateIsReplaced: a new certificate is used without a restart.
func TestCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	old, next := newAuthority(t, "old"), newAuthority(t, "next")
	file := old.webConfig("")
	address := start(t, newServer(t, func(c *Config) { c.WebConfigFile = file }))
	ask := func(a *authority) error {
		response, err := client(&tls.Config{RootCAs: a.pool()}).Get("https://" + address + PathOwn)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	if err := ask(old); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(next.webConfig(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(next); err != nil {
		t.Errorf("with the new certificate: %v", err)
	}
	if err := ask(old); err == nil {
		t.Error("the old certificate is still in use")
	}
	// Without one nothing is served in plain text.
	if err := os.WriteFile(file, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(next); err == nil {
		t.Error("served without a certificate")
	}
}

// TestSlowClients: connections that say nothing, or read nothing, end.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	address := start(t, newServer(t, nil))
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET "+PathOwn+" HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 2*maxHeaderBytes)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of %d bytes: %s", 2*maxHeaderBytes, response.Status)
	}
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	_ = silent.SetReadDeadline(began.Add(3 * headerTimeout))
	if n, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(began) > 2*headerTimeout {
		t.Errorf("a silent connection: %d, %v after %v", n, err, time.Since(began))
	}
}

// TestTurns: more scrapes than are written at a time wait for each other.
func TestTurns(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 10), make(chan struct{})
	m := newServer(t, func(c *Config) {
		c.Source = fakeSource{snapshot: func() *stats.Snapshot {
			entered <- struct{}{}
			<-release
			return fixture()
		}}
	})
	var group sync.WaitGroup
	for range 3 * concurrentScrapes {
		group.Go(func() { get(t, m, PathResource, "") })
	}
	for range concurrentScrapes {
		<-entered
	}
	select {
	case <-entered:
		t.Error("more scrapes at a time than may be")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	group.Wait()
	body, _ := get(t, m, PathOwn, "")
	if want := `noded_scrapes_total{path="/metrics/resource"} 6`; !strings.Contains(body, want) {
		t.Errorf("%q is not in\n%s", want, body)
	}
}

// TestOpenToOthersIsTold: with a certificate for the server alone everybody can read, which is logged.
func TestOpenToOthersIsTold(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	for _, test := range []struct {
		extra string
		want  bool
	}{{"", true}, {ca.mutual(), false}} {
		var log bytes.Buffer
		m := newServer(t, func(c *Config) {
			c.WebConfigFile, c.Logger = ca.webConfig(test.extra), slog.New(slog.NewTextHandler(&log, nil))
		})
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Serve(ctx, l) }()
		port := l.Addr().(*net.TCPAddr).Port
		// It answers once it has logged.
		c, err := tls.Dial("tcp", (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String(), &tls.Config{RootCAs: ca.pool()})
		if err != nil {
			t.Error(err)
		} else {
			_ = c.Close()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := strings.Contains(log.String(), "everybody who can connect can read metrics"); got != test.want {
			t.Errorf("warned: %v, want %v: %s", got, test.want, &log)
		}
	}
}
