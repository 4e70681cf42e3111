// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
)

// Local answers questions about journal files on this machine. It is safe for
// concurrent use: each call opens a Reader of its own.
type Local struct {
	// Engine reads the files.
	Engine Engine
	// Source says which files.
	Source Source
	// CurrentBoot is the running boot, if the source is this machine's own journal: it is what
	// boot offset 0 means even before its first entry. Zero for other sources.
	CurrentBoot ID128
}

// Boot is one boot that the journal holds.
type Boot struct {
	ID ID128
	// First and Last are the times of its first and last entry.
	First, Last Usec
}

// Invocation is one run of a unit.
type Invocation struct {
	ID          ID128
	First, Last Usec
}

// Usage is the disk space that journals use.
type Usage struct {
	SizeBytes uint64
	Files     []File
	Problems  []FileProblem
}

// Read runs a query: it calls sink for each entry that matches, for each gap, and for
// progress, all from this goroutine. It returns nil when the query is answered,
// ctx.Err() when ctx ended first (for a follow that is the only way to end), the sink's error,
// an ErrInvalidQuery or ErrNoBoot, or what the engine met.
func (l *Local) Read(ctx context.Context, q Query, sink Sink) error { return errors.ErrUnsupported }

// Boots lists the boots, oldest first. The last has offset 0 for BootRef.
func (l *Local) Boots(ctx context.Context) ([]Boot, error) { return nil, errors.ErrUnsupported }

// Units lists the units that have logged, sorted; with patterns only those that match one. user lists
// units of user managers instead of system units.
func (l *Local) Units(ctx context.Context, patterns []string, user bool) ([]string, error) {
	return nil, errors.ErrUnsupported
}

// Invocations lists the runs of a unit, oldest first.
func (l *Local) Invocations(ctx context.Context, unit string, user bool) ([]Invocation, error) {
	return nil, errors.ErrUnsupported
}

// FieldNames lists the names of all fields.
func (l *Local) FieldNames(ctx context.Context) ([]string, error) { return nil, errors.ErrUnsupported }

// FieldValues calls yield for each distinct value of a field. The bytes are valid during
// the call only; an error of yield ends the listing and is returned.
func (l *Local) FieldValues(ctx context.Context, name string, yield func(value []byte) error) error {
	return errors.ErrUnsupported
}

// Usage returns the disk space that the journals use.
func (l *Local) Usage(ctx context.Context) (Usage, error) { return Usage{}, errors.ErrUnsupported }
