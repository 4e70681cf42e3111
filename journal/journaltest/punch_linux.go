// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"os"

	"golang.org/x/sys/unix"
)

// punch frees the disk space between two offsets; where the file system cannot,
// the file stays as large as it was.
func punch(f *os.File, from, to int64) {
	if from < to {
		_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	}
}
