// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/podlog"
)

const podUID = "0f7c2a52-8d4e-4d0c-9d3e-1f2b3c4d5e6f"

// writeLog appends lines to the log of a container, as a runtime does.
func writeLog(t *testing.T, pods, pod, container string, from, to int) {
	t.Helper()
	dir := filepath.Join(pods, "default_"+pod+"_"+podUID, container)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "0.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for n := from; n <= to; n++ {
		if _, err := fmt.Fprintf(file, "2026-11-24T00:%02d:%02d.000000001Z stdout F line %d\n", n/60, n%60, n); err != nil {
			t.Fatal(err)
		}
	}
}

// containerYAML is a configuration with this log tree and no runtime.
func containerYAML(t *testing.T, pods string) string {
	t.Helper()
	return fmt.Sprintf("logs:\n  pods_directory: %s\n  docker_directory: \"\"\nruntime:\n  sockets: [%s]\n  docker_socket: \"\"\n",
		pods, filepath.Join(t.TempDir(), "none"))
}

// TestLogsOverTheSocket reads a log and follows it, through all that a call passes.
func TestLogsOverTheSocket(t *testing.T) {
	t.Parallel()
	pods := t.TempDir()
	writeLog(t, pods, "web", "app", 1, 50)
	r := start(t, &fakeJournal{}, containerYAML(t, pods), nil)
	conn := r.dial(t)
	listed, err := nodedv1.NewRuntimeServiceClient(conn).ListPods(t.Context(), &nodedv1.ListPodsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(listed.GetPods()) != 1 || listed.GetPods()[0].GetName() != "web" || !listed.GetPods()[0].GetLogsOnly() || listed.GetNode() != "node1" {
		t.Errorf("ListPods() = %v", listed)
	}
	selector := &nodedv1.LogSelector{Pods: &nodedv1.PodSelector{Names: []string{"web"}}}
	client := nodedv1.NewLogServiceClient(conn)
	for _, compact := range []bool{false, true} {
		tail := uint64(3)
		stream, err := client.Read(t.Context(), &nodedv1.LogServiceReadRequest{Selector: selector, TailLines: &tail, AcceptCompact: compact})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := logTexts(t, stream)
		if diff := cmp.Diff([]string{"line 48", "line 49", "line 50"}, got); diff != "" {
			t.Errorf("compact %v (-want +got):\n%s", compact, diff)
		}
	}
	none := uint64(0)
	stream, err := client.Read(t.Context(), &nodedv1.LogServiceReadRequest{Selector: selector, TailLines: &none, Follow: true, LimitLines: 5})
	if err != nil {
		t.Fatal(err)
	}
	for caughtUp := false; !caughtUp; {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		caughtUp = m.GetProgress().GetCaughtUp()
	}
	writeLog(t, pods, "web", "app", 51, 60)
	got, source := logTexts(t, stream)
	if diff := cmp.Diff([]string{"line 51", "line 52", "line 53", "line 54", "line 55"}, got); diff != "" {
		t.Errorf("followed (-want +got):\n%s", diff)
	}
	if source != "node1 default/web/app "+podUID {
		t.Errorf("source %q", source)
	}

	stream, err = client.Read(t.Context(), &nodedv1.LogServiceReadRequest{Selector: &nodedv1.LogSelector{Pods: &nodedv1.PodSelector{Names: []string{"wbe"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.NotFound || !strings.Contains(status.Convert(err).Message(), "web") {
		t.Errorf("an unknown pod: %v", err)
	}
	if text := r.log.String(); !strings.Contains(text, `selectors="pod=web tail=3"`) || strings.Contains(text, "line 5") {
		t.Errorf("the log says:\n%s", text)
	}
}

// logTexts returns the lines of a stream, and the source of the last one.
func logTexts(t *testing.T, stream interface {
	Recv() (*nodedv1.LogServiceReadResponse, error)
}) (texts []string, source string) {
	t.Helper()
	var d wire.LogCompactDecoder
	take := func(r *podlog.Record) error {
		texts = append(texts, string(r.Text))
		source = r.File.Source.Node + " " + r.File.Source.String() + " " + r.File.Source.UID
		return nil
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return texts, source
		}
		if batch := m.GetCompact(); batch != nil {
			if err := d.Decode(batch, take); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range m.GetBatch().GetRecords() {
			record, err := wire.LogRecordFromProto(m)
			if err != nil {
				t.Fatal(err)
			}
			_ = take(record)
		}
	}
}

// TestContainerHealth looks at what status tells of machines with and without pods.
func TestContainerHealth(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "pods")
	with := t.TempDir()
	writeLog(t, with, "web", "app", 1, 1)
	const ok, unavailable = nodedv1.SourceState_SOURCE_STATE_OK, nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE
	for _, tt := range []struct {
		name, pods string
		state      nodedv1.SourceState
		message    string
		files      uint32
	}{
		{"with pods", with, ok, "", 1},
		{"configured and missing", missing, unavailable, "the directory " + missing + " does not exist: check logs.pods_directory", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, &fakeJournal{}, containerYAML(t, tt.pods), nil)
			health, err := nodedv1.NewNodeServiceClient(r.dial(t)).GetHealth(t.Context(), &nodedv1.GetHealthRequest{})
			if err != nil {
				t.Fatal(err)
			}
			sources := health.GetSources()
			if len(sources) < 2 || sources[1].GetName() != "logs" {
				t.Fatalf("sources %v", sources)
			}
			if s := sources[1]; s.GetState() != tt.state || s.GetMessage() != tt.message || s.GetFiles() != tt.files || s.GetLocation() != tt.pods {
				t.Errorf("source %v", s)
			}
		})
	}
}
