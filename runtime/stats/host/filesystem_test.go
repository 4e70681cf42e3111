// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats"
)

func TestFilesystems(t *testing.T) {
	t.Parallel()
	r := New(Config{Proc: "testdata/vm/proc"})
	var mu sync.Mutex
	var asked []string
	r.statfs = func(path string, id uint64) (usage, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, path)
		// systemd has put something over /home and /var/lib.
		if path == "/home" || strings.HasPrefix(path, "testdata/") || strings.HasPrefix(path, "/var/lib/") && path != "/var/lib/noded" {
			return usage{}, ErrHidden
		}
		return newUsage(1024, 100, 40, 30, id, 5), nil
	}
	got, err := r.Filesystems(t.Context())
	if !errors.Is(err, ErrHidden) || !strings.Contains(err.Error(), `"/var/lib/containerd" (xfs, /dev/vdb)`) ||
		!strings.Contains(err.Error(), `"/mnt/unnamed" (nfs, )`) || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("error = %v, want one for each that is hidden", err)
	}
	filesystem := func(point, device, kind string, id uint64) stats.Filesystem {
		return stats.Filesystem{
			MountPoint: point, Device: device, Type: kind, CapacityBytes: 102400, UsedBytes: 61440, AvailableBytes: 30720, Inodes: id, InodesFree: 5,
		}
	}
	want := []stats.Filesystem{
		filesystem("/", "/dev/vda1", "ext4", 127),
		filesystem("/data", "/dev/vde", "ext4", 149),
		filesystem("/home", "/dev/vdc", "btrfs", 143), // as its other part tells
		filesystem(`/mnt/with blank\`, "server:/export one", "nfs4", 145),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s\nasked: %q", d, asked)
	}
}

// A server that does not answer takes nothing else away, and is asked by one goroutine however often it is wanted.
func TestFilesystemHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{Proc: "testdata/vm/proc"})
		release := make(chan struct{})
		var hanging, most atomic.Int32
		r.statfs = func(path string, _ uint64) (usage, error) {
			if strings.HasPrefix(path, "testdata/") {
				return usage{}, ErrHidden
			}
			if strings.HasPrefix(path, "/mnt") {
				most.Store(max(most.Load(), hanging.Add(1)))
				<-release
				hanging.Add(-1)
			}
			return newUsage(1, 2, 1, 1, 0, 0), nil
		}
		for range 3 {
			began := time.Now()
			got, err := r.Filesystems(t.Context())
			if !errors.Is(err, ErrNoAnswer) || !strings.Contains(err.Error(), "with blank") {
				t.Errorf("error = %v, want %v", err, ErrNoAnswer)
			}
			if len(got) != 4 || got[0].MountPoint != "/" {
				t.Errorf("others: %v", got)
			}
			if d := time.Since(began); d > answerWithin {
				t.Errorf("it took %v", d)
			}
		}
		if n := most.Load(); n != 1 {
			t.Errorf("%d goroutines hang, want 1", n)
		}
		close(release)
		synctest.Wait()
		got, err := r.Filesystems(t.Context())
		if len(got) != 5 || errors.Is(err, ErrNoAnswer) {
			t.Errorf("after it answered: %v, %v", got, err)
		}
	})
}

// Callers at the same time are told the same: none takes an answer away from another one.
func TestFilesystemsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{Proc: "testdata/vm/proc"})
		r.statfs = func(string, uint64) (usage, error) {
			time.Sleep(answerWithin / 2)
			return newUsage(1, 2, 1, 1, 0, 0), nil
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if got, err := r.Filesystems(t.Context()); len(got) < 5 || errors.Is(err, ErrNoAnswer) {
					t.Errorf("%v, %v", got, err)
				}
			})
			time.Sleep(answerWithin / 4)
		}
		wg.Wait()
	})
}

func TestManyFilesystemsHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, "%d 1 8:%d / /m/%03d rw - ext4 /dev/sd%d rw\n", i, i, i, i)
		}
		r := New(Config{Proc: files(t, map[string]string{"self/mountinfo": b.String()})})
		release := make(chan struct{})
		var hanging atomic.Int32
		r.statfs = func(string, uint64) (usage, error) {
			hanging.Add(1)
			<-release
			return usage{}, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Filesystems(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want that of the context", err)
		}
		got, err := r.Filesystems(t.Context())
		if n := hanging.Load(); n != maxAsked {
			t.Errorf("%d hang, want %d", n, maxAsked)
		}
		if len(got) != 0 || strings.Count(err.Error(), ErrNoAnswer.Error()) != 100 {
			t.Errorf("%v, %v", got, err)
		}
		close(release)
		synctest.Wait()
		if len(r.asked) != 0 || len(r.slots) != 0 {
			t.Errorf("%d and %d are left", len(r.asked), len(r.slots))
		}
	})
}

func TestFilesystemErrors(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{Proc: t.TempDir()}).Filesystems(t.Context()); err == nil {
		t.Error("without a mountinfo: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(Config{Proc: "testdata/vm/proc"}).Filesystems(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// Where PID 1 is not to be seen the own view has to do.
	proc := files(t, map[string]string{"self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"})
	r := New(Config{Proc: proc})
	r.statfs = func(string, uint64) (usage, error) { return newUsage(1, 1, 0, 0, 0, 0), nil }
	if got, err := r.Filesystems(t.Context()); len(got) != 1 || err != nil {
		t.Errorf("without PID 1: %v, %v", got, err)
	}
	// Nothing has no size.
	r.statfs = func(string, uint64) (usage, error) { return usage{}, nil }
	if got, err := r.Filesystems(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("without a size: %v, %v", got, err)
	}
	r.statfs = func(path string, _ uint64) (usage, error) {
		if strings.Contains(path, "/1/root/") {
			return usage{}, errors.New("permission denied")
		}
		return usage{}, nil
	}
	write(t, filepath.Join(proc, "1/mountinfo"), "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /b rw - ext4 /dev/sda2 rw\n")
	if _, err := r.Filesystems(t.Context()); !errors.Is(err, ErrHidden) {
		t.Errorf("of what this process has not got: %v", err)
	}
	// Who may see the root of PID 1 asks there.
	r.statfs = func(path string, id uint64) (usage, error) {
		if path == filepath.Join(proc, "1/root/b") && id == 2 {
			return newUsage(1, 2, 0, 0, 0, 0), nil
		}
		return usage{}, nil
	}
	if got, err := r.Filesystems(t.Context()); len(got) != 1 || got[0].MountPoint != "/b" || err != nil {
		t.Errorf("at the root of PID 1: %v, %v", got, err)
	}
	// What is mounted over the directories above it hides a mount that is listed all the same.
	write(t, filepath.Join(proc, "self/mountinfo"), "11 0 8:1 / / rw - ext4 /dev/sda1 rw\n12 11 8:2 / /b rw - ext4 /dev/sda2 rw\n")
	r.statfs = func(path string, _ uint64) (usage, error) {
		if path == "/" {
			return newUsage(1, 1, 0, 0, 0, 0), nil
		}
		return usage{}, &fs.PathError{Op: "statx", Path: path, Err: fs.ErrNotExist}
	}
	if _, err := r.Filesystems(t.Context()); err == nil || err.Error() != `filesystem "/b" (ext4, /dev/sda2): not to be seen in this mount namespace` {
		t.Errorf("of one that is covered: %v", err)
	}
}

func TestNewUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		size, blocks, free, available, inodes, inodesFree uint64
		want                                              usage
	}{
		{4096, 100, 40, 30, 10, 4, usage{409600, 245760, 122880, 10, 4}},
		// More is available than free, as after a quota was overrun and went below 0.
		{1, 100, 40, math.MaxUint64 - 5, 10, 40, usage{100, 60, 40, 10, 10}},
		{1, 100, 200, 200, 0, 0, usage{100, 0, 100, 0, 0}},
		{1 << 32, 1 << 40, 0, 0, 0, 0, usage{math.MaxUint64, math.MaxUint64, 0, 0, 0}},
	} {
		if got := newUsage(test.size, test.blocks, test.free, test.available, test.inodes, test.inodesFree); got != test.want {
			t.Errorf("newUsage(%+v) = %+v", test, got)
		}
	}
}
