// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/noded/noded/runtime/stats"
)

// snapshots is a Stats that only has snapshots.
type snapshots func(ctx context.Context) (*stats.Snapshot, error)

func (s snapshots) Snapshot(ctx context.Context) (*stats.Snapshot, error) { return s(ctx) }

func TestStatsHealth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		snapshot stats.Snapshot
		err      error
		oldest   time.Time
		want     string
	}{
		{"well", stats.Snapshot{Time: statsStart.Add(-5 * time.Second), Interval: 10 * time.Second}, nil, statsStart.Add(-time.Minute), "OK lag=5s oldest=-1m0s "},
		{"no history", stats.Snapshot{Time: statsStart, Interval: time.Second}, nil, time.Time{}, "OK lag=0s oldest=none "},
		{"the clock stepped back", stats.Snapshot{Time: statsStart.Add(time.Hour), Interval: time.Second}, nil, time.Time{}, "OK lag=0s oldest=none "},
		{"old", stats.Snapshot{Time: statsStart.Add(-31 * time.Second), Interval: 10 * time.Second}, nil, time.Time{}, "DEGRADED lag=31s oldest=none the last look was 31s ago, one is due each 10s"},
		{"in part", stats.Snapshot{Time: statsStart, Interval: time.Second, Problems: []string{"a", "b"}, Incomplete: true}, nil, time.Time{}, "DEGRADED lag=0s oldest=none a; b"},
		{"without names", stats.Snapshot{Time: statsStart, Interval: time.Second, Problems: []string{"a"}}, nil, time.Time{}, "OK lag=0s oldest=none a"},
		{"broken", stats.Snapshot{}, errors.New("broken"), time.Time{}, "UNAVAILABLE lag=0s oldest=none broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := StatsHealth{
				Stats: snapshots(func(context.Context) (*stats.Snapshot, error) { return &tt.snapshot, tt.err }), Location: "/c", Engine: "cgroup v2",
				Oldest: func() time.Time { return tt.oldest }, Now: func() time.Time { return statsStart },
			}
			m := h.source(t.Context())
			oldest := "none"
			if m.GetOldestRecordTime() != nil {
				oldest = m.GetOldestRecordTime().AsTime().Sub(statsStart).String()
			}
			got := fmt.Sprintf("%s lag=%v oldest=%s %s", m.GetState().String()[len("SOURCE_STATE_"):], m.GetLag().AsDuration(), oldest, m.GetMessage())
			if got != tt.want || m.GetName() != "stats" || m.GetLocation() != "/c" || m.GetEngine() != "cgroup v2" {
				t.Errorf("source = %s (%v), want %s", got, m, tt.want)
			}
		})
	}
}

// TestStatsHealthBeforeTheFirstLook: health does not wait for long.
func TestStatsHealthBeforeTheFirstLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := StatsHealth{Stats: snapshots(func(ctx context.Context) (*stats.Snapshot, error) { <-ctx.Done(); return nil, ctx.Err() })}
		start := time.Now()
		if m := h.source(t.Context()); m.GetMessage() != "the node has not been looked at yet" || time.Since(start) != firstLookWait {
			t.Errorf("source = %v after %v", m, time.Since(start))
		}
	})
}
