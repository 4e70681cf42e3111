// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"

	"github.com/noded/noded/journal"
)

// Invocations lists the runs of a unit that the journal holds, oldest first. user means a unit of a user
// manager. It reads the entries of the unit, but only the few fields that tell.
func (c *Client) Invocations(ctx context.Context, unit string, user bool) ([]journal.Invocation, error) {
	q := journal.NewQuery()
	q.Fields = journal.Mask{"_PID", "_SYSTEMD_INVOCATION_ID", "INVOCATION_ID"}
	if user {
		q.Fields[2] = "USER_INVOCATION_ID"
		q.Filter.UserUnits = []string{unit}
	} else {
		q.Filter.Units = []string{unit}
	}
	runs := invocations{user: user, index: make(map[journal.ID128]int)}
	err := c.Read(ctx, ReadRequest{Query: q}, &runs)
	return runs.found, err
}

// invocations is the Handler that collects runs.
type invocations struct {
	user  bool
	found []journal.Invocation
	index map[journal.ID128]int
}

// Record implements Handler.
func (i *invocations) Record(r *journal.Record) error {
	fields := [...]string{"_SYSTEMD_INVOCATION_ID", "INVOCATION_ID"}
	if i.user {
		fields[1] = "USER_INVOCATION_ID"
	}
	if pid, _ := r.Get("_PID"); string(pid) == "1" {
		// The manager's own invocation is not the unit's.
		fields[0], fields[1] = fields[1], fields[0]
	}
	for _, name := range fields {
		value, ok := r.Get(name)
		if !ok {
			continue
		}
		id, err := journal.ParseID128(string(value))
		if err != nil || id.IsZero() {
			continue
		}
		i.add(id, r.Realtime)
		return nil
	}
	return nil
}

func (i *invocations) add(id journal.ID128, at journal.Usec) {
	if n, known := i.index[id]; known {
		i.found[n].Last = max(i.found[n].Last, at)
		return
	}
	i.index[id] = len(i.found)
	i.found = append(i.found, journal.Invocation{ID: id, First: at, Last: at})
}

// Gap implements Handler.
func (i *invocations) Gap(journal.Gap) error { return nil }

// Progress implements Handler.
func (i *invocations) Progress(journal.Progress) error { return nil }
