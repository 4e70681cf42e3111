// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/daemon"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

func follow(entries int) func(context.Context, journal.Query, journal.Sink) error {
	return func(ctx context.Context, q journal.Query, sink journal.Sink) error {
		for i := range entries {
			if err := sink.Entry(numbered(i)); err != nil {
				return err
			}
		}
		if err := sink.Progress(journal.Progress{CaughtUp: true, Cursor: "c"}); err != nil {
			return err
		}
		if q.Follow {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
}

func TestReadDeliversEntriesGapsAndProgressInOrder(t *testing.T) {
	t.Parallel()
	j := &fakeJournal{read: func(_ context.Context, q journal.Query, sink journal.Sink) error {
		if diff := cmp.Diff([]string{"kubelet.service"}, q.Filter.Units); diff != "" {
			return errors.New(diff)
		}
		return errors.Join(
			sink.Entry(numbered(0)), sink.Entry(numbered(1)),
			sink.Gap(journal.Gap{Source: "/f", Count: 3, Reason: journal.GapVacuumed}),
			sink.Entry(numbered(2)),
			sink.Progress(journal.Progress{CaughtUp: true, Cursor: "there"}),
		)
	}}
	r := start(t, j, "", nil)
	stream, err := nodedv1.NewJournalServiceClient(r.dial(t)).Read(t.Context(), &nodedv1.JournalServiceReadRequest{
		Filter: &nodedv1.JournalFilter{Units: []string{"kubelet.service"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = drain(stream, func(m *nodedv1.JournalServiceReadResponse) {
		for _, e := range m.GetBatch().GetEntries() {
			got = append(got, fmt.Sprintf("%s %s %d", e.GetNode(), e.GetFields()[0].GetValue(), len(e.GetFields())))
		}
		if g := m.GetGap(); g != nil {
			got = append(got, fmt.Sprintf("%s gap %s %d", g.GetNode(), g.GetSource(), g.GetCount()))
		}
		if p := m.GetProgress(); p != nil {
			got = append(got, fmt.Sprintf("%s progress %s", p.GetNode(), p.GetCursor()))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"node1 line 0 2", "node1 line 1 2", "node1 gap /f 3", "node1 line 2 2", "node1 progress there"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
	waitFor(t, func() bool { return strings.Contains(r.log.String(), "records=3") })
	for _, want := range []string{"role=admin", "method=/noded.v1.JournalService/Read", "selectors=\"unit=kubelet.service\"", "result=OK"} {
		if os.Geteuid() == 0 && !strings.Contains(r.log.String(), want) {
			t.Errorf("audit line lacks %s:\n%s", want, r.log)
		}
	}
	if strings.Contains(r.log.String(), "line 0") {
		t.Errorf("the log holds contents of records:\n%s", r.log)
	}
}

func TestListsAndUsage(t *testing.T) {
	t.Parallel()
	j := &fakeJournal{
		values: func(_ context.Context, name string, yield func([]byte) error) error {
			for i := range 5000 {
				if err := yield(fmt.Appendf(nil, "%s-%d-%s", name, i, strings.Repeat("x", 100))); err != nil {
					return err
				}
			}
			return yield(make([]byte, 16<<20))
		},
		usage: func(context.Context) (journal.Usage, error) {
			return journal.Usage{SizeBytes: 7, Files: []journal.File{{Path: "/a", TailRealtime: 5_000_000, HeadRealtime: 1_000_000}},
				Problems: []journal.FileProblem{{Path: "/b", Reason: journal.GapCorrupt, Err: errors.New("bad header")}}}, nil
		},
	}
	r := start(t, j, "", nil)
	conn := r.dial(t)
	client := nodedv1.NewJournalServiceClient(conn)
	units, err := client.ListUnits(t.Context(), &nodedv1.ListUnitsRequest{Patterns: []string{"k*"}, User: true})
	if err != nil || len(units.GetUnits()) != 2 || units.GetUnits()[0].GetName() != "user=true" || units.GetNode() != "node1" {
		t.Errorf("ListUnits = %v, %v", units, err)
	}
	boots, err := client.ListBoots(t.Context(), &nodedv1.ListBootsRequest{})
	if err != nil || len(boots.GetBoots()) != 2 || boots.GetBoots()[1].GetOffset() != 0 {
		t.Errorf("ListBoots = %v, %v", boots, err)
	}
	fields, err := client.ListFields(t.Context(), &nodedv1.ListFieldsRequest{})
	if err != nil || len(fields.GetNames()) != 2 {
		t.Errorf("ListFields = %v, %v", fields, err)
	}
	usage, err := client.GetUsage(t.Context(), &nodedv1.GetUsageRequest{})
	if err != nil || usage.GetSizeBytes() != 7 || len(usage.GetFiles()) != 2 {
		t.Errorf("GetUsage = %v, %v", usage, err)
	}
	stream, err := client.ListFieldValues(t.Context(), &nodedv1.ListFieldValuesRequest{Field: "_COMM"})
	if err != nil {
		t.Fatal(err)
	}
	values, messages := 0, 0
	if err := drain(stream, func(m *nodedv1.ListFieldValuesResponse) { values += len(m.GetValues()); messages++ }); err != nil {
		t.Fatal(err)
	}
	if values != 5000 || messages < 2 || messages > 10 {
		t.Errorf("ListFieldValues: %d values in %d messages", values, messages)
	}
	if left := stream.Trailer().Get("noded-omitted-values"); !slices.Equal(left, []string{"1"}) {
		t.Errorf("ListFieldValues: trailer %q about what was left out", left)
	}
	health, err := nodedv1.NewNodeServiceClient(conn).GetHealth(t.Context(), &nodedv1.GetHealthRequest{})
	if err != nil {
		t.Fatal(err)
	}
	source := health.GetSources()[0]
	if source.GetState() != nodedv1.SourceState_SOURCE_STATE_DEGRADED || len(source.GetUnreadableFiles()) != 1 || source.GetNewestRecordTime().GetSeconds() != 5 {
		t.Errorf("GetHealth = %v", source)
	}
	node, err := nodedv1.NewNodeServiceClient(conn).GetNode(t.Context(), &nodedv1.GetNodeRequest{})
	if err != nil || node.GetNode().GetName() != "node1" || node.GetNode().GetVersion() != "test" || len(node.GetNode().GetBootId()) != 16 {
		t.Errorf("GetNode = %v, %v", node, err)
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	t.Parallel()
	j := &fakeJournal{read: func(context.Context, journal.Query, journal.Sink) error {
		return fmt.Errorf("boot -7: %w", journal.ErrNoBoot)
	}, usage: func(context.Context) (journal.Usage, error) {
		return journal.Usage{}, fmt.Errorf("open: %w", fs.ErrNotExist)
	}}
	r := start(t, j, "limits: {max_pattern_bytes: 8}", nil)
	conn := r.dial(t)
	since, until := uint64(2), uint64(1)
	tests := []struct {
		name    string
		request *nodedv1.JournalServiceReadRequest
		code    codes.Code
		text    string
	}{
		{"no boot", &nodedv1.JournalServiceReadRequest{}, codes.NotFound, "no such boot"},
		{"bad window", &nodedv1.JournalServiceReadRequest{SinceRealtimeUsec: &since, UntilRealtimeUsec: &until}, codes.InvalidArgument, "must be before until"},
		{"bad pattern", &nodedv1.JournalServiceReadRequest{Filter: &nodedv1.JournalFilter{Grep: "("}}, codes.InvalidArgument, "grep"},
		{"long pattern", &nodedv1.JournalServiceReadRequest{Filter: &nodedv1.JournalFilter{Exclude: "123456789"}}, codes.InvalidArgument, "9 bytes"},
		{"large request", &nodedv1.JournalServiceReadRequest{Cursor: strings.Repeat("x", 300<<10)}, codes.ResourceExhausted, "larger than max"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stream, err := nodedv1.NewJournalServiceClient(conn).Read(t.Context(), tt.request)
			if err == nil {
				err = drain(stream, func(*nodedv1.JournalServiceReadResponse) {})
			}
			if status.Code(err) != tt.code || !strings.Contains(status.Convert(err).Message(), tt.text) {
				t.Errorf("Read = %v, want %v with %q", err, tt.code, tt.text)
			}
		})
	}
	health, err := nodedv1.NewNodeServiceClient(conn).GetHealth(t.Context(), &nodedv1.GetHealthRequest{})
	if err != nil || health.GetSources()[0].GetState() != nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE {
		t.Errorf("GetHealth = %v, %v", health, err)
	}
}

func TestStreamLimits(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{read: follow(1)}, "limits: {max_streams: 3, max_streams_per_user: 2}", nil)
	client := nodedv1.NewJournalServiceClient(r.dial(t))
	open := func(ctx context.Context) error {
		stream, err := client.Read(ctx, &nodedv1.JournalServiceReadRequest{Follow: true})
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		if err := open(ctx); err != nil {
			t.Fatal(err)
		}
	}
	err := open(t.Context())
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "limits.max_streams_per_user") {
		t.Errorf("third stream: %v", err)
	}
	cancel()
	waitFor(t, func() bool { return open(t.Context()) == nil })
}

func TestSlowReaderIsCut(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	j := &fakeJournal{read: func(_ context.Context, _ journal.Query, sink journal.Sink) error {
		e := numbered(0)
		e.fields[0].Value = make([]byte, 100<<10)
		for {
			if err := sink.Entry(e); err != nil {
				ended <- err
				return err
			}
		}
	}}
	r := start(t, j, "limits: {send_timeout: 300ms}", nil)
	stream, err := nodedv1.NewJournalServiceClient(r.dial(t)).Read(t.Context(), &nodedv1.JournalServiceReadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		t.Fatal("the handler of a client that does not read goes on")
	}
	waitFor(t, func() bool { return strings.Contains(r.log.String(), "result=ResourceExhausted") })
	err = drain(stream, func(*nodedv1.JournalServiceReadResponse) {})
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "limits.send_timeout") {
		t.Errorf("the client sees %v", err)
	}
}

func TestStopTellsStreamsAndRemovesSocket(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{read: follow(1)}, "limits: {drain_timeout: 10m}", nil)
	conn := r.dial(t)
	stream, err := nodedv1.NewJournalServiceClient(conn).Read(t.Context(), &nodedv1.JournalServiceReadRequest{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	err = drain(stream, func(*nodedv1.JournalServiceReadResponse) {})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "noded is stopping") {
		t.Errorf("stream ended with %v", err)
	}
	if err := drain(watch, func(*healthpb.HealthCheckResponse) {}); status.Code(err) != codes.Unavailable {
		t.Errorf("watch ended with %v", err)
	}
	if _, err := os.Lstat(r.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestStopDoesNotWaitForSlowReader(t *testing.T) {
	t.Parallel()
	j := &fakeJournal{read: func(_ context.Context, _ journal.Query, sink journal.Sink) error {
		e := numbered(0)
		e.fields[0].Value = make([]byte, 100<<10)
		for {
			if err := sink.Entry(e); err != nil {
				return err
			}
		}
	}}
	r := start(t, j, "limits: {drain_timeout: 200ms}", nil)
	if _, err := nodedv1.NewJournalServiceClient(r.dial(t)).Read(t.Context(), &nodedv1.JournalServiceReadRequest{}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestLargeRecordIsHeldUntilItHasLeft: the call of a client that does not take a large record goes on, so that its
// memory stays counted.
func TestLargeRecordIsHeldUntilItHasLeft(t *testing.T) {
	t.Parallel()
	sent := make(chan error, 1)
	j := &fakeJournal{read: func(_ context.Context, _ journal.Query, sink journal.Sink) error {
		e := numbered(0)
		e.fields[0].Value = make([]byte, 8<<20)
		err := sink.Entry(e)
		sent <- err
		return err
	}}
	client := nodedv1.NewJournalServiceClient(start(t, j, "", nil).dial(t, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20))))
	stream, err := client.Read(t.Context(), &nodedv1.JournalServiceReadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-sent:
		t.Errorf("the record was given away before it was taken: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	entries := 0
	if err := drain(stream, func(m *nodedv1.JournalServiceReadResponse) { entries += len(m.GetBatch().GetEntries()) }); err != nil || entries != 1 {
		t.Errorf("%d entries, %v", entries, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestStopLeavesStuckCallsBehind: a call that does not end, as inside libsystemd, does not keep noded from ending.
func TestStopLeavesStuckCallsBehind(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	entered := make(chan struct{}, 2)
	stuck := func() { entered <- struct{}{}; <-release }
	j := &fakeJournal{
		read:  func(context.Context, journal.Query, journal.Sink) error { stuck(); return nil },
		usage: func(context.Context) (journal.Usage, error) { stuck(); return journal.Usage{}, nil },
	}
	loaded := load(t, "limits: {drain_timeout: 100ms}")
	loaded.Config.Server.Socket = filepath.Join(t.TempDir(), "s")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{Loaded: loaded, Logger: discard(), Journal: j, StopGrace: 100 * time.Millisecond})
	}()
	r := &running{address: "unix://" + loaded.Config.Server.Socket}
	client := nodedv1.NewJournalServiceClient(r.dial(t))
	waitFor(t, func() bool {
		_, err := client.ListBoots(t.Context(), &nodedv1.ListBootsRequest{}, grpc.WaitForReady(true))
		return err == nil
	})
	var calls sync.WaitGroup
	calls.Go(func() { _, _ = client.GetUsage(t.Context(), &nodedv1.GetUsageRequest{}) })
	if _, err := client.Read(t.Context(), &nodedv1.JournalServiceReadRequest{}); err != nil {
		t.Fatal(err)
	}
	<-entered
	<-entered
	cancel()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "did not end") {
			t.Errorf("Run = %v", err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("noded does not stop")
	}
	close(release)
	calls.Wait()
}

func TestPanicFailsOneCallOnly(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{read: func(context.Context, journal.Query, journal.Sink) error { panic("boom") }}, "", nil)
	client := nodedv1.NewJournalServiceClient(r.dial(t))
	for range 2 {
		stream, err := client.Read(t.Context(), &nodedv1.JournalServiceReadRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if err := drain(stream, func(*nodedv1.JournalServiceReadResponse) {}); status.Code(err) != codes.Internal {
			t.Errorf("Read = %v", err)
		}
	}
}

// TestCancelledStreamsLeaveNothing opens and cancels 1,000 streams and counts what is left.
func TestCancelledStreamsLeaveNothing(t *testing.T) { //nolint:paralleltest // it counts what the process has
	r := start(t, &fakeJournal{read: follow(3)}, "", nil)
	client := nodedv1.NewJournalServiceClient(r.dial(t))
	once := func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream, err := client.Read(ctx, &nodedv1.JournalServiceReadRequest{Follow: true})
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		once()
	}
	waitFor(t, func() bool { return strings.Count(r.log.String(), "result=Canceled") == 10 })
	goroutines, descriptors := runtime.NumGoroutine(), descriptorCount(t)
	for range 1000 {
		once()
	}
	waitFor(t, func() bool { return strings.Count(r.log.String(), "result=Canceled") == 1010 })
	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines && descriptorCount(t) <= descriptors })
}

func descriptorCount(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
