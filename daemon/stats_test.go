// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats/metric"
)

// stateYAML keeps state in a directory.
func stateYAML(directory string) string {
	return fmt.Sprintf("state:\n  directory: %s\nstats:\n  interval: 1s\n", directory)
}

// TestStatsOverTheSocket asks for what this machine uses, through all that a call passes.
func TestStatsOverTheSocket(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{}, stateYAML(t.TempDir()), nil)
	c := nodedv1.NewStatsServiceClient(r.dial(t))
	node, err := c.GetNode(t.Context(), &nodedv1.StatsServiceGetNodeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	u := wire.StatsUsageFromProto(node.GetUsage())
	if node.GetNode() != "node1" || node.GetMachine().GetCpus() == 0 || u.Numbers.Value(metric.CPUUsage) == 0 || u.Numbers.Value(metric.MemoryWorkingSet) == 0 ||
		!u.Rates.Has(metric.CPUUsage) || node.GetInterval().AsDuration() != time.Second {
		t.Errorf("GetNode() = %v", node)
	}
	list, err := c.List(t.Context(), &nodedv1.StatsServiceListRequest{Kinds: []nodedv1.StatsKind{nodedv1.StatsKind_STATS_KIND_NODE}})
	if err != nil || len(list.GetUsages()) != 1 {
		t.Errorf("List() = %v, %v", list, err)
	}
	_, err = c.List(t.Context(), &nodedv1.StatsServiceListRequest{Pods: &nodedv1.PodSelector{Names: []string{"none"}}})
	if status.Code(err) != codes.NotFound {
		t.Errorf("List() of an unknown pod: %v", err)
	}
	if _, err := c.Query(t.Context(), &nodedv1.StatsServiceQueryRequest{Metrics: []string{"cpu_usge"}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("Query() of an unknown number: %v", err)
	}

	var decoder wire.StatsWatchDecoder
	var before uint64
	receive := func(req *nodedv1.StatsServiceWatchRequest, looks int) {
		t.Helper()
		stream, err := c.Watch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for range looks {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			look, err := decoder.Decode(m)
			if err != nil {
				t.Fatal(err)
			}
			if len(look.Rows) == 0 || look.Node != "node1" {
				t.Fatalf("look %+v", look)
			}
			if v, _ := look.Rows[0].Get(metric.CPUUsage); v < before {
				t.Errorf("CPU time went from %d to %d", before, v)
			} else {
				before = v
			}
		}
	}
	kinds := []nodedv1.StatsKind{nodedv1.StatsKind_STATS_KIND_NODE}
	req := &nodedv1.StatsServiceWatchRequest{Kinds: kinds, Interval: durationpb.New(time.Second)}
	receive(req, 3)
	req.ResumeToken, req.ResumeSequence = decoder.Position()
	receive(req, 2)
	if token, sequence := decoder.Position(); token != req.ResumeToken || sequence != 5 {
		t.Errorf("the stream did not go on: message %d", sequence)
	}
	lists, err := c.WatchList(t.Context(), &nodedv1.StatsServiceWatchListRequest{Kinds: kinds, Interval: durationpb.New(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if m, err := lists.Recv(); err != nil || len(m.GetUsages()) != 1 {
			t.Fatalf("WatchList() = %v, %v", m, err)
		}
	}
	// What lasts is counted: both streams.
	health, err := nodedv1.NewNodeServiceClient(r.dial(t)).GetHealth(t.Context(), &nodedv1.GetHealthRequest{})
	if err != nil || health.GetOpenStreams() != 2 {
		t.Errorf("%d streams are open, %v", health.GetOpenStreams(), err)
	}
	if text := r.log.String(); !strings.Contains(text, `selectors="kind=node metric=cpu_usage metric=memory_working_set interval=1s"`) {
		t.Errorf("the log says:\n%s", text)
	}
}

// TestStatsHealth: status tells when the node was looked at, and what is missing.
func TestStatsHealth(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "cgroup")
	r := start(t, &fakeJournal{}, "stats:\n  cgroup_root: "+missing+"\n", nil)
	health, err := nodedv1.NewNodeServiceClient(r.dial(t)).GetHealth(t.Context(), &nodedv1.GetHealthRequest{})
	if err != nil {
		t.Fatal(err)
	}
	sources := health.GetSources()
	s := sources[len(sources)-1]
	if s.GetName() != "stats" || s.GetLocation() != missing || s.GetState() != nodedv1.SourceState_SOURCE_STATE_DEGRADED || s.GetEngine() != "" ||
		!strings.Contains(s.GetMessage(), "no cgroups") || s.GetNewestRecordTime() == nil || s.GetLag() == nil {
		t.Errorf("source %v", s)
	}
	if !strings.Contains(r.log.String(), "there are no cgroups") {
		t.Errorf("the log says:\n%s", r.log)
	}
}

// TestStatsHistory: what was used is known after a restart, unless the file is damaged, which is told once.
func TestStatsHistory(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	file := filepath.Join(state, "stats-history")
	query := func(r *running) *nodedv1.StatsServiceQueryResponse {
		t.Helper()
		kinds := []nodedv1.StatsKind{nodedv1.StatsKind_STATS_KIND_NODE}
		conn := r.dial(t)
		defer conn.Close() // it may be asked more often than a user can have connections
		got, err := nodedv1.NewStatsServiceClient(conn).Query(t.Context(), &nodedv1.StatsServiceQueryRequest{Kinds: kinds, Metrics: []string{"memory_working_set"}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := start(t, &fakeJournal{}, stateYAML(state), nil)
	waitFor(t, func() bool { return len(query(first).GetSeries()) > 0 })
	oldest := query(first).GetOldestTime().AsTime()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
		t.Fatalf("%v, %v", info, err)
	}
	second := start(t, &fakeJournal{}, stateYAML(state), nil)
	if got := query(second); !got.GetOldestTime().AsTime().Equal(oldest) || len(got.GetSeries()) != 1 {
		t.Errorf("Query() after a restart = %v, want since %v", got, oldest)
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(file, []byte("no history"), 0o600); err != nil {
		t.Fatal(err)
	}
	const told = "what was used before noded started is not known: the file that it was kept in is something else"
	third := start(t, &fakeJournal{}, stateYAML(state), nil)
	waitFor(t, func() bool { return strings.Contains(third.log.String(), told) })
	waitFor(t, func() bool { return len(query(third).GetSeries()) > 0 })
	if err := third.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file + ".damaged"); err != nil {
		t.Errorf("the damaged file: %v", err)
	}
	fourth := start(t, &fakeJournal{}, stateYAML(state), nil)
	if len(query(fourth).GetSeries()) != 1 || strings.Contains(fourth.log.String(), told) {
		t.Errorf("the log says:\n%s", fourth.log)
	}
	left, err := os.ReadDir(state)
	if err != nil || len(left) != 2 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// TestStatsWithoutState: a directory that is not there, and a history that is not wanted, are no reason not to serve.
func TestStatsWithoutState(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	r := start(t, &fakeJournal{}, stateYAML(missing), nil)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.log.String(), "what was used is lost with this restart") {
		t.Errorf("the log says:\n%s", r.log)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory: %v", err)
	}
	state := t.TempDir()
	r = start(t, &fakeJournal{}, stateYAML(state)+"  history: 0\n", nil)
	got, err := nodedv1.NewStatsServiceClient(r.dial(t)).Query(t.Context(), &nodedv1.StatsServiceQueryRequest{})
	if err != nil || len(got.GetSeries()) != 0 || len(got.GetProblems()) == 0 {
		t.Errorf("Query() without history = %v, %v", got, err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(state); err != nil || len(left) != 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// TestMetrics: what is scraped comes from this machine, and nothing listens unless it is wanted.
func TestMetrics(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := start(t, &fakeJournal{}, fmt.Sprintf("metrics:\n  listen: 127.0.0.1:%d\n", port), nil)
	r.dial(t)
	for path, want := range map[string]string{
		"/metrics": "noded_open_streams", "/metrics/resource": "node_cpu_usage_seconds_total", "/metrics/cadvisor": "machine_cpu_cores",
	} {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(text), "\n"+want) {
			t.Errorf("%s: %v, %v:\n%.500s", path, response.Status, err, text)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		c.Close()
		t.Error("metrics are served after the stop")
	}
}

// freePort returns a port on which nobody listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
