// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long is longer than any wait of a test that is to see a change.
const long = 2 * time.Minute

func watch(t *testing.T, source journal.Source) (*Set, *Watcher) {
	t.Helper()
	s := newSet(t, source)
	w := s.Watch()
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s, w
}

// await waits until Inspect finds so many files.
func await(t *testing.T, s *Set, w *Watcher, files int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	version := s.Version()
	for {
		found, _ := s.Inspect()
		if len(found) == files {
			if s.Version() == version {
				t.Errorf("the version stays %d", version)
			}
			return
		}
		if _, err := w.Wait(ctx, 20*time.Millisecond); err != nil {
			t.Fatalf("Wait: %v; %d files, want %d", err, len(found), files)
		}
	}
}

// TestLateDirectories: what appears below directories that were not there is found, wherever it is.
func TestLateDirectories(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, w := watch(t, journal.Source{Root: root})
	if files, _ := s.Inspect(); len(files) != 0 {
		t.Fatalf("%d files, want none", len(files))
	}
	dir := filepath.Join(root, varDirectory, "0123456789abcdef0123456789abcdef")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	journaltest.Write(t, filepath.Join(dir, "system.journal"), journaltest.Options{}, entries(1))
	await(t, s, w, 1)
	journaltest.Write(t, filepath.Join(dir, "user-1.journal"), journaltest.Options{}, entries(1))
	await(t, s, w, 2)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	await(t, s, w, 0)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	journaltest.Write(t, filepath.Join(dir, "system.journal"), journaltest.Options{}, entries(1))
	await(t, s, w, 1)
}

// TestWaitEnds: with the context and with the time.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	for _, notified := range []bool{true, false} {
		_, w := watch(t, journal.Source{Directory: t.TempDir()})
		if !notified {
			refuse(t, w)
		}
		if changed, err := w.Wait(t.Context(), time.Millisecond); changed || err != nil {
			t.Errorf("Wait = %t, %v", changed, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		begin := time.Now()
		if changed, err := w.Wait(ctx, time.Hour); changed || !errors.Is(err, context.Canceled) || time.Since(begin) > long {
			t.Errorf("Wait = %t, %v after %v", changed, err, time.Since(begin))
		}
		if _, err := w.Wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait again = %v", err)
		}
		if changed, err := w.Wait(t.Context(), time.Millisecond); changed || err != nil {
			t.Errorf("Wait after that = %t, %v", changed, err)
		}
		for range 2 {
			if err := w.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if _, err := w.Wait(t.Context(), 0); err == nil {
			t.Error("Wait after Close: no error")
		}
	}
}

// refuse makes the Watcher as if the system had refused.
func refuse(t *testing.T, w *Watcher) {
	t.Helper()
	if w.notifier != nil {
		if err := w.notifier.close(); err != nil {
			t.Fatal(err)
		}
	}
	w.notifier, w.err, w.tried = nil, errors.New("refused"), time.Now()
}

// TestPolling: without a watch files are found too.
func TestPolling(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, w := watch(t, journal.Source{Directory: dir})
	refuse(t, w)
	journaltest.Write(t, filepath.Join(dir, "system.journal"), journaltest.Options{}, entries(1))
	await(t, s, w, 1)
	if err := w.Err(); err == nil {
		t.Error("Err = nil")
	}
	w.tried = time.Time{}
	if _, err := w.Wait(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Err(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Err = %v after it was tried again", err)
	}
}
