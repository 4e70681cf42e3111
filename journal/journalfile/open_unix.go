// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package journalfile

import (
	"io/fs"
	"os"
	"syscall"
)

// OpenFile opens a file for reading. It does not hang on a FIFO of that name.
func OpenFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// diskBytes is the space that a file uses.
func diskBytes(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Blocks) * 512
	}
	return uint64(info.Size())
}
