// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
)

// Errors to test for with errors.Is. They keep their identity across the API.
var (
	// ErrNoField: the entry has no such field.
	ErrNoField = errors.New("no such field")
	// ErrNoBoot: the journal holds no such boot.
	ErrNoBoot = errors.New("no such boot")
	// ErrBadCursor: the text is not a cursor.
	ErrBadCursor = errors.New("not a journal cursor")
	// ErrUnreadable: the fields of an entry cannot be decoded. The read goes on after it and tells a gap.
	ErrUnreadable = errors.New("unreadable entry")
	// ErrTooLarge: an entry is over the size limit of the engine. It is an ErrUnreadable too.
	ErrTooLarge = fmt.Errorf("%w: over the size limit", ErrUnreadable)
	// ErrUnsupported: this build or engine cannot do it.
	ErrUnsupported = errors.New("not supported")
	// ErrInvalidQuery: the query contradicts itself or a value in it is malformed. Every
	// QueryError is one.
	ErrInvalidQuery = errors.New("invalid query")
)

// QueryError says what in a query is malformed.
type QueryError struct {
	// Field is the part of the query, in the words of the command line (since, boot, grep).
	Field string
	// Value is what was given.
	Value string
	// Reason says what is wrong and what would be right.
	Reason string
}

// Error implements error.
func (e *QueryError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%s: %s", e.Field, e.Reason)
	}
	return fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Reason)
}

// Is makes every QueryError an ErrInvalidQuery.
func (e *QueryError) Is(target error) bool { return target == ErrInvalidQuery }
