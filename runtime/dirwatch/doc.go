// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dirwatch tells many goroutines of changes in directories, by one inotify descriptor.
//
//	hub := dirwatch.NewHub(logger)
//	defer hub.Close()
//	group := hub.Group()
//	defer group.Close()
//	id, err := group.Add(directory) // an *os.File
//	for {
//		changes, err := group.Wait(ctx, -1)
//		...
//	}
//
// A change says which directory and what kind, not which file: who waits looks at what it has open, and lists the directory if names
// changed. So events need not be kept: however many there are, a group remembers a few bits for each of its directories,
// and a slow reader holds up nobody.
//
// The hub has one goroutine from the first Add to Close. It waits for the kernel without timers, so that a change reaches a waiting group
// in microseconds.
//
// Where a directory cannot be watched, because the inotify instances or watches of the user are exhausted or the system has no inotify,
// Wait reports it as Unknown four times a second, and the hub tries again every ten seconds.
//
// # Security
//
// Directories are watched by their open handle, so that no path is looked up a second time. Names of files, which others
// choose, are not read.
package dirwatch
