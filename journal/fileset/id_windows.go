// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"io/fs"
	"os"
	"syscall"
)

// IDOfFile is IDOf for an open file.
func IDOfFile(f *os.File) (id ID, ok bool) {
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &info); err != nil {
		return ID{}, false
	}
	id = ID{device: uint64(info.VolumeSerialNumber), number: uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)}
	return id, !id.IsZero()
}

// stat returns what the file system says of a file, and its ID if it has one.
func stat(path string) (fs.FileInfo, ID, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ID{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, ID{}, err
	}
	id, _ := IDOfFile(f)
	return info, id, nil
}
