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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// fakeLogs is a noded whose containers have numbered lines. Line n of a container is at the time 10*n, plus the number of the
// container, which makes all times different, and each one in a message of its own.
type fakeLogs struct {
	nodedv1.UnimplementedLogServiceServer
	nodedv1.UnimplementedRuntimeServiceServer
	path string

	// mu guards the fields below.
	mu sync.Mutex
	// first and last are the first and last lines of each container.
	first, last []int
	requests    []*nodedv1.LogServiceReadRequest
	// cut is the number of messages after which the n-th stream ends; the last one is for all others; negative for
	// never. meanwhile is called when a stream is cut.
	cut       []int
	meanwhile func(f *fakeLogs)
	// refuse is the error of all calls.
	refuse error
	// gap begins every stream.
	gap *journal.Gap
	// pods are what is watched, one state for each stream. problems come with them, and once more in a message of their own.
	pods     [][]inventory.Pod
	problems [][]string
}

func startFakeLogs(t *testing.T, lines ...int) (*fakeLogs, *client.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "noded")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &fakeLogs{path: filepath.Join(dir, "s"), cut: []int{-1}}
	for _, n := range lines {
		f.add(n)
	}
	listener, err := net.Listen("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	server, served := grpc.NewServer(), make(chan struct{})
	nodedv1.RegisterLogServiceServer(server, f)
	nodedv1.RegisterRuntimeServiceServer(server, f)
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-served })
	c, err := client.Dial(client.Config{Address: "unix://" + f.path, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return f, c
}

// add adds a container with the lines 1 to n.
func (f *fakeLogs) add(n int) { f.first, f.last = append(f.first, 1), append(f.last, n) }

func logLine(container, n int) *podlog.Record {
	source := &podlog.Source{Node: "n", Namespace: "default", Pod: "web", UID: "u", Container: fmt.Sprint("c", container)}
	return &podlog.Record{
		// Three lines are in one file.
		File: &podlog.File{Source: source, Run: uint32(n / 30), Inode: uint64(n / 3), Fingerprint: uint64(n / 3)},
		Time: int64(10*n + container), Stream: podlog.Stdout, Text: fmt.Appendf(nil, "line %d", n), End: int64(1 + n%3),
	}
}

// lineOf returns the number of the line before a position.
func lineOf(p podlog.Position) int { return 3*int(p.Inode) + int(p.Offset) - 1 }

// window returns the lines of a container that a query selects, in the order of the file.
func (f *fakeLogs) window(container int, q *podlog.Query, positions map[string]podlog.Position) (from, to int) {
	from, to = f.first[container], f.last[container]
	at, named := positions["u/c"+fmt.Sprint(container)]
	switch {
	case named:
		return max(from, lineOf(at)+1), to
	case q.Tail >= 0:
		from = max(from, to-int(q.Tail)+1)
	}
	return from, to
}

// lines returns what is to be sent, and the cursor after it.
func (f *fakeLogs) lines(q *podlog.Query, positions map[string]podlog.Position) (records []*podlog.Record, after podlog.Cursor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var places []podlog.Position
	for c := range f.first {
		from, to := f.window(c, q, positions)
		for n := from; n <= to; n++ {
			records = append(records, logLine(c, n))
		}
		places = append(places, logLine(c, to).Position())
	}
	slices.SortFunc(records, func(a, b *podlog.Record) int { return int(a.Time - b.Time) })
	if q.Reverse {
		slices.Reverse(records)
		return records, ""
	}
	return records, podlog.MakeCursor(places...)
}

// budget is how many messages a stream may send.
type budget struct {
	left int
	cut  func()
}

func (b *budget) spend() error {
	if b.left == 0 {
		b.cut()
		return status.Error(codes.Unavailable, "noded is stopping")
	}
	b.left--
	return nil
}

func (f *fakeLogs) open(req *nodedv1.LogServiceReadRequest) *budget {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, req)
	return &budget{left: f.cut[min(len(f.requests), len(f.cut))-1], cut: func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.meanwhile != nil {
			f.meanwhile(f)
		}
	}}
}

