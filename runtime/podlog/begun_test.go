// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/podlog"
)

// begunBefore is a log with a line that begins in a rotated file and ends among many lines of the other stream, some of which are given.
func begunBefore(t *testing.T) *tree {
	tr := newTree(t)
	tr.write("0.log.20261123-200000", line(0, "stdout", "F", "first")+line(1, "stderr", "P", "begun, "))
	var b strings.Builder
	for i := range 1400 {
		if i == 400 {
			b.WriteString(line(400_000, "stderr", "F", "ended"))
		}
		b.WriteString(line(1000*i+1000, "stdout", "F", strings.Repeat("x", 20)))
	}
	tr.write("0.log", b.String())
	return tr
}

// A line that begins in the file before is whole, wherever reading begins.
func TestBegunBefore(t *testing.T) {
	t.Parallel()
	tr := begunBefore(t)
	all := tr.read(podlog.NewQuery())
	for n := len(all.texts) - 450; n < len(all.texts)-350; n++ {
		q := podlog.NewQuery()
		q.Tail = int64(n)
		if d := cmp.Diff(all.texts[len(all.texts)-n:], tr.read(q).texts); d != "" {
			t.Fatalf("tail %d: %s", n, d)
		}
	}
	q := podlog.NewQuery()
	q.Reverse = true
	got := tr.read(q).texts
	slices.Reverse(got)
	if d := cmp.Diff(all.texts, got); d != "" {
		t.Errorf("reverse: %s", d)
	}
	for _, second := range []int{10, 350, 399} {
		q := podlog.NewQuery()
		since := base.UnixNano() + int64(second)*1e9
		q.Since = &since
		var want []string
		for i, r := range all.records {
			if r.Time >= since {
				want = append(want, all.texts[i])
			}
		}
		if d := cmp.Diff(want, tr.read(q).texts); d != "" {
			t.Errorf("since %d s: %s", second, d)
		}
	}
}

func TestFollowBegunBefore(t *testing.T) {
	t.Parallel()
	for _, live := range []string{"", lines(0, 5)} {
		tr := newTree(t)
		tr.write("0.log.20261123-200000", line(0, "stdout", "F", "first")+line(1, "stderr", "P", "begun, "))
		tr.write("0.log", live)
		q := podlog.NewQuery()
		q.Tail = 0
		f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, q)
		f.flushed(1)
		tr.append("0.log", line(6, "stderr", "F", "ended"))
		if d := cmp.Diff([]string{"begun, ended"}, f.wait(1)); d != "" {
			t.Error(d)
		}
		f.stop()
	}
}

// A line that begins before the window is not in it, where it is looked for from the end.
func TestTailBegunBeforeWindow(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	var b strings.Builder
	var want []string
	const count = 2000
	since := base.UnixNano() + (count-100)*1e9
	for i := range count {
		if i == count-1200 {
			b.WriteString(line(1000*i, "stderr", "P", "begun, "))
		}
		text := fmt.Sprintf("%d %s", i, strings.Repeat("x", 20))
		b.WriteString(line(1000*i, "stdout", "F", text))
		if i >= count-100 {
			want = append(want, text)
		}
	}
	b.WriteString(line(1000*count, "stderr", "F", "ended"))
	tr.write("0.log", b.String())
	q := podlog.NewQuery()
	q.Since, q.Tail = &since, 2*count
	if d := cmp.Diff(want, tr.read(q).texts); d != "" {
		t.Error(d)
	}
}
