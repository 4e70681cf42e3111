// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package journaltest

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapping is the content of a file that is being written. What is written to b is seen by readers at once.
type mapping struct {
	f *os.File
	b []byte
}

// resize makes the file of that many bytes. Slices of b from before are no longer valid.
func (m *mapping) resize(size uint64) error {
	if err := m.f.Truncate(int64(size)); err != nil {
		return err
	}
	if size <= uint64(len(m.b)) {
		return nil
	}
	if err := m.close(); err != nil {
		return err
	}
	// More than the file has, so that it need not be mapped again for each growth.
	b, err := unix.Mmap(int(m.f.Fd()), 0, int(2*size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return &os.PathError{Op: "mmap", Path: m.f.Name(), Err: err}
	}
	m.b = b
	return nil
}

// close unmaps, and leaves the file open.
func (m *mapping) close() error {
	if m.b == nil {
		return nil
	}
	b := m.b
	m.b = nil
	return unix.Munmap(b)
}
