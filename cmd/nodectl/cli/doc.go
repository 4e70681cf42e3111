// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli is the command tree of nodectl. Generators of man pages and completions import it:
//
//	root := cli.NewCommand(cli.Streams{Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
//
// Commands speak to a backend, which is either a noded or the journal files themselves; they cannot
// tell which.
package cli
