// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

var statsStart = time.Unix(1_700_000_000, 0).UTC()

// fakeStats is a noded that looks at its node with each message that it sends. After n looks the container has used n seconds.
type fakeStats struct {
	nodedv1.UnimplementedStatsServiceServer

	// mu guards the fields below.
	mu       sync.Mutex
	requests []*nodedv1.StatsServiceWatchRequest
	// looks counts them, encoder and sent are the stream, which restart forgets.
	looks   uint64
	encoder *wire.StatsWatchEncoder
	sent    []*nodedv1.StatsServiceWatchResponse
	token   string
	// cut is the number of messages after which streams end, negative for never; lost is how many of them do not arrive before; restart
	// begins anew after a cut.
	cut, lost int
	restart   bool
	spoil     func(*nodedv1.StatsServiceWatchResponse)
	// lists are the requests of WatchList.
	lists []*nodedv1.StatsServiceWatchListRequest
	// refuse is the error of all calls, list what was asked for.
	refuse error
	list   *nodedv1.StatsServiceListRequest
	query  *nodedv1.StatsServiceQueryRequest
}

func startFakeStats(t *testing.T) (*fakeStats, *client.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "noded")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &fakeStats{cut: -1}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server, served := grpc.NewServer(), make(chan struct{})
	nodedv1.RegisterStatsServiceServer(server, f)
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-served })
	c, err := client.Dial(client.Config{Address: "unix://" + path, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return f, c
}

// look makes the next message.
func (f *fakeStats) look() *nodedv1.StatsServiceWatchResponse {
	f.looks++
	boot := time.Hour + time.Duration(f.looks)*time.Second
	s := &stats.Snapshot{Sequence: f.looks, Time: statsStart.Add(boot), Interval: time.Second}
	for _, id := range []string{"c1", "c2"} {
		if id == "c2" && f.looks%10 >= 5 {
			continue
		}
		u := stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindContainer, ID: id, Generation: f.looks / 10}, ContainerID: id}, Time: s.Time, Boot: boot}
		if id == "c1" {
			u.Entity.Key.Generation = 0
		}
		u.Numbers.Put(metric.CPUUsage, f.looks*1e9)
		s.Usages = append(s.Usages, u)
	}
	if f.encoder == nil {
		f.token = "token" + time.Duration(f.looks).String()
		f.encoder, f.sent = wire.NewStatsWatchEncoder(wire.StatsWatchConfig{
			Node: "n", Kinds: []stats.Kind{stats.KindContainer}, Metrics: []metric.ID{metric.CPUUsage}, Token: f.token,
		}), nil
	}
	f.sent = append(f.sent, f.encoder.Encode(s, time.Second))
	return f.sent[len(f.sent)-1]
}

// begin returns what a stream begins with.
func (f *fakeStats) begin(req *nodedv1.StatsServiceWatchRequest) []*nodedv1.StatsServiceWatchResponse {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, req)
	if f.encoder != nil && req.GetResumeToken() == f.token && req.GetResumeSequence() <= uint64(len(f.sent)) {
		return f.sent[req.GetResumeSequence():]
	}
	f.encoder = nil
	return nil
}

