// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package native_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
	"github.com/noded/noded/journal/native"
)

// TestManyFiles: in 1,500 files the newest entries are found at once, and few of the files are open.
func TestManyFiles(t *testing.T) { //nolint:paralleltest // it counts descriptors and mappings
	const files, each, lines = 1500, 20, 10
	dir := t.TempDir()
	writeMany(t, dir, files, each)
	descriptors, mappings := descriptorsAndMappings(t)
	best := time.Hour
	for range 5 {
		begin := time.Now()
		r, err := native.New().Open(t.Context(), journal.Source{Directory: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Seek(journal.Tail()); err != nil {
			t.Fatal(err)
		}
		for i := range lines {
			e, err := r.Previous()
			if err != nil {
				t.Fatal(err)
			}
			if want := uint64(files*each - i); e.Header().Seqnum != want {
				t.Fatalf("entry %d from the end has number %d, want %d", i, e.Header().Seqnum, want)
			}
		}
		best = min(best, time.Since(begin))
		nowDescriptors, nowMappings := descriptorsAndMappings(t)
		if d, m := nowDescriptors-descriptors, nowMappings-mappings; d > 200 || m > 400 {
			t.Errorf("%d descriptors and %d mappings for %d lines", d, m, lines)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if best > time.Second { // on a busy machine
		t.Errorf("the last %d lines took %v", lines, best)
	}
	t.Logf("the last %d lines of %d files took %v", lines, files, best)
	readMany(t, dir, files*each, descriptors, mappings)
}

// readMany reads everything, in both directions.
func readMany(t *testing.T, dir string, n, descriptors, mappings int) {
	t.Helper()
	r, err := native.New().Open(t.Context(), journal.Source{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for i := range n {
		e, err := r.Next()
		if err != nil || e.Header().Seqnum != uint64(i+1) {
			t.Fatalf("entry %d: %v, %v", i, e, err)
		}
		if i%5000 == 0 {
			nowDescriptors, nowMappings := descriptorsAndMappings(t)
			if d, m := nowDescriptors-descriptors, nowMappings-mappings; d > 1000 || m > 2000 {
				t.Fatalf("%d descriptors and %d mappings after %d entries", d, m, i)
			}
		}
	}
	t.Logf("all %d entries took %v", n, time.Since(begin))
}

// writeMany writes a sequence of files with holes, each of the 8 MiB that journald gives them.
func writeMany(t *testing.T, dir string, files, each int) {
	t.Helper()
	seqnum := uint64(1)
	for i := range files {
		entries := make([]journaltest.Entry, each)
		for k := range entries {
			at := journal.Usec(i*each + k)
			entries[k] = journaltest.Entry{
				Realtime: 1_700_000_000_000_000 + 1000*at, Monotonic: 1000*at + 1, BootID: journal.ID128{1},
				Fields: []journal.Field{journaltest.F("MESSAGE", fmt.Sprint(at)), journaltest.F("_PID", fmt.Sprint(k%3))},
			}
		}
		o := journaltest.FileOptions{
			DataBuckets: 97, FieldBuckets: 11, SeqnumID: journal.ID128{2}, FirstSeqnum: seqnum, State: journalfile.StateArchived,
		}
		name := fmt.Sprintf("system@%s-%016x-%016x.journal", o.SeqnumID, seqnum, uint64(entries[0].Realtime))
		if i == files-1 {
			name, o.State = "system.journal", journalfile.StateOffline
		}
		if err := journaltest.WriteFile(filepath.Join(dir, name), o, entries); err != nil {
			t.Fatal(err)
		}
		seqnum += uint64(each)
	}
}

func descriptorsAndMappings(t *testing.T) (descriptors, mappings int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return len(list), bytes.Count(maps, []byte("\n"))
}
