// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// TestInspect: what is in a directory is seen after Fresh, whatever happened to the file.
func TestInspect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.journal"), filepath.Join(dir, "b.journal")
	journaltest.Write(t, a, journaltest.Options{State: journalfile.StateArchived}, entries(3))
	s := newSet(t, journal.Source{Directory: dir})
	want := func(what string, entries []uint64, bad ...string) {
		t.Helper()
		s.listing.at = s.listing.at.Add(-Fresh) // the time has passed, no more
		files, problems := s.Inspect()
		var got []uint64
		for i := range files {
			got = append(got, files[i].Entries)
		}
		var paths []string
		for _, p := range problems {
			paths = append(paths, p.Path)
		}
		if fmt.Sprint(got) != fmt.Sprint(entries) || fmt.Sprint(paths) != fmt.Sprint(bad) {
			t.Errorf("%s: entries %v, problems %v, want %v, %v", what, got, problems, entries, bad)
		}
	}
	want("one", []uint64{3})
	journaltest.Write(t, b, journaltest.Options{}, entries(5))
	want("two", []uint64{3, 5})
	settle(t, s, dir, a, b)
	want("settled", []uint64{3, 5})
	if !s.listing.sameDirectories() {
		t.Error("the directory is listed again though nothing changed")
	}
	patch(t, b, 152, 4) // the number of entries
	want("changed", []uint64{3, 4})
	aside := filepath.Join(t.TempDir(), "new.journal")
	journaltest.Write(t, aside, journaltest.Options{}, entries(7))
	if err := os.Rename(aside, a); err != nil {
		t.Fatal(err)
	}
	want("replaced", []uint64{7, 4})
	if err := os.Truncate(b, 100); err != nil {
		t.Fatal(err)
	}
	want("truncated", []uint64{7}, b)
	s.Note(a, errors.New("damaged"))
	want("noted", []uint64{7}, a, b)
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	want("removed", nil, b)
	journaltest.Write(t, a, journaltest.Options{}, entries(1))
	want("made anew", []uint64{1}, b)
}

// settle makes the files and the directory old and lets the Set look at them.
func settle(t *testing.T, s *Set, paths ...string) {
	t.Helper()
	past := time.Now().Add(-time.Hour)
	for _, path := range paths {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	s.Expire()
	s.Inspect()
}

// TestFollow: a file that is found empty counts at first only for who does not follow.
func TestFollow(t *testing.T) {
	t.Parallel()
	dir := tree(t, "empty.journal")
	s := newSet(t, journal.Source{Directory: dir})
	if _, problems := s.Inspect(); len(problems) != 1 || problems[0].Reason != journal.GapTruncated {
		t.Errorf("problems %v, want one", problems)
	}
	write(t, filepath.Join(dir, "new.journal"), "")
	s.Follow()
	s.Expire()
	if _, problems := s.Inspect(); len(problems) != 1 || !s.Withheld() {
		t.Errorf("problems %v, withheld %t, want the old one", problems, s.Withheld())
	}
	time.Sleep(Fresh)
	if _, problems := s.Inspect(); len(problems) != 2 || s.Withheld() {
		t.Errorf("problems %v, withheld %t, want both", problems, s.Withheld())
	}
}

// TestLateDirectory: directories that do not exist at first are found.
func TestLateDirectory(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := newSet(t, journal.Source{Root: root})
	if files, problems := s.Inspect(); len(files)+len(problems) != 0 {
		t.Errorf("files %v, problems %v, want none", files, problems)
	}
	dir := filepath.Join(root, varDirectory, "0123456789abcdef0123456789abcdef")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	journaltest.Write(t, filepath.Join(dir, "system.journal"), journaltest.Options{}, entries(2))
	s.listing.at = s.listing.at.Add(-Fresh)
	if files, problems := s.Inspect(); len(files) != 1 || len(problems) != 0 {
		t.Errorf("files %v, problems %v, want one", files, problems)
	}
}

// manyFiles makes a directory of n files that are one.
func manyFiles(t testing.TB, n int, state journalfile.State) string {
	t.Helper()
	dir := t.TempDir()
	first := filepath.Join(dir, "system.journal")
	journaltest.Write(t, first, journaltest.Options{State: state}, entries(1))
	for i := range n - 1 {
		if err := os.Link(first, filepath.Join(dir, fmt.Sprintf("system@%04d.journal", i))); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-time.Hour)
	for _, path := range []string{first, dir} {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func BenchmarkInspect(b *testing.B) {
	dir := manyFiles(b, 1500, journalfile.StateArchived)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if files, _ := newSet(b, journal.Source{Directory: dir}).Inspect(); len(files) != 1500 {
				b.Fatalf("%d files", len(files))
			}
		}
	})
	s := newSet(b, journal.Source{Directory: dir})
	b.Run("expired", func(b *testing.B) {
		for b.Loop() {
			s.Expire()
			s.Inspect()
		}
	})
	b.Run("later", func(b *testing.B) {
		for b.Loop() {
			s.listing.at = s.listing.at.Add(-Fresh)
			s.Inspect()
		}
	})
}

// TestAccept: a file with an unknown feature is a problem unless the engine reads it.
func TestAccept(t *testing.T) {
	t.Parallel()
	fixture := journaltest.Get(t, "truncated")
	flagged := filepath.Join(fixture.Dir, "flag.journal")
	for _, accepted := range []bool{false, true} {
		s, err := New(journal.Source{Directory: fixture.Dir})
		if err != nil {
			t.Fatal(err)
		}
		s.Accept(func(path string) bool { return accepted && path == flagged })
		files, problems := s.Inspect()
		good := slices.ContainsFunc(files, func(f File) bool { return f.Path == flagged && f.Entries > 0 })
		bad := slices.ContainsFunc(problems, func(p journal.FileProblem) bool { return p.Path == flagged })
		if good != accepted || bad == accepted {
			t.Errorf("accepted %v: files %v, problems %v", accepted, files, problems)
		}
	}
}
