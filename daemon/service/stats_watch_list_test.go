// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
)

// listWatcher is a call of WatchList and what it has received.
type listWatcher struct {
	*streaming[nodedv1.StatsServiceWatchListResponse]
}

// watchList calls WatchList.
func watchList(ctx context.Context, s *StatsService, req *nodedv1.StatsServiceWatchListRequest, each func(*nodedv1.StatsServiceWatchListResponse) error) *listWatcher {
	return &listWatcher{startStreaming(ctx, s.WatchList, req, each)}
}

// looks are the numbers of the looks of which messages are, each with the containers that it has.
func (w *listWatcher) looks() (out []string) {
	for _, m := range w.sent {
		text := fmt.Sprint(m.GetTime().AsTime().Sub(statsStart.Add(time.Hour)).Seconds())
		for _, u := range m.GetUsages() {
			text += " " + u.GetSubject().GetContainerId()
		}
		out = append(out, text)
	}
	return out
}

// secondly asks for containers each second.
func secondly(containers ...string) *nodedv1.StatsServiceWatchListRequest {
	return &nodedv1.StatsServiceWatchListRequest{
		Kinds: []nodedv1.StatsKind{nodedv1.StatsKind_STATS_KIND_CONTAINER}, Containers: containers, Interval: durationpb.New(time.Second),
	}
}

func TestStatsWatchList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		w := watchList(t.Context(), service, secondly(), nil)
		if got := f.intervals(); !slices.Equal(got, []time.Duration{time.Second}) {
			t.Errorf("subscribed to looks each %v", got)
		}
		// The look that a caller causes does not wait for its turn.
		f.look()
		synctest.Wait()
		lookEvery(f, time.Second, 2, "c1", "c2")
		if err := w.end(); status.Code(err) != codes.Canceled {
			t.Errorf("WatchList() = %v", err)
		}
		if diff := cmp.Diff([]string{"1 c1", "2 c1", "3 c1 c2", "4 c1 c2"}, w.looks()); diff != "" {
			t.Errorf("looks (-want +got):\n%s", diff)
		}
		if w.headers != 1 || len(f.intervals()) != 0 {
			t.Errorf("%d headers, %d subscriptions are left", w.headers, len(f.intervals()))
		}
		list, err := service.List(t.Context(), &nodedv1.StatsServiceListRequest{Kinds: secondly().GetKinds()})
		if err != nil {
			t.Fatal(err)
		}
		m := w.sent[len(w.sent)-1]
		got := &nodedv1.StatsServiceListResponse{
			Node: m.GetNode(), Usages: m.GetUsages(), Problems: m.GetProblems(), CurrentTime: m.GetCurrentTime(), Interval: m.GetInterval(), Time: m.GetTime(),
		}
		if diff := cmp.Diff(fmt.Sprint(list), fmt.Sprint(got)); diff != "" {
			t.Errorf("a message is not what List answers (-list +message):\n%s", diff)
		}
	})
}

// TestStatsWatchListPace: who wants less gets less, and who takes nothing gets the newest look then.
func TestStatsWatchListPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		request := secondly()
		request.Interval = nil
		seldom := watchList(t.Context(), service, request, nil)
		block := make(chan struct{})
		slow := watchList(t.Context(), service, secondly(), func(m *nodedv1.StatsServiceWatchListResponse) error {
			if m.GetTime().AsTime().Equal(statsStart.Add(time.Hour + 3*time.Second)) {
				<-block
			}
			return nil
		})
		lookEvery(f, time.Second, 20)
		close(block)
		synctest.Wait()
		_, _ = seldom.end(), slow.end()
		if diff := cmp.Diff([]string{"1 c1", "2 c1", "12 c1"}, seldom.looks()); diff != "" {
			t.Errorf("each 10 s (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"1 c1", "2 c1", "3 c1", "21 c1"}, slow.looks()); diff != "" {
			t.Errorf("a slow reader (-want +got):\n%s", diff)
		}
	})
}

// TestStatsWatchListMissing: what is not there any more is a problem, and comes back.
func TestStatsWatchListMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		w := watchList(t.Context(), newStatsService(f), secondly("c2"), nil)
		lookEvery(f, time.Second, 1, "c1", "c2")
		lookEvery(f, time.Second, 1, "c1")
		_ = w.end()
		if diff := cmp.Diff([]string{"1", "2 c2", "3"}, w.looks()); diff != "" {
			t.Errorf("looks (-want +got):\n%s", diff)
		}
		for i, want := range []int{2, 1, 2} {
			if p := w.sent[i].GetProblems(); len(p) != want || want == 2 && p[1] != `containers "c2" not found` {
				t.Errorf("message %d has the problems %q", i, p)
			}
		}
	})
}

func TestStatsWatchListErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		for name, req := range map[string]*nodedv1.StatsServiceWatchListRequest{
			"kind": {Kinds: []nodedv1.StatsKind{9}}, "interval": {Interval: durationpb.New(time.Millisecond)}, "container": {Containers: []string{"a/b"}},
			"pod": {Pods: &nodedv1.PodSelector{Names: []string{"../x"}}}, "unit": {Units: []string{strings.Repeat("x", 256)}},
		} {
			w := watchList(t.Context(), service, req, nil)
			if err := <-w.ended; status.Code(err) != codes.InvalidArgument || w.headers != 0 {
				t.Errorf("WatchList() of a bad %s: %v, %d headers", name, err, w.headers)
			}
		}
		failed := errors.New("cut")
		w := watchList(t.Context(), service, secondly(), func(*nodedv1.StatsServiceWatchListResponse) error { return failed })
		if err := <-w.ended; !errors.Is(err, failed) {
			t.Errorf("WatchList() of a cut stream: %v", err)
		}
		f.err = errors.New("broken")
		w = watchList(t.Context(), service, secondly(), nil)
		if err := <-w.ended; status.Code(err) != codes.Internal || len(f.intervals()) != 0 {
			t.Errorf("WatchList() of what is broken: %v, %d subscriptions are left", err, len(f.intervals()))
		}
	})
	watch := wire.StatsListWatch{Selection: stats.Selection{Kinds: []stats.Kind{stats.KindUnit}, Units: []string{"u*"}}, Interval: time.Second}
	if got := statsWatchListSelectors(&watch); got != "kind=unit unit=u* interval=1s" {
		t.Errorf("selectors %q", got)
	}
}
