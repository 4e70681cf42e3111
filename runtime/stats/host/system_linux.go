// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// statfs asks the filesystem that is mounted at a path as the mount id. If another one is there it is an ErrHidden.
func statfs(path string, id uint64) (usage, error) {
	var x unix.Statx_t
	// What is known of a server will do, and nothing is to be mounted for this.
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &x)
	if err != nil {
		return usage{}, &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	if x.Mask&unix.STATX_MNT_ID != 0 && x.Mnt_id != id { // Linux 5.8
		return usage{}, fmt.Errorf("%w: another filesystem covers %s", ErrHidden, path)
	}
	var s unix.Statfs_t
	for {
		err = unix.Statfs(path, &s)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return usage{}, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	size := s.Frsize
	if size <= 0 {
		size = s.Bsize
	}
	return newUsage(uint64(max(size, 0)), s.Blocks, s.Bfree, s.Bavail, s.Files, s.Ffree), nil
}

// inode returns the inode number of a file.
func inode(path string) (uint64, error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return s.Ino, nil
}
