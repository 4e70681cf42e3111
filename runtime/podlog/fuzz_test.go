// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

// Whatever is in two files of a log: the last records are the last ones of all, going on after a record gives those after it, and the
// newest first are all in reverse.
func FuzzConsistent(f *testing.F) {
	f.Add([]byte(lines(0, 3)), []byte(lines(3, 6)), uint8(2))
	f.Add([]byte(line(0, "stdout", "P", "a")+line(1, "stderr", "P", "b")), []byte(line(2, "stderr", "F", "c")+line(3, "stdout", "F", "d")), uint8(1))
	f.Add([]byte("\x00\x00\x00"+line(0, "stdout", "F", "")+"\n\n torn"), []byte("\x00"), uint8(3))
	f.Add([]byte(`{"log":"a\n","stream":"stdout","time":"2026-11-23T20:00:00Z"}`+"\n"), []byte(`{"log":"b","stream":"stderr","time":"2026-11-23T20:00:00Z"}`+"\n"), uint8(0))
	f.Add([]byte(""), []byte(line(1, "stdout", "P", strings.Repeat("x", 40_000))+line(2, "stdout", "P", strings.Repeat("y", 40_000))+"x"), uint8(1))
	f.Fuzz(func(t *testing.T, rotated, live []byte, n uint8) {
		root := t.TempDir()
		dir := filepath.Join(root, podDir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{"0.log.20261123-200000": rotated, "0.log": live} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		logs := podlog.New(podlog.Config{
			Pods: safefs.NewRoot(root), MaxRecordBytes: func() int { return 32 << 10 }, Logger: slog.New(slog.DiscardHandler),
		})
		target := podlog.Target{Source: podlog.Source{Namespace: "default", Pod: "web", UID: "0f1e", Container: "app"}, Dir: podDir}
		read := func(change func(*podlog.Query)) *collected {
			q := podlog.NewQuery()
			change(&q)
			c := new(collected)
			if err := logs.Read(t.Context(), podlog.Fixed{target}, q, c); err != nil {
				t.Fatal(err)
			}
			return c
		}
		all := read(func(*podlog.Query) {})
		long := false
		for i, text := range all.texts {
			if len(text) > 32<<10 {
				t.Fatalf("record %d has %d bytes", i, len(text))
			}
			long = long || all.records[i].Partial
		}
		if long {
			// Where a long line is divided depends on where reading begins.
			return
		}
		tail := min(int(n), len(all.texts))
		last := read(func(q *podlog.Query) { q.Tail = int64(n) })
		if d := cmp.Diff(all.texts[len(all.texts)-tail:], last.texts, cmpEmpty); d != "" {
			t.Errorf("tail %d: %s", n, d)
		}
		reverse := read(func(q *podlog.Query) { q.Reverse = true })
		slices.Reverse(reverse.texts)
		if d := cmp.Diff(all.texts, reverse.texts, cmpEmpty); d != "" {
			t.Errorf("reverse: %s", d)
		}
		if len(all.texts) == 0 {
			return
		}
		i := int(n) % len(all.texts)
		rest := read(func(q *podlog.Query) { q.Cursor = podlog.MakeCursor(all.positions[i]) })
		if d := cmp.Diff(all.texts[i+1:], rest.texts, cmpEmpty); d != "" {
			t.Errorf("after record %d: %s", i, d)
		}
		if len(rest.gaps) > len(all.gaps) {
			t.Errorf("after record %d: %v", i, rest.gaps)
		}
	})
}

// A cursor is what was put into it, and what is none is refused.
func FuzzCursor(f *testing.F) {
	f.Add("l1;0f1e/app;0;a;b;c;0;d l1;x;1;2;3;4;5;6")
	f.Add("l1;;0;a;b;c;0;d")
	f.Fuzz(func(t *testing.T, text string) {
		positions, err := podlog.Cursor(text).Positions()
		if err != nil {
			return
		}
		again, err := podlog.MakeCursor(positions...).Positions()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(positions, again, cmp.Comparer(slices.Equal[[]podlog.Position])); d != "" {
			t.Error(d)
		}
	})
}
