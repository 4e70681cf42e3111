// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// over sends a message over the wire.
func over[M proto.Message](t *testing.T, m M) M {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	to := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
	return to.(M)
}

// fullEntity has every member set, of a kind whose key is made of the member id.
func fullEntity(kind stats.Kind) *stats.Entity {
	var e stats.Entity
	var n int64
	fill(reflect.ValueOf(&e).Elem(), &n)
	e.Key.Kind = kind
	switch kind {
	case stats.KindPod:
		e.Key.ID = e.UID
	case stats.KindContainer:
		e.Key.ID = e.ContainerID
	case stats.KindNode:
		e.Key.ID = ""
	}
	return &e
}

// TestStatsSubjectRoundTrip: every member of an entity crosses the API.
func TestStatsSubjectRoundTrip(t *testing.T) {
	t.Parallel()
	for _, e := range []*stats.Entity{
		fullEntity(stats.KindNode), fullEntity(stats.KindPod), fullEntity(stats.KindContainer), fullEntity(stats.KindUnit), {},
	} {
		if diff := cmp.Diff(e, StatsSubjectFromProto(over(t, StatsSubjectToProto(e)))); diff != "" {
			t.Errorf("entity (-want +got):\n%s", diff)
		}
	}
	later := StatsSubjectFromProto(&nodedv1.Subject{Kind: 99, ContainerType: 99})
	if later.Key.Kind != stats.KindUnknown || later.Type != inventory.TypeUnknown {
		t.Errorf("what a later server says becomes %+v", later)
	}
	if StatsSubjectToProto(nil) != nil {
		t.Error("nothing becomes something")
	}
	bad := &stats.Entity{Name: "a\xff", Labels: map[string]string{"\xff": "\xfe"}, Cgroup: "/\xff"}
	if _, err := proto.Marshal(StatsSubjectToProto(bad)); err != nil {
		t.Error(err)
	}
}

// hasRate tells which rates the API has.
func hasRate(id metric.ID) bool {
	switch id {
	case metric.CPUUsage, metric.CPUUser, metric.CPUSystem, metric.CPUThrottled, metric.MemoryMajorFaults,
		metric.NetworkReceiveBytes, metric.NetworkReceivePackets, metric.NetworkTransmitBytes, metric.NetworkTransmitPackets,
		metric.IOReadBytes, metric.IOWriteBytes, metric.IOReads, metric.IOWrites,
		metric.PressureCPUSome, metric.PressureCPUFull, metric.PressureMemorySome, metric.PressureMemoryFull, metric.PressureIOSome, metric.PressureIOFull:
		return true
	default:
		return false
	}
}

// TestStatsUsageRoundTrip: every number crosses the API, each alone and all together, and 0 is not the same as nothing.
func TestStatsUsageRoundTrip(t *testing.T) {
	t.Parallel()
	check := func(u stats.Usage) {
		t.Helper()
		u.Entity, u.Time, u.Window = fullEntity(stats.KindPod), time.Unix(1_700_000_000, 5).UTC(), time.Second
		got := StatsUsageFromProto(over(t, StatsUsageToProto(&u)))
		opts := cmp.Options{cmp.AllowUnexported(metric.Set{}, metric.Rates{}), cmpopts.EquateApprox(0, 1e-9)}
		if diff := cmp.Diff(u, got, opts); diff != "" {
			t.Errorf("usage (-want +got):\n%s", diff)
		}
	}
	var all stats.Usage
	for id := range metric.Count {
		var one, zero stats.Usage
		one.Numbers.Put(id, uint64(id)+math.MaxUint32)
		zero.Numbers.Put(id, 0)
		all.Numbers.Put(id, uint64(id)<<40+1)
		if hasRate(id) {
			one.Rates.Put(id, float64(id)/7)
			all.Rates.Put(id, float64(id)*3.5)
			zero.Rates.Put(id, 0)
		}
		check(one)
		check(zero)
	}
	all.Sum = stats.Sum{Containers: 3, CPU: 1.25, Rated: true, WorkingSet: 7, Swap: 8, HasWorkingSet: true, HasSwap: true}
	check(all)
	check(stats.Usage{})
	check(stats.Usage{Sum: stats.Sum{Containers: 1, Rated: true}})
	check(stats.Usage{Sum: stats.Sum{Containers: 1, WorkingSet: 1, HasWorkingSet: true}})
}

