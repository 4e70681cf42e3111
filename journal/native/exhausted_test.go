// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package native_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

const limitVariable = "NATIVE_TEST_LIMIT"

// TestExhausted: without inotify, whichever limit it is, entries and files are found, and WatchError says why it takes longer. The
// limits are those of a user namespace of its own.
func TestExhausted(t *testing.T) {
	if limit := os.Getenv(limitVariable); limit != "" {
		if err := os.WriteFile("/proc/sys/user/"+limit, []byte("0"), 0); err != nil {
			t.Fatal(err)
		}
		followWithoutInotify(t)
		return
	}
	t.Parallel()
	for _, limit := range []string{"max_inotify_instances", "max_inotify_watches"} {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestExhausted$", "-test.count=1")
		cmd.Env = append(os.Environ(), limitVariable+"="+limit)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("with %s = 0: %v\n%s", limit, err, out)
		}
	}
}

func followWithoutInotify(t *testing.T) {
	t.Helper()
	root := t.TempDir()
	r := openAt(t, journal.Source{Root: root}, journal.Tail())
	if _, err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "var/log/journal")
	o := journaltest.FileOptions{SeqnumID: journal.ID128{7}}
	w, err := journaltest.Create(filepath.Join(dir, "system.journal"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	list := followed(0, 20)
	for i := range list {
		if err := w.Append(&list[i]); err != nil {
			t.Fatal(err)
		}
		expect(t, r, uint64(i+1), uint64(i+1))
	}
	watched, ok := r.(interface{ WatchError() error })
	if !ok {
		t.Fatalf("%T has no WatchError", r)
	}
	if err := watched.WatchError(); !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WatchError = %v, want EMFILE or ENOSPC", err)
	}
	if err := os.Rename(filepath.Join(dir, "system.journal"), filepath.Join(dir, "system@1.journal")); err != nil {
		t.Fatal(err)
	}
	o.FirstSeqnum = 21
	if err := journaltest.WriteFile(filepath.Join(dir, "system.journal"), o, followed(20, 5)); err != nil {
		t.Fatal(err)
	}
	expect(t, r, 21, 25)
}
