// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

// What is rotated, compressed or removed while the newest records are given comes once, or is a gap.
func TestReverseRotated(t *testing.T) {
	t.Parallel()
	newLog := func(t *testing.T) *tree {
		tr := newTree(t)
		tr.write("0.log.20261123-200001", lines(0, 5)+line(5, "stdout", "P", "line "))
		tr.write("0.log.20261123-200002", line(5, "stdout", "F", "5")+lines(6, 10))
		tr.write("0.log", lines(10, 15))
		return tr
	}
	for _, tt := range []struct {
		name string
		// after is the number of records after which the files change.
		after  int
		change func(tr *tree)
		grep   string
		want   []int
		gaps   int
	}{
		{name: "the file that is read", after: 2, change: func(tr *tree) {
			tr.rename("0.log", "0.log.20261123-200003")
			tr.write("0.log", lines(15, 20))
			tr.compress("0.log.20261123-200003")
			tr.compress("0.log.20261123-200002")
		}},
		{name: "the next one, after one in which nothing is wanted", after: 1, grep: "1$", want: []int{11, 1}, change: func(tr *tree) {
			tr.compress("0.log.20261123-200001")
		}},
		{name: "one of which a line goes on", after: 5, change: func(tr *tree) {
			tr.compress("0.log.20261123-200001")
		}},
		{name: "all are removed", after: 1, want: []int{14, 13, 12, 11, 10}, gaps: 1, change: func(tr *tree) {
			tr.remove("0.log.20261123-200001")
			tr.remove("0.log.20261123-200002")
			tr.rename("0.log", "0.log.20261123-200003")
			tr.write("0.log", lines(15, 20))
		}},
		{name: "the file that is read is compressed, and its inode is that of a new one", after: 5, change: func(tr *tree) {
			tr.compress("0.log.20261123-200002")
			tr.write("0.log.20261123-200003.gz", zipped([]byte(lines(10, 15))))
			tr.write("0.log", lines(15, 20))
		}},
		{name: "only the file that is read is removed", after: 1, change: func(tr *tree) {
			tr.remove("0.log")
			tr.compress("0.log.20261123-200002")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newLog(t)
			q := podlog.NewQuery()
			q.Reverse, q.Filter.Grep = true, tt.grep
			c := &collected{onRecord: func(n int, _ *podlog.Record) error {
				if n == tt.after {
					tt.change(tr)
				}
				return nil
			}}
			if err := tr.logs().Read(t.Context(), podlog.Fixed{tr.target()}, q, c); err != nil {
				t.Fatal(err)
			}
			want := texts(0, 15)
			slices.Reverse(want)
			if tt.want != nil {
				want = nil
				for _, n := range tt.want {
					want = append(want, fmt.Sprintf("line %d", n))
				}
			}
			if d := cmp.Diff(want, c.texts); d != "" {
				t.Error(d)
			}
			if len(c.gaps) != tt.gaps || tt.gaps > 0 && c.gaps[0].Reason != journal.GapVacuumed {
				t.Errorf("got gaps %v", c.gaps)
			}
		})
	}
}

// A line without a time is in its place among those of other containers, first to last and last to first.
func TestNoTimeInOrder(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", line(0, "stdout", "F", "a 0")+line(2, "stdout", "F", "a 2")+"no time\n"+line(4, "stdout", "F", "a 4")+"no time\n")
	other := tr.target()
	other.Source.Container, other.Dir = "other", "default_web_0f1e/other"
	if err := os.MkdirAll(filepath.Join(tr.root, other.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	text := line(1, "stdout", "F", "b 1") + line(3, "stdout", "F", "b 3") + line(5, "stdout", "F", "b 5")
	if err := os.WriteFile(filepath.Join(tr.root, other.Dir, "0.log"), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	want := []string{"a 0", "b 1", "a 2", "no time", "b 3", "a 4", "no time", "b 5"}
	q := podlog.NewQuery()
	for range 2 {
		c := new(collected)
		if err := tr.logs().Read(t.Context(), podlog.Fixed{tr.target(), other}, q, c); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, c.texts); d != "" {
			t.Errorf("reverse is %v: %s", q.Reverse, d)
		}
		slices.Reverse(want)
		q.Reverse = true
	}
}

// A line without a time is in the window if the one before is, also if it is the first one of the last lines.
func TestTailNoTime(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 5)+"no time\n"+lines(5, 7))
	want := slices.Concat(texts(0, 5), []string{"no time"}, texts(5, 7))
	for n := range len(want) + 1 {
		q := podlog.NewQuery()
		since := base.UnixNano()
		q.Since, q.Tail = &since, int64(n)
		if d := cmp.Diff(want[len(want)-n:], tr.read(q).texts, cmpEmpty); d != "" {
			t.Errorf("tail %d: %s", n, d)
		}
	}
}
