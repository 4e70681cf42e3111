// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package journaltest makes real journal files for tests, and holds the suite that every
// journal.Engine must pass.
//
//	path := filepath.Join(t.TempDir(), "system.journal")
//	journaltest.Write(t, path, journaltest.Options{}, []journaltest.Entry{{
//		Realtime: 1700000000000000,
//		BootID:   boot,
//		Fields:   []journal.Field{{Name: "MESSAGE", Value: []byte("hello")}},
//	}})
//
// Write lets systemd-journal-remote (Debian: package systemd-journal-remote) write from the Journal Export Format, so that the
// files are what journald would have written. Where the program is missing tests are skipped; in CI (the environment
// has CI=true) they fail.
//
// WriteFile and FileWriter write by themselves: every variant of the format that systemd has ever written, files that
// grow while they are read, and hundreds of thousands of entries per second.
//
//	w, err := journaltest.Create(path, journaltest.FileOptions{Compression: compress.LZ4, Regular: true})
//	if err != nil {
//		return err
//	}
//	defer w.Close()
//	err = w.Append(&entry)
package journaltest
