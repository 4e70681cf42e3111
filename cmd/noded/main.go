// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Command noded serves the systemd journal, container logs and usage of a node.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/noded/noded/daemon/cli"
)

// version is set by the linker.
var version string

// gcPercent has garbage collected early: noded is on every node, and measurably no slower for it.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, restore)
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr, cli.Options{Version: version}))
}
