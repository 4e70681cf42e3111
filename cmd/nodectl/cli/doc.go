// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli is the command tree of nodectl. Generators of man pages and completions import it:
//
//	root := cli.NewCommand(cli.Streams{Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
//
// Commands that read the journal speak to a backend, and those that read logs of pods to a logBackend: either is a noded or the files
// themselves, and they cannot tell which. What the node, pods, containers and units use only a noded knows: a statsBackend.
package cli
