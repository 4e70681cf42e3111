// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package safefs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// canary is in the file that must never be read.
const canary = "canary: never to be seen"

// ways are the ways to look up names that systems allow.
var ways = []struct {
	name         string
	walk, noProc bool
}{{"openat2", false, false}, {"walk", true, false}, {"openat2-noproc", false, true}, {"walk-noproc", true, true}}

func newRoot(path string, walk, noProc bool) *Root {
	r := NewRoot(path)
	r.sys.walk.Store(walk)
	r.sys.noProc.Store(noProc)
	return r
}

// within fails if f blocks.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s blocks", what)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hostile makes a tree whose names lead out of it, or to what is not a file. It returns the tree and its bad names.
func hostile(t *testing.T) (root string, names []string) {
	t.Helper()
	top := t.TempDir()
	root = filepath.Join(top, "pods")
	write(t, filepath.Join(top, "outside", "0.log"), canary)
	write(t, filepath.Join(root, "pod", "good", "0.log"), "good")
	secret, c := filepath.Join(top, "outside", "0.log"), filepath.Join(root, "pod", "c")
	must(t, os.Mkdir(c, 0o755))
	for name, target := range map[string]string{
		"absolute": secret, "relative": "../../../outside/0.log", "chain": "absolute", "loop": "loop", "dangling": "nowhere",
		"inside": "../good/0.log", "magic-root": "/proc/self/root" + secret, "magic-exe": "/proc/self/exe",
		"magic-fd": "/proc/self/fd/0", "zero": "/dev/zero",
	} {
		must(t, os.Symlink(target, filepath.Join(c, name)))
		names = append(names, "pod/c/"+name)
	}
	for name, target := range map[string]string{
		"dir": filepath.Dir(secret), "chain": "dir", "up": "../..", "outside": "/proc/self/cwd", "inside": "good",
	} {
		must(t, os.Symlink(target, filepath.Join(root, "pod", "link-"+name)))
		names = append(names, "pod/link-"+name+"/0.log", "pod/link-"+name)
	}
	must(t, os.Link(secret, filepath.Join(c, "hard")))
	must(t, unix.Mkfifo(filepath.Join(c, "fifo"), 0o666))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(c, "s"), Net: "unix"})
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	must(t, os.Mkdir(filepath.Join(c, "directory"), 0o755))
	for _, name := range []string{"hard", "fifo", "s", "directory", "good/../../c/absolute", "../../outside/0.log"} {
		names = append(names, "pod/c/"+name)
	}
	for name, minor := range map[string]uint32{"null": 3, "zero-device": 5, "kmsg": 11} {
		err := unix.Mknod(filepath.Join(c, name), unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor)))
		if err == nil { // root only
			names = append(names, "pod/c/"+name)
		}
	}
	return root, append(names, "pod/link-chain/../outside/0.log")
}

func TestHostileTree(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			path, names := hostile(t)
			root := newRoot(path, way.walk, way.noProc)
			d, err := root.OpenDir("pod/c")
			must(t, err)
			defer d.Close()
			for _, name := range names {
				within(t, name, func() {
					if f, err := root.Open(name); !errors.Is(err, ErrUnsafe) {
						t.Errorf("Open(%s) = %v, %v, want ErrUnsafe", name, f, err)
					}
					if f, err := d.Open(filepath.Base(name)); !errors.Is(err, ErrUnsafe) && !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("Dir.Open(%s) = %v, %v, want ErrUnsafe", name, f, err)
					}
					if name == "pod/c/directory" {
						return
					}
					if sub, err := root.OpenDir(name); !errors.Is(err, ErrUnsafe) {
						t.Errorf("OpenDir(%s) = %v, %v, want ErrUnsafe", name, sub, err)
					}
				})
			}
			f, err := root.Open("pod/good/0.log")
			if got := read(t, f, err); got != "good" {
				t.Errorf("Open = %q, want good", got)
			}
			if root.sys.walk.Load() != way.walk || root.sys.noProc.Load() != way.noProc {
				t.Error("another way to look up names was taken")
			}
			info, err := d.Stat("absolute")
			if err != nil || info.Mode()&fs.ModeSymlink == 0 {
				t.Errorf("Stat of a link = %v, %v", info, err)
			}
		})
	}
}

// TestLease: a lease on a file would make a plain open wait for the one who holds it.
func TestLease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "0.log")
	write(t, path, "x")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	must(t, err)
	within(t, "Open", func() {
		if _, err := NewRoot(dir).Open("0.log"); !errors.Is(err, unix.EWOULDBLOCK) {
			t.Errorf("Open = %v, want EWOULDBLOCK", err)
		}
	})
}

// TestRace exchanges what a name stands for all the time, in the ways of somebody who can write to the tree.
func TestRace(t *testing.T) {
	t.Parallel()
	for i, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			swaps := 100_000
			if testing.Short() || i > 0 {
				swaps = 10_000
			}
			race(t, newRoot(t.TempDir(), way.walk, way.noProc), swaps)
		})
	}
}

