// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"math"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// QueryFromProto converts a request and validates it. The error is a journal.ErrInvalidQuery.
func QueryFromProto(m *nodedv1.JournalServiceReadRequest) (journal.Query, error) {
	filter, err := filterFromProto(m.GetFilter())
	if err != nil {
		return journal.Query{}, err
	}
	q := journal.Query{
		Since:       usecPointer(m.SinceRealtimeUsec),
		Until:       usecPointer(m.UntilRealtimeUsec),
		Cursor:      journal.Cursor(m.GetCursor()),
		AfterCursor: m.GetAfterCursor(),
		Reverse:     m.GetReverse(),
		Lines:       journal.LinesAll,
		FromHead:    m.GetFromHead(),
		Follow:      m.GetFollow(),
		Filter:      filter,
	}
	if m.Lines != nil {
		q.Lines = int64(min(m.GetLines(), math.MaxInt64))
	}
	switch {
	case m.GetNoFields():
		q.Fields = journal.Mask{}
	case len(m.GetFields()) > 0:
		q.Fields = m.GetFields()
	}
	return q, q.Validate()
}

// QueryToProto converts a query. A Mask that is not nil but empty becomes no_fields.
func QueryToProto(q journal.Query) *nodedv1.JournalServiceReadRequest {
	m := &nodedv1.JournalServiceReadRequest{
		SinceRealtimeUsec: (*uint64)(q.Since),
		UntilRealtimeUsec: (*uint64)(q.Until),
		Cursor:            string(q.Cursor),
		AfterCursor:       q.AfterCursor,
		Reverse:           q.Reverse,
		FromHead:          q.FromHead,
		Follow:            q.Follow,
		Filter:            filterToProto(&q.Filter),
		Fields:            q.Fields,
		NoFields:          q.Fields != nil && len(q.Fields) == 0,
	}
	if q.Lines >= 0 {
		lines := uint64(q.Lines)
		m.Lines = &lines
	}
	return m
}

func usecPointer(v *uint64) *journal.Usec {
	if v == nil {
		return nil
	}
	u := journal.Usec(*v)
	return &u
}

func filterFromProto(m *nodedv1.JournalFilter) (journal.Filter, error) {
	var errs []error
	bad := func(field, value, reason string) {
		errs = append(errs, &journal.QueryError{Field: field, Value: value, Reason: reason})
	}
	f := journal.Filter{
		Units:              m.GetUnits(),
		UserUnits:          m.GetUserUnits(),
		Identifiers:        m.GetIdentifiers(),
		ExcludeIdentifiers: m.GetExcludeIdentifiers(),
		Transports:         m.GetTransports(),
		MaxLevel:           LevelFromProto(m.GetMaxLevel()),
		Grep:               m.GetGrep(),
		Exclude:            m.GetExclude(),
		IgnoreCase:         m.GetIgnoreCase(),
	}
	if m != nil {
		f.UserUnitUID = m.UserUnitUid
	}
	for _, g := range m.GetMatches() {
		group := make(journal.Conjunction, 0, len(g.GetTerms()))
		for _, t := range g.GetTerms() {
			group = append(group, journal.Term{Field: t.GetField(), Value: string(t.GetValue())})
		}
		f.Matches = append(f.Matches, group)
	}
	for _, b := range m.GetInvocationIds() {
		id, err := ID128(b)
		if err != nil {
			bad("invocation", fmt.Sprintf("%x", b), err.Error())
		}
		f.Invocations = append(f.Invocations, id)
	}
	if b := m.GetBoot(); b != nil {
		id, err := ID128(b.GetId())
		if err != nil {
			bad("boot", fmt.Sprintf("%x", b.GetId()), err.Error())
		}
		f.Boot = &journal.BootRef{ID: id, Offset: int(b.GetOffset())}
	}
	for _, p := range m.GetPriorities() {
		if p > 7 {
			bad("priority", fmt.Sprint(p), "want a number from 0 to 7")
			continue
		}
		f.Priorities |= 1 << p
	}
	for _, v := range m.GetFacilities() {
		f.Facilities = append(f.Facilities, int(min(v, math.MaxInt32)))
	}
	return f, errors.Join(errs...)
}

func filterToProto(f *journal.Filter) *nodedv1.JournalFilter {
	m := &nodedv1.JournalFilter{
		Units:              f.Units,
		UserUnits:          f.UserUnits,
		UserUnitUid:        f.UserUnitUID,
		Identifiers:        f.Identifiers,
		ExcludeIdentifiers: f.ExcludeIdentifiers,
		Transports:         f.Transports,
		MaxLevel:           LevelToProto(f.MaxLevel),
		Grep:               f.Grep,
		Exclude:            f.Exclude,
		IgnoreCase:         f.IgnoreCase,
	}
	for _, g := range f.Matches {
		group := &nodedv1.FieldMatchGroup{}
		for _, t := range g {
			group.Terms = append(group.Terms, &nodedv1.FieldMatch{Field: t.Field, Value: []byte(t.Value)})
		}
		m.Matches = append(m.Matches, group)
	}
	for _, id := range f.Invocations {
		m.InvocationIds = append(m.InvocationIds, id[:])
	}
	if f.Boot != nil {
		m.Boot = &nodedv1.BootReference{Id: IDBytes(f.Boot.ID), Offset: int32(f.Boot.Offset)}
	}
	if f.Priorities != 0 {
		for p := range 8 {
			if f.Priorities.Has(p) {
				m.Priorities = append(m.Priorities, uint32(p))
			}
		}
	}
	for _, v := range f.Facilities {
		m.Facilities = append(m.Facilities, uint32(max(v, 0)))
	}
	return m
}

// ID128 converts the 16 bytes of an identifier; no bytes are the zero value.
func ID128(b []byte) (journal.ID128, error) {
	switch len(b) {
	case 0:
		return journal.ID128{}, nil
	case 16:
		return journal.ID128(b), nil
	default:
		return journal.ID128{}, fmt.Errorf("an identifier has 16 bytes, not %d", len(b))
	}
}

// IDBytes returns the bytes of an identifier, none for the zero value.
func IDBytes(id journal.ID128) []byte {
	if id.IsZero() {
		return nil
	}
	return id[:]
}
