// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
	"github.com/noded/noded/journal/journaltest"
)

// TestGrowing: of a file that is written to meanwhile everything up to the limit is complete, whatever moment it is read at.
func TestGrowing(t *testing.T) {
	t.Parallel()
	const entries = 60_000
	for _, v := range journaltest.Variants() {
		switch v.Name {
		case "compact-zstd", "unkeyed-lz4", "oldest", "sealed":
		default:
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			o := v.Options
			o.Increase = 256 << 10
			path := filepath.Join(t.TempDir(), "system.journal")
			w, err := journaltest.Create(path, o)
			if err != nil {
				t.Fatal(err)
			}
			f, err := journalfile.Open(path, journalfile.Options{Decoder: new(compress.Decoder)})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var written atomic.Int64
			done := make(chan error, 1)
			go func() {
				for i, e := range numbered(entries, grow) {
					if err := w.Append(&e); err != nil {
						done <- err
						return
					}
					written.Store(int64(i + 1))
				}
				done <- w.Close()
			}()
			follow(t, f, &written, entries)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func grow(i int) journal.Field {
	return journaltest.F("FIELD", fmt.Sprint(i%3*(i%100)))
}

// follow reads the file while it grows.
func follow(t *testing.T, f *journalfile.File, written *atomic.Int64, entries int) {
	t.Helper()
	m := journal.Match{{{{Field: "FIELD", Value: "0"}}}}
	all, some := f.Matcher(nil), f.Matcher(m)
	read, next := 0, uint64(0)
	var e journalfile.Entry
	for read < entries {
		there := int(written.Load())
		if !f.Grew() && read > 0 && there > read {
			t.Fatalf("Grew = false after %d of %d entries", read, there)
		}
		if err := f.Refresh(); err != nil {
			t.Fatal(err)
		}
		for limit := f.Limit(); ; {
			at, err := all.Seek(next, true)
			if err != nil {
				t.Fatal(err)
			}
			if at == 0 {
				break
			}
			if err := f.ReadEntry(at, &e); err != nil {
				t.Fatal(err)
			}
			if e.Seqnum != uint64(read+1) {
				t.Fatalf("entry %d after %d", e.Seqnum, read)
			}
			if at < limit {
				checkMatch(t, some, at, read)
			}
			read++
			next = at + 1
		}
		if read < there {
			t.Fatalf("%d entries read of %d", read, there)
		}
		if n, err := f.Damage(); n > 0 {
			t.Fatalf("damage: %v", err)
		}
	}
}

// checkMatch checks that the list of a value has the entry if it should.
func checkMatch(t *testing.T, some *journalfile.Matcher, at uint64, i int) {
	t.Helper()
	if string(grow(i).Value) != "0" {
		return
	}
	found, err := some.Seek(at, true)
	if err != nil || found != at {
		t.Fatalf("the list of a value gives %d, %v for entry %d at %d", found, err, i, at)
	}
}