func race(t *testing.T, root *Root, swaps int) {
	t.Helper()
	dir, secrets := root.Path(), t.TempDir()
	secret := filepath.Join(secrets, "0.log")
	write(t, secret, canary)
	write(t, filepath.Join(dir, "c", "0.log"), "good")
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		defer over.Store(true)
		swap(t, dir, secret, swaps)
	})
	var opened, refused int
	buf := make([]byte, 64)
	for !over.Load() {
		f, err := root.Open("c/0.log")
		switch {
		case err == nil:
			n, err := f.Read(buf)
			if bytes.Contains(buf[:n], []byte("canary")) || err != nil {
				t.Errorf("read %q, %v", buf[:n], err)
				over.Store(true)
			}
			f.Close()
			opened++
		case errors.Is(err, ErrUnsafe), errors.Is(err, fs.ErrNotExist):
			refused++
		default:
			t.Errorf("Open = %v", err)
			over.Store(true)
		}
	}
	wg.Wait()
	if b, err := os.ReadFile(secret); string(b) != canary {
		t.Errorf("the canary is %q, %v", b, err)
	}
	t.Logf("%d opened, %d refused", opened, refused)
	if opened == 0 || refused == 0 {
		t.Errorf("%d opened, %d refused: there was no race", opened, refused)
	}
}

// swap puts other things in the place of c/0.log, and of c.
func swap(t *testing.T, dir, secret string, swaps int) {
	c := filepath.Join(dir, "c")
	name, next := filepath.Join(c, "0.log"), filepath.Join(dir, "next")
	good := func() error { return os.WriteFile(next, []byte("good"), 0o644) }
	// A rename onto another name of the same file does nothing, so that next may still be there.
	put := func(make func() error) error { return errors.Join(os.RemoveAll(next), make(), os.Rename(next, name)) }
	link := func() error { return os.Link(secret, next) }
	bad := []func() error{
		func() error { return os.Symlink(secret, next) },
		link,
		func() error { return unix.Mkfifo(next, 0o666) },
		link,
		func() error { return os.Symlink("/proc/self/root"+secret, next) },
	}
	evil := filepath.Join(dir, "evil")
	if err := os.Symlink(filepath.Dir(secret), evil); err != nil {
		t.Error(err)
		return
	}
	exchange := func(a, b string) error {
		return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	}
	var spares []string
	for i, make := range append(bad, good) {
		spare := filepath.Join(dir, fmt.Sprint("spare", i))
		if err := errors.Join(make(), os.Rename(next, spare)); err != nil {
			t.Error(err)
			return
		}
		spares = append(spares, spare)
	}
	for i := range swaps {
		var err error
		switch i % 16 {
		case 0: // the directory, with a link to that of the secret
			err = errors.Join(exchange(c, evil), exchange(c, evil))
		case 1:
			err = errors.Join(os.Remove(name), put(good))
		case 2:
			err = put(bad[i/16%len(bad)])
		case 3:
			err = put(good)
		default:
			err = exchange(name, spares[i%len(spares)])
		}
		if err != nil {
			t.Errorf("swap %d: %v", i, err)
			return
		}
	}
}

// TestHardLinkRace: a second name of a file that comes and goes does not make it one with one name while the links are counted.
func TestHardLinkRace(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			secret, name, next := filepath.Join(t.TempDir(), "0.log"), filepath.Join(dir, "c", "0.log"), filepath.Join(dir, "c", "next")
			write(t, secret, canary)
			must(t, os.Mkdir(filepath.Dir(name), 0o755))
			var over atomic.Bool
			var wg sync.WaitGroup
			wg.Go(func() {
				defer over.Store(true)
				for i := range 100_000 {
					err := os.Link(secret, name)
					if i%8 == 0 {
						err = errors.Join(err, os.WriteFile(next, nil, 0o644), os.Rename(next, name))
					}
					if err = errors.Join(err, os.Remove(name)); err != nil {
						t.Error(err)
						return
					}
				}
			})
			root := newRoot(dir, way.walk, way.noProc)
			for buf := make([]byte, 64); !over.Load(); {
				f, err := root.Open("c/0.log")
				if err != nil {
					continue
				}
				if n, _ := f.Read(buf); n > 0 {
					t.Errorf("read %q", buf[:n])
				}
				f.Close()
			}
			wg.Wait()
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			dir := b.TempDir()
			write(b, filepath.Join(dir, "default_web-0_7f6b", "web", "0.log"), "x")
			root := newRoot(dir, way.walk, way.noProc)
			b.ReportAllocs()
			for b.Loop() {
				f, err := root.Open("default_web-0_7f6b/web/0.log")
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}

func BenchmarkDirOpen(b *testing.B) {
	dir := b.TempDir()
	write(b, filepath.Join(dir, "0.log"), "x")
	d, err := NewRoot(dir).OpenDir(".")
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	b.ReportAllocs()
	for b.Loop() {
		f, err := d.Open("0.log")
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
