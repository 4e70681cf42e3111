// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// stream is the server's end of a stream. It keeps what is sent, as it is on the wire, and calls each.
type stream[M any] struct {
	grpc.ServerStream
	ctx     context.Context
	sent    []*M
	sizes   []int
	headers int
	each    func(*M) error
}

func (s *stream[M]) Context() context.Context     { return s.ctx }
func (s *stream[M]) SendHeader(metadata.MD) error { s.headers++; return nil }
func (s *stream[M]) message(m *M) proto.Message   { return any(m).(proto.Message) }
func (s *stream[M]) RecvMsg(any) error            { return errors.ErrUnsupported }
func (s *stream[M]) SendMsg(m any) error          { return s.Send(m.(*M)) }
func (s *stream[M]) Send(m *M) error {
	data, err := proto.Marshal(s.message(m))
	if err != nil {
		return err
	}
	c := new(M)
	if err := proto.Unmarshal(data, s.message(c)); err != nil {
		return err
	}
	s.sent, s.sizes = append(s.sent, c), append(s.sizes, len(data))
	if s.each != nil {
		return s.each(c)
	}
	return nil
}

type logStream = stream[nodedv1.LogServiceReadResponse]

// received turns what was sent into lines: the same for both forms.
func receivedLogs(t *testing.T, s *logStream) (lines, kinds []string) {
	t.Helper()
	var d wire.LogCompactDecoder
	line := func(r *podlog.Record) error {
		lines = append(lines, fmt.Sprintf("%v %+v %d %d %v %v %v %.200q %d", r.Position(), *r.File.Source, r.Time, r.Zone, r.Stream, r.Partial, r.Unparsed, r.Text, len(r.Text)))
		return nil
	}
	for _, m := range s.sent {
		switch {
		case m.GetCompact() != nil:
			kinds = append(kinds, fmt.Sprintf("compact %d", len(m.GetCompact().GetSizes())))
			if err := d.Decode(m.GetCompact(), line); err != nil {
				t.Fatal(err)
			}
		case m.GetBatch() != nil:
			kinds = append(kinds, fmt.Sprintf("batch %d", len(m.GetBatch().GetRecords())))
			for _, r := range m.GetBatch().GetRecords() {
				record, err := wire.LogRecordFromProto(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = line(record)
			}
		case m.GetGap() != nil:
			kinds = append(kinds, "gap "+m.GetGap().GetReason().String())
			lines = append(lines, m.String())
		default:
			kinds = append(kinds, "progress")
			lines = append(lines, m.String())
		}
	}
	return lines, kinds
}

func newLogBatcher(t *testing.T, limits Limits, compact bool) (*logBatcher, *logStream) {
	t.Helper()
	s := &logStream{ctx: t.Context()}
	b := &logBatcher{outlet: outlet[nodedv1.LogServiceReadResponse]{ctx: t.Context(), node: "n", limits: limits, send: s.Send}}
	if compact {
		b.compact = wire.NewLogCompactEncoder("n")
	}
	return b, s
}

func logRecord(container, n, size int) *podlog.Record {
	source := &podlog.Source{Node: "n", Namespace: "default", Pod: "web", UID: "u", Container: fmt.Sprint("c", container)}
	return &podlog.Record{
		File: &podlog.File{Source: source, Inode: 7, Fingerprint: 9}, Time: int64(n) * 1e9, Stream: podlog.Stdout,
		Text: []byte(fmt.Sprintf("%0*d", size, n)), End: int64(100 * n),
	}
}

// TestLogFormsAreEqual checks that a caller receives the same, in the same order, in both forms.
func TestLogFormsAreEqual(t *testing.T) {
	t.Parallel()
	const limit = 8192
	forms := map[bool][]string{}
	for _, compact := range []bool{false, true} {
		b, s := newLogBatcher(t, Limits{MaxRecordBytes: 2 * largeBytes, MaxBatchBytes: limit}, compact)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 1000 {
			size := random.IntN(300)
			switch random.IntN(100) {
			case 0:
				size = largeBytes + random.IntN(10)
			case 1:
				size = 3 * largeBytes
			case 2:
				size = limit + random.IntN(1000)
			}
			r := logRecord(random.IntN(3), i, size)
			if random.IntN(50) == 0 {
				r.File.Source.ID = strings.Repeat("x", 2000) // does not fit the compact form
			}
			if err := b.Record(r); err != nil {
				t.Fatal(err)
			}
			clear(r.Text) // the text is valid during the call
			if i%100 == 99 {
				if err := b.Progress(podlog.Progress{Cursor: podlog.MakeCursor(r.Position())}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		var kinds []string
		forms[compact], kinds = receivedLogs(t, s)
		for i, kind := range kinds {
			if !strings.HasSuffix(kind, " 1") && s.sizes[i] > limit+batchSlack {
				t.Errorf("%s has %d bytes", kind, s.sizes[i])
			}
		}
	}
	if diff := cmp.Diff(forms[false], forms[true]); diff != "" {
		t.Errorf("compact differs (-plain +compact):\n%s", diff)
	}
}

func TestLogGapsAndProgressStayInPlace(t *testing.T) {
	t.Parallel()
	b, s := newLogBatcher(t, Limits{MaxRecordBytes: 1000, MaxBatchBytes: 4096}, true)
	large := logRecord(1, 3, 2000)
	for _, r := range []*podlog.Record{logRecord(1, 1, 10), logRecord(1, 2, 10), large, logRecord(1, 4, 10)} {
		if err := b.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Gap(journal.Gap{Source: "default/web/c1", Reason: journal.GapVacuumed}); err != nil {
		t.Fatal(err)
	}
	_, kinds := receivedLogs(t, s)
	want := []string{"compact 2", "gap GAP_REASON_TOO_LARGE", "progress", "compact 1", "gap GAP_REASON_VACUUMED"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	gap := s.sent[1].GetGap()
	if gap.GetSource() != "default/web/c1" || gap.GetCount() != 1 || !gap.GetExact() || gap.GetFirstRealtimeUsec() != 3e6 || gap.GetNode() != "n" {
		t.Errorf("gap = %v", gap)
	}
	// Who resumes goes on after the record that cannot be had.
	if got, want := s.sent[2].GetProgress().GetCursor(), podlog.MakeCursor(large.Position()); got != string(want) {
		t.Errorf("progress at %q, want %q", got, want)
	}
}

// TestLogFlushSends: what a follower has received leaves before it waits, and nothing waits for long.
func TestLogFlushSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, s := newLogBatcher(t, Limits{MaxRecordBytes: 1000, MaxBatchBytes: 4096}, true)
		b.due = newDue()
		defer b.due.stop()
		add := func(n int) {
			if err := b.Record(logRecord(1, n, 10)); err != nil {
				t.Fatal(err)
			}
		}
		add(1)
		add(2)
		add(3)
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		add(4)
		time.Sleep(batchDelay + 1)
		synctest.Wait()
		add(5)
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		_, kinds := receivedLogs(t, s)
		if diff := cmp.Diff([]string{"compact 1", "compact 2", "compact 2"}, kinds); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	})
}

// fakeInventory is an inventory made of functions.
type fakeInventory struct {
	snapshot func() (*inventory.Snapshot, error)
	changed  chan struct{}
	logs     func(sel inventory.LogSelector, follow bool) (inventory.LogSet, error)
	stopped  int
}

func (f *fakeInventory) Snapshot(context.Context) (*inventory.Snapshot, error) { return f.snapshot() }
func (f *fakeInventory) Subscribe() (<-chan struct{}, func()) {
	return f.changed, func() { f.stopped++ }
}

func (f *fakeInventory) Logs(_ context.Context, sel inventory.LogSelector, follow bool) (inventory.LogSet, error) {
	return f.logs(sel, follow)
}

// fakeSet is a set of logs that counts how often it is closed.
type fakeSet struct {
	podlog.Fixed
	closed int
}

func (s *fakeSet) Close() { s.closed++ }

// fakeLogs reads as it says.
type fakeLogs func(set podlog.Set, q podlog.Query, sink podlog.Sink) error

func (f fakeLogs) Read(_ context.Context, set podlog.Set, q podlog.Query, sink podlog.Sink) error {
	return f(set, q, sink)
}

func testLimits() Limits {
	return Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 4096, MaxPatternBytes: 64}
}

func TestLogServiceRead(t *testing.T) {
	t.Parallel()
	good := &nodedv1.LogSelector{Pods: &nodedv1.PodSelector{Namespace: "default", Names: []string{"web"}}}
	broken := errors.New("disk on fire")
	tests := []struct {
		name    string
		request *nodedv1.LogServiceReadRequest
		// find is the error of the inventory, read that of the reader.
		find, read error
		code       codes.Code
		headers    int
		kinds      []string
	}{
		{"all", &nodedv1.LogServiceReadRequest{Selector: good}, nil, nil, codes.OK, 1, []string{"batch 1", "batch 1"}},
		{"compact", &nodedv1.LogServiceReadRequest{Selector: good, AcceptCompact: true}, nil, nil, codes.OK, 1, []string{"compact 1", "compact 1"}},
		{"no selector", &nodedv1.LogServiceReadRequest{}, nil, nil, codes.InvalidArgument, 0, nil},
		{"bad name", &nodedv1.LogServiceReadRequest{Selector: &nodedv1.LogSelector{ContainerIds: []string{"../x"}}}, nil, nil, codes.InvalidArgument, 0, nil},
		{"bad runs", &nodedv1.LogServiceReadRequest{Selector: good, Runs: 9}, nil, nil, codes.InvalidArgument, 0, nil},
		{"long pattern", &nodedv1.LogServiceReadRequest{Selector: good, Filter: &nodedv1.LogFilter{Exclude: strings.Repeat("x", 65)}}, nil, nil, codes.InvalidArgument, 0, nil},
		{"unknown", &nodedv1.LogServiceReadRequest{Selector: good}, inventory.ErrNotFound, nil, codes.NotFound, 0, nil},
		{"choose", &nodedv1.LogServiceReadRequest{Selector: good}, inventory.ErrChooseContainer, nil, codes.InvalidArgument, 0, nil},
		{"no previous", &nodedv1.LogServiceReadRequest{Selector: good}, nil, podlog.ErrNoPrevious, codes.NotFound, 1, []string{"batch 1", "batch 1"}},
		{"broken", &nodedv1.LogServiceReadRequest{Selector: good}, nil, broken, codes.Internal, 1, []string{"batch 1", "batch 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := &fakeSet{}
			opened := 0
			service := NewLog(LogConfig{
				Node: "n", Limits: testLimits,
				Inventory: &fakeInventory{logs: func(sel inventory.LogSelector, follow bool) (inventory.LogSet, error) {
					if tt.find != nil {
						return nil, tt.find
					}
					opened++
					return set, nil
				}},
				Logs: fakeLogs(func(_ podlog.Set, _ podlog.Query, sink podlog.Sink) error {
					for n := range 2 {
						if err := sink.Record(logRecord(1, n, 10)); err != nil {
							return err
						}
					}
					return tt.read
				}),
			})
			s := &logStream{ctx: t.Context()}
			err := service.Read(tt.request, s)
			if status.Code(err) != tt.code {
				t.Errorf("Read() = %v, want %v", err, tt.code)
			}
			_, kinds := receivedLogs(t, s)
			if diff := cmp.Diff(tt.kinds, kinds); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if s.headers != tt.headers {
				t.Errorf("%d headers, want %d", s.headers, tt.headers)
			}
			if set.closed != opened {
				t.Errorf("the set was closed %d times, want %d", set.closed, opened)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	pods := func(sel inventory.PodSelector) inventory.LogSelector { return inventory.LogSelector{Pods: &sel} }
	long := strings.Repeat("a", 64)
	good := []inventory.LogSelector{
		pods(inventory.PodSelector{}),
		pods(inventory.PodSelector{Namespace: "kube-system", Names: []string{"a", "a.b-c.9", "deployment/web", "deployments.apps/web", "pod/a", long + ".x"}}),
		pods(inventory.PodSelector{UIDs: []string{"c4d2f8b0-1111-2222-3333-444455556666", "d41d8cd98f00b204e9800998ecf8427e", "Hdishd83"}}),
		{ContainerIDs: []string{"3f2a9c", "docker://3f2a", "my_name.of-1"}},
		{Pods: &inventory.PodSelector{}, Containers: []string{"app", "a-1"}},
	}
	for _, sel := range good {
		if err := checkLogSelector(&sel); err != nil {
			t.Errorf("%+v: %v", sel, err)
		}
	}
	bad := []inventory.LogSelector{
		{},
		{Containers: []string{"a"}},
		pods(inventory.PodSelector{Namespace: ".."}),
		pods(inventory.PodSelector{Namespace: "a/b"}),
		pods(inventory.PodSelector{Namespace: "A"}),
		pods(inventory.PodSelector{Namespace: "a_b"}),
		pods(inventory.PodSelector{Namespace: long}),
		pods(inventory.PodSelector{Namespace: "-a"}),
		pods(inventory.PodSelector{Namespace: "a-"}),
		pods(inventory.PodSelector{Namespace: "a\n"}),
		pods(inventory.PodSelector{Names: []string{""}}),
		pods(inventory.PodSelector{Names: []string{"a", "../b"}}),
		pods(inventory.PodSelector{Names: []string{"a..b"}}),
		pods(inventory.PodSelector{Names: []string{"a/"}}),
		pods(inventory.PodSelector{Names: []string{"/a"}}),
		pods(inventory.PodSelector{Names: []string{"a/b/c"}}),
		pods(inventory.PodSelector{Names: []string{"."}}),
		pods(inventory.PodSelector{Names: []string{strings.Repeat("a.", 127)}}),
		pods(inventory.PodSelector{UIDs: []string{"a/b"}}),
		pods(inventory.PodSelector{UIDs: []string{""}}),
		pods(inventory.PodSelector{UIDs: []string{"a_b"}}),
		pods(inventory.PodSelector{UIDs: []string{strings.Repeat("a", 129)}}),
		{Pods: &inventory.PodSelector{}, Containers: []string{"a.b"}},
		{Pods: &inventory.PodSelector{}, Containers: []string{"a\x00"}},
		{ContainerIDs: []string{""}},
		{ContainerIDs: []string{".."}},
		{ContainerIDs: []string{"docker://"}},
		{ContainerIDs: []string{"docker:///etc"}},
		{ContainerIDs: []string{"a/b"}},
		{ContainerIDs: []string{strings.Repeat("a", 256)}},
	}
	for _, sel := range bad {
		if err := checkLogSelector(&sel); !errors.Is(err, journal.ErrInvalidQuery) {
			t.Errorf("%+v: %v, want %v", sel, err, journal.ErrInvalidQuery)
		}
	}
}

// FuzzLogServiceRead wants of any request that no name in it which could be more than one part of a path, or none, is ever looked
// up.
func FuzzLogServiceRead(f *testing.F) {
	for _, sel := range []*nodedv1.LogSelector{
		{Pods: &nodedv1.PodSelector{Namespace: "default", Names: []string{"web", "deploy/x"}, Uids: []string{"u"}}, Containers: []string{"c"}},
		{ContainerIds: []string{"docker://3f2a", "../../etc/passwd"}},
	} {
		data, err := proto.Marshal(&nodedv1.LogServiceReadRequest{Selector: sel, Follow: true, Cursor: "l1;../../x;0;0;0;0;0;0"})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		req := new(nodedv1.LogServiceReadRequest)
		if proto.Unmarshal(data, req) != nil {
			return
		}
		part := func(what, name string) {
			if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00\n") || len(name) > 255 || strings.HasPrefix(name, ".") {
				t.Errorf("%s %q is looked up", what, name)
			}
		}
		service := NewLog(LogConfig{Node: "n", Limits: testLimits, Inventory: &fakeInventory{
			logs: func(sel inventory.LogSelector, follow bool) (inventory.LogSet, error) {
				if sel.Pods != nil {
					if sel.Pods.Namespace != "" {
						part("namespace", sel.Pods.Namespace)
					}
					for _, name := range sel.Pods.Names {
						kind, rest, ok := strings.Cut(name, "/")
						part("pod", kind)
						if ok {
							part("pod", rest)
						}
					}
					for _, uid := range sel.Pods.UIDs {
						part("uid", uid)
					}
				}
				for _, name := range sel.Containers {
					part("container", name)
				}
				for _, id := range sel.ContainerIDs {
					if runtime, rest, ok := strings.Cut(id, "://"); ok {
						part("runtime", runtime)
						id = rest
					}
					part("id", id)
				}
				return nil, inventory.ErrNotFound
			},
		}})
		code := status.Code(service.Read(req, &logStream{ctx: t.Context()}))
		if code != codes.InvalidArgument && code != codes.NotFound {
			t.Errorf("code %v", code)
		}
	})
}
