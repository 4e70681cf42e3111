// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"github.com/noded/noded/daemon"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
	"github.com/noded/noded/journal/sdjournal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// startOn serves the journal files of a directory.
func startOn(t *testing.T, directory, yaml string) *running {
	t.Helper()
	return start(t, nil, yaml, func(o *daemon.Options) { o.Loaded.Config.Journal.Directory = directory })
}

// collector writes down what a read finds.
type collector struct{ lines []string }

func (c *collector) Entry(e journal.Entry) error {
	fields, err := e.AppendFields(nil, nil)
	c.lines = append(c.lines, line(e.Header(), fields))
	return err
}

func line(h journal.Header, fields []journal.Field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", h.Cursor(), h.Realtime)
	for _, f := range fields {
		fmt.Fprintf(&b, " %s=%q", f.Name, f.Value)
	}
	return b.String()
}

func (c *collector) Gap(g journal.Gap) error {
	c.lines = append(c.lines, fmt.Sprintf("gap %s %v", g.Source, g.Reason))
	return nil
}

func (c *collector) Progress(journal.Progress) error { return nil }

// readAll reads through the daemon.
func readAll(t *testing.T, conn *grpc.ClientConn, q journal.Query) (*collector, error) {
	t.Helper()
	stream, err := nodedv1.NewJournalServiceClient(conn).Read(t.Context(), wire.QueryToProto(q), grpc.MaxCallRecvMsgSize(64<<20))
	if err != nil {
		return nil, err
	}
	c := &collector{}
	return c, drain(stream, func(m *nodedv1.JournalServiceReadResponse) {
		for _, e := range m.GetBatch().GetEntries() {
			r := wire.RecordFromProto(e)
			if e.GetCursor() != string(r.Cursor()) {
				t.Errorf("cursor %q is not that of %q", e.GetCursor(), r.Cursor())
			}
			c.lines = append(c.lines, line(r.Header, r.Fields))
		}
		if g := m.GetGap(); g != nil {
			_ = c.Gap(wire.GapFromProto(g))
		}
	})
}

// TestRealJournals reads every fixture through the socket and directly: nothing may differ.
func TestRealJournals(t *testing.T) {
	t.Parallel()
	reverse := journal.Query{Lines: 20, Reverse: true}
	for _, fixture := range journaltest.Corpus(t) {
		t.Run(fixture.Name, func(t *testing.T) {
			t.Parallel()
			local := &journal.Local{Engine: sdjournal.New(), Source: journal.Source{Directory: fixture.Dir}}
			conn := startOn(t, fixture.Dir, "").dial(t)
			for _, q := range []journal.Query{journal.NewQuery(), reverse} {
				want := &collector{}
				if err := local.Read(t.Context(), q, want); err != nil {
					t.Fatal(err)
				}
				got, err := readAll(t, conn, q)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want.lines, got.lines); diff != "" {
					t.Errorf("through the daemon (-direct +daemon):\n%.2000s", diff)
				}
			}
			health, err := nodedv1.NewNodeServiceClient(conn).GetHealth(t.Context(), &nodedv1.GetHealthRequest{})
			if err != nil {
				t.Fatal(err)
			}
			source := health.GetSources()[0]
			if good := source.GetState() == nodedv1.SourceState_SOURCE_STATE_OK; len(fixture.Bad) > 0 && good {
				t.Errorf("health with bad files = %v", source)
			}
		})
	}
}

func TestDirectoryThatIsMissing(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "none")
	conn := startOn(t, directory, "").dial(t)
	health, err := nodedv1.NewNodeServiceClient(conn).GetHealth(t.Context(), &nodedv1.GetHealthRequest{})
	if err != nil {
		t.Fatal(err)
	}
	source := health.GetSources()[0]
	if source.GetState() != nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE || !strings.Contains(source.GetMessage(), "does not exist") {
		t.Errorf("health = %v", source)
	}
	if _, err := readAll(t, conn, journal.NewQuery()); !errors.Is(wire.Error(err), os.ErrNotExist) {
		t.Errorf("Read = %v", err)
	}
}

// TestCancelledReadsOfFilesLeaveNothing follows real files 1,000 times and counts goroutines, descriptors and mappings.
func TestCancelledReadsOfFilesLeaveNothing(t *testing.T) { //nolint:paralleltest // it counts what the process has
	fixture := journaltest.Corpus(t)[0]
	// The client opens faster than files and watches are closed.
	r := startOn(t, fixture.Dir, "limits: {max_streams: 2000, max_streams_per_user: 2000}")
	client := nodedv1.NewJournalServiceClient(r.dial(t))
	lines := uint64(3)
	once := func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream, err := client.Read(ctx, &nodedv1.JournalServiceReadRequest{Follow: true, Lines: &lines})
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ended := func(n int) func() bool {
		return func() bool { return strings.Count(r.log.String(), "result=Canceled") == n }
	}
	for range 10 {
		once()
	}
	waitFor(t, ended(10))
	goroutines, descriptors := runtime.NumGoroutine(), descriptorCount(t)
	for range 1000 {
		once()
	}
	waitFor(t, ended(1010))
	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines && descriptorCount(t) <= descriptors })
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(maps), fixture.Dir) {
		t.Errorf("mappings are left:\n%s", maps)
	}
}
