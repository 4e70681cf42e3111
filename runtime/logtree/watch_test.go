// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logtree

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/runtime/dirwatch"
)

func watch(t *testing.T, dir string) *Watcher {
	t.Helper()
	hub := dirwatch.NewHub(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = hub.Close() })
	w := newTree(dir).Watch(hub)
	t.Cleanup(w.Close)
	return w
}

// until waits until the tree has the containers, as "pod/container" and "pod" for a pod without any.
func until(t *testing.T, w *Watcher, what string, done func([]Pod) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		pods, _, err := w.tree.Pods()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if done(pods) {
			return
		}
		if err := w.Wait(ctx, -1); err != nil {
			t.Fatalf("%s: Wait = %v, with %v", what, err, pods)
		}
	}
}

func count(pods, containers int) func([]Pod) bool {
	return func(p []Pod) bool {
		n := 0
		for i := range p {
			n += len(p[i].Containers)
		}
		return len(p) == pods && n == containers
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "pods")
	w := watch(t, dir)
	until(t, w, "no tree", count(0, 0))
	write(t, dir, "a_b_c/web/0.log") // the tree appears
	until(t, w, "tree", count(1, 1))
	write(t, dir, "a_b_c/db/0.log")
	until(t, w, "container", count(1, 2))
	write(t, dir, "a_b_d/")
	until(t, w, "pod", count(2, 2))
	write(t, dir, "a_b_d/web/")
	until(t, w, "container of a new pod", count(2, 3))
	for _, name := range []string{"a_b_c/db", "a_b_c"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, w, "removal", count(1, 1))
	// The same name again, as another directory.
	if err := os.RemoveAll(filepath.Join(dir, "a_b_d")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a_b_d/")
	until(t, w, "again", count(1, 0))
	write(t, dir, "a_b_d/web/")
	until(t, w, "container of the pod that is there again", count(1, 1))
	// Another tree.
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	until(t, w, "no tree again", count(0, 0))
	write(t, dir, "x_y_z/web/", "a_b_d/web/")
	until(t, w, "another tree", count(2, 2))
	write(t, dir, "a_b_d/db/")
	until(t, w, "container in another tree", count(2, 3))
}

func TestWatchWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a_b_c/web/0.log", "not a pod/")
	w := watch(t, dir)
	// Where directories cannot be watched, all is unknown now and then.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		if err := w.Wait(ctx, time.Minute); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		write(t, dir, "a_b_c/web/0.log", "a_b_c/web/1.log", "not a pod/x/") // none of this matters
	}
	for _, d := range []time.Duration{0, time.Millisecond} {
		if err := w.Wait(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	ended := make(chan error)
	go func() {
		for {
			if err := w.Wait(t.Context(), -1); err != nil {
				ended <- err
				return
			}
		}
	}()
	w.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Wait after Close = %v, want os.ErrClosed", err)
	}
}

// TestManyPods: pods beyond what is watched are looked for now and then.
func TestManyPods(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	huge(t, dir, maxWatched+10, 0)
	w := watch(t, dir)
	if len(w.pods) != maxWatched || !w.unwatched {
		t.Errorf("%d pods are watched, unwatched %v", len(w.pods), w.unwatched)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := w.Wait(ctx, -1); err != nil {
		t.Error(err)
	}
}
