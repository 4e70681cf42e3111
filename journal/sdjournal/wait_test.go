// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

func TestHasWatches(t *testing.T) {
	t.Parallel()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if hasWatches(fd) {
		t.Error("hasWatches of a new descriptor = true")
	}
	if _, err := unix.InotifyAddWatch(fd, t.TempDir(), unix.IN_CREATE); err != nil {
		t.Fatal(err)
	}
	if !hasWatches(fd) {
		t.Error("hasWatches of a descriptor with a watch = false")
	}
}

// TestPollWithoutInotify: new files and entries are found without inotify too.
func TestPollWithoutInotify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opened, err := New().Open(t.Context(), journal.Source{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	r := opened.(*reader)
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	// As if the kernel had refused.
	r.watch.started, r.watch.err = true, unix.EMFILE
	if !errors.Is(r.WatchError(), unix.EMFILE) {
		t.Errorf("WatchError = %v, want EMFILE", r.WatchError())
	}
	path := filepath.Join(dir, "system.journal")
	journaltest.Write(t, path, journaltest.Options{}, entries(3))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for n := 0; n < 3; {
		if _, err := r.Next(); err == nil {
			n++
			continue
		}
		if _, err := r.Wait(ctx); err != nil {
			t.Fatalf("Wait after %d entries: %v", n, err)
		}
	}
}
