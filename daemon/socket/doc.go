// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package socket gets the unix socket that noded serves on: from systemd, or made here.
//
//	listener, err := socket.Listen(socket.Config{Path: "/run/noded/noded.sock", Mode: 0o660, Group: "noded"}, logger)
//
// # Security
//
// A socket that is made here is never open to more users than its mode says, not even for a moment. A path is
// only cleared of a socket on which nobody listens. The directory must not be one in which others could
// replace the socket.
package socket
