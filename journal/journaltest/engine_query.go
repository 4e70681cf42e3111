// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
)

// matches evaluates a Match by its definition.
func matches(m journal.Match, rec *journal.Record) bool {
	for _, group := range m {
		holds := false
		for _, conjunction := range group {
			holds = holds || conjunctionHolds(conjunction, rec)
		}
		if !holds {
			return false
		}
	}
	return true
}

func conjunctionHolds(c journal.Conjunction, rec *journal.Record) bool {
	named := map[string]bool{}
	for _, term := range c {
		present := false
		for _, f := range rec.Fields {
			present = present || f.Name == term.Field && string(f.Value) == term.Value
		}
		named[term.Field] = named[term.Field] || present
	}
	for _, holds := range named {
		if !holds {
			return false
		}
	}
	return true
}

// testMatch: matches select what their definition says, in both directions and after seeks.
func (s suite) testMatch(t *testing.T) {
	term := func(field, value string) journal.Term { return journal.Term{Field: field, Value: value} }
	alpha, beta := term("_SYSTEMD_UNIT", "alpha.service"), term("_SYSTEMD_UNIT", "beta.service")
	err3, info := term("PRIORITY", "3"), term("PRIORITY", "6")
	for name, m := range map[string]journal.Match{
		"all":                   nil,
		"one term":              {{{alpha}}},
		"same field is or":      {{{alpha, beta}}},
		"different is and":      {{{alpha, err3}}},
		"or of conjunctions":    {{{alpha, err3}, {beta, info}}},
		"and of groups":         {{{alpha}, {beta}}, {{err3}, {info}}},
		"nothing":               {{{term("_SYSTEMD_UNIT", "none.service")}}},
		"empty group":           {{}},
		"empty group with more": {{{alpha}}, {}},
		"empty conjunction":     {{{}}, {{alpha}}},
		"contradiction":         {{{alpha}}, {{beta}}},
		"message":               {{{term("MESSAGE", "message 77 of gamma.service")}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, fixture := range []string{"several-files", "unkeyed"} {
				r := s.open(t, journal.Source{Directory: Get(t, fixture).Dir})
				seek(t, r, journal.Head())
				want := []journal.Record{}
				for _, rec := range all(t, r.Next) {
					if matches(m, &rec) {
						want = append(want, rec)
					}
				}
				if err := r.SetMatch(m); err != nil {
					t.Fatalf("SetMatch: %v", err)
				}
				seek(t, r, journal.Head())
				if diff := cmp.Diff(cursors(want), cursors(all(t, r.Next))); diff != "" {
					t.Errorf("%s forward (-want +got):\n%.1000s", fixture, diff)
				}
				seek(t, r, journal.Tail())
				if diff := cmp.Diff(reversed(cursors(want)), cursors(all(t, r.Previous))); diff != "" {
					t.Errorf("%s backward (-want +got):\n%.1000s", fixture, diff)
				}
				if len(want) > 2 {
					// From an entry in the middle, and from one that does not match.
					seek(t, r, journal.AtCursor(want[1].Cursor()))
					wantCursor(t, "Next at cursor", want[1].Cursor(), r.Next)
					seek(t, r, journal.AtRealtime(want[1].Realtime+1))
					wantCursor(t, "Next after realtime", want[2].Cursor(), r.Next)
				}
			}
		})
	}
	r := s.open(t, journal.Source{Directory: Get(t, "basic").Dir})
	if err := r.SetMatch(journal.Match{{{term("lower", "x")}}}); !errors.Is(err, journal.ErrInvalidQuery) {
		t.Errorf("SetMatch of a bad field name: %v, want ErrInvalidQuery", err)
	}
}

// testMissingCursor: an entry that is gone is a place nevertheless.
func (s suite) testMissingCursor(t *testing.T) {
	entries := plain(30, id(0xbf))
	for i := range entries {
		entries[i].Seqnum = uint64(i)*10 + 10
	}
	path := filepath.Join(t.TempDir(), "system.journal")
	Write(t, path, Options{SeqnumID: id(0xcf)}, entries)
	r := s.open(t, journal.Source{Files: []string{path}})
	seek(t, r, journal.Head())
	list := all(t, r.Next)
	if len(list) != len(entries) {
		t.Fatalf("%d entries, want %d", len(list), len(entries))
	}
	gone := list[10].Header
	gone.Seqnum += 5
	gone.XorHash++
	gone.Realtime += 10
	gone.Monotonic += 10
	seek(t, r, journal.AtCursor(gone.Cursor()))
	wantCursor(t, "Next", list[11].Cursor(), r.Next)
	seek(t, r, journal.AtCursor(gone.Cursor()))
	wantCursor(t, "Previous", list[10].Cursor(), r.Previous)
	gone.Seqnum, gone.Realtime, gone.Monotonic = 100_000, gone.Realtime+hour, gone.Monotonic+hour
	seek(t, r, journal.AtCursor(gone.Cursor()))
	wantEOF(t, "Next after the last", r.Next)
	seek(t, r, journal.AtCursor(gone.Cursor()))
	wantCursor(t, "Previous after the last", list[len(list)-1].Cursor(), r.Previous)
}

