// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/bcrypt"
)

// maxKnownUsers is how many pairs of user and password are known to be right without working out their hash again.
const maxKnownUsers = 64

// noUser is the hash of a password that nobody has. It is compared where there is no such user, so that the time does not tell.
const noUser = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

// webConfig is what a web configuration file says.
type webConfig struct {
	web.Config
	// tls is nil without a certificate.
	tls *tls.Config
}

// readWeb reads a web configuration file; an empty path is an empty file. withTLS: also the certificates that it names.
func readWeb(path string, withTLS bool) (*webConfig, error) {
	// The least version of TLS is what every scraper has had for years, unless the file names another one.
	c := &webConfig{Config: web.Config{
		TLSConfig:  web.TLSConfig{MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS13},
		HTTPConfig: web.HTTPConfig{HTTP2: true},
	}}
	if path == "" {
		return c, nil
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("metrics.web_config_file: %w", hint(err))
	}
	defer f.Close()
	decoder := yaml.NewDecoder(f)
	decoder.KnownFields(true)
	if err := decoder.Decode(&c.Config); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("metrics.web_config_file: read %s: %w", path, err)
	}
	for user, hash := range c.Users {
		if _, err := bcrypt.Cost([]byte(hash)); err != nil {
			return nil, fmt.Errorf("metrics.web_config_file: read %s: the password of %q: %w", path, user, err)
		}
	}
	if !withTLS || !c.TLSConfig.IsEnabled() {
		return c, nil
	}
	c.TLSConfig.SetDirectory(filepath.Dir(path))
	if c.tls, err = loadTLS(&c.TLSConfig); err != nil {
		return nil, fmt.Errorf("metrics.web_config_file: read %s: %w", path, err)
	}
	return c, nil
}

// loadTLS reads certificates.
func loadTLS(c *web.TLSConfig) (*tls.Config, error) {
	// Package web does not wrap what is wrong with a file.
	for _, file := range []struct{ key, path string }{{"cert_file", c.TLSCertPath}, {"key_file", c.TLSKeyPath}, {"client_ca_file", c.ClientCAs}} {
		if file.path == "" {
			continue
		}
		f, err := os.Open(filepath.Clean(file.path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.key, hint(err))
		}
		_ = f.Close()
	}
	t, err := web.ConfigToTLSConfig(c)
	if err != nil {
		return nil, err
	}
	if t.ClientAuth >= tls.VerifyClientCertIfGiven && (t.ClientCAs == nil || t.ClientCAs.Equal(x509.NewCertPool())) {
		// Every authority that the machine trusts would do.
		return nil, fmt.Errorf("client_auth_type is %s, and client_ca_file has no certificate of an authority", c.ClientAuth)
	}
	// client_allowed_sans is not looked at when a session is resumed, nor is a new client_ca_file.
	t.SessionTicketsDisabled = true
	return t, nil
}

// restricted reports whether not everybody who can connect can read.
func (c *webConfig) restricted() bool {
	return len(c.Users) > 0 || c.tls != nil && c.tls.ClientAuth == tls.RequireAndVerifyClientCert
}

// users asks for a user and a password where the web configuration file names users. It reads it at each request.
type users struct {
	path   string
	denied func(r *http.Request, reason denial, err error)
	next   http.Handler

	// turn has a value while a hash is worked out, which takes a processor some time.
	turn chan struct{}
	// mu guards known, which has digests of user, hash and password that belong together.
	mu    sync.Mutex
	known map[[sha256.Size]byte]bool
}

func newUsers(path string, next http.Handler, denied func(*http.Request, denial, error)) *users {
	return &users{path: path, denied: denied, next: next, turn: make(chan struct{}, 1), known: make(map[[sha256.Size]byte]bool)}
}

// ServeHTTP implements http.Handler.
func (u *users) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := readWeb(u.path, false)
	if err != nil {
		u.denied(r, deniedConfig, err)
		http.Error(w, "the web configuration cannot be read", http.StatusInternalServerError)
		return
	}
	for name, value := range c.HTTPConfig.Header {
		w.Header().Set(name, value)
	}
	if len(c.Users) == 0 {
		u.next.ServeHTTP(w, r)
		return
	}
	name, password, ok := r.BasicAuth()
	if ok {
		hash, found := c.Users[name]
		if !found {
			hash = noUser
		}
		ok = u.matches(r.Context(), name, string(hash), password) && found
	}
	if !ok {
		u.denied(r, deniedUser, nil)
		w.Header().Set("WWW-Authenticate", `Basic realm="noded"`)
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
		return
	}
	u.next.ServeHTTP(w, r)
}

// matches reports whether a password has a hash.
func (u *users) matches(ctx context.Context, name, hash, password string) bool {
	key := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", name, hash, password))
	u.mu.Lock()
	known := u.known[key]
	u.mu.Unlock()
	if known {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return false
	}
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) != nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.known) >= maxKnownUsers {
		clear(u.known)
	}
	u.known[key] = true
	return true
}
