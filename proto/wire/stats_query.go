// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// The bounds of what a caller of StatsService can ask for, as the API documents them.
const (
	MaxStatsPoints   = 1000
	MinStatsInterval = time.Second
	MaxStatsInterval = time.Hour
)

// StatsWatchQuery says what a Watch tells.
type StatsWatchQuery struct {
	// Kinds and Metrics are each once; none: the node and containers, and metric.CPUUsage and metric.MemoryWorkingSet.
	Kinds   []stats.Kind
	Metrics []metric.ID
	// Interval is how often; 0: as often as noded looks by itself.
	Interval time.Duration
}

// defaultMetrics are meant where no numbers are named.
func defaultMetrics() []metric.ID { return []metric.ID{metric.CPUUsage, metric.MemoryWorkingSet} }

// StatsWatchFromProto converts a request, and fills in what is meant by nothing but the interval. The error is a journal.ErrInvalidQuery.
func StatsWatchFromProto(m *nodedv1.StatsServiceWatchRequest) (StatsWatchQuery, error) {
	kinds, kindsErr := statsKindsFromProto(m.GetKinds())
	metrics, metricsErr := metricsFromProto(m.GetMetrics(), func(metric.ID) bool { return true })
	q := StatsWatchQuery{Kinds: kinds, Metrics: metrics}
	if len(q.Kinds) == 0 {
		q.Kinds = []stats.Kind{stats.KindNode, stats.KindContainer}
	}
	var intervalErr error
	q.Interval, intervalErr = statsIntervalFromProto(m.GetInterval())
	return q, errors.Join(kindsErr, metricsErr, intervalErr)
}

// statsIntervalFromProto converts how often something is wanted; 0 if that is not set.
func statsIntervalFromProto(m *durationpb.Duration) (time.Duration, error) {
	if m == nil {
		return 0, nil
	}
	interval := m.AsDuration()
	if m.CheckValid() != nil || interval < MinStatsInterval || interval > MaxStatsInterval {
		return interval, &journal.QueryError{Field: "interval", Value: interval.String(), Reason: "want 1s to 1h"}
	}
	return interval, nil
}

// StatsWatchToProto converts a request.
func StatsWatchToProto(q *StatsWatchQuery) *nodedv1.StatsServiceWatchRequest {
	m := &nodedv1.StatsServiceWatchRequest{Kinds: statsKindsToProto(q.Kinds), Metrics: metricsToProto(q.Metrics)}
	if q.Interval != 0 {
		m.Interval = durationpb.New(q.Interval)
	}
	return m
}

// StatsListFromProto converts a request. The error is a journal.ErrInvalidQuery.
func StatsListFromProto(m *nodedv1.StatsServiceListRequest) (stats.Selection, error) {
	return statsList(m)
}

// statsLister is what requests for lists have in common.
type statsLister interface {
	statsSelector
	GetSort() nodedv1.StatsSort
	GetLimit() uint32
}

func statsList(m statsLister) (stats.Selection, error) {
	sel, err := statsSelection(m)
	sel.Limit = int(min(m.GetLimit(), 1<<30))
	switch order := m.GetSort(); order {
	case nodedv1.StatsSort_STATS_SORT_UNSPECIFIED:
		sel.Sort = stats.SortName
	case nodedv1.StatsSort_STATS_SORT_CPU:
		sel.Sort = stats.SortCPU
	case nodedv1.StatsSort_STATS_SORT_MEMORY:
		sel.Sort = stats.SortMemory
	case nodedv1.StatsSort_STATS_SORT_NETWORK:
		sel.Sort = stats.SortNetwork
	case nodedv1.StatsSort_STATS_SORT_DISK:
		sel.Sort = stats.SortDisk
	case nodedv1.StatsSort_STATS_SORT_SWAP:
		sel.Sort = stats.SortSwap
	default:
		err = errors.Join(err, &journal.QueryError{Field: "sort", Value: fmt.Sprint(int32(order)), Reason: "want cpu, memory, network, disk or swap"})
	}
	return sel, err
}

