// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package peercred

import (
	"errors"
	"net"
)

func read(*net.UnixConn) (*Peer, error) { return nil, errors.ErrUnsupported }
