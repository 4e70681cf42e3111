// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix && !windows

package fileset

import (
	"io/fs"
	"os"
)

// IDOfFile is IDOf for an open file.
func IDOfFile(*os.File) (id ID, ok bool) { return ID{}, false }

// stat returns what the file system says of a file, and its ID if it has one.
func stat(path string) (fs.FileInfo, ID, error) {
	info, err := os.Stat(path)
	return info, ID{}, err
}