func (f *fakeStats) Watch(req *nodedv1.StatsServiceWatchRequest, stream grpc.ServerStreamingServer[nodedv1.StatsServiceWatchResponse]) error {
	if f.refuse != nil {
		return f.refuse
	}
	pending := f.begin(req)
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for n := 0; f.cut < 0 || n < f.cut; n++ {
		f.mu.Lock()
		if len(pending) == 0 {
			pending = append(pending, f.look())
		}
		m := pending[0]
		pending = pending[1:]
		if f.spoil != nil {
			f.spoil(m)
		}
		f.mu.Unlock()
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for range f.lost {
		f.look()
	}
	if f.restart {
		f.encoder = nil
	}
	return status.Error(codes.Unavailable, "noded is stopping")
}

func (f *fakeStats) GetNode(_ context.Context, req *nodedv1.StatsServiceGetNodeRequest) (*nodedv1.StatsServiceGetNodeResponse, error) {
	u := stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: "n"}, Window: time.Second}
	u.Rates.Put(metric.CPUUsage, 0.5)
	m := &nodedv1.StatsServiceGetNodeResponse{
		Node: "n", Machine: wire.MachineToProto(&stats.Machine{CPUs: 2}), Usage: wire.StatsUsageToProto(&u), Problems: []string{"p"},
		CurrentTime: timestamppb.New(statsStart), Interval: durationpb.New(time.Second),
	}
	if req.GetFilesystems() {
		m.Filesystems = wire.FilesystemsToProto([]stats.Filesystem{{MountPoint: "/"}})
		m.Directories = wire.DirectoriesToProto([]stats.Directory{{Path: "/k"}})
	}
	return m, f.refuse
}

func (f *fakeStats) List(_ context.Context, req *nodedv1.StatsServiceListRequest) (*nodedv1.StatsServiceListResponse, error) {
	f.list = req
	u := stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: "u"}, UID: "u"}}
	return &nodedv1.StatsServiceListResponse{
		Node: "n", Usages: wire.StatsUsagesToProto([]*stats.Usage{&u}), Problems: []string{"p"}, CurrentTime: timestamppb.New(statsStart), Interval: durationpb.New(time.Second),
		Time: timestamppb.New(statsStart.Add(-1)),
	}, f.refuse
}

func (f *fakeStats) WatchList(req *nodedv1.StatsServiceWatchListRequest, stream grpc.ServerStreamingServer[nodedv1.StatsServiceWatchListResponse]) error {
	if f.refuse != nil {
		return f.refuse
	}
	f.mu.Lock()
	f.lists = append(f.lists, req)
	f.mu.Unlock()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for n := 0; f.cut < 0 || n < f.cut; n++ {
		f.mu.Lock()
		f.looks++
		now := timestamppb.New(statsStart.Add(time.Duration(f.looks) * time.Second))
		f.mu.Unlock()
		u := stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: "u"}, UID: "u", Labels: map[string]string{"at": now.String()}}, Time: now.AsTime()}
		if err := stream.Send(&nodedv1.StatsServiceWatchListResponse{
			Node: "n", Usages: wire.StatsUsagesToProto([]*stats.Usage{&u}), Problems: []string{"p"}, CurrentTime: now, Interval: durationpb.New(time.Second), Time: now,
		}); err != nil {
			return err
		}
	}
	return status.Error(codes.Unavailable, "noded is stopping")
}

func (f *fakeStats) Query(_ context.Context, req *nodedv1.StatsServiceQueryRequest) (*nodedv1.StatsServiceQueryResponse, error) {
	f.query = req
	return &nodedv1.StatsServiceQueryResponse{
		Node: "n", Series: []*nodedv1.StatsSeries{{Metric: "cpu_usage", Mean: 2, Samples: 3}}, Problems: []string{"p"},
		OldestTime: timestamppb.New(statsStart), Since: timestamppb.New(statsStart.Add(1)), Until: timestamppb.New(statsStart.Add(2)),
	}, f.refuse
}

