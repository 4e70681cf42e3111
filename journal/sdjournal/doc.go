// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sdjournal is the journal engine that reads by libsystemd, through go-systemd's binding of
// sd-journal(3). It is the reference: what it returns is what journalctl shows.
//
//	reader, err := sdjournal.New().Open(ctx, journal.Source{Directory: "/var/log/journal"})
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
// libsystemd is loaded at run time: programs link and start without it, and Open then
// says what to install. Without cgo, or on another system than Linux, Open returns journal.ErrUnsupported.
//
// # What is different from libsystemd
//
// Seek goes between entries: after the end Next gives what is appended later, never the last
// entry, and before the beginning Previous gives nothing. A file of Source.Files that is bad does not fail the
// others. Source.Files are expanded anew while following, and a file stays part of the source when it
// is rotated away. Names and values of fields are listed file by file, so that a damaged one does not end the listing.
//
// # Security
//
// libsystemd checks what it reads; it is C, and reads files that may come from anywhere. When a file is truncated under
// its mapping the kernel raises SIGBUS, which would end the process: the first Open installs a handler for
// faults of libsystemd's doing (shim.c). All other faults stay Go's.
//
// What a reader keeps of an entry is limited by MaxEntryBytes, and no list in a file is followed longer than it can be.
package sdjournal
