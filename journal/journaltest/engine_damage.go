// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/noded/noded/journal"
)

// testDamaged: a file that is damaged inside costs no more than its own entries, as with journalctl, and is found.
func (s suite) testDamaged(t *testing.T) {
	for _, kind := range Damages() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dir, damaged := WriteDamaged(t, kind)
			want, err := exec.Command("journalctl", "--directory="+dir, "--output=export", "--quiet", "--no-pager", "--all").Output()
			if err != nil {
				t.Fatalf("journalctl: %v", err)
			}
			r := s.open(t, journal.Source{Directory: dir})
			seek(t, r, journal.Head())
			records := s.readable(t, r)
			// An engine may find more of the damaged file than journalctl.
			left := records
			for block := range bytes.SplitSeq(bytes.TrimSuffix(want, []byte("\n\n")), []byte("\n\n")) {
				at := slices.IndexFunc(left, func(rec journal.Record) bool {
					return bytes.Equal(bytes.TrimSpace(exported([]journal.Record{rec})), bytes.TrimSpace(block))
				})
				if at < 0 {
					t.Errorf("%d entries, without one that journalctl gives: %.300q", len(records), block)
					break
				}
				left = left[at+1:]
			}
			problems := r.Damaged(t.Context(), []string{filepath.Join(dir, "system.journal"), damaged, filepath.Join(dir, "none.journal")})
			if len(problems) != 1 || problems[0].Path != damaged || problems[0].Reason != journal.GapCorrupt || problems[0].Err == nil {
				t.Errorf("Damaged = %v, want %s", problems, damaged)
			}
			s.testDamagedLists(t, r, kind, damaged)
		})
	}
}

// testDamagedLists: the values of the good file are listed, whatever the other holds.
func (s suite) testDamagedLists(t *testing.T, r journal.Reader, kind Damage, damaged string) {
	t.Helper()
	names, err := r.FieldNames(t.Context())
	if err != nil {
		t.Errorf("FieldNames: %v", err)
	}
	if len(names) != 12 {
		t.Errorf("%d names: %q, want 12", len(names), names)
	}
	counts := map[string]int{}
	if err := r.FieldValues(t.Context(), "COUNT", func(value []byte) bool {
		counts[string(value)]++
		return true
	}); err != nil {
		t.Errorf("FieldValues: %v", err)
	}
	for i := 150; i < 200; i++ {
		if counts[fmt.Sprint(i)] != 1 {
			t.Errorf("COUNT=%d is listed %d times", i, counts[fmt.Sprint(i)])
		}
	}
	if kind != LoopingNames && kind != LoopingValues {
		return
	}
	if problems := r.Problems(); len(problems) != 1 || problems[0].Path != damaged || problems[0].Reason != journal.GapCorrupt {
		t.Errorf("Problems = %v, want %s", problems, damaged)
	}
	// On its own it is an error, which ends.
	alone := s.open(t, journal.Source{Files: []string{damaged}})
	_, namesErr := alone.FieldNames(t.Context())
	n := 0
	valuesErr := alone.FieldValues(t.Context(), "COUNT", func([]byte) bool { n++; return true })
	if kind == LoopingNames && namesErr == nil || kind == LoopingValues && valuesErr == nil || n > 150 {
		t.Errorf("the damaged file alone: %v, %v and %d values", namesErr, valuesErr, n)
	}
}

// readable reads all entries. One that is unreadable has no fields then, which is what journalctl shows of it.
func (s suite) readable(t *testing.T, r journal.Reader) (records []journal.Record) {
	t.Helper()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatalf("Next after %d entries: %v", len(records), err)
		}
		if _, err := e.AppendFields(nil, nil); err != nil {
			if !errors.Is(err, journal.ErrUnreadable) {
				t.Fatalf("AppendFields: %v, want ErrUnreadable", err)
			}
			records = append(records, journal.Record{Header: e.Header()})
			continue
		}
		records = append(records, record(t, e))
	}
}

// testVacuumMiddle: an archive in the middle goes away while an earlier one is read. Its entries are missing, all
// others come once and in order.
func (s suite) testVacuumMiddle(t *testing.T) {
	for name := range newLog(t).sources() {
		if name == "name" {
			continue // reads one file only
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLog(t)
			var middle string
			for range 3 {
				l.append(100)
				before := l.archives()
				l.rotate()
				if len(before) == 1 {
					for path := range l.archives() {
						if !before[path] {
							middle = path
						}
					}
				}
			}
			l.append(10)
			r := s.open(t, l.sources()[name])
			seek(t, r, journal.Head())
			if _, _, err := r.Skip(50); err != nil {
				t.Fatal(err)
			}
			Require(t, remove(middle))
			got := follow(t, r, 309)
			want := append(numbers(50, 100), numbers(200, 310)...)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("after the vacuum = %v, want %v", got, want)
			}
			// Once the change is known the file is gone from the list.
			files, err := r.Files()
			if err != nil || len(files) > 4 {
				t.Errorf("Files = %d files, %v, want 3 or 4", len(files), err)
			}
		})
	}
}

func numbers(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// archives are the files that rotate has left.
func (l *log) archives() map[string]bool {
	l.t.Helper()
	found, err := filepath.Glob(filepath.Join(l.dir, "system@*"))
	Require(l.t, err)
	set := make(map[string]bool, len(found))
	for _, path := range found {
		set[path] = true
	}
	return set
}

// remove unlinks a file and frees its blocks, as journald's vacuum does.
func remove(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(path); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	punch(f, 0, info.Size())
	return nil
}
