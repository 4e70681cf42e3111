// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"math"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// LogQueryFromProto converts a request. The error is a journal.ErrInvalidQuery: a value that no query has. What does not
// go together is found by the reader of the query.
func LogQueryFromProto(m *nodedv1.LogServiceReadRequest) (inventory.LogSelector, podlog.Query, error) {
	var errs []error
	bad := func(field, value, reason string) {
		errs = append(errs, &journal.QueryError{Field: field, Value: value, Reason: reason})
	}
	q := podlog.Query{
		Since:   m.SinceUnixNano,
		Until:   m.UntilUnixNano,
		Cursor:  podlog.Cursor(m.GetCursor()),
		Reverse: m.GetReverse(),
		Tail:    podlog.LinesAll,
		Limit:   podlog.LinesAll,
		Follow:  m.GetFollow(),
		Filter: podlog.Filter{
			Grep:       m.GetFilter().GetGrep(),
			Exclude:    m.GetFilter().GetExclude(),
			IgnoreCase: m.GetFilter().GetIgnoreCase(),
			MaxLevel:   LevelFromProto(m.GetFilter().GetMaxLevel()),
		},
	}
	if m.TailLines != nil {
		q.Tail = int64(min(m.GetTailLines(), math.MaxInt64))
	}
	if n := m.GetLimitLines(); n > 0 {
		q.Limit = int64(min(n, math.MaxInt64))
	}
	for _, s := range m.GetFilter().GetStreams() {
		switch stream := streamFromProto(s); stream {
		case podlog.StreamUnknown:
			bad("stream", s.String(), "want stdout or stderr")
		default:
			q.Filter.Streams = append(q.Filter.Streams, stream)
		}
	}
	switch runs := m.GetRuns(); runs {
	case nodedv1.LogRuns_LOG_RUNS_UNSPECIFIED:
	case nodedv1.LogRuns_LOG_RUNS_PREVIOUS:
		q.Runs = podlog.RunsPrevious
	case nodedv1.LogRuns_LOG_RUNS_ALL:
		q.Runs = podlog.RunsAll
	default:
		bad("runs", fmt.Sprint(int32(runs)), "want the newest, the previous or all")
	}
	return LogSelectorFromProto(m.GetSelector()), q, errors.Join(errs...)
}

// LogQueryToProto converts a query. A Limit of 0 cannot be told and becomes none.
func LogQueryToProto(sel *inventory.LogSelector, q *podlog.Query) *nodedv1.LogServiceReadRequest {
	m := &nodedv1.LogServiceReadRequest{
		Selector:      LogSelectorToProto(sel),
		SinceUnixNano: q.Since,
		UntilUnixNano: q.Until,
		Cursor:        Text(string(q.Cursor)),
		Reverse:       q.Reverse,
		Follow:        q.Follow,
		Filter: &nodedv1.LogFilter{
			Grep:       q.Filter.Grep,
			Exclude:    q.Filter.Exclude,
			IgnoreCase: q.Filter.IgnoreCase,
			MaxLevel:   LevelToProto(q.Filter.MaxLevel),
		},
	}
	if q.Tail >= 0 {
		tail := uint64(q.Tail)
		m.TailLines = &tail
	}
	if q.Limit > 0 {
		m.LimitLines = uint64(q.Limit)
	}
	for _, s := range q.Filter.Streams {
		m.Filter.Streams = append(m.Filter.Streams, streamToProto(s))
	}
	switch q.Runs {
	case podlog.RunsPrevious:
		m.Runs = nodedv1.LogRuns_LOG_RUNS_PREVIOUS
	case podlog.RunsAll:
		m.Runs = nodedv1.LogRuns_LOG_RUNS_ALL
	}
	return m
}

// LogSelectorFromProto converts a selector of containers.
func LogSelectorFromProto(m *nodedv1.LogSelector) inventory.LogSelector {
	sel := inventory.LogSelector{
		Containers:    m.GetContainers(),
		AllContainers: m.GetAllContainers(),
		ContainerIDs:  m.GetContainerIds(),
	}
	if m.GetPods() != nil {
		pods := PodSelectorFromProto(m.GetPods())
		sel.Pods = &pods
	}
	return sel
}

// LogSelectorToProto converts a selector of containers.
func LogSelectorToProto(sel *inventory.LogSelector) *nodedv1.LogSelector {
	m := &nodedv1.LogSelector{
		Containers:    TextsToProto(sel.Containers),
		AllContainers: sel.AllContainers,
		ContainerIds:  TextsToProto(sel.ContainerIDs),
	}
	if sel.Pods != nil {
		m.Pods = PodSelectorToProto(sel.Pods)
	}
	return m
}

// PodSelectorFromProto converts a selector of pods; nil is every pod.
func PodSelectorFromProto(m *nodedv1.PodSelector) inventory.PodSelector {
	return inventory.PodSelector{
		Namespace: m.GetNamespace(), Names: m.GetNames(), LabelSelector: m.GetLabelSelector(), UIDs: m.GetUids(),
	}
}

// PodSelectorToProto converts a selector of pods.
func PodSelectorToProto(sel *inventory.PodSelector) *nodedv1.PodSelector {
	return &nodedv1.PodSelector{
		Namespace: Text(sel.Namespace), Names: TextsToProto(sel.Names), LabelSelector: Text(sel.LabelSelector), Uids: TextsToProto(sel.UIDs),
	}
}

// streamFromProto converts a stream; one that this build does not know becomes StreamUnknown.
func streamFromProto(m nodedv1.LogStream) podlog.Stream {
	switch m {
	case nodedv1.LogStream_LOG_STREAM_STDOUT:
		return podlog.Stdout
	case nodedv1.LogStream_LOG_STREAM_STDERR:
		return podlog.Stderr
	default:
		return podlog.StreamUnknown
	}
}

func streamToProto(s podlog.Stream) nodedv1.LogStream {
	switch s {
	case podlog.Stdout:
		return nodedv1.LogStream_LOG_STREAM_STDOUT
	case podlog.Stderr:
		return nodedv1.LogStream_LOG_STREAM_STDERR
	default:
		return nodedv1.LogStream_LOG_STREAM_UNSPECIFIED
	}
}
