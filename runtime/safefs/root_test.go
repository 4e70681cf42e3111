// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package safefs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes a file and its directories.
func write(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func read(t *testing.T, f *os.File, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "pod", "web", "0.log"), "hello\n")
	root := NewRoot(dir)
	f, err := root.Open("pod/web/0.log")
	if got := read(t, f, err); got != "hello\n" {
		t.Errorf("Open = %q", got)
	}
	d, err := root.OpenDir("pod")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	web, err := d.OpenDir("web")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	f, err = web.Open("0.log")
	if got := read(t, f, err); got != "hello\n" {
		t.Errorf("Dir.Open = %q", got)
	}
	info, err := web.Stat("0.log")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.Lstat(filepath.Join(dir, "pod", "web", "0.log"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Name() != "0.log" || info.Size() != 6 || info.Mode() != want.Mode() || !info.ModTime().Equal(want.ModTime()) || info.IsDir() {
		t.Errorf("Stat = %v, want %v", info, want)
	}
	inode, device := Inode(info)
	wantInode, wantDevice := Inode(want)
	if inode != wantInode || device != wantDevice {
		t.Errorf("Inode = %d, %d, want %d, %d", inode, device, wantInode, wantDevice)
	}
}

func TestNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "there"), "")
	root, none := NewRoot(dir), NewRoot(filepath.Join(dir, "none"))
	d, err := root.OpenDir(".")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for name, open := range map[string]func() error{
		"file":      func() error { _, err := root.Open("x"); return err },
		"in none":   func() error { _, err := root.Open("x/y"); return err },
		"directory": func() error { _, err := root.OpenDir("x"); return err },
		"in dir":    func() error { _, err := d.Open("x"); return err },
		"stat":      func() error { _, err := d.Stat("x"); return err },
		"root":      func() error { _, err := none.Open("x"); return err },
		"root dir":  func() error { _, err := none.OpenDir("."); return err },
	} {
		err := open()
		var path *fs.PathError
		if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrUnsafe) || !errors.As(err, &path) {
			t.Errorf("%s: %v, want fs.ErrNotExist", name, err)
		}
	}
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a", "b"), "")
	root := NewRoot(filepath.Join(dir, "a"))
	d, err := root.OpenDir(".")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, name := range []string{"", "..", "../a/b", "b/..", "/b", "b/", "./b", "a//b", "b\x00", "\xff", "x/../b", "/", "//", "b/."} {
		if _, err := root.Open(name); !errors.Is(err, ErrUnsafe) {
			t.Errorf("Open(%q) = %v, want ErrUnsafe", name, err)
		}
		if _, err := root.OpenDir(name); !errors.Is(err, ErrUnsafe) {
			t.Errorf("OpenDir(%q) = %v, want ErrUnsafe", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "x/b", "/", "b\x00"} {
		if _, err := d.Open(name); !errors.Is(err, ErrUnsafe) {
			t.Errorf("Dir.Open(%q) = %v, want ErrUnsafe", name, err)
		}
		if _, err := d.OpenDir(name); !errors.Is(err, ErrUnsafe) {
			t.Errorf("Dir.OpenDir(%q) = %v, want ErrUnsafe", name, err)
		}
		if _, err := d.Stat(name); !errors.Is(err, ErrUnsafe) {
			t.Errorf("Dir.Stat(%q) = %v, want ErrUnsafe", name, err)
		}
	}
	if _, err := root.Open("."); !errors.Is(err, ErrUnsafe) {
		t.Errorf("Open(.) = %v, want ErrUnsafe", err)
	}
	if _, err := root.OpenDir("b"); !errors.Is(err, ErrUnsafe) {
		t.Errorf("OpenDir of a file = %v, want ErrUnsafe", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all []string
	for i := range 10 {
		name := fmt.Sprint("n", i)
		write(t, filepath.Join(dir, name), "")
		all = append(all, name)
	}
	d, err := NewRoot(dir).OpenDir(".")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, most := range []int{-1, 0, 1, 9, 10, 11, 1 << 20} { // again each time
		names, more, err := d.Names(most)
		if err != nil {
			t.Fatal(err)
		}
		if len(names) != min(max(most, 0), 10) || more != (most < 10) {
			t.Errorf("Names(%d) = %d names, more %v", most, len(names), more)
		}
		if slices.Sort(names); most >= 10 {
			if diff := cmp.Diff(all, names); diff != "" {
				t.Errorf("Names(%d) (-want +got):\n%s", most, diff)
			}
		}
	}
}

// TestReplacedRoot: the path counts, not the directory that was there at first.
func TestReplacedRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "pods")
	root := NewRoot(path)
	for _, text := range []string{"one", "two"} {
		write(t, filepath.Join(path, "0.log"), text)
		f, err := root.Open("0.log")
		if got := read(t, f, err); got != text {
			t.Errorf("Open = %q, want %q", got, text)
		}
		if err := os.Rename(path, path+text); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("podsone", path); err != nil {
		t.Fatal(err)
	}
	f, err := root.Open("0.log")
	if got := read(t, f, err); got != "one" {
		t.Errorf("Open through a root that is a link = %q, want one", got)
	}
}
