// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package testnode boots a real node for tests: systemd as PID 1, journald and D-Bus in
// namespaces of their own, on a copy-on-write view of this machine's root directory.
//
//	node := testnode.Start(t)
//	node.CopyIn(ctx, "dist/noded.deb", "/root/noded.deb", 0o644)
//	out, err := node.Run(ctx, "dpkg", "-i", "/root/noded.deb")
//
// What the node writes stays in memory and is gone with it. It has no network but a loopback
// device of its own, its own /tmp and an empty journal. A node boots in about five
// seconds; several can run at once. Directories of this machine can be bound into it.
//
// It needs Linux, root, overlayfs and Debian's packages systemd, systemd-container and dbus.
// Where they are missing Start skips the test, but with CI=true it fails it. Only tests,
// benchmarks and the demonstration import this package.
//
// # Security
//
// The node is not a security boundary: its root is this machine's root. Run trusted code in it.
package testnode
