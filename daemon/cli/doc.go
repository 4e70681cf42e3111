// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line of noded. NewCommand returns the tree of commands, from which
// manual pages and completions are made too; Main runs it and returns the exit code.
package cli
