// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/noded/noded/journal"
)

// TestEngine checks that an engine keeps the contract of journal.Engine and journal.Reader, on all journals of the
// corpus and on such that grow, rotate and are removed meanwhile. The reference is journalctl.
func TestEngine(t *testing.T, engine journal.Engine) {
	s := suite{engine: engine}
	for _, f := range Corpus(t) {
		t.Run(f.Name, func(t *testing.T) {
			t.Run("order", func(t *testing.T) { s.testOrder(t, f) })
			t.Run("seek", func(t *testing.T) { s.testSeek(t, f) })
			t.Run("entry", func(t *testing.T) { s.testEntry(t, f) })
			t.Run("fields", func(t *testing.T) { s.testFieldNames(t, f) })
			t.Run("problems", func(t *testing.T) { s.testProblems(t, f) })
		})
	}
	t.Run("match", s.testMatch)
	t.Run("missing cursor", s.testMissingCursor)
	t.Run("bad cursor", s.testBadCursor)
	t.Run("skip", s.testSkip)
	t.Run("namespace", s.testNamespace)
	t.Run("files", s.testFiles)
	t.Run("missing source", s.testMissingSource)
	t.Run("repeated fields", s.testRepeated)
	t.Run("parallel", s.testParallel)
	t.Run("append", s.testAppend)
	t.Run("rotate", s.testRotate)
	t.Run("tails of a new file", s.testTailsOfNewFile)
	t.Run("vacuum", s.testVacuum)
	t.Run("vacuum in the middle", s.testVacuumMiddle)
	t.Run("damaged", s.testDamaged)
	t.Run("live", s.testLive)
	t.Run("wait", s.testWait)
	t.Run("close", s.testClose)
}

// suite is the tests of one engine.
type suite struct{ engine journal.Engine }