// StatsListToProto converts a request.
func StatsListToProto(sel *stats.Selection) *nodedv1.StatsServiceListRequest {
	m := &nodedv1.StatsServiceListRequest{
		Kinds: statsKindsToProto(sel.Kinds), Containers: TextsToProto(sel.Containers), Units: TextsToProto(sel.Units), Limit: count32(sel.Limit),
	}
	if sel.Pods != nil {
		m.Pods = PodSelectorToProto(sel.Pods)
	}
	switch sel.Sort {
	case stats.SortCPU:
		m.Sort = nodedv1.StatsSort_STATS_SORT_CPU
	case stats.SortMemory:
		m.Sort = nodedv1.StatsSort_STATS_SORT_MEMORY
	case stats.SortNetwork:
		m.Sort = nodedv1.StatsSort_STATS_SORT_NETWORK
	case stats.SortDisk:
		m.Sort = nodedv1.StatsSort_STATS_SORT_DISK
	case stats.SortSwap:
		m.Sort = nodedv1.StatsSort_STATS_SORT_SWAP
	}
	return m
}

// StatsListWatch says what a WatchList tells.
type StatsListWatch struct {
	stats.Selection
	// Interval is how often; 0: as often as noded looks by itself.
	Interval time.Duration
}

// StatsWatchListFromProto converts a request. The error is a journal.ErrInvalidQuery.
func StatsWatchListFromProto(m *nodedv1.StatsServiceWatchListRequest) (StatsListWatch, error) {
	sel, err := statsList(m)
	interval, intervalErr := statsIntervalFromProto(m.GetInterval())
	return StatsListWatch{Selection: sel, Interval: interval}, errors.Join(err, intervalErr)
}

// StatsWatchListToProto converts a request.
func StatsWatchListToProto(w *StatsListWatch) *nodedv1.StatsServiceWatchListRequest {
	list := StatsListToProto(&w.Selection)
	m := &nodedv1.StatsServiceWatchListRequest{
		Kinds: list.GetKinds(), Pods: list.GetPods(), Containers: list.GetContainers(), Units: list.GetUnits(), Sort: list.GetSort(), Limit: list.GetLimit(),
	}
	if w.Interval != 0 {
		m.Interval = durationpb.New(w.Interval)
	}
	return m
}

