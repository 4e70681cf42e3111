// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

// ID identifies a file whatever its name is, as long as it exists: device and inode, or what the system has like them. It is
// comparable; the zero ID is that of no file. Numbers are used again when a file is gone.
type ID struct{ device, number uint64 }

// IsZero reports whether the ID is that of no file.
func (id ID) IsZero() bool { return id == ID{} }

// IDOf returns the ID of the file of that name; a symbolic link is followed. ok is false if there is none, or if
// the system cannot tell files apart.
func IDOf(path string) (id ID, ok bool) {
	_, id, err := stat(path)
	return id, err == nil && !id.IsZero()
}
