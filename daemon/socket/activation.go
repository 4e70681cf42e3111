// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Activated returns the sockets that systemd has passed, none if it did not. It takes them out of the environment, so
// it can be called once. Sockets that are not unix stream sockets are an error: noded
// listens on no network.
func Activated() ([]*Listener, error) { return fromFiles(activation.Files(true)) }

func fromFiles(files []*os.File) ([]*Listener, error) {
	var listeners []*Listener
	var errs []error
	for _, f := range files {
		l, err := fromFile(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		listeners = append(listeners, l)
	}
	if len(errs) > 0 {
		for _, l := range listeners {
			errs = append(errs, l.Close())
		}
		return nil, errors.Join(errs...)
	}
	return listeners, nil
}

func fromFile(f *os.File) (*Listener, error) {
	defer f.Close()
	inner, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("socket %s from systemd: want a listening unix stream socket: %w", f.Name(), err)
	}
	unixListener, ok := inner.(*net.UnixListener)
	// Sockets of packets are unix listeners to package net too.
	if !ok || inner.Addr().Network() != "unix" {
		return nil, errors.Join(
			fmt.Errorf("socket %s from systemd: %s %s: noded serves on unix sockets only, with ListenStream=", f.Name(), inner.Addr().Network(), inner.Addr()),
			inner.Close())
	}
	unixListener.SetUnlinkOnClose(false)
	return &Listener{UnixListener: unixListener, path: unixListener.Addr().String()}, nil
}