// StatsQueryFromProto converts a request. The error is a journal.ErrInvalidQuery.
func StatsQueryFromProto(m *nodedv1.StatsServiceQueryRequest) (stats.QueryRequest, error) {
	sel, err := statsSelection(m)
	errs := []error{err}
	q := stats.QueryRequest{Selection: sel, Points: int(min(m.GetPoints(), MaxStatsPoints+1))}
	if q.Points > MaxStatsPoints {
		errs = append(errs, &journal.QueryError{Field: "points", Value: fmt.Sprint(m.GetPoints()), Reason: fmt.Sprintf("want %d at most", MaxStatsPoints)})
	}
	q.Metrics, err = metricsFromProto(m.GetMetrics(), func(id metric.ID) bool { return id.Info().History })
	errs = append(errs, err)
	for _, bound := range []struct {
		field string
		m     *timestamppb.Timestamp
		to    *time.Time
	}{{"since", m.GetSince(), &q.Since}, {"until", m.GetUntil(), &q.Until}} {
		if bound.m == nil {
			continue
		}
		if err := bound.m.CheckValid(); err != nil {
			errs = append(errs, &journal.QueryError{Field: bound.field, Reason: "it is no time"})
		}
		*bound.to = bound.m.AsTime()
		if bound.to.IsZero() { // the first time that a request can name, which is not none
			*bound.to = bound.to.Add(1)
		}
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && q.Since.After(q.Until) {
		errs = append(errs, &journal.QueryError{Field: "since", Value: q.Since.Format(time.RFC3339Nano), Reason: "it is after until, " + q.Until.Format(time.RFC3339Nano)})
	}
	return q, errors.Join(errs...)
}

// StatsQueryToProto converts a request.
func StatsQueryToProto(q *stats.QueryRequest) *nodedv1.StatsServiceQueryRequest {
	m := &nodedv1.StatsServiceQueryRequest{
		Kinds: statsKindsToProto(q.Selection.Kinds), Containers: TextsToProto(q.Selection.Containers), Units: TextsToProto(q.Selection.Units),
		Metrics: metricsToProto(q.Metrics), Since: timeToProto(q.Since), Until: timeToProto(q.Until), Points: count32(q.Points),
	}
	if q.Selection.Pods != nil {
		m.Pods = PodSelectorToProto(q.Selection.Pods)
	}
	return m
}

// StatsSeriesToProto converts a list of series.
func StatsSeriesToProto(list []stats.Series) []*nodedv1.StatsSeries {
	out := make([]*nodedv1.StatsSeries, len(list))
	for i := range list {
		s := &list[i]
		// Series of one subject share what is said about it.
		var subject *nodedv1.Subject
		if i > 0 && s.Entity == list[i-1].Entity {
			subject = out[i-1].GetSubject()
		} else {
			subject = StatsSubjectToProto(s.Entity)
		}
		out[i] = &nodedv1.StatsSeries{
			Subject: subject, Ended: s.Ended, Metric: s.Metric.String(),
			Samples: count32(s.Samples), FirstTime: timeToProto(s.First), LastTime: timeToProto(s.Last),
			Min: s.Min, Mean: s.Mean, P95: s.P95, Max: s.Max, Last: s.LastValue, Points: s.Points,
		}
	}
	return out
}

// StatsSeriesFromProto converts a list of series; none is nil. Those of numbers that this build does not know are left out.
func StatsSeriesFromProto(list []*nodedv1.StatsSeries) []stats.Series {
	var out []stats.Series
	for _, m := range list {
		id, ok := metric.Parse(m.GetMetric())
		if !ok {
			continue
		}
		out = append(out, stats.Series{
			Entity: StatsSubjectFromProto(m.GetSubject()), Ended: m.GetEnded(), Metric: id,
			Summary: stats.Summary{
				Samples: int(m.GetSamples()), First: timeFromProto(m.GetFirstTime()), Last: timeFromProto(m.GetLastTime()),
				Min: m.GetMin(), Mean: m.GetMean(), P95: m.GetP95(), Max: m.GetMax(), LastValue: m.GetLast(), Points: m.GetPoints(),
			},
		})
	}
	return out
}

// statsSelector is what requests of StatsService have in common.
type statsSelector interface {
	GetKinds() []nodedv1.StatsKind
	GetPods() *nodedv1.PodSelector
	GetContainers() []string
	GetUnits() []string
}

func statsSelection(m statsSelector) (stats.Selection, error) {
	kinds, err := statsKindsFromProto(m.GetKinds())
	sel := stats.Selection{Kinds: kinds, Containers: m.GetContainers(), Units: m.GetUnits()}
	if m.GetPods() != nil {
		pods := PodSelectorFromProto(m.GetPods())
		sel.Pods = &pods
	}
	return sel, err
}

// statsKindsFromProto converts kinds, each of which is in the result once.
func statsKindsFromProto(list []nodedv1.StatsKind) (out []stats.Kind, err error) {
	for _, m := range list {
		k := statsKindFromProto(m)
		if k == stats.KindUnknown {
			return nil, &journal.QueryError{Field: "kind", Value: fmt.Sprint(int32(m)), Reason: "want node, pod, container or unit"}
		}
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out, nil
}

func statsKindsToProto(kinds []stats.Kind) []nodedv1.StatsKind {
	var out []nodedv1.StatsKind
	for _, k := range kinds {
		out = append(out, statsKindToProto(k))
	}
	return out
}

func metricsToProto(ids []metric.ID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id.String())
	}
	return out
}

// metricsFromProto converts names, each of which is in the result once. Nothing is defaultMetrics. The error for a name that nothing has, or
// that is not wanted, lists those that are near.
func metricsFromProto(names []string, wanted func(metric.ID) bool) (out []metric.ID, err error) {
	for _, name := range names {
		id, ok := metric.Parse(name)
		switch {
		case !ok:
			return nil, metricError(name, "there is no such number", wanted)
		case !wanted(id):
			return nil, metricError(name, "it is not kept", wanted)
		case !slices.Contains(out, id):
			out = append(out, id)
		}
	}
	if len(out) == 0 {
		return defaultMetrics(), nil
	}
	return out, nil
}

// metricError says which numbers there are: those whose names have a word of the wrong one, or else all.
func metricError(name, reason string, wanted func(metric.ID) bool) error {
	const most = 80
	name = Text(name[:min(len(name), most)])
	var near, all []string
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '.' })
	for id := range metric.Count {
		if !wanted(id) {
			continue
		}
		all = append(all, id.String())
		if slices.ContainsFunc(words, func(word string) bool { return len(word) >= 2 && strings.Contains(id.String(), word) }) {
			near = append(near, id.String())
		}
	}
	if len(near) == 0 {
		near = all
	}
	return &journal.QueryError{Field: "metric", Value: name, Reason: reason + "; want one of " + strings.Join(near, ", ")}
}
