// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package dirwatch

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHub(tb testing.TB) *Hub {
	tb.Helper()
	h := NewHub(slog.New(slog.DiscardHandler))
	tb.Cleanup(func() {
		if err := h.Close(); err != nil {
			tb.Error(err)
		}
	})
	return h
}

// add opens a directory, adds it and closes it again.
func add(tb testing.TB, g *Group, path string) ID {
	tb.Helper()
	dir, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer dir.Close()
	id, err := g.Add(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func write(tb testing.TB, path string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// wait collects changes until each that is wanted has come, or what is seen is not wanted.
func wait(t *testing.T, g *Group, want map[ID]Kind) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	got := make(map[ID]Kind)
	for !cmp.Equal(got, want) {
		changes, err := g.Wait(ctx, -1)
		if err != nil {
			t.Fatalf("Wait = %v; got %v, want %v", err, got, want)
		}
		for _, c := range changes {
			got[c.ID] |= c.Kind
		}
	}
}

// none fails if there is a change.
func none(t *testing.T, g *Group) {
	t.Helper()
	changes, err := g.Wait(t.Context(), 20*time.Millisecond)
	if err != nil || len(changes) > 0 {
		t.Errorf("Wait = %v, %v, want nothing", changes, err)
	}
}

func TestWake(t *testing.T) {
	t.Parallel()
	g := newHub(t).Group()
	g.Wake()
	g.Wake()
	for _, d := range []time.Duration{-1, 0} { // the first by Wake, the second by d
		if changes, err := g.Wait(t.Context(), d); err != nil || len(changes) > 0 {
			t.Errorf("Wait = %v, %v", changes, err)
		}
	}
	go g.Wake()
	if _, err := g.Wait(t.Context(), -1); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if _, err := g.Wait(ctx, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v, want context.Canceled", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	for name, end := range map[string]func(*Hub, *Group){
		"hub":   func(h *Hub, _ *Group) { _ = h.Close() },
		"group": func(_ *Hub, g *Group) { g.Close() },
		"both":  func(h *Hub, g *Group) { _ = h.Close(); g.Close(); g.Close(); _ = h.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t)
			g := h.Group()
			id := add(t, g, path)
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					if _, err := g.Wait(t.Context(), -1); err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Errorf("Wait = %v, want os.ErrClosed", err)
						}
						return
					}
				}
			})
			end(h, g)
			wg.Wait()
			g.Remove(id)
			dir, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer dir.Close()
			if _, err := g.Add(dir); !errors.Is(err, os.ErrClosed) {
				t.Errorf("Add = %v, want os.ErrClosed", err)
			}
			if _, err := h.Group().Add(dir); name != "group" && !errors.Is(err, os.ErrClosed) {
				t.Errorf("Add after the hub's Close = %v, want os.ErrClosed", err)
			}
		})
	}
}

func TestAddBad(t *testing.T) {
	t.Parallel()
	g := newHub(t).Group()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := g.Add(f); err == nil {
		t.Errorf("Add of a file = %v, want an error", id)
	}
	f.Close()
	if id, err := g.Add(f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Add of a closed file = %v, %v, want os.ErrClosed", id, err)
	}
}
