// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package native_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
	"github.com/noded/noded/journal/native"
)

func followed(from, n int) []journaltest.Entry {
	list := make([]journaltest.Entry, n)
	for i := range list {
		at := journal.Usec(from + i)
		list[i] = journaltest.Entry{
			Realtime: 1_700_000_000_000_000 + at, Monotonic: 1000 + at, BootID: journal.ID128{1},
			Fields: []journal.Field{journaltest.F("MESSAGE", fmt.Sprintf("message %d", at)), journaltest.F("COUNT", fmt.Sprint(at))},
		}
	}
	return list
}

func openAt(t *testing.T, source journal.Source, p journal.Position) journal.Reader {
	t.Helper()
	r, err := native.New().Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := r.Seek(p); err != nil {
		t.Fatal(err)
	}
	return r
}

// expect reads the entries with these numbers, waiting for them, and no others.
func expect(t *testing.T, r journal.Reader, first, last uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for want := first; want <= last; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			if _, err := r.Wait(ctx); err != nil {
				t.Fatalf("Wait for entry %d: %v", want, err)
			}
			continue
		}
		if err != nil || e.Header().Seqnum != want {
			t.Fatalf("Next = %v, %v, want entry %d", e, err, want)
		}
		want++
	}
	if e, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("Next after entry %d = %v, %v, want io.EOF", last, e.Header().Seqnum, err)
	}
}

// TestTruncateWhileReading: a file that is cut off anywhere under its mapping, a thousand times, ends neither the process nor
// the reading of the other file.
func TestTruncateWhileReading(t *testing.T) {
	t.Parallel()
	const rounds, entries = 1000, 400
	from := t.TempDir()
	whole := filepath.Join(from, "whole.journal")
	o := journaltest.FileOptions{SeqnumID: journal.ID128{7}, Increase: 64 << 10, DataBuckets: 97, FieldBuckets: 11}
	if err := journaltest.WriteFile(whole, o, followed(0, entries)); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cut, good := filepath.Join(dir, "cut.journal"), filepath.Join(dir, "good.journal")
	o.FirstSeqnum, o.State = entries+1, journalfile.StateArchived
	if err := journaltest.WriteFile(good, o, followed(entries, 10)); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range rounds {
		if err := os.WriteFile(cut, content, 0o600); err != nil {
			t.Fatal(err)
		}
		size, after := random.IntN(len(content)), time.Duration(random.IntN(2000))*time.Microsecond
		truncated := make(chan error, 1)
		go func() {
			time.Sleep(after)
			truncated <- os.Truncate(cut, int64(size))
		}()
		n, err := readAll(t, dir)
		if err := <-truncated; err != nil {
			t.Fatal(err)
		}
		if err != nil || n > entries+10 {
			t.Fatalf("round %d, cut to %d bytes after %v: %d entries, %v", round, size, after, n, err)
		}
	}
}

// readAll reads all entries in both directions; those of the good file must be among them.
func readAll(t *testing.T, dir string) (n int, err error) {
	t.Helper()
	r, err := native.New().Open(t.Context(), journal.Source{Directory: dir})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for _, p := range []journal.Position{journal.Head(), journal.Tail()} {
		if err := r.Seek(p); err != nil {
			return n, err
		}
		step, good := r.Next, 0
		if p.Kind == journal.PositionTail {
			step = r.Previous
		}
		n = 0
		for {
			e, err := step()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return n, err
			}
			if e.Header().Seqnum > 400 {
				good++
			}
			if _, err := e.AppendFields(nil, nil); err != nil && !errors.Is(err, journal.ErrUnreadable) {
				return n, err
			}
			if n++; n > 1000 {
				return n, errors.New("the reading does not end")
			}
		}
		if good != 10 {
			return n, fmt.Errorf("%d entries of the good file, want 10", good)
		}
	}
	return n, nil
}

// TestTruncateWhileFollowing: the rest is followed, and Problems names the file.
func TestTruncateWhileFollowing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cut := filepath.Join(dir, "cut.journal")
	o := journaltest.FileOptions{SeqnumID: journal.ID128{7}}
	if err := journaltest.WriteFile(cut, o, followed(0, 1000)); err != nil {
		t.Fatal(err)
	}
	o.FirstSeqnum = 1001
	w, err := journaltest.Create(filepath.Join(dir, "live.journal"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r := openAt(t, journal.Source{Directory: dir}, journal.Head())
	expectSome(t, r, 100)
	if err := os.Truncate(cut, 4096); err != nil {
		t.Fatal(err)
	}
	later := followed(1000, 10)
	for i := range later {
		if err := w.Append(&later[i]); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for last := uint64(0); last != 1010; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			_, err = r.Wait(ctx)
		} else if err == nil {
			last = e.Header().Seqnum
		}
		if err != nil {
			t.Fatalf("after entry %d: %v", last, err)
		}
	}
	for {
		problems := r.Problems()
		if len(problems) == 1 && problems[0].Path == cut {
			return
		}
		if _, err := r.Wait(ctx); err != nil {
			t.Fatalf("Problems = %v, want %s; %v", problems, cut, err)
		}
	}
}

