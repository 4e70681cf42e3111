// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"path/filepath"
	"strings"
)

// DefaultAddress is where a noded that was installed from a package listens.
const DefaultAddress = "unix:///run/noded/noded.sock"

// maxSocketPathBytes is the size of sockaddr_un.sun_path less the terminating zero, see unix(7).
const maxSocketPathBytes = 107

// AddressError says what is wrong with an address.
type AddressError struct {
	Address string
	Reason  string
}

// Error implements error.
func (e *AddressError) Error() string { return fmt.Sprintf("address %q: %s", e.Address, e.Reason) }

// Hint returns the form that is accepted.
func (e *AddressError) Hint() string { return "--address " + DefaultAddress }

// ParseAddress returns the path of the socket that an address names. The one form is
// unix:///PATH; the error is an *AddressError.
func ParseAddress(address string) (path string, err error) {
	bad := func(format string, args ...any) (string, error) {
		return "", &AddressError{Address: address, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case address == "":
		return bad("is empty; want unix:///PATH")
	case filepath.IsAbs(address):
		return bad("has no scheme; did you mean unix://%s?", address)
	case strings.HasPrefix(address, "tcp://"), strings.HasPrefix(address, "https://"), strings.HasPrefix(address, "http://"),
		strings.HasPrefix(address, "dns:"), strings.HasPrefix(address, "grpc://"):
		return bad("this version connects to unix sockets only; want unix:///PATH")
	}
	rest, ok := strings.CutPrefix(address, "unix://")
	if !ok {
		if relative, found := strings.CutPrefix(address, "unix:"); found {
			return bad("want an absolute path after unix://, such as unix:///run/%s", strings.TrimLeft(relative, "/"))
		}
		return bad("this version connects to unix sockets only; want unix:///PATH")
	}
	switch {
	case rest == "":
		return bad("has no path; want unix:///PATH")
	case !filepath.IsAbs(rest):
		return bad("the path is not absolute; did you mean unix:///%s?", rest)
	case strings.ContainsRune(rest, 0):
		return bad("the path contains a zero byte")
	case len(rest) > maxSocketPathBytes:
		return bad("the path has %d bytes; a socket path has at most %d", len(rest), maxSocketPathBytes)
	}
	return filepath.Clean(rest), nil
}
