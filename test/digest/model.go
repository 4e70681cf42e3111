// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/noded/noded/journal"
)

func maphashSeed() maphash.Seed { return maphash.MakeSeed() }

// holds reports whether the entry satisfies the match.
func holds(m journal.Match, e *entry) bool {
	for _, group := range m {
		if !slices.ContainsFunc(group, func(c journal.Conjunction) bool { return holdsAll(c, e) }) {
			return false
		}
	}
	return true
}

func holdsAll(c journal.Conjunction, e *entry) bool {
	for _, t := range c {
		if !slices.ContainsFunc(c, func(other journal.Term) bool {
			return other.Field == t.Field && slices.ContainsFunc(e.fields, func(v *value) bool {
				return v.Name == other.Field && string(v.Value) == other.Value
			})
		}) {
			return false
		}
	}
	return true
}

// randomMatch makes a match of values that entries have, and some that none has.
func randomMatch(r *rand.Rand, entries []*entry) journal.Match {
	term := func() journal.Term {
		e := entries[r.IntN(len(entries))]
		v := e.fields[r.IntN(len(e.fields))]
		if r.IntN(30) == 0 {
			return journal.Term{Field: v.Name, Value: "none has this"}
		}
		return journal.Term{Field: v.Name, Value: string(v.Value)}
	}
	var m journal.Match
	for range 1 + r.IntN(2)*r.IntN(2) {
		var group journal.Group
		for range 1 + r.IntN(2)*r.IntN(3) {
			var c journal.Conjunction
			for range 1 + r.IntN(3)*r.IntN(2) {
				c = append(c, term())
			}
			group = append(group, c)
		}
		m = append(m, group)
	}
	return m
}

// model is a reader of entries in memory, by the contract of journal.Reader.
type model struct {
	// all are the entries of the journal, list those that match.
	all, list []*entry
	// down is the index that Next goes to, up the one that Previous goes to: those around a gap, or around the
	// entry that the reader stands on.
	down, up int
}

func (m *model) setMatch(match journal.Match) {
	m.list = m.all
	if match != nil {
		m.list = nil
		for _, e := range m.all {
			if holds(match, e) {
				m.list = append(m.list, e)
			}
		}
	}
	m.gap(0)
}

// gap goes before entry i.
func (m *model) gap(i int) { m.down, m.up = i, i-1 }

func (m *model) seekRealtime(t journal.Usec) {
	m.gap(sort.Search(len(m.list), func(i int) bool { return m.list[i].Realtime >= t }))
}

// seekEntry goes to entry i of all.
func (m *model) seekEntry(i int) {
	want := m.all[i]
	n := 0
	for _, e := range m.all[:i] {
		if n < len(m.list) && m.list[n] == e {
			n++
		}
	}
	m.gap(n)
	if n < len(m.list) && m.list[n] == want {
		m.up = n
	}
}

// skip goes n entries and returns the one that is reached and how many steps that took; nil without one.
func (m *model) skip(n int64) (*entry, int64) {
	if n == 0 {
		return nil, 0
	}
	var at, made int64
	if n > 0 {
		at = min(int64(m.down)+n-1, int64(len(m.list))-1)
		made = at - int64(m.down) + 1
	} else {
		at = max(int64(m.up)+n+1, 0)
		made = at - int64(m.up) - 1
		if m.up < 0 || len(m.list) == 0 {
			return nil, 0
		}
	}
	if made == 0 {
		return nil, 0
	}
	m.down, m.up = int(at)+1, int(at)-1
	return m.list[at], made
}

// list returns the fields as they were written.
func (e *entry) list() []journal.Field {
	fields := make([]journal.Field, len(e.fields))
	for i, v := range e.fields {
		fields[i] = v.Field
	}
	return fields
}
