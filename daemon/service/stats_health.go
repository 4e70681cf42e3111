// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
)

const (
	// firstLookWait is how long health waits for the first look at the node.
	firstLookWait = time.Second
	// oldLooks is after how many intervals without a look figures are old.
	oldLooks = 3
)

// StatsHealth tells how well it is known what the node uses.
type StatsHealth struct {
	Stats interface {
		Snapshot(ctx context.Context) (*stats.Snapshot, error)
	}
	// Location is where the cgroups are, Engine what they are: cgroup v2; empty if there are none.
	Location, Engine string
	// Oldest returns from when on there is history; nil if none is kept.
	Oldest func() time.Time
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
}

// source returns the source stats. Its newest record is the last look.
func (h *StatsHealth) source(ctx context.Context) *nodedv1.SourceHealth {
	m := &nodedv1.SourceHealth{
		Name: "stats", Location: wire.Text(h.Location), Engine: h.Engine, State: nodedv1.SourceState_SOURCE_STATE_OK,
	}
	ctx, cancel := context.WithTimeout(ctx, firstLookWait)
	defer cancel()
	snapshot, err := h.Stats.Snapshot(ctx)
	switch {
	case ctx.Err() != nil:
		m.State, m.Message = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE, "the node has not been looked at yet"
		return m
	case err != nil:
		m.State, m.Message = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE, wire.Text(err.Error())
		return m
	}
	age := max(0, now(h.Now).Sub(snapshot.Time))
	m.NewestRecordTime, m.Lag = timestamppb.New(snapshot.Time), durationpb.New(age)
	if h.Oldest != nil {
		if oldest := h.Oldest(); !oldest.IsZero() {
			m.OldestRecordTime = timestamppb.New(oldest)
		}
	}
	problems := snapshot.Problems
	// Names that are missing are the trouble of the runtime that knows them, which is a source of its own.
	degraded := snapshot.Incomplete
	if age > oldLooks*snapshot.Interval {
		degraded = true
		problems = append([]string{fmt.Sprintf("the last look was %v ago, one is due each %v", age.Round(time.Second), snapshot.Interval)}, problems...)
	}
	if degraded {
		m.State = nodedv1.SourceState_SOURCE_STATE_DEGRADED
	}
	m.Message = wire.Text(strings.Join(problems, "; "))
	return m
}
