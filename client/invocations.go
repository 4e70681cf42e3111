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
	if err := journal.CheckInvocationUnit(unit); err != nil {
		return nil, err
	}
	q := journal.NewQuery()
	q.Fields = journal.InvocationFields(user)
	if user {
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

// recordFields lets package journal look fields of a record up.
type recordFields struct{ *journal.Record }

// Lookup is that of journal.Entry.
func (r recordFields) Lookup(name string) (journal.Field, error) {
	value, ok := r.Get(name)
	if !ok {
		return journal.Field{}, journal.ErrNoField
	}
	return journal.Field{Name: name, Value: value}, nil
}

// Record implements Handler.
func (i *invocations) Record(r *journal.Record) error {
	if id, ok := journal.InvocationOf(recordFields{r}, i.user); ok {
		i.add(id, r.Realtime)
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