func (f *fakeLogs) seen() []*nodedv1.LogServiceReadRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// Read implements the service with the semantics of podlog.Logs.Read, for what the tests use.
func (f *fakeLogs) Read(req *nodedv1.LogServiceReadRequest, stream grpc.ServerStreamingServer[nodedv1.LogServiceReadResponse]) error {
	if f.refuse != nil {
		return f.refuse
	}
	_, q, err := wire.LogQueryFromProto(req)
	if err != nil {
		return wire.Status(err)
	}
	b := f.open(req)
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	places, err := q.Cursor.Positions()
	if err != nil {
		return wire.Status(err)
	}
	positions := make(map[string]podlog.Position)
	for _, p := range places {
		positions[p.Key] = p
	}
	if f.gap != nil {
		gap := &nodedv1.LogServiceReadResponse_Gap{Gap: wire.GapToProto("n", *f.gap)}
		if err := stream.Send(&nodedv1.LogServiceReadResponse{Event: gap}); err != nil {
			return err
		}
	}
	encoder, sent := wire.NewLogCompactEncoder("n"), int64(0)
	for {
		records, after := f.lines(&q, positions)
		for _, r := range records {
			if q.Limit >= 0 && sent == q.Limit {
				return nil
			}
			if err := b.spend(); err != nil {
				return err
			}
			m := new(nodedv1.LogServiceReadResponse)
			if sent++; sent%5 == 0 {
				m.Event = &nodedv1.LogServiceReadResponse_Batch{Batch: &nodedv1.LogBatch{Records: []*nodedv1.LogRecord{wire.LogRecordToProto("n", r)}}}
			} else {
				if err := encoder.Add(r); err != nil {
					return err
				}
				m.Event = &nodedv1.LogServiceReadResponse_Compact{Compact: encoder.Take()}
			}
			if err := stream.Send(m); err != nil {
				return err
			}
			p := r.Position()
			positions[p.Key] = p
		}
		if err := b.spend(); err != nil {
			return err
		}
		p := wire.LogProgressToProto("n", &podlog.Progress{CaughtUp: true, Cursor: after})
		if err := stream.Send(&nodedv1.LogServiceReadResponse{Event: &nodedv1.LogServiceReadResponse_Progress{Progress: p}}); err != nil {
			return err
		}
		if !q.Follow {
			return nil
		}
		q.Tail = -1
		for _, p := range mustPositions(after) {
			positions[p.Key] = p
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-time.After(time.Millisecond):
		}
	}
}

func mustPositions(c podlog.Cursor) []podlog.Position {
	p, _ := c.Positions()
	return p
}

// logCollector is a podlog.Sink that keeps the lines as CONTAINER:NUMBER. An error of check ends the read.
type logCollector struct {
	lines   []string
	gaps    []journal.Gap
	flushed int
	check   func(lines []string) error
}

func (c *logCollector) Record(r *podlog.Record) error {
	p := r.Position()
	c.lines = append(c.lines, fmt.Sprint(r.File.Source.Container, ":", lineOf(p)))
	if want := fmt.Sprintf("line %d", lineOf(p)); string(r.Text) != want || r.File.Source.Node != "n" {
		return fmt.Errorf("line %q of %v, want %q", r.Text, r.File.Source, want)
	}
	if c.check != nil {
		return c.check(c.lines)
	}
	return nil
}
func (c *logCollector) Gap(g journal.Gap) error        { c.gaps = append(c.gaps, g); return nil }
func (c *logCollector) Progress(podlog.Progress) error { return nil }
func (c *logCollector) Flush() error                   { c.flushed = len(c.lines); return nil }

// linesOf returns the lines from to to of a container, which may be backwards.
func linesOf(container, from, to int) (out []string) {
	for n := from; ; {
		out = append(out, fmt.Sprint("c", container, ":", n))
		switch {
		case n < to:
			n++
		case n > to:
			n--
		default:
			return out
		}
	}
}

// ofContainer returns the lines of one container.
func ofContainer(container int, lines []string) (out []string) {
	prefix := fmt.Sprint("c", container, ":")
	for _, line := range lines {
		if len(line) > len(prefix) && line[:len(prefix)] == prefix {
			out = append(out, line)
		}
	}
	return out
}