func (s suite) open(t *testing.T, source journal.Source) journal.Reader {
	t.Helper()
	r, err := s.engine.Open(t.Context(), source)
	if err != nil {
		t.Fatalf("Open(%+v): %v", source, err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// all reads every entry from the place where the reader is.
func all(t *testing.T, step func() (journal.Entry, error)) []journal.Record {
	t.Helper()
	records := []journal.Record{}
	for {
		e, err := step()
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatalf("entry %d: %v", len(records), err)
		}
		records = append(records, record(t, e))
	}
}

func record(t *testing.T, e journal.Entry) journal.Record {
	t.Helper()
	fields, err := e.AppendFields(nil, nil)
	if err != nil {
		t.Fatalf("AppendFields: %v", err)
	}
	rec := journal.Record{Header: e.Header(), Fields: fields}
	for i := range rec.Fields {
		rec.Fields[i].Value = bytes.Clone(fields[i].Value)
		rec.Fields[i].ID = 0
	}
	return rec
}

// exported is the text that journalctl --output=export prints for the records. journalctl leaves _BOOT_ID out of
// the fields, having it in the header.
func exported(records []journal.Record) []byte {
	var b []byte
	for i := range records {
		rec := &records[i]
		b = append(b, "__CURSOR="+string(rec.Cursor())+"\n"...)
		e := Entry{Realtime: rec.Realtime, Monotonic: rec.Monotonic, BootID: rec.BootID}
		for _, f := range rec.Fields {
			if f.Name != "_BOOT_ID" {
				e.Fields = append(e.Fields, f)
			}
		}
		b = AppendExport(b, &e)
	}
	return b
}

func cursors(records []journal.Record) []journal.Cursor {
	list := make([]journal.Cursor, len(records))
	for i := range records {
		list[i] = records[i].Cursor()
	}
	return list
}

func reversed(list []journal.Cursor) []journal.Cursor {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func seek(t *testing.T, r journal.Reader, p journal.Position) {
	t.Helper()
	if err := r.Seek(p); err != nil {
		t.Fatalf("Seek(%+v): %v", p, err)
	}
}

func wantEOF(t *testing.T, what string, step func() (journal.Entry, error)) {
	t.Helper()
	if e, err := step(); !errors.Is(err, io.EOF) {
		t.Errorf("%s: got %v, %v, want io.EOF", what, e, err)
	}
}

func wantCursor(t *testing.T, what string, want journal.Cursor, step func() (journal.Entry, error)) {
	t.Helper()
	e, err := step()
	if err != nil {
		t.Errorf("%s: %v, want entry %s", what, err, want)
		return
	}
	if got := e.Header().Cursor(); got != want {
		t.Errorf("%s = %s, want %s", what, got, want)
	}
}

// testOrder: the same entries as journalctl shows, byte for byte, in the same order; backwards
// the same in reverse.
func (s suite) testOrder(t *testing.T, f Fixture) {
	out, err := exec.Command("journalctl", "--directory="+f.Dir, "--output=export", "--quiet", "--no-pager", "--all").Output()
	if err != nil {
		t.Fatalf("journalctl: %v", err)
	}
	r := s.open(t, journal.Source{Directory: f.Dir})
	seek(t, r, journal.Head())
	forward := all(t, r.Next)
	if got := exported(forward); !bytes.Equal(got, out) {
		at := firstDifference(got, out)
		t.Errorf("%d bytes, journalctl gives %d; at %d: %.200q, want %.200q", len(got), len(out), at, got[at:], out[at:])
	}
	wantEOF(t, "Next after the last", r.Next)
	seek(t, r, journal.Tail())
	backward := all(t, r.Previous)
	wantEOF(t, "Previous before the first", r.Previous)
	if diff := cmp.Diff(cursors(forward), reversed(cursors(backward))); diff != "" {
		t.Errorf("backward is not the reverse of forward (-forward +backward):\n%.2000s", diff)
	}
}

func firstDifference(a, b []byte) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

// testSeek: the contract of Seek at head, tail, and every entry's cursor and time.
func (s suite) testSeek(t *testing.T, f Fixture) {
	r := s.open(t, journal.Source{Directory: f.Dir})
	seek(t, r, journal.Head())
	list := all(t, r.Next)
	seek(t, r, journal.Head())
	wantEOF(t, "Previous at head", r.Previous)
	seek(t, r, journal.Tail())
	wantEOF(t, "Next at tail", r.Next)
	if len(list) == 0 {
		return
	}
	wantCursor(t, "Previous at tail after Next", list[len(list)-1].Cursor(), r.Previous)
	stepped := max(len(list)/40, 1)
	for i := 0; i < len(list); i += stepped {
		at := journal.AtCursor(list[i].Cursor())
		seek(t, r, at)
		wantCursor(t, "Next at cursor", list[i].Cursor(), r.Next)
		if i > 0 {
			wantCursor(t, "Previous after Next at cursor", list[i-1].Cursor(), r.Previous)
			wantCursor(t, "Next again", list[i].Cursor(), r.Next)
		}
		seek(t, r, at)
		wantCursor(t, "Previous at cursor", list[i].Cursor(), r.Previous)
		if i > 0 {
			wantCursor(t, "Previous again", list[i-1].Cursor(), r.Previous)
		}
	}
	if slices.IsSortedFunc(list, func(a, b journal.Record) int { return int(int64(a.Realtime) - int64(b.Realtime)) }) {
		testRealtime(t, r, list, stepped)
	}
}

func testRealtime(t *testing.T, r journal.Reader, list []journal.Record, stepped int) {
	t.Helper()
	for i := 0; i < len(list); i += stepped {
		at := list[i].Realtime
		first := slices.IndexFunc(list, func(rec journal.Record) bool { return rec.Realtime >= at })
		seek(t, r, journal.AtRealtime(at))
		wantCursor(t, "Next at realtime", list[first].Cursor(), r.Next)
		seek(t, r, journal.AtRealtime(at))
		if first == 0 {
			wantEOF(t, "Previous at the first realtime", r.Previous)
		} else {
			wantCursor(t, "Previous at realtime", list[first-1].Cursor(), r.Previous)
		}
	}
	last := list[len(list)-1]
	seek(t, r, journal.AtRealtime(last.Realtime+1))
	wantEOF(t, "Next after the last realtime", r.Next)
	wantCursor(t, "Previous after the last realtime", last.Cursor(), r.Previous)
	seek(t, r, journal.AtRealtime(0))
	wantEOF(t, "Previous at realtime 0", r.Previous)
	wantCursor(t, "Next at realtime 0", list[0].Cursor(), r.Next)
}

// testEntry: lookups and masks agree with the fields.
func (s suite) testEntry(t *testing.T, f Fixture) {
	r := s.open(t, journal.Source{Directory: f.Dir})
	whole := s.open(t, journal.Source{Directory: f.Dir})
	seek(t, r, journal.Head())
	seek(t, whole, journal.Head())
	for range 300 {
		e, err := whole.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want := record(t, e)
		// Lookup before and after the fields were read.
		lazy, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []journal.Entry{lazy, e} {
			for _, name := range []string{"MESSAGE", "PRIORITY", "_BOOT_ID", "TAG", "BLOB"} {
				value, ok := want.Get(name)
				got, err := e.Lookup(name)
				if !ok {
					if !errors.Is(err, journal.ErrNoField) {
						t.Fatalf("Lookup(%s): %v, want ErrNoField", name, err)
					}
					continue
				}
				if err != nil || got.Name != name || !bytes.Equal(got.Value, value) {
					t.Fatalf("Lookup(%s) = %s %.100q, %v, want %.100q", name, got.Name, got.Value, err, value)
				}
			}
		}
		for _, name := range []string{"", "lower", "__CURSOR", "NO_SUCH_FIELD", string(make([]byte, 65))} {
			if _, err := lazy.Lookup(name); !errors.Is(err, journal.ErrNoField) {
				t.Fatalf("Lookup(%q): %v, want ErrNoField", name, err)
			}
		}
		s.testMask(t, lazy, want)
	}
}

func (s suite) testMask(t *testing.T, e journal.Entry, want journal.Record) {
	t.Helper()
	mask := journal.Mask{"TAG", "MESSAGE", "PRIORITY"}
	var selected []journal.Field
	for _, f := range want.Fields {
		if mask.Has(f.Name) {
			selected = append(selected, f)
		}
	}
	got, err := e.AppendFields(nil, mask)
	if err != nil {
		t.Fatalf("AppendFields: %v", err)
	}
	if diff := cmp.Diff(selected, got, cmpopts.IgnoreFields(journal.Field{}, "ID"), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("AppendFields(%v) (-want +got):\n%.2000s", mask, diff)
	}
	if none, err := e.AppendFields(got[:0], journal.Mask{}); err != nil || len(none) != 0 {
		t.Fatalf("AppendFields with an empty mask = %v, %v, want none", none, err)
	}
	before := []journal.Field{{Name: "BEFORE"}}
	if got, err := e.AppendFields(before, nil); err != nil || len(got) != len(want.Fields)+1 || got[0].Name != "BEFORE" {
		t.Fatalf("AppendFields to one = %d fields, %v, want %d", len(got), err, len(want.Fields)+1)
	}
}

// testFieldNames: names and values are those of the entries.
func (s suite) testFieldNames(t *testing.T, f Fixture) {
	r := s.open(t, journal.Source{Directory: f.Dir})
	seek(t, r, journal.Head())
	values := map[string]map[string]bool{}
	for _, rec := range all(t, r.Next) {
		for _, field := range rec.Fields {
			if values[field.Name] == nil {
				values[field.Name] = map[string]bool{}
			}
			values[field.Name][string(field.Value)] = true
		}
	}
	names, err := r.FieldNames(t.Context())
	if err != nil {
		t.Fatalf("FieldNames: %v", err)
	}
	want := make([]string, 0, len(values))
	for name := range values {
		want = append(want, name)
	}
	slices.Sort(want)
	slices.Sort(names)
	if diff := cmp.Diff(want, names, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("FieldNames (-want +got):\n%s", diff)
	}
	for _, name := range []string{"MESSAGE", "PRIORITY", "_SYSTEMD_UNIT", "TAG", "BLOB", "NO_SUCH_FIELD"} {
		got := map[string]bool{}
		if err := r.FieldValues(t.Context(), name, func(value []byte) bool {
			if got[string(value)] {
				t.Errorf("FieldValues(%s): %.100q twice", name, value)
			}
			got[string(value)] = true
			return true
		}); err != nil {
			t.Errorf("FieldValues(%s): %v", name, err)
		}
		if len(got) != len(values[name]) {
			t.Errorf("FieldValues(%s): %d values, want %d", name, len(got), len(values[name]))
		}
		for value := range values[name] {
			if !got[value] {
				t.Errorf("FieldValues(%s): %.100q is missing", name, value)
			}
		}
		calls := 0
		if err := r.FieldValues(t.Context(), name, func([]byte) bool { calls++; return false }); err != nil || calls > 1 {
			t.Errorf("FieldValues(%s) after yield returned false: %d calls, %v", name, calls, err)
		}
	}
}

// testProblems: the bad files are named with the reason, the others described.
func (s suite) testProblems(t *testing.T, f Fixture) {
	r := s.open(t, journal.Source{Directory: f.Dir})
	got := []string{}
	for _, p := range r.Problems() {
		got = append(got, p.Path)
		if p.Err == nil || p.Reason == journal.GapUnknown {
			t.Errorf("problem of %s: reason %v, error %v", p.Path, p.Reason, p.Err)
		}
	}
	want := slices.Clone(f.Bad)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("Problems = %q, want %q", got, want)
	}
	if f.Name == "namespaces" {
		return // the others' files are not of the source
	}
	files, err := r.Files()
	if err != nil || len(files)+len(want) != len(f.Files) {
		t.Errorf("Files = %d files, %v, want %d", len(files), err, len(f.Files)-len(want))
	}
	newest := map[journal.ID128]uint64{}
	for _, file := range files {
		if file.Entries > 0 {
			tail := file.TailSeqnum
			if file.Online {
				tail--
			}
			newest[file.SeqnumID] = max(newest[file.SeqnumID], tail)
		}
	}
	tails, err := r.Tails()
	if err != nil || len(tails) != len(newest) {
		t.Errorf("Tails = %v, %v, want %v", tails, err, newest)
	}
	for _, tail := range tails {
		if newest[tail.SeqnumID] != tail.Seqnum {
			t.Errorf("tail of %s = %d, want %d", tail.SeqnumID, tail.Seqnum, newest[tail.SeqnumID])
		}
	}
}

func (s suite) testMissingSource(t *testing.T) {
	dir := t.TempDir()
	for _, source := range []journal.Source{
		{Directory: filepath.Join(dir, "none")},
		{Root: filepath.Join(dir, "none")},
		{Files: []string{filepath.Join(dir, "none.journal")}},
		{Files: []string{filepath.Join(dir, "*.journal")}},
	} {
		if r, err := s.engine.Open(t.Context(), source); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%+v) = %v, %v, want fs.ErrNotExist", source, r, err)
		}
	}
	r := s.open(t, journal.Source{Directory: dir})
	seek(t, r, journal.Head())
	wantEOF(t, "Next in an empty directory", r.Next)
	seek(t, r, journal.Tail())
	wantEOF(t, "Previous in an empty directory", r.Previous)
}

