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
	"strings"
)

// ErrUnsafe: what the name stands for is not a regular file with one name, or not a directory, or a link is in the way.
var ErrUnsafe = errors.New("not a plain file beneath the root")

// Root is a directory beneath which files are opened. It is safe for concurrent use.
type Root struct {
	path string
	sys  rootSystem
}

// NewRoot returns a root. It opens nothing yet, and holds nothing open: the directory need not exist, and may be replaced by
// another one. The path itself may have links in it.
func NewRoot(path string) *Root { return &Root{path: path} }

// Path returns the path that NewRoot got.
func (r *Root) Path() string { return r.path }

// Open opens a file beneath the root for reading. name is a slash-separated relative path in which no link, no ".." and no
// other file system's magic is followed. It never blocks. What is not a regular file with a link count of one is an
// ErrUnsafe; a missing one an fs.ErrNotExist. Errors are of type *fs.PathError.
func (r *Root) Open(name string) (*os.File, error) {
	if err := check(name, true); err != nil {
		return nil, r.failed("open", name, err)
	}
	file, err := r.open(name)
	if err != nil {
		return nil, r.failed("open", name, err)
	}
	return file, nil
}

// OpenDir opens a directory beneath the root in the same way; "." is the root itself. Its names can be read, and files in it
// opened.
func (r *Root) OpenDir(name string) (*Dir, error) {
	if name != "." {
		if err := check(name, true); err != nil {
			return nil, r.failed("open", name, err)
		}
	}
	d, err := r.openDir(name)
	if err != nil {
		return nil, r.failed("open", name, err)
	}
	return d, nil
}

// full returns the path of a name, for messages.
func (r *Root) full(name string) string { return filepath.Join(r.path, filepath.FromSlash(name)) }

func (r *Root) failed(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: r.full(name), Err: err}
}

// Dir is an open directory beneath a root. It belongs to one goroutine.
type Dir struct {
	root *Root
	// name is its path beneath the root.
	name string
	dirSystem
}

// Names returns the names in the directory, unsorted, at most most of them; more tells that there are others.
func (d *Dir) Names(most int) (names []string, more bool, err error) {
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return nil, false, fmt.Errorf("read directory: %w", err)
	}
	most = max(most, 0)
	names, err = d.file.Readdirnames(most + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, fmt.Errorf("read directory: %w", err)
	}
	if len(names) > most {
		return names[:most], true, nil
	}
	return names, false, nil
}

// Open opens a regular file in the directory, as Root.Open does; name has no slash.
func (d *Dir) Open(name string) (*os.File, error) {
	if err := check(name, false); err != nil {
		return nil, d.failed("open", name, err)
	}
	file, err := d.open(name)
	if err != nil {
		return nil, d.failed("open", name, err)
	}
	return file, nil
}

// OpenDir opens a directory in the directory, as Root.OpenDir does; name has no slash.
func (d *Dir) OpenDir(name string) (*Dir, error) {
	if err := check(name, false); err != nil {
		return nil, d.failed("open", name, err)
	}
	sub, err := d.openDir(name)
	if err != nil {
		return nil, d.failed("open", name, err)
	}
	return sub, nil
}

// Stat returns what the name stands for, without following it.
func (d *Dir) Stat(name string) (fs.FileInfo, error) {
	if err := check(name, false); err != nil {
		return nil, d.failed("stat", name, err)
	}
	info, err := d.stat(name)
	if err != nil {
		return nil, d.failed("stat", name, err)
	}
	return info, nil
}

// File returns the open directory, for watching it. It stays that of d.
func (d *Dir) File() *os.File { return d.file }

// Close releases it.
func (d *Dir) Close() error {
	if err := d.close(); err != nil {
		return fmt.Errorf("close directory: %w", err)
	}
	return nil
}

func (d *Dir) sub(name string) string {
	if d.name == "." {
		return name
	}
	return d.name + "/" + name
}

func (d *Dir) failed(op, name string, err error) error { return d.root.failed(op, d.sub(name), err) }

// Links returns how many names a file has; 1 where the system does not tell.
func Links(info fs.FileInfo) uint64 {
	_, _, links := identity(info)
	return links
}

// Inode returns the inode number of an open file and a number for its device; zero where the system has none.
func Inode(info fs.FileInfo) (inode, device uint64) {
	inode, device, _ = identity(info)
	return inode, device
}

// check says whether a name may be looked up.
func check(name string, slashes bool) error {
	switch {
	case !fs.ValidPath(name), name == ".", strings.IndexByte(name, 0) >= 0, !slashes && strings.Contains(name, "/"):
		return notPlain("bad name")
	}
	return nil
}

func notPlain(why string) error { return fmt.Errorf("%w: %s", ErrUnsafe, why) }

// checkFile says whether a file is one that is read.
func checkFile(mode fs.FileMode, links uint64) error {
	switch {
	case mode&fs.ModeSymlink != 0:
		return notPlain("a link")
	case mode.IsDir():
		return notPlain("a directory")
	case mode&fs.ModeNamedPipe != 0:
		return notPlain("a FIFO")
	case mode&fs.ModeSocket != 0:
		return notPlain("a socket")
	case mode&fs.ModeDevice != 0:
		return notPlain("a device")
	case !mode.IsRegular():
		return notPlain("a special file")
	case links > 1:
		return notPlain(fmt.Sprintf("%d names (hard links)", links))
	}
	return nil
}
