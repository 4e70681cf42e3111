// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

var statsStart = time.Unix(1_700_000_000, 0).UTC()

// fakeStats is a node whose figures are as the test says. Each look has the next number.
type fakeStats struct {
	query       func(q stats.QueryRequest) (stats.QueryResult, error)
	err         error
	machine     error
	filesystems error
	directories error

	// mu guards the fields below.
	mu          sync.Mutex
	snapshot    *stats.Snapshot
	subscribers map[chan struct{}]time.Duration
	// elapsed is the time of the last look, step that to the next one, which is a second if it is not set, looks the numbers of looks by the time since the boot.
	elapsed, step time.Duration
	looks         map[time.Duration]uint64
}

// newFakeStats has a node and a container of a pod.
func newFakeStats() *fakeStats {
	f := &fakeStats{subscribers: make(map[chan struct{}]time.Duration), looks: make(map[time.Duration]uint64)}
	f.look()
	return f
}

// look looks at the node: after n looks containers have used n seconds, and n MiB.
func (f *fakeStats) look(containers ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := uint64(1)
	if f.snapshot != nil {
		n = f.snapshot.Sequence + 1
	}
	if containers == nil {
		containers = []string{"c1"}
	}
	step, interval := time.Second, 10*time.Second
	if f.step > 0 {
		step, interval = f.step, min(interval, f.step.Round(time.Second))
	}
	f.elapsed += step
	boot := time.Hour + f.elapsed
	f.looks[boot] = n
	s := &stats.Snapshot{Sequence: n, Time: statsStart.Add(boot), Interval: interval, Problems: []string{"containerd does not answer"}}
	usage := func(e *stats.Entity) stats.Usage {
		u := stats.Usage{Entity: e, Time: s.Time, Boot: boot}
		u.Numbers.Put(metric.CPUUsage, n*1e9)
		u.Numbers.Put(metric.MemoryWorkingSet, n<<20)
		return u
	}
	s.Node = usage(&stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: "n"})
	for _, id := range containers {
		s.Usages = append(s.Usages, usage(&stats.Entity{Key: stats.Key{Kind: stats.KindContainer, ID: id, Generation: 1}, ContainerID: id, Name: "app", Pod: "web"}))
	}
	f.snapshot = s
	for changed := range f.subscribers {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

func (f *fakeStats) Snapshot(context.Context) (*stats.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapshot, f.err
}

func (f *fakeStats) Rated(ctx context.Context) (*stats.Snapshot, error) { return f.Snapshot(ctx) }

func (f *fakeStats) Subscribe(interval time.Duration) (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := make(chan struct{}, 1)
	f.subscribers[changed] = interval
	return changed, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers, changed)
	}
}

// intervals are those of the subscribers.
func (f *fakeStats) intervals() (out []time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, interval := range f.subscribers {
		out = append(out, interval)
	}
	return out
}

func (f *fakeStats) Query(_ context.Context, q stats.QueryRequest) (stats.QueryResult, error) {
	return f.query(q)
}

func (f *fakeStats) Machine() (stats.Machine, error) { return stats.Machine{CPUs: 4}, f.machine }

func (f *fakeStats) Filesystems(context.Context) ([]stats.Filesystem, error) {
	return []stats.Filesystem{{MountPoint: "/"}}, f.filesystems
}

func (f *fakeStats) Directories(context.Context) ([]stats.Directory, error) {
	return []stats.Directory{{Use: stats.DirectoryKubelet, Path: "/k", Filesystem: stats.Filesystem{MountPoint: "/"}}}, f.directories
}

func newStatsService(f *fakeStats) *StatsService {
	return NewStats(StatsConfig{
		Host: Host{Name: "n", BootID: journal.ID128{1}}, Stats: f, Interval: 10 * time.Second, Now: func() time.Time { return statsStart.Add(2 * time.Hour) },
	})
}