// TestStatsRatesNeedAWindow: without a window there are no rates, whatever else is said.
func TestStatsRatesNeedAWindow(t *testing.T) {
	t.Parallel()
	var u stats.Usage
	u.Rates.Put(metric.CPUUsage, 1)
	if m := StatsUsageToProto(&u); m.GetCpu() != nil || m.GetWindow() != nil {
		t.Errorf("a usage without a window is %v", m)
	}
	v, negative, inf := uint64(5), -1.0, math.Inf(1)
	m := &nodedv1.Usage{Cpu: &nodedv1.CpuUsage{UsageNanocores: &v}, Io: &nodedv1.IoUsage{ReadBytesPerSecond: &negative, WriteBytesPerSecond: &inf}}
	if got := StatsUsageFromProto(m); got.Rates != (metric.Rates{}) {
		t.Errorf("rates without a window: %+v", got.Rates)
	}
	m.Window = durationpb.New(time.Second)
	got := StatsUsageFromProto(m)
	if got.Rates.Has(metric.IOReadBytes) || got.Rates.Has(metric.IOWriteBytes) || !got.Rates.Has(metric.CPUUsage) {
		t.Errorf("rates: %+v", got.Rates)
	}
	u.Window = time.Second
	for _, rate := range []float64{-1, math.NaN(), math.Inf(-1)} {
		u.Rates.Put(metric.CPUUsage, rate)
		if got := StatsUsageToProto(&u).GetCpu().GetUsageNanocores(); got != 0 {
			t.Errorf("the rate %v is %d", rate, got)
		}
	}
	u.Rates.Put(metric.CPUUsage, math.Inf(1))
	if got := StatsUsageToProto(&u).GetCpu().GetUsageNanocores(); got != 1<<60 {
		t.Errorf("an infinite rate is %d", got)
	}
}

func TestMachineRoundTrip(t *testing.T) {
	t.Parallel()
	var machine stats.Machine
	list := make([]stats.Filesystem, 2)
	var n int64
	fill(reflect.ValueOf(&machine).Elem(), &n)
	fill(reflect.ValueOf(&list).Elem(), &n)
	if diff := cmp.Diff(machine, MachineFromProto(over(t, MachineToProto(&machine)))); diff != "" {
		t.Errorf("machine (-want +got):\n%s", diff)
	}
	m := over(t, &nodedv1.StatsServiceGetNodeResponse{Filesystems: FilesystemsToProto(list)})
	if diff := cmp.Diff(list, FilesystemsFromProto(m.GetFilesystems())); diff != "" {
		t.Errorf("filesystems (-want +got):\n%s", diff)
	}
	dirs := []stats.Directory{
		{Use: stats.DirectoryKubelet, Path: "/k", Filesystem: list[0]}, {Use: stats.DirectoryImages, Path: "/i", Problem: "p"}, {Path: "/x"},
	}
	m = over(t, &nodedv1.StatsServiceGetNodeResponse{Directories: DirectoriesToProto(dirs)})
	if diff := cmp.Diff(dirs, DirectoriesFromProto(m.GetDirectories())); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
	if got := DirectoriesFromProto([]*nodedv1.NodeDirectory{{Use: 77}}); got[0].Use != stats.DirectoryUnknown {
		t.Errorf("a use of the future is %v", got[0].Use)
	}
}

