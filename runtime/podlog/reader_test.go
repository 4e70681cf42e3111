// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/runtime/safefs"
)

// rotated is a reader that follows a log, has read a file of ten lines and goes on in the next one, which was empty then.
func rotated(tb testing.TB) (r *reader, file func(name string) string) {
	tb.Helper()
	root := tb.TempDir()
	const dir = "default_web_0f1e/app"
	file = func(name string) string { return filepath.Join(root, dir, name) }
	if err := os.MkdirAll(file(""), 0o755); err != nil {
		tb.Fatal(err)
	}
	appendTo(tb, file("0.log"), 0, 10)
	q := NewQuery()
	q.Follow = true
	p, err := newPlan(q)
	if err != nil {
		tb.Fatal(err)
	}
	logs := New(Config{Pods: safefs.NewRoot(root), Logger: slog.New(slog.DiscardHandler)})
	r = newReader(logs, p, Target{Source: Source{Namespace: "default", Pod: "web", UID: "0f1e", Container: "app"}, Dir: dir}, 0)
	tb.Cleanup(r.close)
	for range 10 {
		if st, err := r.advance(tb.Context()); st != hasRecord || err != nil {
			tb.Fatal(st, err)
		}
	}
	if err := os.Rename(file("0.log"), file("0.log.20261123-200000")); err != nil {
		tb.Fatal(err)
	}
	appendTo(tb, file("0.log"), 0, 0)
	for before := r.seg; r.seg == before; {
		r.changed = true
		if st, err := r.advance(tb.Context()); st != waits || err != nil {
			tb.Fatal(st, err)
		}
		time.Sleep(time.Millisecond)
	}
	return r, file
}

func appendTo(tb testing.TB, name string, from, to int) {
	tb.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "2026-11-23T20:00:00.%09dZ stdout F line %d\n", i, i)
	}
	if _, err := f.WriteString(b.String()); err != nil {
		tb.Fatal(err)
	}
}

// A directory is open, to be watched, before it has a file, and another one of its name when it was removed.
func TestListEmptyDirectory(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const dir = "default_web_0f1e/app"
	path := filepath.Join(root, dir)
	r := newReader(New(Config{Pods: safefs.NewRoot(root), Logger: slog.New(slog.DiscardHandler)}), &plan{}, Target{Dir: dir}, 0)
	defer r.close()
	list := func(want int) {
		t.Helper()
		entries, err := r.list()
		if err != nil || len(entries) != want {
			t.Fatalf("list = %v, %v, want %d entries", entries, err, want)
		}
	}
	list(0)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	list(0)
	if runtime.GOOS == "linux" && r.dir == nil {
		t.Error("the directory is not open")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	list(0)
	if r.dir != nil {
		t.Error("the directory that was removed is open")
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	list(0)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	appendTo(t, filepath.Join(path, "0.log"), 0, 1)
	list(1)
}

// Who goes on after a line that came late, before the next file had any, does not get it again.
func TestLateReached(t *testing.T) {
	t.Parallel()
	r, file := rotated(t)
	appendTo(t, file("0.log.20261123-200000"), 10, 11)
	if st, err := r.advance(t.Context()); st != hasRecord || err != nil || string(r.head.Text) != "line 10" {
		t.Fatal(st, err, string(r.head.Text))
	}
	got, want := r.reached, r.head.Position()
	got.Key = want.Key
	if got != want {
		t.Errorf("reached %+v, want %+v", got, want)
	}
}

// A file that is written, copied and emptied between two looks is read from its copies.
func TestCopyTruncateUnread(t *testing.T) {
	t.Parallel()
	r, file := rotated(t)
	for i, name := range []string{"0.log.20261123-200001", "0.log.20261123-200002"} {
		appendTo(t, file(name), 10*i+10, 10*i+20)
	}
	appendTo(t, file("0.log"), 30, 40)
	for i := 10; i < 40; i++ {
		st, err := r.advance(t.Context())
		for st == waits && err == nil { // until a file has settled
			time.Sleep(time.Millisecond)
			r.changed = true
			st, err = r.advance(t.Context())
		}
		if want := fmt.Sprintf("line %d", i); st != hasRecord || err != nil || string(r.head.Text) != want {
			t.Fatalf("got %v, %v, %q, want %q", st, err, r.head.Text, want)
		}
	}
	if len(r.gaps) > 0 {
		t.Error(r.gaps)
	}
}

func BenchmarkAfterRotation(b *testing.B) {
	r, file := rotated(b)
	const count = 100_000
	appendTo(b, file("0.log"), 10, 10+count)
	late := r.late
	for n := 0; b.Loop(); n++ {
		if n%count == 0 {
			r.scan.use(r.seg, 0, -1)
			late[0].until = time.Now().Add(time.Hour)
		}
		if st, err := r.advance(b.Context()); st != hasRecord || err != nil {
			b.Fatal(st, err)
		}
	}
}
