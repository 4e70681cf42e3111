// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// hostileFiles are the ways to put what is not a log file in its place.
func hostileFiles() map[string]func(secret, name string) error {
	return map[string]func(secret, name string) error{
		"link":      os.Symlink,
		"hard link": os.Link,
		"chain": func(secret, name string) error {
			return errors.Join(os.Symlink(secret, name+"x"), os.Symlink(name+"x", name))
		},
		"magic link": func(secret, name string) error { return os.Symlink("/proc/self/root"+secret, name) },
		"zero":       func(_, name string) error { return os.Symlink("/dev/zero", name) },
		"loop":       func(_, name string) error { return os.Symlink(name, name) },
		"fifo":       func(_, name string) error { return unix.Mkfifo(name, 0o666) },
		"directory":  func(_, name string) error { return os.Mkdir(name, 0o755) },
		"device": func(_, name string) error {
			err := unix.Mknod(name, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))
			if errors.Is(err, unix.EPERM) { // only root may
				return unix.Mkfifo(name, 0o666)
			}
			return err
		},
	}
}