func TestStatsCalls(t *testing.T) {
	t.Parallel()
	f, c := startFakeStats(t)
	ctx := t.Context()
	node, err := c.NodeStats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if node.Node != "n" || node.Machine.CPUs != 2 || node.Usage.Rates.Value(metric.CPUUsage) != 0.5 || len(node.Filesystems) != 0 || len(node.Problems) != 1 ||
		!node.Now.Equal(statsStart) || node.Interval != time.Second {
		t.Errorf("NodeStats() = %+v", node)
	}
	if node, err = c.NodeStatsWithFilesystems(ctx); err != nil || len(node.Filesystems) != 1 || len(node.Directories) != 1 {
		t.Errorf("NodeStatsWithFilesystems() = %+v, %v", node, err)
	}
	list, err := c.ListStats(ctx, stats.Selection{Kinds: []stats.Kind{stats.KindPod}, Sort: stats.SortSwap, Limit: 3})
	if err != nil || len(list.Usages) != 1 || list.Usages[0].Entity.Key.ID != "u" || len(list.Problems) != 1 || !list.Now.Equal(statsStart) || list.Interval != time.Second || list.Node != "n" ||
		!list.Time.Equal(statsStart.Add(-1)) {
		t.Errorf("ListStats() = %+v, %v", list, err)
	}
	if f.list.GetLimit() != 3 || f.list.GetSort() != nodedv1.StatsSort_STATS_SORT_SWAP || len(f.list.GetKinds()) != 1 {
		t.Errorf("asked for %v", f.list)
	}
	history, err := c.QueryStats(ctx, stats.QueryRequest{Metrics: []metric.ID{metric.CPUUsage}, Since: statsStart, Points: 5})
	if err != nil || len(history.Series) != 1 || history.Series[0].Mean != 2 || !history.Oldest.Equal(statsStart) || history.Since.Sub(statsStart) != 1 ||
		history.Until.Sub(statsStart) != 2 || history.Node != "n" || len(history.Problems) != 1 {
		t.Errorf("QueryStats() = %+v, %v", history, err)
	}
	if f.query.GetPoints() != 5 || !f.query.GetSince().AsTime().Equal(statsStart) || f.query.GetUntil() != nil {
		t.Errorf("asked for %v", f.query)
	}

	f.refuse = wire.Status(&inventory.NotFoundError{Kind: "pods", Name: "wbe", Near: []string{"web"}})
	calls := func(want error) {
		t.Helper()
		_, nodeErr := c.NodeStats(ctx)
		_, listErr := c.ListStats(ctx, stats.Selection{})
		_, queryErr := c.QueryStats(ctx, stats.QueryRequest{})
		watchErr := c.WatchStats(ctx, client.StatsWatchRequest{}, func(*wire.StatsLook) error { return nil })
		watchListErr := c.WatchStatsList(ctx, client.StatsListWatchRequest{}, func(*client.StatsList) error { return nil })
		for _, err := range []error{nodeErr, listErr, queryErr, watchErr, watchListErr} {
			if !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
		}
	}
	calls(inventory.ErrNotFound)
	f.refuse = wire.Status(&journal.QueryError{Field: "metric", Value: "x", Reason: "want one"})
	calls(journal.ErrInvalidQuery)
	f.refuse = status.Error(codes.Unimplemented, "unknown service")
	calls(client.ErrOldServer)
	f.refuse = status.Error(codes.PermissionDenied, "no")
	calls(client.ErrDenied)
}

