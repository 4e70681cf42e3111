// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package native_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// live is a file that is written to.
type live struct {
	*journaltest.FileWriter
	path string
}

func create(t *testing.T, path string, o journaltest.FileOptions) live {
	t.Helper()
	w, err := journaltest.Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return live{w, path}
}

func (w live) add(t *testing.T, entries []journaltest.Entry) {
	t.Helper()
	for i := range entries {
		if err := w.Append(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// patch writes bytes over those of the file.
func (w live) patch(t *testing.T, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(w.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func wantSeqnum(t *testing.T, what string, move func() (journal.Entry, error), want uint64) journal.Entry {
	t.Helper()
	e, err := move()
	if want == 0 {
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s = %v, want io.EOF", what, err)
		}
		return nil
	}
	if err != nil {
		t.Fatalf("%s = %v, want entry %d", what, err, want)
	}
	if got := e.Header().Seqnum; got != want {
		t.Errorf("%s = entry %d, want %d", what, got, want)
	}
	return e
}

// TestSeekInGrownFile: a seek knows what was written since the file was looked at.
func TestSeekInGrownFile(t *testing.T) {
	t.Parallel()
	id := journal.ID128{7}
	w := create(t, filepath.Join(t.TempDir(), "system.journal"), journaltest.FileOptions{SeqnumID: id})
	list := followed(0, 40)
	w.add(t, list[:10])
	r := openAt(t, journal.Source{Directory: filepath.Dir(w.path)}, journal.Head())
	expect(t, r, 1, 10)
	w.add(t, list[10:20])
	at := func(i int) journal.Position {
		h := journal.Header{SeqnumID: id, Seqnum: uint64(i), BootID: list[i-1].BootID, Realtime: list[i-1].Realtime, Monotonic: list[i-1].Monotonic}
		return journal.AtCursor(h.Cursor())
	}
	for _, tt := range []struct {
		name       string
		p          journal.Position
		next, prev uint64
	}{
		{"cursor", at(15), 15, 15},
		{"time", journal.AtRealtime(list[14].Realtime), 15, 14},
		{"tail", journal.Tail(), 0, 20},
	} {
		for _, down := range []bool{true, false} {
			// The reader has not seen these either.
			if err := r.Seek(tt.p); err != nil {
				t.Fatal(err)
			}
			if down {
				wantSeqnum(t, tt.name+": Next", r.Next, tt.next)
			} else {
				wantSeqnum(t, tt.name+": Previous", r.Previous, tt.prev)
			}
		}
	}
	// What comes before the place later is not after it.
	for _, p := range []journal.Position{at(25), journal.AtRealtime(list[24].Realtime)} {
		if err := r.Seek(p); err != nil {
			t.Fatal(err)
		}
		wantSeqnum(t, "Next beyond the end", r.Next, 0)
	}
	w.add(t, list[20:23])
	wantSeqnum(t, "Next still beyond the end", r.Next, 0)
	w.add(t, list[23:30])
	wantSeqnum(t, "Next", r.Next, 25)
	wantSeqnum(t, "Previous", r.Previous, 24)
	wantSeqnum(t, "Previous", r.Previous, 23)
}

// TestSequenceTaken: journald may give an empty file the sequence of the first entry that it gets.
func TestSequenceTaken(t *testing.T) {
	t.Parallel()
	w := create(t, filepath.Join(t.TempDir(), "system.journal"), journaltest.FileOptions{SeqnumID: journal.ID128{7}})
	r := openAt(t, journal.Source{Directory: filepath.Dir(w.path)}, journal.Head())
	wantSeqnum(t, "Next", r.Next, 0)
	id := journal.ID128{8}
	w.patch(t, 72, id[:])
	w.add(t, followed(0, 10))
	expect(t, r, 1, 10)
	wantSeqnum(t, "Previous", r.Previous, 9)
}

// TestEntryOfRemappedFile: the entry that the reader stands on is good although its file was mapped anew at the end.
func TestEntryOfRemappedFile(t *testing.T) {
	t.Parallel()
	w := create(t, filepath.Join(t.TempDir(), "system.journal"), journaltest.FileOptions{Increase: 64 << 10, DataBuckets: 97, FieldBuckets: 11})
	list := followed(0, 3000)
	w.add(t, list[:10])
	r := openAt(t, journal.Source{Directory: filepath.Dir(w.path)}, journal.Head())
	if err := r.SetMatch(journal.Match{{{{Field: "COUNT", Value: "5"}}}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	e := wantSeqnum(t, "Next", r.Next, 6)
	first, err := e.AppendFields(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.add(t, list[10:])
	wantSeqnum(t, "Next", r.Next, 0)
	again, err := e.AppendFields(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprintf("%+v", first), fmt.Sprintf("%+v", again); a != b || len(first) != 3 {
		t.Errorf("fields %s, then %s", a, b)
	}
}

// TestLateLink: an entry counts before the lists of its values have it. A follower with a match that looks in between finds it
// nevertheless, without another entry coming.
func TestLateLink(t *testing.T) {
	t.Parallel()
	w := create(t, filepath.Join(t.TempDir(), "system.journal"), journaltest.FileOptions{})
	list := followed(0, 2)
	for i := range list {
		list[i].Fields = append(list[i].Fields, journaltest.F("SAME", "x"))
	}
	w.add(t, list[:1])
	r := openAt(t, journal.Source{Directory: filepath.Dir(w.path)}, journal.Head())
	if err := r.SetMatch(journal.Match{{{{Field: "SAME", Value: "x"}}}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	expect(t, r, 1, 1)
	w.add(t, list[1:])
	at := dataAt(t, w.path, "SAME=x")
	w.patch(t, at+56, []byte{1})
	wantSeqnum(t, "Next", r.Next, 0)
	w.patch(t, at+56, []byte{2})
	begin := time.Now()
	expect(t, r, 2, 2)
	if took := time.Since(begin); took > 30*time.Second { // on a busy machine
		t.Errorf("it took %v", took)
	}
}

// dataAt finds the data object of the newest entry with that payload.
func dataAt(t *testing.T, path, payload string) int64 {
	t.Helper()
	f, err := journalfile.Open(path, journalfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var e journalfile.Entry
	if err := f.ReadEntry(f.Limit(), &e); err != nil {
		t.Fatal(err)
	}
	for i := range e.Items() {
		var d journalfile.Data
		if err := f.ReadData(e.Item(i), &d); err == nil && string(d.Payload) == payload {
			return int64(e.Item(i))
		}
	}
	t.Fatalf("no %s", payload)
	return 0
}

// TestTurnAfterTime: the clock was set back between two files. From a time in the first, backwards is backwards.
func TestTurnAfterTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := journaltest.FileOptions{SeqnumID: journal.ID128{7}, State: journalfile.StateArchived}
	list := followed(0, 20)
	for i := range list[10:] {
		list[10+i].Realtime -= 1000
	}
	for i := range 2 {
		o.FirstSeqnum = uint64(10*i + 1)
		if err := journaltest.WriteFile(filepath.Join(dir, fmt.Sprintf("system@%d.journal", i)), o, list[10*i:10*i+10]); err != nil {
			t.Fatal(err)
		}
	}
	r := openAt(t, journal.Source{Directory: dir}, journal.AtRealtime(list[4].Realtime))
	wantSeqnum(t, "Next", r.Next, 5)
	wantSeqnum(t, "Previous", r.Previous, 4)
	wantSeqnum(t, "Next", r.Next, 5)
	wantSeqnum(t, "Next", r.Next, 6)
}

// TestLeftOverFiles: what crashes left over says for ever that it is being written to, and is closed nevertheless.
func TestLeftOverFiles(t *testing.T) {
	t.Parallel()
	const files, each = 150, 3
	dir := t.TempDir()
	for i := range files {
		o := journaltest.FileOptions{
			SeqnumID: journal.ID128{7}, FirstSeqnum: uint64(each*i + 1), State: journalfile.StateOnline, DataBuckets: 97, FieldBuckets: 11,
		}
		path := filepath.Join(dir, fmt.Sprintf("system@%03d.journal~", i))
		if err := journaltest.WriteFile(path, o, followed(each*i, each)); err != nil {
			t.Fatal(err)
		}
	}
	r := openAt(t, journal.Source{Directory: dir}, journal.Tail())
	for i := range files * each {
		wantSeqnum(t, "Previous", r.Previous, uint64(files*each-i))
	}
	if held := heldBelow(t, dir); held > 200 {
		t.Errorf("%d descriptors and mappings", held)
	}
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	expectSome(t, r, files*each)
	if held := heldBelow(t, dir); held > 200 {
		t.Errorf("%d descriptors and mappings", held)
	}
}

// TestFileLeftOver: a file that is followed is given up by journald, which renames it.
func TestFileLeftOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := journaltest.FileOptions{SeqnumID: journal.ID128{7}}
	w := create(t, filepath.Join(dir, "system.journal"), o)
	w.add(t, followed(0, 10))
	r := openAt(t, journal.Source{Directory: dir}, journal.Head())
	expect(t, r, 1, 10)
	w.add(t, followed(10, 10))
	if err := os.Rename(w.path, filepath.Join(dir, "system@1.journal~")); err != nil {
		t.Fatal(err)
	}
	o.FirstSeqnum = 21
	create(t, w.path, o).add(t, followed(20, 5))
	for change := journal.ChangeNone; change != journal.ChangeFiles; {
		var err error
		if change, err = r.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, r, 11, 25)
}

// TestEntryLimit: all fields of an entry count together, those too that other entries have.
func TestEntryLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	for _, fields := range []int{2, 4} {
		path := filepath.Join(t.TempDir(), "system.journal")
		list := followed(0, 4)
		for i := range list {
			for k := range fields {
				list[i].Fields = append(list[i].Fields, journaltest.F(fmt.Sprintf("LARGE%d", k), strings.Repeat("x", limit/3)))
			}
		}
		if err := journaltest.WriteFile(path, journaltest.FileOptions{Compression: journaltest.Variants()[0].Options.Compression}, list); err != nil {
			t.Fatal(err)
		}
		r, err := native.New(native.MaxEntryBytes(limit)).Open(t.Context(), journal.Source{Files: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		for range list {
			e, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.AppendFields(nil, nil); (err == nil) != (fields < 3) || err != nil && !errors.Is(err, journal.ErrTooLarge) {
				t.Errorf("entry %d with %d fields of a third of the limit: %v", e.Header().Seqnum, fields, err)
			}
			if _, err := e.AppendFields(nil, journal.Mask{"LARGE1", "COUNT"}); err != nil {
				t.Errorf("some fields: %v", err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNewFileBehind: a user's first entry makes a file. That the next entry of the system was read before the file was found does
// not make the user's entry old.
func TestNewFileBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := journaltest.FileOptions{SeqnumID: journal.ID128{7}}
	system := create(t, filepath.Join(dir, "system.journal"), o)
	list := followed(0, 12)
	system.add(t, list[:10])
	r := openAt(t, journal.Source{Directory: dir}, journal.Head())
	expect(t, r, 1, 10)
	if _, err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	filtered := openAt(t, journal.Source{Directory: dir}, journal.Head())
	if err := filtered.SetMatch(journal.Match{{{}}}); err != nil {
		t.Fatal(err)
	}
	if err := filtered.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	expect(t, filtered, 1, 10)
	if _, err := filtered.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.FirstSeqnum = 11
	create(t, filepath.Join(dir, "user-1000.journal"), o).add(t, list[10:11])
	list[11].Seqnum = 12
	system.add(t, list[11:])
	// Without a match the missing number tells that there is another file.
	wantSeqnum(t, "Next", r.Next, 11)
	wantSeqnum(t, "Next", r.Next, 12)
	if change, err := r.Wait(t.Context()); err != nil || change != journal.ChangeFiles {
		t.Errorf("Wait = %v, %v, want ChangeFiles", change, err)
	}
	wantSeqnum(t, "Next of a match", filtered.Next, 12)
	expect(t, filtered, 11, 11)
}

// TestFollowMatches: of three files that are written to at the same time, a follower with a match gets every entry that it should, and
// nothing looks damaged.
func TestFollowMatches(t *testing.T) {
	t.Parallel()
	const n, files = 20_000, 3
	dir := t.TempDir()
	var writers []live
	for i := range files {
		o := journaltest.FileOptions{SeqnumID: journal.ID128{byte(7 + i%2)}, Increase: 128 << 10}
		writers = append(writers, create(t, filepath.Join(dir, fmt.Sprintf("user-%d.journal", i)), o))
	}
	r := openAt(t, journal.Source{Directory: dir}, journal.Head())
	if err := r.SetMatch(journal.Match{{{{Field: "THIRD", Value: "1"}, {Field: "FIFTH", Value: "2"}}}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		for i, e := range followed(0, n) {
			e.Seqnum = uint64(i + 1)
			e.Fields = append(e.Fields, journaltest.F("THIRD", fmt.Sprint(i%3)), journaltest.F("FIFTH", fmt.Sprint(i%5)))
			if err := writers[i*i%files].Append(&e); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for want := 7; want < n; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			if _, err := r.Wait(ctx); err != nil {
				t.Fatalf("Wait for entry %d: %v", want, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := e.Lookup("COUNT")
		if err != nil || string(f.Value) != fmt.Sprint(want) {
			t.Fatalf("entry %s, %v, want %d", f.Value, err, want)
		}
		want += 15
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if problems := r.Problems(); len(problems) > 0 {
		t.Errorf("Problems = %v", problems)
	}
}
