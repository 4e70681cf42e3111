// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/noded/noded/journal/glob"
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
	if err := CheckInvocationUnit(unit); err != nil {
		return nil, err
	}
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
		id, ok := InvocationOf(e, user)
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

// CheckInvocationUnit reports a unit whose invocations cannot be listed: a pattern, for it can mean several units, whose
// runs would be mixed up. The error is a *QueryError.
func CheckInvocationUnit(unit string) error {
	if glob.IsPattern(unit) {
		return &QueryError{Field: "unit", Value: unit, Reason: "want the name of one unit: invocations of several are not numbered together"}
	}
	return nil
}

// InvocationFields are the fields that InvocationOf looks at.
func InvocationFields(user bool) Mask {
	return append(Mask{"_PID"}, invocationFields(user)...)
}

func invocationFields(user bool) []string {
	if user {
		return []string{"_SYSTEMD_INVOCATION_ID", "USER_INVOCATION_ID"}
	}
	return []string{"_SYSTEMD_INVOCATION_ID", "INVOCATION_ID"}
}

// InvocationOf returns the invocation that an entry belongs to: its own, or the one that the manager, that of users
// if user is set, speaks of. ok is false if it belongs to none.
func InvocationOf(e interface {
	Lookup(name string) (Field, error)
}, user bool) (id ID128, ok bool) {
	fields := invocationFields(user)
	if pid, err := e.Lookup("_PID"); err == nil && string(pid.Value) == "1" {
		// The manager's own invocation is not the unit's.
		slices.Reverse(fields)
	}
	for _, name := range fields {
		f, err := e.Lookup(name)
		if err != nil {
			continue
		}
		if id, err := ParseID128(string(f.Value)); err == nil && !id.IsZero() {
			return id, true
		}
	}
	return ID128{}, false
}
