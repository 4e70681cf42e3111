// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Invocation is one run of a unit.
type Invocation struct {
	ID ID128
	// First and Last are the times of its first and last entry.
	First, Last Usec
}

// Invocations lists the runs of a unit that the journal holds, oldest first. user means a unit of a user
// manager.
func (l *Local) Invocations(ctx context.Context, unit string, user bool) ([]Invocation, error) {
	r, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	group := unitMatch(unit)
	if user {
		group = userUnitMatch(unit, nil)
	}
	if err := r.SetMatch(Match{group}); err != nil {
		return nil, err
	}
	if err := r.Seek(Head()); err != nil {
		return nil, err
	}
	var runs []Invocation
	index := make(map[ID128]int)
	for n := 1; ; n++ {
		if n%lookInterval == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return runs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list invocations of %s: %w", unit, err)
		}
		id, ok := invocationOf(e, user)
		if !ok {
			continue
		}
		at := e.Header().Realtime
		if i, known := index[id]; known {
			runs[i].Last = max(runs[i].Last, at)
			continue
		}
		index[id] = len(runs)
		runs = append(runs, Invocation{ID: id, First: at, Last: at})
	}
}

// invocationOf returns the invocation that an entry belongs to: its own, or the one that the manager speaks of.
func invocationOf(e Entry, user bool) (ID128, bool) {
	fields := [...]string{"_SYSTEMD_INVOCATION_ID", "INVOCATION_ID"}
	if user {
		fields[1] = "USER_INVOCATION_ID"
	}
	if user || has(e, "_PID", "1") {
		// Where a manager speaks of a unit, its own invocation is not the unit's.
		fields[0], fields[1] = fields[1], fields[0]
	}
	for _, name := range fields {
		value, err := lookup(e, name)
		if err != nil || value == nil {
			continue
		}
		if id, err := ParseID128(string(value)); err == nil && !id.IsZero() {
			return id, true
		}
	}
	return ID128{}, false
}
