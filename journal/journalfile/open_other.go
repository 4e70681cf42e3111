// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package journalfile

import (
	"io/fs"
	"os"
)

// OpenFile opens a file for reading. It does not hang on a FIFO of that name.
func OpenFile(path string) (*os.File, error) { return os.Open(path) }

// diskBytes is the space that a file uses: its length, where there is nothing better.
func diskBytes(info fs.FileInfo) uint64 { return uint64(info.Size()) }