func expectSome(t *testing.T, r journal.Reader, n uint64) {
	t.Helper()
	for want := uint64(1); want <= n; want++ {
		if e, err := r.Next(); err != nil || e.Header().Seqnum != want {
			t.Fatalf("Next = %v, %v, want entry %d", e, err, want)
		}
	}
}

// TestRemovedFile: what is in a file that was removed by its name only is still read, as is one that was renamed meanwhile.
func TestRemovedFile(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"removed", "renamed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "system.journal")
			o := journaltest.FileOptions{SeqnumID: journal.ID128{7}}
			if err := journaltest.WriteFile(path, o, followed(0, 100)); err != nil {
				t.Fatal(err)
			}
			r := openAt(t, journal.Source{Directory: dir}, journal.Head())
			expectSome(t, r, 10)
			if _, err := r.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			archive := filepath.Join(dir, "system@1.journal")
			err := os.Rename(path, archive)
			if err == nil && how == "removed" {
				err = os.Remove(archive)
			}
			if err != nil {
				t.Fatal(err)
			}
			o.FirstSeqnum = 101
			if err := journaltest.WriteFile(path, o, followed(100, 10)); err != nil {
				t.Fatal(err)
			}
			change := journal.ChangeNone
			for change != journal.ChangeFiles {
				if change, err = r.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			expect(t, r, 11, 110)
		})
	}
}

// TestNewFile: a file that is empty at first is no problem, and is read once it is a journal.
func TestNewFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := openAt(t, journal.Source{Directory: dir}, journal.Tail())
	if _, err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "system.journal")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const soon = 60 * time.Millisecond
	began := time.Now()
	short, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for short.Err() == nil {
		if _, err := r.Wait(short); err != nil && short.Err() == nil {
			t.Fatal(err)
		}
		if problems := r.Problems(); len(problems) > 0 && time.Since(began) < soon {
			t.Errorf("Problems = %v at once", problems)
		}
	}
	if err := journaltest.WriteFile(path, journaltest.FileOptions{}, followed(0, 10)); err != nil {
		t.Fatal(err)
	}
	expect(t, r, 1, 10)
	if problems := r.Problems(); len(problems) > 0 {
		t.Errorf("Problems = %v, want none", problems)
	}
}

// TestFollowedFilesAreReleased: a follower holds the files that there are, however many were rotated away.
func TestFollowedFilesAreReleased(t *testing.T) {
	t.Parallel()
	const rotations, each = 40, 5
	dir := t.TempDir()
	path := filepath.Join(dir, "system.journal")
	r := openAt(t, journal.Source{Directory: dir}, journal.Head())
	for i := range rotations {
		first := uint64(i*each + 1)
		o := journaltest.FileOptions{SeqnumID: journal.ID128{7}, FirstSeqnum: first, State: journalfile.StateArchived}
		w, err := journaltest.Create(path, o)
		if err != nil {
			t.Fatal(err)
		}
		list := followed(i*each, each)
		for k := range list {
			if err := w.Append(&list[k]); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, r, first, first+each-1)
		archive := filepath.Join(dir, fmt.Sprintf("system@%04d.journal", i))
		if err := os.Rename(path, archive); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if i >= 2 {
			if err := os.Remove(filepath.Join(dir, fmt.Sprintf("system@%04d.journal", i-2))); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		// Two archives are left, and the file of the last entry.
		held := heldBelow(t, dir)
		if held <= 6 {
			return
		}
		if e, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("Next = %v, %v, want io.EOF", e, err)
		}
		if _, err := r.Wait(ctx); err != nil {
			t.Fatalf("%v; %d descriptors and mappings are held", err, held)
		}
	}
}

// heldBelow counts the descriptors and mappings of files below dir, removed ones included.
func heldBelow(t *testing.T, dir string) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	held := bytes.Count(maps, []byte(dir+"/"))
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			held++
		}
	}
	return held
}
