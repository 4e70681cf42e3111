// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package journalfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the first size bytes of the file for reading.
func mapFile(f *os.File, size int) ([]byte, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("map journal file: %w", err)
	}
	var b []byte
	var mapErr error
	err = conn.Control(func(fd uintptr) { b, mapErr = unix.Mmap(int(fd), 0, size, unix.PROT_READ, unix.MAP_SHARED) })
	if err == nil {
		err = mapErr
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoMapping, err)
	}
	return b, nil
}

func unmap(b []byte) error {
	if err := unix.Munmap(b); err != nil {
		return fmt.Errorf("unmap journal file: %w", err)
	}
	return nil
}
