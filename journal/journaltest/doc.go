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
// The files are written by systemd-journal-remote (Debian: package systemd-journal-remote) from the Journal Export
// Format, so that they are what journald would have written. Where the program is missing tests are
// skipped; in CI (the environment has CI=true) they fail.
package journaltest
