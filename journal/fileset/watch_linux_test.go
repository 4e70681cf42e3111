// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/journal"
)

// TestWatchTells: Wait ends early for files of a journal, and for nothing else.
func TestWatchTells(t *testing.T) {
	t.Parallel()
	dir := tree(t, "system.journal", "0123456789abcdef0123456789abcdef/system.journal", "sub/system.journal")
	in := func(name string) string { return filepath.Join(dir, name) }
	_, w := watch(t, journal.Source{Directory: dir})
	if err := w.Err(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		do   func() error
		want bool
	}{
		{"new file", func() error { return os.WriteFile(in("a.journal"), nil, 0o600) }, true},
		{"rename", func() error { return os.Rename(in("a.journal"), in("b.journal~")) }, true},
		{"permission", func() error { return os.Chmod(in("b.journal~"), 0o644) }, true},
		{"removal", func() error { return os.Remove(in("b.journal~")) }, true},
		{"file of a machine", func() error { return os.Remove(in("0123456789abcdef0123456789abcdef/system.journal")) }, true},
		{"other file", func() error { return os.WriteFile(in("notes.txt"), nil, 0o600) }, false},
		{"other directory", func() error { return os.Mkdir(in("other"), 0o755) }, false},
		{"in another directory", func() error { return os.Remove(in("sub/system.journal")) }, false},
		{"truncation to the same length", func() error { return os.Truncate(in("system.journal"), 0) }, false},
		{"new machine", func() error { return os.Mkdir(in("fedcba9876543210fedcba9876543210.apps"), 0o755) }, true},
	}
	for _, test := range tests {
		for quiet := false; !quiet; {
			changed, err := w.Wait(t.Context(), 2*toldPause)
			if err != nil {
				t.Fatal(err)
			}
			quiet = !changed
		}
		if err := test.do(); err != nil {
			t.Fatal(err)
		}
		d := 2 * toldPause
		if test.want {
			d = long
		}
		begin := time.Now()
		if changed, err := w.Wait(t.Context(), d); changed != test.want || err != nil || test.want && time.Since(begin) > long/2 {
			t.Errorf("%s: Wait = %t, %v after %v, want %t", test.name, changed, err, time.Since(begin), test.want)
		}
	}
}

// TestBusyDirectory: many changes are reported together.
func TestBusyDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, w := watch(t, journal.Source{Directory: dir})
	begin, told := time.Now(), 0
	for time.Since(begin) < 10*toldPause || told < 2 && time.Since(begin) < long {
		write(t, filepath.Join(dir, "a.journal"), "")
		changed, err := w.Wait(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if changed {
			told++
		}
	}
	if limit := int(time.Since(begin)/toldPause) + 2; told < 2 || told > limit {
		t.Errorf("told %d times in %v, want no more than %d", told, time.Since(begin), limit)
	}
}

// TestTake: events cut short, of unknown watches and of an overflow.
func TestTake(t *testing.T) {
	t.Parallel()
	n := &notifier{paths: map[int32]string{1: "a"}, watches: map[string]int32{"a": 1}}
	event := func(watch, mask byte, name string, length byte) []byte {
		return append([]byte{watch, 0, 0, 0, 0, mask, 0, 0, 0, 0, 0, 0, length, 0, 0, 0}, name...)
	}
	const create, overflow = unix.IN_CREATE >> 8, unix.IN_Q_OVERFLOW >> 8
	tests := []struct {
		name   string
		events []byte
		want   bool
	}{
		{"none", nil, false},
		{"cut short", event(1, create, "", 0)[:10], false},
		{"no name", event(1, create, "", 0), false},
		{"a name that is longer than the event", event(1, create, "x", 16), true},
		{"unknown watch", event(2, create, "a.journal\x00\x00\x00", 12), false},
		{"overflow", event(0xff, overflow, "", 0), true},
		{"second event", append(event(2, create, "", 0), event(1, create, "a.journal\x00\x00\x00", 12)...), true},
	}
	for _, test := range tests {
		if got := n.take(test.events); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}

const limitVariable = "FILESET_TEST_LIMIT"

// TestExhausted: when the kernel refuses Err says which limit it was. The limits are those of a user namespace of its own.
func TestExhausted(t *testing.T) {
	if limit := os.Getenv(limitVariable); limit != "" {
		if err := os.WriteFile("/proc/sys/user/"+limit, []byte("0"), 0); err != nil {
			t.Fatal(err)
		}
		_, w := watch(t, journal.Source{Directory: t.TempDir()})
		err := w.Err()
		if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(limit, "max_inotify_")+" left") {
			t.Errorf("Err = %v, want that there are no %s left", err, limit)
		}
		if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENOSPC) {
			t.Errorf("Err = %v, want EMFILE or ENOSPC", err)
		}
		if changed, err := w.Wait(t.Context(), time.Millisecond); changed || err != nil {
			t.Errorf("Wait = %t, %v", changed, err)
		}
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
