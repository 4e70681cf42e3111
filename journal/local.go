// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"fmt"
	"time"
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

	// OnWatchError is called, by the goroutine of a Read that follows, once it has to look for new entries and files because it
	// cannot watch for them, mostly because inotify instances or watches are exhausted. Nothing is lost, but it costs more, and
	// some are seen later. nil if nobody wants to know.
	OnWatchError func(error)

	// clock replaces time.Now in tests.
	clock func() time.Time
}

func (l *Local) now() time.Time {
	if l.clock != nil {
		return l.clock()
	}
	return time.Now()
}

// Boot is one boot that the journal holds.
type Boot struct {
	ID ID128
	// First and Last are the times of its first and last entry.
	First, Last Usec
}

// Usage is the disk space that journals use.
type Usage struct {
	SizeBytes uint64
	Files     []File
	Problems  []FileProblem
	// Engine is the name of the engine that reads them; empty if it is not known. Of an engine that chooses another
	// one it is the name of that: its readers have a method EngineName() string.
	Engine string
}

// Units lists the units that have logged, sorted; with patterns only those that match one. user lists
// units of user managers instead of system units.
func (l *Local) Units(ctx context.Context, patterns []string, user bool) ([]string, error) {
	r, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	fields := unitFields()
	if user {
		fields = userUnitFields()
	}
	return unitsIn(ctx, r, patterns, fields)
}

// FieldNames lists the names of all fields.
func (l *Local) FieldNames(ctx context.Context) ([]string, error) {
	r, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	names, err := r.FieldNames(ctx)
	if err != nil {
		return nil, fmt.Errorf("list fields: %w", err)
	}
	return names, nil
}

// FieldValues calls yield for each distinct value of a field. The bytes are valid during
// the call only; an error of yield ends the listing and is returned.
func (l *Local) FieldValues(ctx context.Context, name string, yield func(value []byte) error) error {
	if !ValidFieldName(name) {
		return &QueryError{Field: "field", Value: name, Reason: "field names are upper-case letters, digits and underscores"}
	}
	r, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	var stop error
	err = r.FieldValues(ctx, name, func(value []byte) bool {
		if stop = ctx.Err(); stop == nil {
			stop = yield(value)
		}
		return stop == nil
	})
	if stop != nil {
		return stop
	}
	if err != nil {
		return fmt.Errorf("list values of %s: %w", name, err)
	}
	return nil
}

// Usage returns the disk space that the journals use, and the files that cannot be read, even if none can.
func (l *Local) Usage(ctx context.Context) (Usage, error) {
	r, err := l.Engine.Open(ctx, l.Source)
	if err != nil {
		return Usage{}, fmt.Errorf("open journal: %w", err)
	}
	defer r.Close()
	files, err := r.Files()
	if err != nil {
		return Usage{}, fmt.Errorf("list journal files: %w", err)
	}
	u := Usage{Files: files, Problems: r.Problems(), Engine: l.Engine.Name()}
	if chosen, ok := r.(interface{ EngineName() string }); ok {
		u.Engine = chosen.EngineName()
	}
	for _, f := range files {
		u.SizeBytes += f.SizeBytes
	}
	return u, nil
}
