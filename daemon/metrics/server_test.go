// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

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
	hash, err := bcrypt.GenerateFromPassword([]byte("test"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := "basic_auth_users:\n  prometheus: " + string(hash) + "\n"
	m := newServer(t, func(c *Config) { c.WebConfigFile = ca.webConfig(users) })
	if c, err := readWeb(m.config.WebConfigFile, true); err != nil || c.tls == nil || !c.restricted() {
		t.Errorf("readWeb = %+v, %v", c, err)
	}
	address := start(t, m)
	for _, test := range []struct {
		user, password string
		want           int
	}{
		{"", "", 401}, {"prometheus", "test", 200}, {"prometheus", "test", 200}, {"prometheus", "tset", 401}, {"prometheus", "", 401}, {"nobody", "fakepassword", 401},
	} {
		r, err := http.NewRequest(http.MethodGet, "https://"+address+PathOwn, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.user != "" {
			r.SetBasicAuth(test.user, test.password)
		}
		response, err := client(&tls.Config{RootCAs: ca.pool()}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s with %q: %s, want %d", test.user, test.password, response.Status, test.want)
		}
	}
	m.wantDenied(t, deniedUser, 4)
}

// TestVersions: TLS 1.3, or what the file names.
func TestVersions(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	for _, test := range []struct {
		extra string
		want  bool
	}{{"", false}, {"  min_version: TLS12\n", true}} {
		path := filepath.Join(t.TempDir(), "web.yaml")
		if err := os.WriteFile(path, []byte(ca.pairConfig()+test.extra), 0o600); err != nil {
			t.Fatal(err)
		}
		address := start(t, newServer(t, func(c *Config) { c.WebConfigFile = path }))
		response, err := client(&tls.Config{RootCAs: ca.pool(), MaxVersion: tls.VersionTLS12}).Get("https://" + address + PathOwn)
		if err == nil {
			_ = response.Body.Close()
		}
		if (err == nil) != test.want {
			t.Errorf("TLS 1.2 with %q: %v", test.extra, err)
		}
		h2 := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool()}, ForceAttemptHTTP2: true}
		defer h2.CloseIdleConnections()
		response, err = (&http.Client{Transport: h2}).Get("https://" + address + PathOwn)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.ProtoMajor != 2 {
			t.Errorf("served over %s", response.Proto)
		}
	}
}

// TestNoResumption: who has lost the right to read does not go on with an earlier session.
func TestNoResumption(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	address := start(t, newServer(t, func(c *Config) { c.WebConfigFile = ca.webConfig(ca.mutual()) }))
	config := &tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{ca.pair("prometheus")}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for range 2 {
		response, err := client(config).Get("https://" + address + PathOwn)
		if err != nil {
			t.Fatal(err)
		}
		// A ticket would come with the answer.
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.TLS.DidResume {
			t.Error("a session was resumed")
		}
	}
}

// TestDenialsAreTold: who has no certificate is counted, and logged at a limited rate.
func TestDenialsAreTold(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	var text syncBuffer
	m := newServer(t, func(c *Config) {
		c.WebConfigFile, c.Logger = ca.webConfig(ca.mutual()), slog.New(slog.NewTextHandler(&text, nil))
	})
	address := start(t, m)
	for range 3 {
		if response, err := client(&tls.Config{RootCAs: ca.pool()}).Get("https://" + address + PathOwn); err == nil {
			_ = response.Body.Close()
			t.Error("served without a certificate")
		}
	}
	m.wantDenied(t, deniedCertificate, 3)
	if got := strings.Count(text.String(), `msg="metrics were denied" reason=certificate remote_address=127.0.0.1:`); got != 1 {
		t.Errorf("%d lines: %s", got, &text)
	}
}

// TestBrokenRotation: a key that does not belong to its certificate is an error that somebody sees, and ends when it does.
func TestBrokenRotation(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	var text syncBuffer
	m := newServer(t, func(c *Config) {
		c.WebConfigFile, c.Logger = ca.webConfig(""), slog.New(slog.NewTextHandler(&text, nil))
	})
	address := start(t, m)
	ask := func() error {
		response, err := client(&tls.Config{RootCAs: ca.pool()}).Get("https://" + address + PathOwn)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	key := filepath.Join(ca.dir, "server.key")
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	_, other := ca.issue("other", x509.ExtKeyUsageServerAuth)
	bad, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		key  []byte
		want bool
	}{{good, true}, {bad, false}, {good, true}} {
		if err := os.WriteFile(key, step.key, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ask(); (err == nil) != step.want {
			t.Errorf("served: %v, want %v", err, step.want)
		}
	}
	m.wantDenied(t, deniedConfig, 1)
	if !strings.Contains(text.String(), "level=ERROR") || !strings.Contains(text.String(), "private key does not match public key") {
		t.Errorf("logged: %s", &text)
	}
}

// wantDenied checks how many were denied, by the counter that is served. A client knows before the server has counted.
func (m *Server) wantDenied(t *testing.T, reason denial, want int) {
	t.Helper()
	line := fmt.Sprintf("noded_scrapes_denied_total{reason=%q} ", reason)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		body, _ := get(t, m, PathOwn, "")
		_, rest, _ := strings.Cut(body, line)
		got, _, _ := strings.Cut(rest, "\n")
		if got == strconv.Itoa(want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s%s, want %d", line, got, want)
		}
	}
}

// TestShares: one address does not take all connections.
func TestShares(t *testing.T) {
	t.Parallel()
	m := newServer(t, nil)
	address := start(t, m)
	var open []net.Conn
	dial := func() net.Conn {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for range connectionsPerAddress {
		open = append(open, dial())
	}
	if n, err := dial().Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a connection too many is served")
	}
	_ = open[0].Close()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		response, err := client(nil).Get("http://" + address + PathOwn)
		if err == nil {
			_ = response.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for a, want := range map[string]string{
		"127.0.0.1:1": "127.0.0.0/8", "127.1.2.3:1": "127.0.0.0/8", "[::1]:1": "127.0.0.0/8", "10.1.2.3:1": "10.1.2.3/32", "[2001:db8:0:1:2::3]:1": "2001:db8:0:1::/64",
		"[::ffff:10.1.2.3]:1": "10.1.2.3/32", "[fe80::1%eth0]:1": "fe80::/64",
	} {
		if got := shareOf(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a))).String(); got != want {
			t.Errorf("shareOf(%s) = %s, want %s", a, got, want)
		}
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
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
		"no file":     {"tls_server_config: {cert_file: /none.crt, key_file: /none.key}\n", "noded.service allows no network and shows no file"},
		"no policy":   {"tls_server_config: {cert_file: a, key_file: b, client_auth_type: Maybe}\n", "a"},
		"bad user":    {"basic_auth_users: {a: plain}\n", "crypto/bcrypt"},
		"bad header":  {"http_server_config: {headers: {Server: x}}\n", "can not be configured"},
		"no CA":       {ca.pairConfig() + "  client_auth_type: RequireAndVerifyClientCert\n", "no certificate of an authority"},
		"empty CA":    {ca.pairConfig() + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: /dev/null\n", "no certificate of an authority"},
		"CA if given": {ca.pairConfig() + "  client_auth_type: VerifyClientCertIfGiven\n", "no certificate of an authority"},
		"missing CA":  {ca.pairConfig() + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: none.crt\n", "noded.service allows no network and shows no file"},
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

// TestSlowClients: connections that say nothing, or too much, end.
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
	_ = silent.SetReadDeadline(began.Add(headerTimeout + 2*time.Minute))
	if n, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
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
