// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/podlog"
)

// TestTailOfMany: the last lines of a log over several blocks are the last ones of all, whatever stands in the way of counting newlines.
func TestTailOfMany(t *testing.T) {
	t.Parallel()
	const count = 3000
	plain := func() []string {
		out := make([]string, count)
		for i := range out {
			out[i] = line(i, []string{"stdout", "stderr"}[i%2], "F", fmt.Sprintf("%d %s", i, strings.Repeat("x", i*7%200)))
		}
		return out
	}
	insert := func(at int, text string) []string { return slices.Insert(plain(), at, text) }
	for _, tt := range []struct {
		name  string
		lines []string
	}{
		{"plain", plain()},
		{"a long line", insert(count/2, line(count/2, "stdout", "F", strings.Repeat("y", 200_000)))},
		{"a line in two pieces", insert(count-700, line(0, "stdout", "P", "begun "))},
		{"pieces with another stream between", slices.Insert(insert(count-700, line(0, "stdout", "P", "begun ")), count-699, line(0, "stderr", "F", "between"))},
		{"not the format", insert(count-700, "what is that\n")},
		{"no time", insert(count-700, "yesterday stdout F text\n")},
		{"an empty line", insert(count-700, "\n")},
		{"NULs", insert(count-700, "\x00\x00\x00"+line(0, "stdout", "F", "after a crash"))},
		{"NULs before a piece", insert(count-700, "\x00\x00\x00"+line(0, "stdout", "P", "after a ")+line(0, "stderr", "F", "between"))},
		{"only NULs", insert(count-700, "\x00\x00\x00\n")},
		{"no end", append(plain(), strings.TrimSuffix(line(count, "stdout", "F", "torn"), "\n"))},
		{"an unfinished line at the end", append(plain(), line(count, "stdout", "P", "begun"))},
		{"an unfinished line before", insert(count-50, line(count, "stderr", "P", "begun")+line(count, "stdout", "P", "begun"))},
		{"a tag that is not known", insert(count-700, line(0, "stdout", "F:more", "text"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t)
			tr.write("0.log.20261123-190000", lines(0, 10))
			tr.write("0.log", strings.Join(tt.lines, ""))
			all := tr.read(podlog.NewQuery())
			for _, n := range append([]int{1, 2, 49, 50, 51, 699, 700, 701, 702, count, count + 1, count + 5, 2 * count}, rand.Perm(count)[:10]...) {
				q := podlog.NewQuery()
				q.Tail = int64(n)
				last := tr.read(q)
				if d := cmp.Diff(all.texts[max(0, len(all.texts)-n):], last.texts, cmpEmpty); d != "" {
					t.Fatalf("tail %d: %s", n, d)
				}
				if want := all.positions[max(0, len(all.texts)-n):]; !slices.Equal(want, last.positions) {
					t.Fatalf("positions of tail %d: %s", n, cmp.Diff(want, last.positions))
				}
			}
		})
	}
}
