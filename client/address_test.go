// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/noded/noded/client"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	tests := []struct{ address, path, reason string }{
		{"unix:///run/noded/noded.sock", "/run/noded/noded.sock", ""},
		{"unix:///a/../b", "/b", ""},
		{client.DefaultAddress, "/run/noded/noded.sock", ""},
		{"", "", "is empty"},
		{"/run/noded/noded.sock", "", "did you mean unix:///run/noded/noded.sock?"},
		{"unix:/run/s", "/run/s", ""},
		{"unix:run/s", "", "not absolute; did you mean unix:///run/s?"},
		{"unix://./s", "", "the path is not absolute"},
		{"unix:///", "", "has no path"},
		{"unix:", "", "has no path"},
		{"unix:///" + strings.Repeat("x", 120), "", "at most 107"},
		{"unix://run/s", "", "did you mean unix:///run/s?"},
		{"unix://", "", "has no path"},
		{"tcp://host:1", "", "unix sockets only"},
		{"host:1234", "", "unix sockets only"},
		{"unix:///a\x00b", "", "zero byte"},
	}
	for _, tt := range tests {
		path, err := client.ParseAddress(tt.address)
		if tt.reason == "" {
			if err != nil || path != tt.path {
				t.Errorf("ParseAddress(%q) = %q, %v, want %q", tt.address, path, err, tt.path)
			}
			continue
		}
		var bad *client.AddressError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("ParseAddress(%q) = %q, %v, want an AddressError with %q", tt.address, path, err, tt.reason)
		}
	}
}

// TestAddressHint wants that what is suggested is accepted.
func TestAddressHint(t *testing.T) {
	t.Parallel()
	tests := []struct{ address, want string }{
		{"/run/a", "unix:///run/a"},
		{"unix:run/a", "unix:///run/a"},
		{"unix://run/a", "unix:///run/a"},
		{"unix://../a", client.DefaultAddress},
		{"/" + strings.Repeat("x", 120), client.DefaultAddress},
		{"tcp://a:1", client.DefaultAddress},
		{"", client.DefaultAddress},
	}
	for _, tt := range tests {
		_, err := client.ParseAddress(tt.address)
		var bad *client.AddressError
		if !errors.As(err, &bad) || bad.Hint() != "--address "+tt.want {
			t.Errorf("ParseAddress(%q) = %v, want a hint to %s", tt.address, err, tt.want)
			continue
		}
		if _, err := client.ParseAddress(tt.want); err != nil {
			t.Errorf("the hint for %q is refused: %v", tt.address, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"unix:///run/s", "unix:s", "tcp://x", "", "unix:////../x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		path, err := client.ParseAddress(address)
		if err != nil {
			return
		}
		if !filepath.IsAbs(path) {
			t.Errorf("ParseAddress(%q) = %q, not absolute", address, path)
		}
		again, err := client.ParseAddress("unix://" + path)
		if err != nil || again != path {
			t.Errorf("ParseAddress(%q) = %q, %v, want %q", "unix://"+path, again, err, path)
		}
	})
}