// TestReadLogsResumes cuts reads of every kind at every message, while lines are written, and wants each line once and in its
// order.
func TestReadLogsResumes(t *testing.T) {
	t.Parallel()
	const lines = 20
	query := func(change func(q *podlog.Query)) podlog.Query {
		q := podlog.NewQuery()
		change(&q)
		return q
	}
	tests := []struct {
		name  string
		query podlog.Query
		// want are the first and last lines of both containers, without what is written meanwhile.
		want [2][2]int
		// more: lines that are written during the break are wanted too.
		more bool
	}{
		{"all", podlog.NewQuery(), [2][2]int{{1, lines}, {1, lines}}, true},
		{"tail", query(func(q *podlog.Query) { q.Tail = 5 }), [2][2]int{{lines - 4, lines}, {lines - 4, lines}}, true},
		{"limit", query(func(q *podlog.Query) { q.Limit = 10 }), [2][2]int{{1, 5}, {1, 5}}, false},
		{"cursor", query(func(q *podlog.Query) { q.Cursor = podlog.MakeCursor(logLine(0, 7).Position()) }), [2][2]int{{8, lines}, {1, lines}}, true},
		{"reverse", query(func(q *podlog.Query) { q.Reverse = true }), [2][2]int{{lines, 1}, {lines, 1}}, false},
		{"reverse tail", query(func(q *podlog.Query) { q.Reverse, q.Tail = true, 6 }), [2][2]int{{lines, lines - 5}, {lines, lines - 5}}, false},
		{"reverse limit", query(func(q *podlog.Query) { q.Reverse, q.Limit = true, 9 }), [2][2]int{{lines, lines - 3}, {lines, lines - 4}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			total := 0
			for _, w := range tt.want {
				total += max(w[0]-w[1], w[1]-w[0]) + 1
			}
			// A break before a container has given anything, while lines are written, leaves its tail open.
			for cut := 2; cut <= total+1; cut++ {
				for _, again := range []int{-1, 3} {
					f, c := startFakeLogs(t, lines, lines)
					f.cut = []int{cut, again, -1}
					breaks := 0
					f.meanwhile = func(f *fakeLogs) {
						breaks++
						for i := range f.last {
							f.last[i]++
						}
					}
					got := &logCollector{}
					if err := c.ReadLogs(t.Context(), client.LogRequest{Query: tt.query}, got); err != nil {
						t.Fatalf("cut after %d: %v", cut, err)
					}
					if got.flushed != len(got.lines) {
						t.Errorf("%d lines were flushed of %d", got.flushed, len(got.lines))
					}
					for i, w := range tt.want {
						if tt.more && f.last[i] > lines && cut <= total {
							w[1] = f.last[i]
						}
						if diff := cmp.Diff(linesOf(i, w[0], w[1]), ofContainer(i, got.lines)); diff != "" {
							t.Fatalf("cut after %d and %d, container %d (-want +got):\n%s", cut, again, i, diff)
						}
					}
				}
			}
		})
	}
}

// TestReadLogsFollows cuts a follower again and again, while lines are written and a container comes, and wants all of them
// once.
func TestReadLogsFollows(t *testing.T) {
	t.Parallel()
	for _, cut := range []int{1, 2, 3, 7} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			t.Parallel()
			f, c := startFakeLogs(t, 10, 10, 0)
			f.cut = []int{4, cut}
			breaks := 0
			f.meanwhile = func(f *fakeLogs) {
				if breaks++; breaks > 30 {
					return
				}
				f.last[0]++
				f.last[2]++
				if breaks == 10 {
					// No more than the tail, which the read may still be in.
					f.add(3)
				}
			}
			done := errors.New("done")
			got := &logCollector{check: func(lines []string) error {
				if len(lines) == 3+3+30+30+3 {
					return done
				}
				return nil
			}}
			resumes := 0
			q := podlog.NewQuery()
			q.Tail, q.Follow = 3, true
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			err := c.ReadLogs(ctx, client.LogRequest{Query: q, OnResume: func(r client.Resume) { resumes++ }}, got)
			if !errors.Is(err, done) {
				t.Fatalf("ReadLogs() = %v after %d lines of %v", err, len(got.lines), f.last)
			}
			// The first stream is cut after four lines: the tails had been found by then.
			for i, from := range []int{8, 8, 1, 1} {
				f.mu.Lock()
				last := f.last[i]
				f.mu.Unlock()
				if diff := cmp.Diff(linesOf(i, from, last), ofContainer(i, got.lines)); diff != "" {
					t.Errorf("container %d (-want +got):\n%s", i, diff)
				}
			}
			if resumes == 0 {
				t.Error("nobody was told of the breaks")
			}
		})
	}
}

