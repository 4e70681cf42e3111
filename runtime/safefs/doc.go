// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package safefs opens files beneath a directory whose contents others control, such as the log directories of containers.
//
//	root := safefs.NewRoot("/var/log/pods")
//	file, err := root.Open("default_web-0_7f6b/web/0.log")
//	if errors.Is(err, safefs.ErrUnsafe) {
//		// A link, a hard link, a device: somebody tries something.
//	}
//
// It only reads, and it does not say who wrote a file.
//
// # Security
//
// Who can write beneath the root, as a container with the node's /var/log can, must not be able to make a reader with more rights
// read another file, block, or touch a device. On Linux therefore
//
//   - names are resolved by openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS, or where that
//     does not exist one component at a time with O_NOFOLLOW, from a handle of the root;
//   - a file is first opened with O_PATH, which opens no device and blocks on no FIFO. Only if it is a regular file, that same inode is opened
//     for reading through /proc/self/fd, so that no exchange of the name in between can matter, and without waiting for leases;
//   - it must have one name. A link count of one does not tell that alone: a second name may have led to the file and be gone when the links
//     are counted. So after the count the name that led to the file must still exist, and lead to it, which /proc/self/fd
//     tells of the open file. The count goes down before the name is marked as gone, both under the lock of the directory; so that lock
//     is waited for in between. A file whose name went is looked up again.
//
// Without /proc only the name can be looked up again, which is done sixteen times: to deceive that, somebody must hit a moment of less
// than a microsecond each time. Other systems use os.Root and refuse links that they see. Their purpose is to read copied trees.
package safefs
