// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

// #cgo CFLAGS: -std=gnu11 -O2 -Wall -Wextra
// #cgo LDFLAGS: -ldl -lpthread
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"syscall"
	"unsafe"

	"github.com/noded/noded/journal"
)

// Flags of sd_journal_open(3).
const (
	flagLocalOnly         = C.SD_JOURNAL_LOCAL_ONLY
	flagSystem            = C.SD_JOURNAL_SYSTEM
	flagCurrentUser       = C.SD_JOURNAL_CURRENT_USER
	flagOSRoot            = C.SD_JOURNAL_OS_ROOT
	flagAllNamespaces     = C.SD_JOURNAL_ALL_NAMESPACES
	flagDefaultNamespace  = C.SD_JOURNAL_INCLUDE_DEFAULT_NAMESPACE
	cursorBytes           = 256
	errnoNoRoom           = syscall.ENOBUFS
	changeNop, changeSome = C.SD_JOURNAL_NOP, C.SD_JOURNAL_APPEND
	changeFiles           = C.SD_JOURNAL_INVALIDATE
)

// size is C's size_t.
type size C.size_t

// library is libsystemd's table of functions.
type library struct {
	c C.noded_lib // read-only after loadLibrary
}

// loadLibrary loads libsystemd and installs the SIGBUS handler.
func loadLibrary() (*library, error) {
	lib := &library{}
	if missing := C.noded_lib_load(&lib.c); missing != nil {
		return nil, fmt.Errorf("load libsystemd: %w: %s not found; install libsystemd (Debian: libsystemd0, Fedora: systemd-libs)",
			journal.ErrUnsupported, C.GoString(missing))
	}
	if r := C.noded_sigbus_install(); r < 0 {
		return nil, fmt.Errorf("install SIGBUS handler: %w", syscall.Errno(-r))
	}
	return lib, nil
}

// replacedPages is the number of pages of truncated files that have been replaced in this process.
func replacedPages() uint64 { return uint64(C.noded_sigbus_count()) }

func (l *library) openNamespace(namespace string, flags int) (unsafe.Pointer, error) {
	var name *C.char
	if namespace != "" {
		name = C.CString(namespace)
		defer C.free(unsafe.Pointer(name))
	}
	var j *C.sd_journal
	if r := C.noded_open_namespace(&l.c, &j, name, C.int(flags)); r < 0 {
		return nil, syscall.Errno(-r)
	}
	return unsafe.Pointer(j), nil
}

func (l *library) openDirectory(path string, flags int) (unsafe.Pointer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var j *C.sd_journal
	if r := C.noded_open_directory(&l.c, &j, name, C.int(flags)); r < 0 {
		return nil, syscall.Errno(-r)
	}
	return unsafe.Pointer(j), nil
}

// move returns the number of steps made. If it is not 0 the cursor of the
// entry reached is in h.cursor.
func (h *handle) move(steps int64) (int64, error) {
	r := C.noded_move(&h.lib.c, (*C.sd_journal)(h.c), C.int64_t(steps), (*C.char)(unsafe.Pointer(&h.cursor[0])), cursorBytes)
	if r < 0 {
		return 0, syscall.Errno(-r)
	}
	return int64(r), nil
}

// stillThere reports whether the entry that move reached still has the same cursor. Vacuuming frees a file from its beginning,
// where the header is that the cursor takes the sequence from: if that is there, everything that was read before was.
// libsystemd leaves fields out silently whose data is gone.
func (h *handle) stillThere() bool {
	return C.noded_still_there(&h.lib.c, (*C.sd_journal)(h.c), (*C.char)(unsafe.Pointer(&h.cursor[0]))) != 0
}

// fields copies all items of the current entry to buf and the offsets of their ends to ends. If the room does not suffice
// the error is errnoNoRoom and the numbers are what is needed.
func (h *handle) fields(buf []byte, ends []uint64) (bytes, items int, err error) {
	r := C.noded_fields(&h.lib.c, (*C.sd_journal)(h.c), C.size_t(h.max), unsafe.Pointer(unsafe.SliceData(buf)), C.size_t(len(buf)),
		(*C.uint64_t)(unsafe.SliceData(ends)), C.size_t(len(ends)), (*C.size_t)(&h.need[0]), (*C.size_t)(&h.need[1]))
	if r < 0 {
		err = syscall.Errno(-r)
	}
	return int(h.need[0]), int(h.need[1]), err
}

// field copies the first NAME=value of the field to buf and returns its size, with
// errnoNoRoom if buf is too small.
func (h *handle) field(name string, buf []byte) (int, error) {
	r := C.noded_field(&h.lib.c, (*C.sd_journal)(h.c), C.size_t(h.max), (*C.char)(unsafe.Pointer(unsafe.StringData(name))), C.size_t(len(name)),
		unsafe.Pointer(unsafe.SliceData(buf)), C.size_t(len(buf)), (*C.size_t)(&h.need[0]))
	if r < 0 {
		return int(h.need[0]), syscall.Errno(-r)
	}
	return int(h.need[0]), nil
}

func (h *handle) queryUnique(name string) error {
	r := C.noded_query_unique(&h.lib.c, (*C.sd_journal)(h.c), (*C.char)(unsafe.Pointer(unsafe.StringData(name))), C.size_t(len(name)))
	if r < 0 {
		return syscall.Errno(-r)
	}
	return nil
}

// nextUnique copies the next NAME=value to buf, which it grows as needed, and
// returns it; nil at the end.
func (h *handle) nextUnique(buf []byte) ([]byte, error) {
	var data unsafe.Pointer
	var size C.size_t
	r := C.noded_next_unique(&h.lib.c, (*C.sd_journal)(h.c), &data, &size)
	switch {
	case r < 0:
		return nil, syscall.Errno(-r)
	case r == 0:
		return nil, nil
	case size > C.size_t(h.max):
		return nil, syscall.E2BIG
	}
	if cap(buf) < int(size) {
		buf = make([]byte, int(size))
	}
	buf = buf[:size]
	C.noded_copy(unsafe.Pointer(unsafe.SliceData(buf)), data, size)
	return buf, nil
}

func (h *handle) restartFields() { C.noded_restart_fields(&h.lib.c, (*C.sd_journal)(h.c)) }

// nextField returns the name of the next field; empty at the end.
func (h *handle) nextField() (string, error) {
	var name *C.char
	switch r := C.noded_next_field(&h.lib.c, (*C.sd_journal)(h.c), &name); {
	case r < 0:
		return "", syscall.Errno(-r)
	case r == 0:
		return "", nil
	}
	return C.GoString(name), nil
}

// watchFD returns the inotify descriptor that libsystemd watches the journal's directories by.
func (h *handle) watchFD() (int, error) {
	r := C.noded_get_fd(&h.lib.c, (*C.sd_journal)(h.c))
	if r < 0 {
		return -1, syscall.Errno(-r)
	}
	return int(r), nil
}
