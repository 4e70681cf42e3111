// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile/compress"
	"github.com/noded/noded/journal/journaltest"
)

// TestLargeValuesAreForgotten: large values that many entries begin with, forty different ones, do not stay in memory.
func TestLargeValuesAreForgotten(t *testing.T) { //nolint:paralleltest // it measures memory
	const different, size = 40, 4 << 20
	path := filepath.Join(t.TempDir(), "system.journal")
	var list []journaltest.Entry
	for i := range different {
		value := strings.Repeat(fmt.Sprintf("%08d", i), size/8)
		for range 4 {
			n := journal.Usec(len(list))
			list = append(list, journaltest.Entry{
				Realtime: 1_700_000_000_000_000 + n, Monotonic: n + 1, BootID: journal.ID128{1},
				Fields: []journal.Field{
					journaltest.F("LARGE", value), journaltest.F("A", "x"), journaltest.F("B", "x"), journaltest.F("C", fmt.Sprint(n)),
				},
			})
		}
	}
	if err := journaltest.WriteFile(path, journaltest.FileOptions{Compression: compress.ZSTD}, list); err != nil {
		t.Fatal(err)
	}
	r := openAt(t, journal.Source{Files: []string{path}}, journal.Head())
	before, runs := heap(), 0
	for range 4 * different {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		run, rest, err := e.Split(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if run != nil {
			runs++
			rest = append(rest, run.Fields...)
		}
		if len(rest) != 5 {
			t.Fatalf("%d fields", len(rest))
		}
	}
	if grown := int64(heap()) - int64(before); grown > 80<<20 || runs == 0 {
		t.Errorf("%d MiB more in memory after %d runs", grown>>20, runs)
	}
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestMasks: a reader that is asked with one mask and then another gives what each selects, also of what it knows.
func TestMasks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "system.journal")
	var list []journaltest.Entry
	for i := range 50 {
		n := journal.Usec(i)
		list = append(list, journaltest.Entry{
			Realtime: 1_700_000_000_000_000 + n, Monotonic: n + 1, BootID: journal.ID128{1},
			Fields: []journal.Field{
				journaltest.F("A", "1"), journaltest.F("B", "2"), journaltest.F("C", "3"), journaltest.F("A", "4"),
				// Named as what many begin with is.
				journaltest.F("A", fmt.Sprint("own ", i)), journaltest.F("D", fmt.Sprint(i)),
			},
		})
	}
	if err := journaltest.WriteFile(path, journaltest.FileOptions{}, list); err != nil {
		t.Fatal(err)
	}
	r := openAt(t, journal.Source{Files: []string{path}}, journal.Head())
	masks := []journal.Mask{nil, {"A"}, {"D", "A"}, {"B"}, {}, {"NONE"}, {"D"}}
	for i := range list {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		own := fmt.Sprintf("A=own %d ", i)
		wants := []string{
			"A=1 B=2 C=3 A=4 " + own + fmt.Sprintf("D=%d ", i), "A=1 A=4 " + own, "A=1 A=4 " + own + fmt.Sprintf("D=%d ", i), "B=2 ", "", "",
			fmt.Sprintf("D=%d ", i),
		}
		for k, mask := range masks {
			fields, err := e.AppendFields(nil, mask)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range fields {
				if f.Name != "_BOOT_ID" {
					got += fmt.Sprintf("%s=%s ", f.Name, f.Value)
				}
			}
			if got != wants[k] {
				t.Errorf("entry %d, mask %v: %s, want %s", i, mask, got, wants[k])
			}
		}
		if f, err := e.Lookup("A"); err != nil || string(f.Value) != "1" {
			t.Errorf("A = %s, %v", f.Value, err)
		}
	}
}

// TestLargeEntryIsLetGo: a follower that waits does not hold on to the values of a large entry.
func TestLargeEntryIsLetGo(t *testing.T) { //nolint:paralleltest // it measures memory
	const size = 32 << 20
	path := filepath.Join(t.TempDir(), "system.journal")
	list := []journaltest.Entry{{
		Realtime: 1_700_000_000_000_000, Monotonic: 1, BootID: journal.ID128{1},
		Fields: []journal.Field{journaltest.F("MESSAGE", strings.Repeat("x", size))},
	}}
	if err := journaltest.WriteFile(path, journaltest.FileOptions{Compression: compress.ZSTD}, list); err != nil {
		t.Fatal(err)
	}
	r := openAt(t, journal.Source{Directory: filepath.Dir(path)}, journal.Head())
	before := heap()
	e, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.AppendFields(nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("Next = %v, want %v", err, io.EOF)
	}
	// The first call begins to watch.
	for range 2 {
		if _, err := r.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if grown := int64(heap()) - int64(before); grown > size/4 {
		t.Errorf("%d MiB more in memory while waiting", grown>>20)
	}
	runtime.KeepAlive(r)
}
