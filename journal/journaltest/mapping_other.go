// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package journaltest

import "os"

// mapping is the content of a file that is being written. Without mmap it is in memory until the file is closed.
type mapping struct {
	f *os.File
	b []byte
}

// resize makes the file of that many bytes.
func (m *mapping) resize(size uint64) error {
	if size > uint64(len(m.b)) {
		m.b = append(m.b, make([]byte, size-uint64(len(m.b)))...)
	}
	return m.f.Truncate(int64(size))
}

// close writes the content, and leaves the file open.
func (m *mapping) close() error {
	info, err := m.f.Stat()
	if err != nil || m.b == nil {
		return err
	}
	b := m.b[:info.Size()]
	m.b = nil
	_, err = m.f.WriteAt(b, 0)
	return err
}