func TestReadLogsErrors(t *testing.T) {
	t.Parallel()
	for _, sentinel := range []error{
		inventory.ErrNotFound, inventory.ErrAmbiguous, inventory.ErrChooseContainer, inventory.ErrBadSelector, podlog.ErrNoPrevious,
	} {
		f, c := startFakeLogs(t, 1)
		f.refuse = wire.Status(fmt.Errorf("pod web: %w", sentinel))
		err := c.ReadLogs(t.Context(), client.LogRequest{Query: podlog.NewQuery()}, &logCollector{})
		if !errors.Is(err, sentinel) || err.Error() != "pod web: "+sentinel.Error() {
			t.Errorf("ReadLogs() = %v, want %v", err, sentinel)
		}
	}
	_, c := startFakeLogs(t, 1)
	q := podlog.NewQuery()
	q.Filter.Grep = "\xff"
	if err := c.ReadLogs(t.Context(), client.LogRequest{Query: q}, &logCollector{}); !errors.Is(err, journal.ErrInvalidQuery) {
		t.Errorf("ReadLogs() = %v, want %v", err, journal.ErrInvalidQuery)
	}
	q = podlog.NewQuery()
	q.Cursor = "nonsense"
	if err := c.ReadLogs(t.Context(), client.LogRequest{Query: q}, &logCollector{}); !errors.Is(err, podlog.ErrBadCursor) {
		t.Errorf("ReadLogs() = %v, want %v", err, podlog.ErrBadCursor)
	}
}

// TestLogGapsAreToldOnce: every attempt tells the files that cannot be read.
func TestLogGapsAreToldOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		gap  journal.Gap
		want int
	}{
		{journal.Gap{Source: "default/web/c0", Reason: journal.GapDenied, Detail: "x"}, 1},
		{journal.Gap{Source: "default/web/c0", Reason: journal.GapVacuumed}, 3},
	} {
		f, c := startFakeLogs(t, 10)
		f.cut, f.gap = []int{2, 2, -1}, &tt.gap
		got := &logCollector{}
		if err := c.ReadLogs(t.Context(), client.LogRequest{Query: podlog.NewQuery()}, got); err != nil {
			t.Fatal(err)
		}
		if len(got.gaps) != tt.want || len(got.lines) != 10 {
			t.Errorf("%v: told %d times, want %d; %d lines", tt.gap, len(got.gaps), tt.want, len(got.lines))
		}
	}
}

// TestReadLogsManyContainers: the cursor of a read of more containers than fit into a request.
func TestReadLogsManyContainers(t *testing.T) {
	t.Parallel()
	lines := make([]int, 4000)
	for i := range lines {
		lines[i] = 1
	}
	f, c := startFakeLogs(t, lines...)
	f.cut = []int{3999, 0, -1}
	if err := c.ReadLogs(t.Context(), client.LogRequest{Query: podlog.NewQuery()}, &logCollector{}); err != nil {
		t.Fatal(err)
	}
	for _, req := range f.seen() {
		if n := len(req.GetCursor()); n > 200<<10 {
			t.Errorf("a cursor of %d bytes", n)
		}
	}
}

