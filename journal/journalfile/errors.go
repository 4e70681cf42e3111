// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/noded/noded/journal"
)

// Kinds of FormatError, to test for with errors.Is.
var (
	// ErrCorrupt: the content contradicts the format or itself.
	ErrCorrupt = errors.New("corrupt")
	// ErrTruncated: the file is shorter than its header says, or empty.
	ErrTruncated = errors.New("truncated")
	// ErrUnknownFlags: the file uses features that this package does not know.
	ErrUnknownFlags = errors.New("unknown incompatible flags")
)

// FormatError says what in a journal file is not as it must be.
type FormatError struct {
	// Path is the file; empty if it was not read by name.
	Path string
	// Offset is where the object begins, in bytes from the beginning of the file.
	Offset uint64
	// Object is what is there: header, data, field, entry, data hash table, ...
	Object string
	// Err wraps one of the kinds above.
	Err error
}

// Error implements error.
func (e *FormatError) Error() string {
	if e.Object == objectHeader {
		return fmt.Sprintf("journal file %q: header: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("journal file %q: %s at offset %d: %v", e.Path, e.Object, e.Offset, e.Err)
}

// Unwrap returns the kind and what is said about it.
func (e *FormatError) Unwrap() error { return e.Err }

const objectHeader = "header"

func headerError(kind error, format string, args ...any) error {
	return &FormatError{Object: objectHeader, Err: fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))}
}

// GapReason translates an error of this package to the reason for which entries of
// the file are missing.
func GapReason(err error) journal.GapReason {
	switch {
	case err == nil:
		return journal.GapUnknown
	case errors.Is(err, ErrTruncated):
		return journal.GapTruncated
	case errors.Is(err, ErrUnknownFlags):
		return journal.GapUnsupported
	case errors.Is(err, ErrCorrupt):
		return journal.GapCorrupt
	case errors.Is(err, fs.ErrPermission):
		return journal.GapDenied
	case errors.Is(err, fs.ErrNotExist):
		return journal.GapVacuumed
	default:
		return journal.GapUnknown
	}
}
