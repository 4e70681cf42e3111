// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Command nodectl reads a node's journal: from noded over its socket, or from journal files.
package main

import (
	"context"
	"os"

	"github.com/noded/noded/cmd/nodectl/cli"
)

// version is set by the linker.
var version string

func main() {
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Version: version}
	os.Exit(cli.Run(context.Background(), os.Args[1:], streams))
}
