// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"errors"
	"fmt"
	"reflect"
	"syscall"
	"unsafe"

	"github.com/coreos/go-systemd/v22/sdjournal"

	"github.com/noded/noded/journal"
)

// handle is an open sd_journal: go-systemd's Journal, and the pointer inside of it for the calls
// that go-systemd does not have.
type handle struct {
	lib     *library
	journal *sdjournal.Journal
	c       unsafe.Pointer // of journal
	// max is the number of bytes that an entry or a value may have.
	max    int
	cursor [cursorBytes]byte
	// need takes results of the shim, so that they are not allocated for each call.
	need [2]size
}

// errBinding: go-systemd is not the version that this package was written for.
var errBinding = errors.New("go-systemd's Journal has no field cjournal")

// journalPointer returns the address of the sd_journal pointer in go-systemd's Journal, which has no method for
// it. This is the one place that looks into that structure; TestJournalPointer notices when it changes.
func journalPointer(j *sdjournal.Journal) (*unsafe.Pointer, error) {
	field := reflect.ValueOf(j).Elem().FieldByName("cjournal")
	if !field.IsValid() || field.Kind() != reflect.Pointer {
		return nil, errBinding
	}
	return (*unsafe.Pointer)(field.Addr().UnsafePointer()), nil
}

// newHandle wraps what go-systemd opened.
func newHandle(lib *library, maxEntry int, j *sdjournal.Journal) (*handle, error) {
	p, err := journalPointer(j)
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	h := &handle{lib: lib, journal: j, c: *p, max: maxEntry}
	if err := h.setup(); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return h, nil
}

// adopt wraps an sd_journal that the library opened.
func adopt(lib *library, maxEntry int, c unsafe.Pointer) (*handle, error) {
	j := &sdjournal.Journal{}
	p, err := journalPointer(j)
	if err != nil {
		return nil, err
	}
	*p = c
	return newHandle(lib, maxEntry, j)
}

// setup raises libsystemd's limit on the size of values, 64 KiB, to one more than is taken: what has that much is too
// large. Not all versions stop there when they decompress (252 does not); their buffer is freed before the next entry.
func (h *handle) setup() error {
	if err := h.journal.SetDataThreshold(uint64(h.max) + 1); err != nil {
		return fmt.Errorf("set data threshold: %w", errnoOf(err))
	}
	return nil
}

func (h *handle) close() error { return h.journal.Close() }

// setMatch replaces the matches by those of m.
func (h *handle) setMatch(m journal.Match) error {
	h.journal.FlushMatches()
	first := true
	for _, group := range m {
		if groupAlwaysHolds(group) {
			continue
		}
		if !first {
			if err := h.journal.AddConjunction(); err != nil {
				return fmt.Errorf("add conjunction: %w", errnoOf(err))
			}
		}
		first = false
		for i, conjunction := range group {
			if i > 0 {
				if err := h.journal.AddDisjunction(); err != nil {
					return fmt.Errorf("add disjunction: %w", errnoOf(err))
				}
			}
			for _, term := range conjunction {
				if err := h.journal.AddMatch(term.String()); err != nil {
					return fmt.Errorf("add match %q: %w", term, errnoOf(err))
				}
			}
		}
	}
	return nil
}

// groupAlwaysHolds: an empty conjunction is true.
func groupAlwaysHolds(group journal.Group) bool {
	for _, conjunction := range group {
		if len(conjunction) == 0 {
			return true
		}
	}
	return false
}

// errnoOf returns the errno in an error of go-systemd, so that messages are our own.
func errnoOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
