// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/podlog"
)

// A follower that cannot open files, because too many are open, loses nothing when it can again. The limit is that of a process of its own.
func TestFollowShortage(t *testing.T) {
	const child = "PODLOG_TEST_SHORTAGE"
	if os.Getenv(child) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFollowShortage$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	tr := newTree(t)
	tr.write("0.log", lines(0, 5))
	tr.write("next", lines(5, 10))
	other := tr.target()
	other.Source.Container, other.Dir = "other", "default_web_0f1e/other"
	if err := os.MkdirAll(filepath.Join(tr.root, other.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tr.root, other.Dir, "0.log"), []byte(lines(10, 15)), 0o640); err != nil {
		t.Fatal(err)
	}
	s := &set{targets: []podlog.Target{tr.target()}, changed: make(chan struct{}, 1), open: true}
	f := follow(t, tr.watchedLogs(), s, podlog.NewQuery())
	f.wait(5)

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = 100
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var taken []*os.File
	for {
		null, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, null)
	}
	tr.rename("0.log", "0.log.20261123-200000")
	tr.rename("next", "0.log")
	s.change(tr.target(), other)
	f.flushed(2)
	if got, gaps := f.c.snapshot(); len(got) != 5 || len(gaps) != 0 {
		t.Errorf("got %v, gaps %v", got, gaps)
	}
	for _, null := range taken {
		null.Close()
	}
	got := f.wait(15)
	f.stop()
	if d := cmp.Diff(texts(0, 15), got); d != "" || len(f.c.gaps) != 0 {
		t.Error(d, f.c.gaps)
	}
}
