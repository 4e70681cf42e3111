// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package dirwatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	h, top := newHub(t), t.TempDir()
	g := h.Group()
	sub := filepath.Join(top, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	top1, sub1 := add(t, g, top), add(t, g, sub)
	none(t, g)
	path := filepath.Join(sub, "0.log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, g, map[ID]Kind{sub1: Names})
	for range 3 {
		if _, err := f.WriteString("x"); err != nil {
			t.Fatal(err)
		}
		wait(t, g, map[ID]Kind{sub1: Written})
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	wait(t, g, map[ID]Kind{sub1: Written})
	f.Close()
	wait(t, g, map[ID]Kind{sub1: Closed})
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	wait(t, g, map[ID]Kind{sub1: Names})
	if _, err := os.ReadFile(path + ".1"); err != nil {
		t.Fatal(err)
	}
	none(t, g)
	if err := os.RemoveAll(sub); err != nil {
		t.Fatal(err)
	}
	wait(t, g, map[ID]Kind{top1: Names, sub1: Names})
	if err := os.Rename(top, top+"x"); err != nil {
		t.Fatal(err)
	}
	wait(t, g, map[ID]Kind{top1: Names})
	if err := h.Err(); err != nil {
		t.Error(err)
	}
}

// TestShared: several groups, and one twice, watch one directory with one watch.
func TestShared(t *testing.T) {
	t.Parallel()
	h, path := newHub(t), t.TempDir()
	a, b := h.Group(), h.Group()
	a1, a2, b1 := add(t, a, path), add(t, a, path), add(t, b, path)
	if len(h.watches) != 1 {
		t.Fatalf("%d watches, want 1", len(h.watches))
	}
	write(t, filepath.Join(path, "f"))
	all := Names | Written | Closed
	wait(t, a, map[ID]Kind{a1: all, a2: all})
	wait(t, b, map[ID]Kind{b1: all})
	a.Remove(a1)
	a.Remove(a1)
	a.Remove(99)
	write(t, filepath.Join(path, "f"))
	wait(t, a, map[ID]Kind{a2: Written | Closed})
	a.Close()
	write(t, filepath.Join(path, "g"))
	wait(t, b, map[ID]Kind{b1: all})
	write(t, filepath.Join(path, "g"))
	b.Remove(b1) // also what is pending
	none(t, b)
	if len(h.watches) != 0 {
		t.Errorf("%d watches are left", len(h.watches))
	}
	b2 := add(t, b, path)
	write(t, filepath.Join(path, "g"))
	wait(t, b, map[ID]Kind{b2: Written | Closed})
}

// event returns an event as inotify(7) gives it.
func event(number int32, mask uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(number))
	b = binary.NativeEndian.AppendUint32(b, mask)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.NativeEndian.AppendUint32(b, 16)
	return append(b, "name\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

// TestReusedNumber: the word about a removed watch does not end a new one of the same number.
func TestReusedNumber(t *testing.T) {
	t.Parallel()
	h, path := newHub(t), t.TempDir()
	g := h.Group()
	id := add(t, g, path)
	var number int32
	for number = range h.watches {
	}
	h.mu.Lock()
	h.stale[number] = 2 // as if it had been another directory's twice
	h.take(slices.Concat(event(number, unix.IN_IGNORED), event(number+1, unix.IN_MODIFY), event(number, unix.IN_IGNORED)))
	if len(h.stale) > 0 || len(h.watches) != 1 {
		t.Errorf("stale %v, watches %v", h.stale, h.watches)
	}
	h.mu.Unlock()
	none(t, g)
	h.mu.Lock()
	h.take(event(number, unix.IN_IGNORED))
	h.mu.Unlock()
	wait(t, g, map[ID]Kind{id: Names})
	if len(h.watches) != 0 {
		t.Error("a watch that has ended is still there")
	}
	g.Remove(id)
}

// TestRemoveAndDelete: the kernel's word about a removed watch is awaited exactly when it will come.
func TestRemoveAndDelete(t *testing.T) {
	t.Parallel()
	h, top := newHub(t), t.TempDir()
	g := h.Group()
	for i := range 200 {
		path := filepath.Join(top, fmt.Sprint(i))
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		id := add(t, g, path)
		if i%2 == 0 {
			g.Remove(id)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		g.Remove(id)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for {
		h.mu.Lock()
		left := len(h.stale) + len(h.watches)
		h.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d watches are left or awaited", left)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestOverflow(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	a, b := h.Group(), h.Group()
	a1, b1 := add(t, a, t.TempDir()), add(t, b, t.TempDir())
	h.mu.Lock()
	h.take(slices.Concat(event(-1, unix.IN_Q_OVERFLOW), event(-1, unix.IN_Q_OVERFLOW)[:20], []byte("torn")))
	h.mu.Unlock()
	wait(t, a, map[ID]Kind{a1: Unknown})
	wait(t, b, map[ID]Kind{b1: Unknown})
}

// TestPolled: what cannot be watched is reported again and again, and watched when that has become possible.
func TestPolled(t *testing.T) {
	t.Parallel()
	h, path := newHub(t), t.TempDir()
	g := h.Group()
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	e := &entry{group: g, id: 1, handle: duplicate(dir)}
	g.entries[1], g.next = e, 1
	h.mu.Lock()
	h.handles++
	h.poll(e, fmt.Errorf("inotify: %w", unix.ENOSPC))
	h.mu.Unlock()
	if err := h.Err(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Err = %v, want ENOSPC", err)
	}
	second := add(t, g, t.TempDir())
	start := time.Now()
	for range 3 {
		wait(t, g, map[ID]Kind{1: Unknown})
	}
	if d := time.Since(start); d < pollEvery {
		t.Errorf("three reports took %v", d)
	}
	h.mu.Lock()
	h.tried = time.Now().Add(-retryEvery)
	h.mu.Unlock()
	for { // a report may have been on its way
		wait(t, g, map[ID]Kind{1: Unknown})
		if h.Err() == nil {
			break
		}
	}
	if h.handles != 0 || g.polled != 0 {
		t.Errorf("%d handles, %d polled, want none", h.handles, g.polled)
	}
	for { // also here
		changes, err := g.Wait(t.Context(), 20*time.Millisecond)
		if err != nil || len(changes) > 1 || len(changes) == 1 && changes[0] != (Change{ID: 1, Kind: Unknown}) {
			t.Fatalf("Wait = %v, %v, want nothing", changes, err)
		}
		if len(changes) == 0 {
			break
		}
	}
	write(t, filepath.Join(path, "f"))
	wait(t, g, map[ID]Kind{1: Names | Written | Closed})

	h.mu.Lock()
	h.broken(unix.EIO)
	h.mu.Unlock()
	wait(t, g, map[ID]Kind{1: Unknown, second: Unknown})
	if err := h.Err(); !errors.Is(err, unix.EIO) {
		t.Errorf("Err = %v, want EIO", err)
	}
	third := add(t, g, path) // by a new descriptor
	write(t, filepath.Join(path, "f"))
	g.Remove(1)
	g.Remove(second)
	wait(t, g, map[ID]Kind{third: Written | Closed})
	if err := h.Err(); err != nil {
		t.Errorf("Err = %v, want nil", err)
	}
}

// TestMany has groups come and go while files are written.
func TestMany(t *testing.T) {
	t.Parallel()
	h, top := newHub(t), t.TempDir()
	dirs := make([]string, 8)
	for i := range dirs {
		dirs[i] = filepath.Join(top, fmt.Sprint(i))
		if err := os.Mkdir(dirs[i], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 20 {
				g := h.Group()
				ids := make(map[ID]string)
				for j := range 4 {
					path := dirs[(i+j)%len(dirs)]
					ids[add(t, g, path)] = path
				}
				for id, path := range ids {
					write(t, filepath.Join(path, fmt.Sprint(i)))
					for seen := false; !seen; {
						changes, err := g.Wait(t.Context(), 2*time.Minute)
						if err != nil || len(changes) == 0 {
							t.Errorf("Wait = %v, %v", changes, err)
							return
						}
						for _, c := range changes {
							seen = seen || c.ID == id && c.Kind&(Closed|Unknown) != 0
						}
					}
					g.Remove(id)
				}
				g.Close()
			}
		})
	}
	wg.Wait()
	if len(h.watches) > 0 || len(h.groups) > 0 {
		t.Errorf("%d watches, %d groups are left", len(h.watches), len(h.groups))
	}
}

// BenchmarkLatency is the time from a write to the end of Wait.
func BenchmarkLatency(b *testing.B) {
	h, path := newHub(b), b.TempDir()
	g := h.Group()
	add(b, g, path)
	f, err := os.Create(filepath.Join(path, "0.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := g.Wait(b.Context(), -1); err != nil {
		b.Fatal(err)
	}
	start, seen := make(chan struct{}), make(chan time.Time)
	go func() {
		for range start {
			if _, err := g.Wait(b.Context(), -1); err != nil {
				b.Error(err)
			}
			seen <- time.Now()
		}
	}()
	var all []time.Duration
	for b.Loop() {
		start <- struct{}{}
		time.Sleep(50 * time.Microsecond) // so that it waits
		began := time.Now()
		if _, err := f.WriteString("x"); err != nil {
			b.Fatal(err)
		}
		all = append(all, (<-seen).Sub(began))
	}
	close(start)
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Nanoseconds()), "ns-p50")
	b.ReportMetric(float64(all[len(all)*99/100].Nanoseconds()), "ns-p99")
}
