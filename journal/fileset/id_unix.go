// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package fileset

import (
	"io/fs"
	"os"
	"syscall"
)

// IDOfFile is IDOf for an open file.
func IDOfFile(f *os.File) (id ID, ok bool) {
	info, err := f.Stat()
	if err != nil {
		return ID{}, false
	}
	id = idOfInfo(info)
	return id, !id.IsZero()
}

// stat returns what the file system says of a file, and its ID if it has one.
func stat(path string) (fs.FileInfo, ID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, ID{}, err
	}
	return info, idOfInfo(info), nil
}

func idOfInfo(info fs.FileInfo) ID {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ID{}
	}
	return ID{device: uint64(st.Dev), number: st.Ino} // not uint64 on every system
}
