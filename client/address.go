// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
)

// DefaultAddress is where a noded that was installed from a package listens.
const DefaultAddress = "unix:///run/noded/noded.sock"

// defaultPath is the path of the socket of DefaultAddress.
func defaultPath() string { return strings.TrimPrefix(DefaultAddress, "unix://") }

// maxSocketPathBytes is the size of sockaddr_un.sun_path less the terminating zero, see unix(7).
const maxSocketPathBytes = 107

// AddressError says what is wrong with an address.
type AddressError struct {
	Address string
	Reason  string
	// Suggestion is the address that was probably meant; may be empty.
	Suggestion string
}

// Error implements error.
func (e *AddressError) Error() string {
	text := fmt.Sprintf("address %q: %s", e.Address, e.Reason)
	if e.Suggestion != "" {
		text += "; did you mean " + e.Suggestion + "?"
	}
	return text
}

// Hint returns an address that is accepted.
func (e *AddressError) Hint() string { return "--address " + cmp.Or(e.Suggestion, DefaultAddress) }

// ParseAddress returns the path of the socket that an address names. The forms are unix:///PATH and, as gRPC
// has it too, unix:/PATH; the error is an *AddressError.
func ParseAddress(address string) (path string, err error) {
	bad := func(suggestion, format string, args ...any) (string, error) {
		return "", &AddressError{Address: address, Reason: fmt.Sprintf(format, args...), Suggestion: suggestion}
	}
	if filepath.IsAbs(address) {
		return bad(suggest(address), "has no scheme")
	}
	rest, ok := strings.CutPrefix(address, "unix:")
	switch {
	case address == "":
		return bad("", "is empty; want unix:///PATH")
	case !ok:
		return bad("", "this version connects to unix sockets only; want unix:///PATH")
	}
	rest = strings.TrimPrefix(rest, "//")
	switch {
	case strings.ContainsRune(rest, 0):
		return bad("", "the path contains a zero byte")
	case rest == "":
		return bad("", "has no path; want unix:///PATH")
	case !filepath.IsAbs(rest):
		return bad(suggest("/"+rest), "the path is not absolute")
	case filepath.Clean(rest) == "/":
		return bad("", "has no path; want unix:///PATH")
	case len(rest) > maxSocketPathBytes:
		return bad("", "the path has %d bytes; a socket path has at most %d", len(rest), maxSocketPathBytes)
	}
	return filepath.Clean(rest), nil
}

// suggest returns the address of a path that was written without its scheme or first slash; empty if that
// would be none, or was relative to where the user is.
func suggest(path string) string {
	if strings.HasPrefix(path, "/.") {
		return ""
	}
	address := "unix://" + filepath.Clean(path)
	if _, err := ParseAddress(address); err != nil {
		return ""
	}
	return address
}
