// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fileset knows which files a journal.Source means: it finds them, reads their headers, says what is wrong with
// them, watches their directories, and recognises files that are renamed. Engines build on it.
//
//	set, err := fileset.New(journal.Source{Directory: "/var/log/journal"})
//	if err != nil {
//		return err
//	}
//	files, problems := set.Inspect()
//	for i := range files {
//		fmt.Println(files[i].Path, files[i].Entries)
//	}
//	watcher := set.Watch()
//	defer watcher.Close()
//	for {
//		if _, err := watcher.Wait(ctx, time.Second); err != nil {
//			return err
//		}
//		files, problems = set.Inspect()
//	}
//
// It reads headers only, no entries, and starts no goroutine. It works on every system, with and without cgo; where there is no
// inotify, changes are found by looking.
//
// # Security
//
// The number of files is bounded. Headers are decoded by package journalfile, which checks them; names come from directories
// that others may write to and are never taken for anything but names.
package fileset
