// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package notify talks to the service manager: readiness, reloading, stopping and the watchdog, by the
// protocol of sd_notify(3).
//
//	n := notify.FromEnvironment(logger)
//	n.Ready("serving /run/noded/noded.sock")
//	n.RunWatchdog(ctx, check)
//
// Without a service manager every call does nothing.
package notify
