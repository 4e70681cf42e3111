// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package native is the journal engine in pure Go. It reads the files by their own indexes, with package journalfile, and
// merges them in journald's order. It needs no cgo and works on every system.
//
//	reader, err := native.New().Open(ctx, journal.Source{Directory: "/var/log/journal"})
//	if err != nil {
//		return err
//	}
//	defer reader.Close()
//	if err := reader.Seek(journal.Head()); err != nil {
//		return err
//	}
//	for entry, err := reader.Next(); err != io.EOF; entry, err = reader.Next() {
//		...
//	}
//
// # Order
//
// Files of one sequence (seqnum id) are read in the order of their sequence numbers. Between sequences the entry comes first that
// is earlier in the same boot by monotonic time, else by realtime, else by xor hash. An entry that several
// files have is given once. A clock that is set changes nothing within a sequence.
//
// A follower gives what was written to the files that it knows in that order. Entries of a file that is made meanwhile may come
// after later ones when there is a match; they are not lost. Without one, a missing number makes the reader look for the file first.
//
// Files are opened when the read comes to them, and a limited number of them is kept open.
//
// # Security
//
// Files may come from anywhere. Damaged objects are passed over and become one of Reader.Problems; the rest is
// given. Files that are truncated while they are mapped are left from there on, and told likewise. Values are
// copied out of the mapping before a caller sees them, and decompressed only up to the limit of an entry.
package native