// testParallel: readers of several goroutines do not disturb each other.
func (s suite) testParallel(t *testing.T) {
	f := Get(t, "several-files")
	var group sync.WaitGroup
	counts := make([]int, 8)
	errs := make([]error, len(counts))
	for i := range counts {
		group.Go(func() { counts[i], errs[i] = s.count(t, f.Dir) })
	}
	group.Wait()
	for i := range counts {
		if errs[i] != nil || counts[i] != counts[0] || counts[i] == 0 {
			t.Errorf("reader %d read %d entries, %v; the first read %d", i, counts[i], errs[i], counts[0])
		}
	}
}

func (s suite) count(t *testing.T, dir string) (n int, err error) {
	r, err := s.engine.Open(t.Context(), journal.Source{Directory: dir})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if err := r.Seek(journal.Head()); err != nil {
		return 0, err
	}
	var fields []journal.Field
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if fields, err = e.AppendFields(fields[:0], nil); err != nil {
			return n, err
		}
		n++
	}
}

// testClose: nothing of the files is left open or mapped.
func (s suite) testClose(t *testing.T) {
	// A copy of its own, so that tests at the same time do not count.
	dir := t.TempDir()
	Require(t, single(Options{}, plain(50, id(0xbe)))(dir))
	for range 20 {
		r, err := s.engine.Open(t.Context(), journal.Source{Directory: dir})
		if err != nil {
			t.Fatal(err)
		}
		seek(t, r, journal.Head())
		all(t, r.Next)
		for range 2 {
			if _, err := r.Wait(t.Context()); err != nil {
				t.Fatalf("Wait: %v", err)
			}
		}
		if _, err := r.Tails(); err != nil {
			t.Fatalf("Tails: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
		if _, err := r.Next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("Next after Close: %v, want an error", err)
		}
	}
	if left := held(t, dir); len(left) > 0 {
		t.Errorf("still open or mapped: %q", left)
	}
}

// held lists the descriptors and mappings of this process on files below dir.
func held(t *testing.T, dir string) []string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no /proc here")
	}
	var left []string
	for line := range bytes.Lines(maps) {
		if bytes.Contains(line, []byte(dir)) {
			left = append(left, string(line))
		}
	}
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && bytes.Contains([]byte(target), []byte(dir)) {
			left = append(left, fmt.Sprintf("%s -> %s", link, target))
		}
	}
	return left
}
