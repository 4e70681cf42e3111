// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package safefs

import (
	"io/fs"
	"syscall"
)

// identity returns what the system knows a file by, and how many names it has.
func identity(info fs.FileInfo) (inode, device, links uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, 0
	}
	return st.Ino, uint64(st.Dev), uint64(st.Nlink)
}
