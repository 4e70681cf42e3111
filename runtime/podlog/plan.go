// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"math"

	"github.com/noded/noded/journal"
)

// slack is how far the times of neighbouring lines may be out of order without being taken for a clock that was set: the runtime
// stamps stdout and stderr in two goroutines.
const slack = int64(5e9)

// plan is a query made ready.
type plan struct {
	Query
	since, until  int64
	grep, exclude *journal.Pattern
	streams       [3]bool
	// looks: the text decides.
	looks     bool
	positions map[string]Position
}

// newPlan checks a query.
func newPlan(q Query) (*plan, error) {
	p := &plan{Query: q, since: math.MinInt64, until: math.MaxInt64}
	if q.Since != nil {
		p.since = *q.Since
	}
	if q.Until != nil {
		p.until = *q.Until
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	// That run has ended.
	p.Follow = p.Follow && p.Runs != RunsPrevious
	var err error
	if q.Filter.Grep != "" {
		if p.grep, err = journal.NewPattern("grep", q.Filter.Grep, q.Filter.IgnoreCase); err != nil {
			return nil, err
		}
	}
	if q.Filter.Exclude != "" {
		if p.exclude, err = journal.NewPattern("exclude", q.Filter.Exclude, q.Filter.IgnoreCase); err != nil {
			return nil, err
		}
	}
	p.looks = p.grep != nil || p.exclude != nil || q.Filter.MaxLevel != journal.LevelUnknown
	p.streams = [3]bool{true, true, true}
	if len(q.Filter.Streams) > 0 {
		p.streams = [3]bool{}
		for _, s := range q.Filter.Streams {
			if s != Stdout && s != Stderr {
				return nil, &journal.QueryError{Field: "stream", Value: s.String(), Reason: "want stdout or stderr"}
			}
			p.streams[s] = true
		}
	}
	positions, err := q.Cursor.Positions()
	if err != nil {
		return nil, err
	}
	p.positions = make(map[string]Position, len(positions))
	for _, at := range positions {
		if _, twice := p.positions[at.Key]; twice {
			return nil, badCursor("two places of " + at.Key)
		}
		p.positions[at.Key] = at
	}
	return p, nil
}

func (p *plan) check() error {
	switch {
	case p.Follow && p.Reverse:
		return &journal.QueryError{Field: "follow", Reason: "goes forward; it cannot be combined with reverse"}
	case p.Reverse && p.Cursor != "":
		return &journal.QueryError{Field: "cursor", Reason: "reading goes on forwards; it cannot be combined with reverse"}
	case p.since > p.until:
		return &journal.QueryError{Field: "since", Reason: "is later than until"}
	case p.Runs > RunsAll:
		return &journal.QueryError{Field: "runs", Reason: "want the current one, the previous one or all"}
	case p.Filter.MaxLevel > journal.LevelTrace:
		return &journal.QueryError{Field: "level", Reason: "no such level"}
	}
	return nil
}

// wants reports whether the query selects a record whose time, or that of the one before if it has none, is at.
func (p *plan) wants(r *Record, at int64) bool {
	if at < p.since || at > p.until || !p.streams[r.Stream] {
		return false
	}
	return !p.looks || p.wantsText(r)
}

// selects reports whether the query can leave records out.
func (p *plan) selects() bool {
	return p.looks || p.since != math.MinInt64 || p.until != math.MaxInt64 || !p.streams[Stdout] || !p.streams[Stderr]
}

func (p *plan) wantsText(r *Record) bool {
	if p.grep != nil && !p.grep.Match(r.Text) || p.exclude != nil && p.exclude.Match(r.Text) {
		return false
	}
	if p.Filter.MaxLevel == journal.LevelUnknown {
		return true
	}
	priority := byte('6')
	if r.Stream == Stderr {
		priority = '3'
	}
	return journal.LevelOf(r.Text, []byte{priority}) <= p.Filter.MaxLevel
}

// later returns the plan for containers that come while others are followed: all of them.
func (p *plan) later() *plan {
	out := *p
	out.Tail = LinesAll
	if out.Runs == RunsCurrent {
		out.Runs = RunsAll
	}
	return &out
}

// after returns the plan for a container that goes on after its place among some, if it has one there.
func (p *plan) after(key string, places map[string]Position) *plan {
	at, ok := places[key]
	if !ok {
		return p
	}
	out := *p
	out.positions = map[string]Position{key: at}
	return &out
}
