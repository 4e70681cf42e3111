// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package digest compares the journal engines with each other and with a model in memory, over generated journals: all
// variants of the format, rotated files, several machines, boots and sequences, entries that are in two files, clocks that step.
// Every entry's header and fields are compared, forwards, backwards, with random matches, and at the end of random walks.
//
//	go test ./test/digest -args -entries=2000000 -seed=7
//
// Its own test reads some ten thousand entries; "make digest" reads two million.
package digest