func TestStatsRequestsRoundTrip(t *testing.T) {
	t.Parallel()
	sel := stats.Selection{
		Kinds: []stats.Kind{stats.KindPod, stats.KindUnit}, Pods: &inventory.PodSelector{Namespace: "a", Names: []string{"b"}, LabelSelector: "c", UIDs: []string{"d"}},
		Containers: []string{"e"}, Units: []string{"f"}, Limit: 7,
	}
	for order := stats.SortName; order <= stats.SortSwap; order++ {
		sel.Sort = order
		got, err := StatsListFromProto(over(t, StatsListToProto(&sel)))
		if diff := cmp.Diff(sel, got); diff != "" || err != nil {
			t.Errorf("list %v (-want +got):\n%s", err, diff)
		}
		watch := StatsListWatch{Selection: sel, Interval: time.Duration(order) * time.Second}
		gotWatch, err := StatsWatchListFromProto(over(t, StatsWatchListToProto(&watch)))
		if diff := cmp.Diff(watch, gotWatch); diff != "" || err != nil {
			t.Errorf("watched list %v (-want +got):\n%s", err, diff)
		}
	}
	sel.Sort, sel.Limit = 0, 0
	query := stats.QueryRequest{
		Selection: sel, Metrics: []metric.ID{metric.IOReadBytes}, Since: time.Unix(1, 2).UTC(), Until: time.Unix(3, 4).UTC(), Points: 1000,
	}
	gotQuery, err := StatsQueryFromProto(over(t, StatsQueryToProto(&query)))
	if diff := cmp.Diff(query, gotQuery); diff != "" || err != nil {
		t.Errorf("query %v (-want +got):\n%s", err, diff)
	}
	// The first time that there is is one.
	gotQuery, err = StatsQueryFromProto(&nodedv1.StatsServiceQueryRequest{Since: timestamppb.New(time.Time{})})
	if err != nil || gotQuery.Since.IsZero() {
		t.Errorf("since the year 1: %v, %v", gotQuery.Since, err)
	}
	gotQuery, err = StatsQueryFromProto(&nodedv1.StatsServiceQueryRequest{})
	if diff := cmp.Diff(stats.QueryRequest{Metrics: []metric.ID{metric.CPUUsage, metric.MemoryWorkingSet}}, gotQuery); diff != "" || err != nil {
		t.Errorf("an empty query %v (-want +got):\n%s", err, diff)
	}
	watch := StatsWatchQuery{Kinds: []stats.Kind{stats.KindUnit}, Metrics: []metric.ID{metric.OOMKills}, Interval: time.Minute}
	gotWatch, err := StatsWatchFromProto(over(t, StatsWatchToProto(&watch)))
	if diff := cmp.Diff(watch, gotWatch); diff != "" || err != nil {
		t.Errorf("watch %v (-want +got):\n%s", err, diff)
	}
	gotWatch, err = StatsWatchFromProto(&nodedv1.StatsServiceWatchRequest{})
	want := StatsWatchQuery{Kinds: []stats.Kind{stats.KindNode, stats.KindContainer}, Metrics: []metric.ID{metric.CPUUsage, metric.MemoryWorkingSet}}
	if diff := cmp.Diff(want, gotWatch); diff != "" || err != nil {
		t.Errorf("an empty watch %v (-want +got):\n%s", err, diff)
	}
	series := make([]stats.Series, 2)
	var n int64
	fill(reflect.ValueOf(&series).Elem(), &n)
	for i := range series {
		series[i].Entity, series[i].Metric = fullEntity(stats.KindContainer), metric.OOMKills
		series[i].Min, series[i].Mean, series[i].P95, series[i].Max, series[i].LastValue = 1, 2, 3, 4, 5
		series[i].Points = []float64{1, math.NaN(), 2}
	}
	m := over(t, &nodedv1.StatsServiceQueryResponse{Series: StatsSeriesToProto(series)})
	m.Series = append(m.Series, &nodedv1.StatsSeries{Metric: "later"})
	if diff := cmp.Diff(series, StatsSeriesFromProto(m.GetSeries()), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestStatsBadRequests(t *testing.T) {
	t.Parallel()
	list := func(m *nodedv1.StatsServiceListRequest) error { _, err := StatsListFromProto(m); return err }
	query := func(m *nodedv1.StatsServiceQueryRequest) error { _, err := StatsQueryFromProto(m); return err }
	watch := func(m *nodedv1.StatsServiceWatchRequest) error { _, err := StatsWatchFromProto(m); return err }
	watchList := func(m *nodedv1.StatsServiceWatchListRequest) error { _, err := StatsWatchListFromProto(m); return err }
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"watched kind", watchList(&nodedv1.StatsServiceWatchListRequest{Kinds: []nodedv1.StatsKind{9}}), `kind "9": want node, pod, container or unit`},
		{"watched sort", watchList(&nodedv1.StatsServiceWatchListRequest{Sort: 99}), `sort "99": want`},
		{"watched interval", watchList(&nodedv1.StatsServiceWatchListRequest{Interval: durationpb.New(2 * time.Hour)}), `interval "2h0m0s": want 1s to 1h`},
		{"kind", list(&nodedv1.StatsServiceListRequest{Kinds: []nodedv1.StatsKind{9}}), `kind "9": want node, pod, container or unit`},
		{"no kind", watch(&nodedv1.StatsServiceWatchRequest{Kinds: []nodedv1.StatsKind{0}}), `kind "0": want node, pod, container or unit`},
		{"sort", list(&nodedv1.StatsServiceListRequest{Sort: 99}), `sort "99": want cpu, memory, network, disk or swap`},
		{"metric", watch(&nodedv1.StatsServiceWatchRequest{Metrics: []string{"cpu_usge"}}), `metric "cpu_usge": there is no such number; want one of cpu_usage, cpu_user,`},
		{"no metric", query(&nodedv1.StatsServiceQueryRequest{Metrics: []string{"x\xff"}}), "metric \"x\uFFFD\": there is no such number; want one of cpu_usage, cpu_throttled, memory_usage,"},
		{"metric without history", query(&nodedv1.StatsServiceQueryRequest{Metrics: []string{"memory_limit"}}), `metric "memory_limit": it is not kept; want one of memory_usage, memory_working_set, memory_rss, memory_swap, memory_available, memory_major_faults`},
		{"interval", watch(&nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(999 * time.Millisecond)}), `interval "999ms": want 1s to 1h`},
		{"negative interval", watch(&nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(-time.Second)}), `interval "-1s": want 1s to 1h`},
		{"odd interval", watch(&nodedv1.StatsServiceWatchRequest{Interval: &durationpb.Duration{Seconds: 2, Nanos: -1}}), "want 1s to 1h"},
		{"points", query(&nodedv1.StatsServiceQueryRequest{Points: 1001}), `points "1001": want 1000 at most`},
		{"many points", query(&nodedv1.StatsServiceQueryRequest{Points: math.MaxUint32}), `points "4294967295": want 1000 at most`},
		{"since", query(&nodedv1.StatsServiceQueryRequest{Since: timestamppb.New(time.Unix(2, 0)), Until: timestamppb.New(time.Unix(1, 0))}), `since "1970-01-01T00:00:02Z": it is after until, 1970-01-01T00:00:01Z`},
		{"no time", query(&nodedv1.StatsServiceQueryRequest{Until: &timestamppb.Timestamp{Nanos: -1}}), "until: it is no time"},
		{"two", query(&nodedv1.StatsServiceQueryRequest{Points: 1001, Metrics: []string{"x"}}), `metric "x"`},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) || !errors.Is(tt.err, journal.ErrInvalidQuery) || status.Code(Status(tt.err)) != codes.InvalidArgument {
			t.Errorf("%s: %v, want %s", tt.name, tt.err, tt.want)
		}
	}
}

// TestStatsSubjectWithoutUID: pods that have none are told apart by name, as noded does.
func TestStatsSubjectWithoutUID(t *testing.T) {
	t.Parallel()
	want := &stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: "shop/web/"}, Namespace: "shop", Name: "web"}
	if diff := cmp.Diff(want, StatsSubjectFromProto(over(t, StatsSubjectToProto(want)))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