// Watch sends the pods of the next state and ends; the last one stays.
func (f *fakeLogs) Watch(_ *nodedv1.RuntimeServiceWatchRequest, stream grpc.ServerStreamingServer[nodedv1.RuntimeServiceWatchResponse]) error {
	f.mu.Lock()
	pods := f.pods[0]
	if len(f.pods) > 1 {
		f.pods = f.pods[1:]
	}
	var problems []string
	if len(f.problems) > 0 {
		problems, f.problems = f.problems[0], f.problems[1:]
	}
	f.mu.Unlock()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for i := range pods {
		m := &nodedv1.RuntimeServiceWatchResponse{Type: nodedv1.RuntimeServiceWatchResponse_TYPE_ADDED, Pod: wire.PodToProto(&pods[i])}
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	for _, kind := range []nodedv1.RuntimeServiceWatchResponse_Type{
		nodedv1.RuntimeServiceWatchResponse_TYPE_SYNCED, nodedv1.RuntimeServiceWatchResponse_TYPE_PROBLEMS,
	} {
		if err := stream.Send(&nodedv1.RuntimeServiceWatchResponse{Type: kind, Problems: problems}); err != nil {
			return err
		}
	}
	return nil
}

func TestWatchPodsResumes(t *testing.T) {
	t.Parallel()
	f, c := startFakeLogs(t)
	pod := func(name string, state inventory.State) inventory.Pod {
		return inventory.Pod{Namespace: "default", Name: name, UID: name, State: state, Containers: []inventory.Container{{Name: "c"}}}
	}
	f.pods = [][]inventory.Pod{
		{pod("a", 0), pod("b", 0)},
		{pod("a", 0), pod("b", 1)},
		{pod("b", 1), pod("c", 0)},
		{pod("b", 1), pod("c", 0), pod("z", 0)},
	}
	f.problems = [][]string{{"away"}, {"away"}, {"late"}}
	var got []string
	done := errors.New("done")
	err := c.WatchPods(t.Context(), client.PodWatchRequest{}, func(e client.PodEvent) error {
		got = append(got, fmt.Sprint(e.Type, e.Pod.Name, strings.Join(e.Problems, ",")))
		if e.Pod.Name == "z" {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	want := []string{"1a", "1b", "4away", "2b", "1c", "3a", "5late", "1z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func (f *fakeLogs) ListPods(_ context.Context, req *nodedv1.ListPodsRequest) (*nodedv1.ListPodsResponse, error) {
	if f.refuse != nil {
		return nil, f.refuse
	}
	return &nodedv1.ListPodsResponse{Pods: []*nodedv1.Pod{{Name: req.GetSelector().GetLabelSelector()}}, Problems: []string{"p"}}, nil
}

func (f *fakeLogs) GetPod(_ context.Context, req *nodedv1.GetPodRequest) (*nodedv1.GetPodResponse, error) {
	if f.refuse != nil {
		return nil, f.refuse
	}
	return &nodedv1.GetPodResponse{Pod: &nodedv1.Pod{Namespace: req.GetNamespace(), Name: req.GetName(), Uid: req.GetUid()}, Problems: []string{"p"}}, nil
}

func (f *fakeLogs) ListContainers(_ context.Context, req *nodedv1.ListContainersRequest) (*nodedv1.ListContainersResponse, error) {
	if f.refuse != nil {
		return nil, f.refuse
	}
	return &nodedv1.ListContainersResponse{
		Pods: []*nodedv1.Pod{{Name: fmt.Sprint(req.GetSelector() != nil)}}, Containers: []*nodedv1.Container{{Id: req.GetIds()[0]}}, Problems: []string{"p"},
	}, nil
}

func TestPods(t *testing.T) {
	t.Parallel()
	f, c := startFakeLogs(t)
	ctx := t.Context()
	problems := []string{"p"}
	pods, told, err := c.Pods(ctx, inventory.PodSelector{LabelSelector: "a=b"})
	if err != nil || len(pods) != 1 || pods[0].Name != "a=b" || !slices.Equal(told, problems) {
		t.Errorf("Pods() = %v, %v, %v", pods, told, err)
	}
	pod, told, err := c.Pod(ctx, "x", "y", "z")
	if err != nil || pod.Namespace+pod.Name+pod.UID != "xyz" || !slices.Equal(told, problems) {
		t.Errorf("Pod() = %v, %v, %v", pod, told, err)
	}
	for _, sel := range []*inventory.PodSelector{nil, {}} {
		pods, containers, told, err := c.Containers(ctx, sel, []string{"id"})
		if err != nil || pods[0].Name != fmt.Sprint(sel != nil) || containers[0].ID != "id" || !slices.Equal(told, problems) {
			t.Errorf("Containers() = %v, %v, %v, %v", pods, containers, told, err)
		}
	}
	f.refuse = wire.Status(fmt.Errorf("pod y: %w", inventory.ErrNotFound))
	if _, _, err := c.Pods(ctx, inventory.PodSelector{}); !errors.Is(err, inventory.ErrNotFound) {
		t.Errorf("Pods() = %v", err)
	}
	if _, _, err := c.Pod(ctx, "", "y", ""); !errors.Is(err, inventory.ErrNotFound) {
		t.Errorf("Pod() = %v", err)
	}
	if _, _, _, err := c.Containers(ctx, nil, []string{"i"}); !errors.Is(err, inventory.ErrNotFound) {
		t.Errorf("Containers() = %v", err)
	}
}
