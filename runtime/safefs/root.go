// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package safefs

import (
	"errors"
	"io/fs"
	"os"
)

// ErrUnsafe: what the name stands for is not a regular file with one name, or not a directory, or a link is in the way.
var ErrUnsafe = errors.New("not a plain file beneath the root")

// Root is a directory beneath which files are opened. It is safe for concurrent use.
type Root struct{ path string }

// NewRoot returns a root. It opens nothing yet: the directory need not exist, and may be replaced by another one.
// The path itself may have links in it.
func NewRoot(path string) *Root { return &Root{path: path} }

// Path returns the path that NewRoot got.
func (r *Root) Path() string { return r.path }

// Open opens a file beneath the root for reading. name is a slash-separated relative path in which no link, no ".." and no
// other file system's magic is followed. It never blocks. What is not a regular file with a link count of one is an
// ErrUnsafe; a missing one an fs.ErrNotExist.
func (r *Root) Open(name string) (*os.File, error) { return nil, errors.ErrUnsupported }

// OpenDir opens a directory beneath the root in the same way; "." is the root itself. Its names can be read, and files in it
// opened with OpenAt.
func (r *Root) OpenDir(name string) (*Dir, error) { return nil, errors.ErrUnsupported }

// Dir is an open directory beneath a root. It belongs to one goroutine.
type Dir struct{ file *os.File }

// Names returns the names in the directory, unsorted, at most most of them; more tells that there are others.
func (d *Dir) Names(most int) (names []string, more bool, err error) {
	return nil, false, errors.ErrUnsupported
}

// Open opens a regular file in the directory, as Root.Open does; name has no slash.
func (d *Dir) Open(name string) (*os.File, error) { return nil, errors.ErrUnsupported }

// Stat returns what the name stands for, without following it.
func (d *Dir) Stat(name string) (fs.FileInfo, error) { return nil, errors.ErrUnsupported }

// File returns the open directory, for watching it. It stays that of d.
func (d *Dir) File() *os.File { return d.file }

// Close releases it.
func (d *Dir) Close() error { return errors.ErrUnsupported }

// Inode returns the inode number of an open file and a number for its device; zero where the system has none.
func Inode(info fs.FileInfo) (inode, device uint64) { return 0, 0 }