// TestWatchStats: over streams that are cut, and messages that were lost with them, every look comes once and has the numbers that it had.
func TestWatchStats(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		cut, lost int
		restart   bool
	}{{"whole", -1, 0, false}, {"cut", 1, 0, false}, {"cut after some", 4, 0, false}, {"lost", 3, 2, false}, {"restarted", 4, 0, true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, c := startFakeStats(t)
			f.cut, f.lost, f.restart = tt.cut, tt.lost, tt.restart
			enough := errors.New("enough")
			resumed, next, anew := 0, uint64(1), 0
			there := map[stats.Key]bool{}
			req := client.StatsWatchRequest{OnResume: func(r client.Resume) {
				if resumed++; r.Delivered == 0 {
					t.Errorf("resumed %+v", r)
				}
			}}
			req.Interval, req.Metrics = time.Second, []metric.ID{metric.CPUUsage}
			err := c.WatchStats(t.Context(), req, func(look *wire.StatsLook) error {
				now := map[stats.Key]bool{}
				for _, row := range look.Rows {
					now[row.Entity.Key] = true
					if v, _ := row.Get(metric.CPUUsage); v != next*1e9 {
						t.Errorf("%v has %d, want look %d", row.Entity.Key, v, next)
					}
				}
				ended := map[stats.Key]bool{}
				for _, key := range look.Ended {
					ended[key] = true
				}
				for key := range there {
					if now[key] == ended[key] {
						t.Errorf("look %d: %v is there: %v, has ended: %v", next, key, now[key], ended[key])
					}
				}
				if there = now; look.Anew {
					anew++
				}
				if next++; next == 40 {
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) {
				t.Fatalf("WatchStats() = %v", err)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			streams := len(f.requests)
			if (streams > 1) != (tt.cut > 0) || resumed != streams-1 {
				t.Errorf("%d streams, resumed %d times", streams, resumed)
			}
			if want := 1; !tt.restart && anew != want || tt.restart && anew != streams {
				t.Errorf("begun anew %d times in %d streams", anew, streams)
			}
			for i, r := range f.requests {
				if r.GetInterval().AsDuration() != time.Second || !cmp.Equal(r.GetMetrics(), []string{"cpu_usage"}) || (r.GetResumeToken() != "") != (i > 0) {
					t.Errorf("request %d: %v", i, r)
				}
			}
		})
	}
}

// TestWatchStatsMalformed: what cannot be decoded ends the call.
func TestWatchStatsMalformed(t *testing.T) {
	t.Parallel()
	f, c := startFakeStats(t)
	f.spoil = func(m *nodedv1.StatsServiceWatchResponse) {
		if m.GetSequence() == 3 {
			m.Columns = nil
		}
	}
	looks := 0
	err := c.WatchStats(t.Context(), client.StatsWatchRequest{}, func(*wire.StatsLook) error { looks++; return nil })
	var e *client.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "0 columns for 1 numbers") || e.Hint() == "" || looks != 2 {
		t.Errorf("WatchStats() = %v after %d looks", err, looks)
	}
}

// TestWatchStatsList: lists come one after another over streams that are cut, and each belongs to who got it.
func TestWatchStatsList(t *testing.T) {
	t.Parallel()
	for _, cut := range []int{-1, 1, 4} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			t.Parallel()
			f, c := startFakeStats(t)
			f.cut = cut
			enough := errors.New("enough")
			resumed := 0
			var lists []*client.StatsList
			req := client.StatsListWatchRequest{OnResume: func(r client.Resume) {
				if resumed++; r.Delivered != int64(len(lists)) || r.Cause == nil {
					t.Errorf("resumed %+v after %d lists", r, len(lists))
				}
			}}
			req.Interval, req.Units, req.Kinds = time.Second, []string{"u"}, []stats.Kind{stats.KindUnit}
			err := c.WatchStatsList(t.Context(), req, func(list *client.StatsList) error {
				if lists = append(lists, list); len(lists) == 20 {
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) {
				t.Fatalf("WatchStatsList() = %v", err)
			}
			for i, list := range lists {
				at := statsStart.Add(time.Duration(i+1) * time.Second)
				if list.Node != "n" || !list.Time.Equal(at) || !list.Now.Equal(at) || len(list.Problems) != 1 || list.Usages[0].Entity.Labels["at"] != timestamppb.New(at).String() {
					t.Errorf("list %d is %+v", i, list)
				}
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if want := max((20+cut-1)/max(cut, 1), 1); cut > 0 && len(f.lists) != want || resumed != len(f.lists)-1 {
				t.Errorf("%d streams, resumed %d times", len(f.lists), resumed)
			}
			for _, r := range f.lists {
				if r.GetInterval().AsDuration() != time.Second || !cmp.Equal(r.GetUnits(), []string{"u"}) || len(r.GetKinds()) != 1 {
					t.Errorf("asked for %v", r)
				}
			}
		})
	}
}
