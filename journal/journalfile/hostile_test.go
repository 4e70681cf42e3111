// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// change makes a file of the entries and changes its content.
func change(t *testing.T, o journaltest.FileOptions, entries []journaltest.Entry, f func(b []byte, h *journalfile.Header)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hostile.journal")
	if err := journaltest.WriteFile(path, o, entries); err != nil {
		t.Fatal(err)
	}
	h, err := journalfile.ReadHeader(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f(b, &h)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// numbered are entries with one field each, named by f.
func numbered(n int, f func(i int) journal.Field) []journaltest.Entry {
	entries := make([]journaltest.Entry, n)
	for i := range entries {
		entries[i] = journaltest.Entry{
			Realtime: 1_700_000_000_000_000 + journal.Usec(i), Monotonic: journal.Usec(i + 1), BootID: journal.ID128{1}, Fields: []journal.Field{f(i)},
		}
	}
	return entries
}

// TestHostileTime: files that make a careless reader walk the same way again and again.
func TestHostileTime(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	for name, path := range map[string]string{
		"every bucket leads to one chain of names": change(t, journaltest.FileOptions{FieldBuckets: 200_000, Increase: 8},
			numbered(30_000, func(i int) journal.Field { return journaltest.F(fmt.Sprintf("F%d", i), "x") }),
			func(b []byte, h *journalfile.Header) {
				last, first := uint64(0), uint64(0)
				objects(b, h, func(at uint64, kind byte) {
					if kind != 2 {
						return
					}
					if last == 0 {
						first = at
					} else {
						le.PutUint64(b[last+24:], at)
					}
					last = at
				})
				le.PutUint64(b[last+24:], 0)
				for i := uint64(0); i < h.FieldHashTableSize; i += 16 {
					le.PutUint64(b[h.FieldHashTableOffset+i:], first)
				}
			}),
		"a list of entries that goes back": change(t, journaltest.FileOptions{Increase: 8, Regular: true},
			numbered(200_000, func(int) journal.Field { return journaltest.F("MESSAGE", "x") }),
			func(b []byte, h *journalfile.Header) {
				for array := h.EntryArrayOffset; array != 0; array = le.Uint64(b[array+16:]) {
					items := b[array+24 : array+le.Uint64(b[array+8:])]
					for i, k := 0, len(items)-8; i < k; i, k = i+8, k-8 {
						a, z := le.Uint64(items[i:]), le.Uint64(items[k:])
						le.PutUint64(items[i:], z)
						le.PutUint64(items[k:], a)
					}
				}
			}),
		"a list that holds its last entry first": change(t, journaltest.FileOptions{Increase: 8, Regular: true},
			numbered(200_000, func(int) journal.Field { return journaltest.F("MESSAGE", "x") }),
			func(b []byte, h *journalfile.Header) {
				for array := h.EntryArrayOffset; array != 0; array = le.Uint64(b[array+16:]) {
					items := b[array+24 : array+le.Uint64(b[array+8:])]
					for i := 0; i < len(items)/2; i += 8 {
						le.PutUint64(items[i:], h.TailObjectOffset+8)
					}
				}
			}),
		"a list of zeros":              sparse(t, false),
		"a list with zeros in between": sparse(t, true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			s := walk(t, path, journalfile.Options{})
			if took := time.Since(begin); took > 30*time.Second { // on a busy machine
				t.Errorf("took %v", took)
			}
			t.Logf("%d entries, %d names, %d values, %d errors, the first %s", len(s.Forward), s.Names, s.Values, s.Failed, s.First)
		})
	}
}

// sparse is a file of 3 GiB that uses little space: its array of entries is a hole, with an entry at the end or not.
func sparse(t *testing.T, last bool) string {
	t.Helper()
	const size, items = 3 << 30, 700 << 20
	le := binary.LittleEndian
	end, entry := uint64(0), uint64(0)
	path := change(t, journaltest.FileOptions{Increase: 8}, numbered(3, func(int) journal.Field { return journaltest.F("MESSAGE", "x") }),
		func(b []byte, h *journalfile.Header) {
			le.PutUint64(b[h.EntryArrayOffset+8:], 24+items*4)
			le.PutUint64(b[96:], size-h.HeaderSize) // of the arena
			le.PutUint64(b[152:], items)            // number of entries
			le.PutUint64(b[136:], h.EntryArrayOffset)
			end, entry = h.EntryArrayOffset+24+items*4, uint64(le.Uint32(b[h.EntryArrayOffset+24+8:]))
		})
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if last {
		if _, err := f.WriteAt(le.AppendUint32(nil, uint32(entry)), int64(end-4)); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestChangedBits: every bit of small files, and every length.
func TestChangedBits(t *testing.T) {
	t.Parallel()
	for name, content := range journaltest.SmallFiles(t) {
		if name != "sealed" && name != "unkeyed-xz" && name != "all-lz4" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := os.Create(filepath.Join(t.TempDir(), "small.journal"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(content, 0); err != nil {
				t.Fatal(err)
			}
			check := func(what string, i int) {
				begin := time.Now()
				s := walk(t, f.Name(), journalfile.Options{})
				if took := time.Since(begin); took > 30*time.Second { // on a busy machine
					t.Errorf("%s %d: %d entries took %v", what, i, len(s.Forward), took)
				}
			}
			for i := range 8 * len(content) {
				at := int64(i / 8)
				if _, err := f.WriteAt([]byte{content[at] ^ 1<<(i%8)}, at); err != nil {
					t.Fatal(err)
				}
				check("bit", i)
				if _, err := f.WriteAt(content[at:at+1], at); err != nil {
					t.Fatal(err)
				}
			}
			for i := len(content) - 1; i >= 0; i-- {
				if err := f.Truncate(int64(i)); err != nil {
					t.Fatal(err)
				}
				check("length", i)
			}
		})
	}
}