func (s suite) testBadCursor(t *testing.T) {
	r := s.open(t, journal.Source{Directory: Get(t, "basic").Dir})
	for _, c := range []journal.Cursor{"", "junk", "s=1", "i=5", "t=xyz"} {
		if err := r.Seek(journal.AtCursor(c)); !errors.Is(err, journal.ErrBadCursor) {
			t.Errorf("Seek(%q): %v, want ErrBadCursor", c, err)
		}
	}
}

func (s suite) testSkip(t *testing.T) {
	r := s.open(t, journal.Source{Directory: Get(t, "several-files").Dir})
	seek(t, r, journal.Head())
	list := all(t, r.Next)
	last := len(list) - 1
	skip := func(n, wantMade int64, want int) {
		t.Helper()
		e, made, err := r.Skip(n)
		if want < 0 {
			if !errors.Is(err, io.EOF) || made != 0 {
				t.Errorf("Skip(%d) = %d, %v, want io.EOF", n, made, err)
			}
			return
		}
		if err != nil || made != wantMade {
			t.Fatalf("Skip(%d) = %d, %v, want %d", n, made, err, wantMade)
		}
		if got := e.Header().Cursor(); got != list[want].Cursor() {
			t.Errorf("Skip(%d) reached %s, want entry %d %s", n, got, want, list[want].Cursor())
		}
	}
	seek(t, r, journal.Head())
	skip(0, 0, -1)
	skip(-3, 0, -1)
	skip(1, 1, 0)
	skip(0, 0, 0)
	skip(10, 10, 10)
	skip(-4, -4, 6)
	skip(-100, -6, 0)
	skip(1<<40, int64(last), last)
	skip(5, 0, -1)
	seek(t, r, journal.Tail())
	skip(5, 0, -1)
	skip(-1, -1, last)
	seek(t, r, journal.Tail())
	skip(-10, -10, last-9)
	skip(3, 3, last-6)
	seek(t, r, journal.AtCursor(list[20].Cursor()))
	skip(1, 1, 20)
	seek(t, r, journal.AtCursor(list[20].Cursor()))
	skip(-2, -2, 19)
	seek(t, r, journal.AtRealtime(list[20].Realtime))
	skip(2, 2, 21)
	seek(t, r, journal.AtRealtime(list[20].Realtime))
	skip(-2, -2, 18)
}

// testNamespace: Source.Namespace selects subdirectories.
func (s suite) testNamespace(t *testing.T) {
	dir := Get(t, "namespaces").Dir
	for namespace, want := range map[string]int{"": 120, "web": 120, "+web": 240, "*": 360, "none": 0} {
		r := s.open(t, journal.Source{Directory: dir, Namespace: namespace})
		seek(t, r, journal.Head())
		if got := len(all(t, r.Next)); got != want {
			t.Errorf("namespace %q: %d entries, want %d", namespace, got, want)
		}
	}
}

// testFiles: lists of files and patterns, with bad ones among them.
func (s suite) testFiles(t *testing.T) {
	several, truncated := Get(t, "several-files"), Get(t, "truncated")
	tests := map[string]struct {
		files []string
		want  int
		bad   int
	}{
		"one":           {several.Files[:1], -1, 0},
		"all":           {several.Files, 900, 0},
		"pattern":       {[]string{filepath.Join(several.Dir, "*", "*.journal")}, 900, 0},
		"named twice":   {append(several.Files, filepath.Join(several.Dir, "*", "*.journal")), 900, 0},
		"bad ones":      {truncated.Files, 200, 3},
		"only bad ones": {truncated.Bad, 0, 3},
	}
	for name, test := range tests {
		r := s.open(t, journal.Source{Files: test.files})
		seek(t, r, journal.Head())
		got := len(all(t, r.Next))
		if got != test.want && test.want >= 0 || got == 900 && test.want < 0 {
			t.Errorf("%s: %d entries, want %d", name, got, test.want)
		}
		if problems := r.Problems(); len(problems) != test.bad {
			t.Errorf("%s: problems %v, want %d", name, problems, test.bad)
		}
	}
}

// testRepeated: repeated fields come all, in stored order; Lookup gives the first.
func (s suite) testRepeated(t *testing.T) {
	r := s.open(t, journal.Source{Directory: Get(t, "repeated").Dir})
	seek(t, r, journal.Head())
	found := 0
	for _, rec := range all(t, r.Next) {
		var tags [][]byte
		for _, f := range rec.Fields {
			if f.Name == "TAG" {
				tags = append(tags, f.Value)
			}
		}
		first, _ := rec.Get("TAG")
		if len(tags) > 0 && !bytes.Equal(first, tags[0]) {
			t.Errorf("Get(TAG) = %q, want %q", first, tags[0])
		}
		found += len(tags)
	}
	if found != 9 {
		t.Errorf("%d TAG fields, want 9", found)
	}
}
