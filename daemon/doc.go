// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package daemon is noded put together: configuration, journal, gRPC services, authorisation, audit,
// limits, and the talk with the service manager.
//
//	err := daemon.Run(ctx, daemon.Options{Loaded: loaded, Reload: load, Logger: logger, Level: level, Version: version})
//
// New builds the graph of objects by hand, in one function. Run serves until its context ends, then
// ends calls, waits for them, and returns when nothing that it started runs any more.
//
// # Security
//
// The daemon serves on unix sockets only, starts no other program, and writes nothing but its log and
// its socket.
package daemon
