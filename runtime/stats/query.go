// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/noded/noded/journal"
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
	// Until is that of the request, or what it stands for: points are of equal parts of the time up to it.
	Until time.Time
	// Problems say what is known only in part, and why: a sentence each.
	Problems []string
}

// Series is about one number of something. Of a counter the rate is meant: a second, and of CPU time in cores.
type Series struct {
	// Entity is what it is about; of what has ended, what was known of it last.
	Entity *Entity
	// Ended: there is no such thing any more.
	Ended  bool
	Metric metric.ID
	Summary
}

// Bounds of an answer, by what the request names and not by what there are figures of.
const (
	// MaxQuerySeries is how many series there can be, MaxQueryPoints how many points all of them can have.
	MaxQuerySeries = 32 << 10
	MaxQueryPoints = 512 << 10
)

// Query summarises what history knows of what is there and of what has ended. The errors are those of Snapshot.Select, and a
// *journal.QueryError if there would be more than MaxQuerySeries or MaxQueryPoints. Without a History there is nothing. It waits for the
// first look.
func (s *Sampler) Query(ctx context.Context, req QueryRequest) (QueryResult, error) {
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return QueryResult{}, err
	}
	result := QueryResult{Until: req.Until, Problems: snapshot.Problems}
	if result.Until.IsZero() {
		result.Until = s.config.Now().Add(time.Millisecond) // what was read right now, too
	}
	h := s.config.History
	if h == nil {
		result.Problems = []string{"nothing is kept of what was used: stats.history is 0"}
		return result, nil
	}
	result.Oldest = h.Oldest()
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
	since := req.Since
	if since.IsZero() {
		since = result.Oldest
	}
	subjects = slices.DeleteFunc(subjects, func(sub subject) bool { return !c.of(sub.entity.Key.Kind) || !c.wants(sub.entity) })
	if err := bounded(len(subjects)*len(metrics), req.Points); err != nil {
		return QueryResult{}, err
	}
	for _, sub := range subjects {
		if err := ctx.Err(); err != nil {
			return QueryResult{}, err
		}
		for _, id := range metrics {
			if sum, ok := h.Summarize(sub.name, id, since, result.Until, req.Points); ok && sum.Samples > 0 {
				result.Series = append(result.Series, Series{Entity: sub.entity, Ended: sub.ended, Metric: id, Summary: unscaled(id, sum)})
			}
		}
	}
	return result, nil
}

// bounded refuses what would be too much to answer at once.
func bounded(series, points int) error {
	switch {
	case series > MaxQuerySeries:
		return &journal.QueryError{Field: "metric", Reason: fmt.Sprintf(
			"there would be %d series, want %d at most: ask for fewer numbers, or narrow the selection", series, MaxQuerySeries)}
	case series*points > MaxQueryPoints:
		return &journal.QueryError{Field: "points", Value: fmt.Sprint(points), Reason: fmt.Sprintf(
			"that many of each of %d series are too many, want %d in all at most: ask for fewer points, or narrow the selection", series, MaxQueryPoints)}
	}
	return nil
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
		name := historyName(e)
		add(subject{name: name, entity: named(s.config.History, name, e)})
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
