// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Command nodectl reads a node's journal and the logs of its pods, from noded over its socket or from files, and shows what noded knows of
// the node: pods, containers, units and what they use.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/noded/noded/cmd/nodectl/cli"
)

// version is set by the linker.
var version string

const (
	// gcPercent lets garbage be collected less often: what nodectl keeps is little, and what passes through it much.
	gcPercent = 400
	// memoryLimit is from where on it is collected as often as needed: entries can be large.
	memoryLimit = 192 << 20
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Version: version}
	os.Exit(cli.Run(context.Background(), os.Args[1:], streams))
}
