// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package journalfile reads the on-disk format of systemd journal files in pure Go: headers, and a check of
// a whole file's structure. The format is documented by the
// systemd project as "Journal File Format", https://systemd.io/JOURNAL_FILE_FORMAT/.
//
//	h, err := journalfile.ReadHeader("/var/log/journal/MACHINE/system.journal")
//	if err != nil {
//		return err
//	}
//	fmt.Println(h.Entries, "entries,", h.State)
//
// It does not read entries, and it never writes.
//
// # Security
//
// Files may come from anywhere. Every offset and size is compared with the size of the file, in uint64,
// before it is used; nothing is allocated by a number from the file alone; walks over links have a
// limit. Errors about content are a *FormatError.
package journalfile
