// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

// QueryRequest says what is summarised.
type QueryRequest struct {
	// Selection says whose figures: of what is there and of what has ended. Its order and limit are not used.
	Selection Selection
	// Metrics are the numbers; none: CPUUsage and MemoryWorkingSet.
	Metrics []metric.ID
	// Since and Until bound the time; zero: as far back as there is anything, and now.
	Since, Until time.Time
	// Points is how many points of each series are wanted; 0: none.
	Points int
}

// QueryResult is the answer.
type QueryResult struct {
	// Series are by kind and name, and then in the order of QueryRequest.Metrics. What has no figures in that time has no series.
	Series []Series
	// Oldest is the oldest time that is known of; zero if there is none.
	Oldest time.Time
	// Problems say what is known only in part, and why: a sentence each.
	Problems []string
}

// Series is about one number of something. Of a counter the rate is meant: a second, and of CPU time in cores.
type Series struct {
	// Entity is what it is about; of what has ended only what is in its name is known.
	Entity *Entity
	// Ended: there is no such thing any more.
	Ended  bool
	Metric metric.ID
	Summary
}

// Query summarises what history knows of what is there and of what has ended. The errors are those of Snapshot.Select. Without a History
// there is nothing. It waits for the first look.
func (s *Sampler) Query(ctx context.Context, req QueryRequest) (QueryResult, error) {
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return QueryResult{}, err
	}
	h := s.config.History
	if h == nil {
		return QueryResult{Problems: []string{"nothing is kept of what was used: stats.history is 0"}}, nil
	}
	result := QueryResult{Oldest: h.Oldest(), Problems: snapshot.Problems}
	subjects := s.subjects(snapshot)
	entities := make([]*Entity, len(subjects))
	for i := range subjects {
		entities[i] = subjects[i].entity
	}
	c, err := choose(&req.Selection, snapshot.names, entities)
	if err != nil {
		return QueryResult{}, err
	}
	metrics := req.Metrics
	if len(metrics) == 0 {
		metrics = []metric.ID{metric.CPUUsage, metric.MemoryWorkingSet}
	}
	until := req.Until
	if until.IsZero() {
		until = s.config.Now().Add(time.Millisecond) // what was read right now, too
	}
	since := req.Since
	if since.IsZero() {
		since = result.Oldest
	}
	for _, sub := range subjects {
		if !c.of(sub.entity.Key.Kind) || !c.wants(sub.entity) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return QueryResult{}, err
		}
		for _, id := range metrics {
			if sum, ok := h.Summarize(sub.name, id, since, until, req.Points); ok && sum.Samples > 0 {
				result.Series = append(result.Series, Series{Entity: sub.entity, Ended: sub.ended, Metric: id, Summary: unscaled(id, sum)})
			}
		}
	}
	return result, nil
}

// subject is something that history may know of.
type subject struct {
	name   string
	entity *Entity
	ended  bool
}

// subjects returns what is there and what has ended, by kind and name.
func (s *Sampler) subjects(snapshot *Snapshot) []subject {
	out := make([]subject, 0, len(snapshot.Usages)+1)
	live := make(map[string]bool, len(snapshot.Usages)+1)
	add := func(sub subject) {
		if sub.entity != nil && !live[sub.name] {
			live[sub.name] = true
			out = append(out, sub)
		}
	}
	add(subject{name: historyNode, entity: snapshot.Node.Entity})
	for i := range snapshot.Usages {
		e := snapshot.Usages[i].Entity
		add(subject{name: historyName(e), entity: e})
	}
	for _, name := range s.config.History.Entities() {
		if !live[name] {
			add(subject{name: name, entity: entityOf(s.config.History.About(name)), ended: true})
		}
	}
	slices.SortStableFunc(out, func(a, b subject) int {
		return cmp.Or(cmp.Compare(a.entity.Key.Kind, b.entity.Key.Kind), byName(a.entity, b.entity))
	})
	return out
}

// unscaled turns whole numbers of history into what they are of.
func unscaled(id metric.ID, s Summary) Summary {
	scale := historyScale(id)
	if scale == 1 {
		return s
	}
	for _, v := range []*float64{&s.Min, &s.Mean, &s.P95, &s.Max, &s.LastValue} {
		*v /= scale
	}
	points := make([]float64, len(s.Points))
	for i, v := range s.Points {
		points[i] = v / scale
	}
	s.Points = points
	return s
}
