// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package safefs

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

type rootSystem struct{}

// dirSystem is an open directory, also as a root of its own.
type dirSystem struct {
	file *os.File
	at   *os.Root
}

func (r *Root) open(name string) (*os.File, error) {
	at, err := os.OpenRoot(r.path)
	if err != nil {
		return nil, reason(err)
	}
	defer at.Close()
	return openFile(at, name)
}

func (r *Root) openDir(name string) (*Dir, error) {
	at, err := os.OpenRoot(r.path)
	if err != nil {
		return nil, reason(err)
	}
	defer at.Close()
	return openDir(r, at, name, name)
}

func (d *Dir) open(name string) (*os.File, error) { return openFile(d.at, name) }

func (d *Dir) openDir(name string) (*Dir, error) { return openDir(d.root, d.at, name, d.sub(name)) }

func (d *Dir) stat(name string) (fs.FileInfo, error) {
	info, err := d.at.Lstat(name)
	return info, reason(err)
}

func (d *Dir) close() error { return errors.Join(d.file.Close(), d.at.Close()) }

func openFile(at *os.Root, name string) (*os.File, error) {
	before, err := plain(at, name)
	if err != nil {
		return nil, err
	}
	_, _, links := identity(before)
	if err := checkFile(before.Mode(), links); err != nil {
		return nil, err
	}
	file, err := at.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason(err)
	}
	if err := same(file, before); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func openDir(r *Root, at *os.Root, name, whole string) (*Dir, error) {
	before, err := plain(at, name)
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		return nil, notPlain("not a directory")
	}
	sub, err := at.OpenRoot(name)
	if err != nil {
		return nil, reason(err)
	}
	file, err := sub.Open(".")
	if err != nil {
		_ = sub.Close()
		return nil, reason(err)
	}
	d := &Dir{root: r, name: whole, dirSystem: dirSystem{file: file, at: sub}}
	if err := same(file, before); err != nil {
		_ = d.close()
		return nil, err
	}
	return d, nil
}

// plain returns what a name stands for if no link is on the way.
func plain(at *os.Root, name string) (fs.FileInfo, error) {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		info, err := at.Lstat(name[:i])
		switch {
		case err != nil:
			return nil, reason(err)
		case !info.IsDir():
			return nil, notPlain("a link, or no directory, in the way")
		}
	}
	info, err := at.Lstat(strings.TrimSuffix(name, "/"))
	return info, reason(err)
}

// same says whether an open file is the one that was looked at.
func same(file *os.File, before fs.FileInfo) error {
	after, err := file.Stat()
	if err != nil {
		return reason(err)
	}
	if !os.SameFile(before, after) {
		return notPlain("it changed while it was opened")
	}
	return nil
}

// reason takes the path off an error, to which the caller adds the whole one.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