func TestStatsGetNode(t *testing.T) {
	t.Parallel()
	f := newFakeStats()
	service := newStatsService(f)
	all := &nodedv1.StatsServiceGetNodeRequest{Filesystems: true}
	got, err := service.GetNode(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	if got.GetNode() != "n" || got.GetMachine().GetCpus() != 4 || got.GetUsage().GetCpu().GetUsageCoreNanoseconds() != 1e9 || len(got.GetFilesystems()) != 1 || len(got.GetDirectories()) != 1 ||
		!got.GetCurrentTime().AsTime().Equal(statsStart.Add(2*time.Hour)) || got.GetInterval().AsDuration() != 10*time.Second {
		t.Errorf("GetNode() = %v", got)
	}
	// What fails is said, and the rest is told all the same.
	f.machine, f.filesystems, f.directories = errors.New("no machine"), errors.Join(errors.New("no /a"), errors.New("no /b")), errors.New("no table")
	got, err = service.GetNode(t.Context(), all)
	want := []string{
		"containerd does not answer", "what the machine has is not known: no machine", "no /a", "no /b", "what directories are on is not known: no table",
	}
	if diff := cmp.Diff(want, got.GetProblems()); diff != "" || err != nil || got.GetUsage() == nil {
		t.Errorf("problems, %v (-want +got):\n%s", err, diff)
	}
	// What nobody asked for is not looked at, and is no problem.
	got, err = service.GetNode(t.Context(), &nodedv1.StatsServiceGetNodeRequest{})
	if err != nil || len(got.GetProblems()) != 2 || len(got.GetFilesystems())+len(got.GetDirectories()) != 0 {
		t.Errorf("without filesystems: %v, %v", got, err)
	}
	f.err = errors.New("broken")
	if _, err := service.GetNode(t.Context(), &nodedv1.StatsServiceGetNodeRequest{}); status.Code(err) != codes.Internal {
		t.Errorf("GetNode() of what is broken: %v", err)
	}
}

func TestStatsList(t *testing.T) {
	t.Parallel()
	f := newFakeStats()
	service := newStatsService(f)
	got, err := service.List(t.Context(), &nodedv1.StatsServiceListRequest{Kinds: []nodedv1.StatsKind{nodedv1.StatsKind_STATS_KIND_CONTAINER}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetUsages()) != 1 || got.GetUsages()[0].GetSubject().GetContainerId() != "c1" || got.GetNode() != "n" || len(got.GetProblems()) != 1 ||
		got.GetInterval().AsDuration() != 10*time.Second {
		t.Errorf("List() = %v", got)
	}
	containers, units := []nodedv1.StatsKind{nodedv1.StatsKind_STATS_KIND_CONTAINER}, []nodedv1.StatsKind{nodedv1.StatsKind_STATS_KIND_UNIT}
	for name, req := range map[string]*nodedv1.StatsServiceListRequest{
		"kind":      {Kinds: []nodedv1.StatsKind{7}},
		"pod":       {Pods: &nodedv1.PodSelector{Names: []string{"../x"}}},
		"label":     {Pods: &nodedv1.PodSelector{LabelSelector: "!!"}},
		"container": {Kinds: containers, Containers: []string{"a/b"}},
		"unit":      {Kinds: units, Units: []string{strings.Repeat("x", 256)}},
		"line":      {Kinds: units, Units: []string{"a\nb"}},
		"no unit":   {Kinds: units, Units: []string{""}},

		"kind of containers": {Containers: []string{"main"}},
		"kind of units":      {Kinds: containers, Units: []string{"ssh"}},
		"kind of pods":       {Kinds: units, Pods: &nodedv1.PodSelector{Names: []string{"web"}}},

		"number of containers": {Kinds: containers, Containers: slices.Repeat([]string{"main"}, 257)},
		"number of units":      {Kinds: units, Units: slices.Repeat([]string{"ssh"}, 257)},
		"number of pods":       {Pods: &nodedv1.PodSelector{Names: slices.Repeat([]string{"web"}, 200), Uids: slices.Repeat([]string{"u"}, 57)}},
	} {
		if _, err := service.List(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("List() of a bad %s: %v", name, err)
		}
	}
	f.err = errors.New("broken")
	if _, err := service.List(t.Context(), &nodedv1.StatsServiceListRequest{}); status.Code(err) != codes.Internal {
		t.Errorf("List() of what is broken: %v", err)
	}
}

func TestStatsQuery(t *testing.T) {
	t.Parallel()
	f := newFakeStats()
	var asked stats.QueryRequest
	oldest, now := statsStart.Add(time.Minute), statsStart.Add(time.Hour)
	f.query = func(q stats.QueryRequest) (stats.QueryResult, error) {
		asked = q
		return stats.QueryResult{Oldest: oldest, Until: now, Problems: []string{"p"}, Series: []stats.Series{{
			Entity: f.snapshot.Usages[0].Entity, Metric: metric.CPUUsage, Summary: stats.Summary{Samples: 3, Mean: 0.5},
		}}}, f.err
	}
	service := newStatsService(f)
	since, until := statsStart.Add(2*time.Minute), statsStart.Add(3*time.Minute)
	got, err := service.Query(t.Context(), &nodedv1.StatsServiceQueryRequest{Since: timestamppb.New(since), Until: timestamppb.New(until), Points: 10})
	if err != nil {
		t.Fatal(err)
	}
	if !asked.Since.Equal(since) || !asked.Until.Equal(until) || asked.Points != 10 || len(asked.Metrics) != 2 {
		t.Errorf("asked for %+v", asked)
	}
	if len(got.GetSeries()) != 1 || got.GetSeries()[0].GetMean() != 0.5 || !got.GetOldestTime().AsTime().Equal(oldest) || len(got.GetProblems()) != 1 ||
		!got.GetSince().AsTime().Equal(since) || !got.GetUntil().AsTime().Equal(until) {
		t.Errorf("Query() = %v", got)
	}
	got, err = service.Query(t.Context(), &nodedv1.StatsServiceQueryRequest{})
	if err != nil || !asked.Since.IsZero() || !asked.Until.IsZero() || !got.GetSince().AsTime().Equal(oldest) || !got.GetUntil().AsTime().Equal(now) {
		t.Errorf("Query() of all times = %v, %v; asked for %+v", got, err, asked)
	}
	oldest = time.Time{}
	if got, err = service.Query(t.Context(), &nodedv1.StatsServiceQueryRequest{}); err != nil || got.GetOldestTime() != nil || got.GetSince() != nil {
		t.Errorf("Query() of nothing = %v, %v", got, err)
	}
	for name, req := range map[string]*nodedv1.StatsServiceQueryRequest{
		"points": {Points: 1001}, "metric": {Metrics: []string{"x"}}, "container": {Containers: []string{"a/b"}},
		"since": {Since: timestamppb.New(until), Until: timestamppb.New(since)}, "unit": {Units: []string{"u"}},
	} {
		if _, err := service.Query(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("Query() of bad %s: %v", name, err)
		}
	}
	f.err = errors.New("broken")
	if _, err := service.Query(t.Context(), &nodedv1.StatsServiceQueryRequest{}); status.Code(err) != codes.Internal {
		t.Errorf("Query() of what is broken: %v", err)
	}
}

// TestStatsQueryOneByOne: two are made up at a time, and who waits can give up.
func TestStatsQueryOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		var running, most int
		release := make(chan struct{})
		f.query = func(stats.QueryRequest) (stats.QueryResult, error) {
			f.mu.Lock()
			running++
			most = max(most, running)
			f.mu.Unlock()
			<-release
			f.mu.Lock()
			running--
			f.mu.Unlock()
			return stats.QueryResult{}, nil
		}
		service := newStatsService(f)
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if _, err := service.Query(t.Context(), &nodedv1.StatsServiceQueryRequest{}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := service.Query(ctx, &nodedv1.StatsServiceQueryRequest{}); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("Query() that waits for too long: %v", err)
		}
		close(release)
		group.Wait()
		if most != maxQueries {
			t.Errorf("%d ran at a time", most)
		}
	})
}

// TestStatsSelectors: the audit line has what was asked for.
func TestStatsSelectors(t *testing.T) {
	t.Parallel()
	q := stats.QueryRequest{
		Selection: stats.Selection{Kinds: []stats.Kind{stats.KindNode, stats.KindPod, stats.KindContainer, stats.KindUnit, 99}, Containers: []string{"c"}, Units: []string{"u*"}},
		Metrics:   []metric.ID{metric.CPUUsage}, Since: time.Unix(1, 0), Until: time.Unix(2, 0),
	}
	const selection = "kind=node kind=pod kind=container kind=unit kind=unknown container=c unit=u*"
	if got := statsSelectors(&q.Selection); got != selection {
		t.Errorf("selectors %q", got)
	}
	if got := statsQuerySelectors(&q); got != selection+" metric=cpu_usage since=@1 until=@2" {
		t.Errorf("selectors %q", got)
	}
	w, err := wire.StatsWatchFromProto(&nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(time.Second)})
	if got := statsWatchSelectors(&w); err != nil || got != "kind=node kind=container metric=cpu_usage metric=memory_working_set interval=1s" {
		t.Errorf("selectors %q, %v", got, err)
	}
}
