// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

func fullQuery() journal.Query {
	since, until, uid := journal.Usec(5), journal.Usec(9), uint32(1000)
	return journal.Query{
		Since:    &since,
		Until:    &until,
		Lines:    7,
		FromHead: true,
		Fields:   journal.Mask{"MESSAGE"},
		Filter: journal.Filter{
			Matches:            []journal.Conjunction{{{Field: "A", Value: "b\xff"}, {Field: "_C", Value: ""}}, {{Field: "D", Value: "e"}}},
			Units:              []string{"kubelet.service", "x*"},
			UserUnits:          []string{"u.service"},
			UserUnitUID:        &uid,
			Invocations:        []journal.ID128{{1}},
			Boot:               &journal.BootRef{ID: journal.ID128{2}, Offset: -3},
			Identifiers:        []string{"sshd"},
			ExcludeIdentifiers: []string{"cron"},
			Priorities:         journal.PriorityRange(2, 4),
			Facilities:         []int{0, 127},
			Transports:         []string{"kernel"},
			MaxLevel:           journal.LevelWarning,
			Grep:               "a.c",
			Exclude:            "b",
			IgnoreCase:         true,
		},
	}
}

func TestQueryRoundTrip(t *testing.T) {
	t.Parallel()
	cursor := journal.NewQuery()
	cursor.Cursor, cursor.AfterCursor = "s=6840fabca2b64174b573f250e1c62908;i=14", true
	follow := journal.NewQuery()
	follow.Follow, follow.Lines = true, 0
	noFields := journal.NewQuery()
	noFields.Reverse, noFields.Fields = true, journal.Mask{}
	for _, want := range []journal.Query{journal.NewQuery(), fullQuery(), cursor, follow, noFields} {
		// Through bytes, as on the wire.
		b, err := proto.Marshal(QueryToProto(want))
		if err != nil {
			t.Fatalf("marshal %+v: %v", want, err)
		}
		var m nodedv1.JournalServiceReadRequest
		if err := proto.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		got, err := QueryFromProto(&m)
		if err != nil {
			t.Fatalf("QueryFromProto(%v) = %v", &m, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("query changed (-want +got):\n%s", diff)
		}
	}
}

func TestQueryFromProtoRefuses(t *testing.T) {
	t.Parallel()
	since, until := uint64(2), uint64(1)
	for name, m := range map[string]*nodedv1.JournalServiceReadRequest{
		"window":     {SinceRealtimeUsec: &since, UntilRealtimeUsec: &until},
		"boot":       {Filter: &nodedv1.JournalFilter{Boot: &nodedv1.BootReference{Id: []byte{1, 2}}}},
		"invocation": {Filter: &nodedv1.JournalFilter{InvocationIds: [][]byte{{1}}}},
		"priority":   {Filter: &nodedv1.JournalFilter{Priorities: []uint32{8}}},
		"facility":   {Filter: &nodedv1.JournalFilter{Facilities: []uint32{1 << 31}}},
		"match":      {Filter: &nodedv1.JournalFilter{Matches: []*nodedv1.FieldMatchGroup{{Terms: []*nodedv1.FieldMatch{{Field: "x"}}}}}},
		"pattern":    {Filter: &nodedv1.JournalFilter{Grep: "("}},
		"cursor":     {Cursor: "x"},
	} {
		if _, err := QueryFromProto(m); !errors.Is(err, journal.ErrInvalidQuery) {
			t.Errorf("%s: QueryFromProto = %v, want %v", name, err, journal.ErrInvalidQuery)
		}
	}
}

func FuzzQueryFromProto(f *testing.F) {
	b, err := proto.Marshal(QueryToProto(fullQuery()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var m nodedv1.JournalServiceReadRequest
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		q, err := QueryFromProto(&m)
		if err != nil {
			return
		}
		again, err := QueryFromProto(QueryToProto(q))
		if err != nil {
			t.Fatalf("QueryFromProto(QueryToProto(%+v)) = %v", q, err)
		}
		if diff := cmp.Diff(q, again); diff != "" {
			t.Errorf("query changed (-want +got):\n%s", diff)
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	want := &journal.Record{
		Header:  journal.Header{SeqnumID: journal.ID128{1}, Seqnum: 2, BootID: journal.ID128{3}, Realtime: 4, Monotonic: 5, XorHash: 1 << 63},
		Node:    "n",
		Fields:  []journal.Field{{Name: "A", Value: []byte("b\x00")}, {Name: "A", Value: []byte("c")}},
		Catalog: "text",
	}
	m := HeaderToProto(want.Node, want.Header, false)
	m.Catalog = want.Catalog
	for _, f := range want.Fields {
		m.Fields = append(m.Fields, &nodedv1.JournalField{Name: f.Name, Value: f.Value})
	}
	if diff := cmp.Diff(want, RecordFromProto(m)); diff != "" {
		t.Errorf("record changed (-want +got):\n%s", diff)
	}
	if got, want := m.GetCursor(), string(want.Cursor()); got != want {
		t.Errorf("cursor = %q, want %q", got, want)
	}
	if m := HeaderToProto("n", want.Header, true); m.GetCursor() != "" {
		t.Errorf("cursor = %q although it is to be left out", m.GetCursor())
	}
}

func TestEventsRoundTrip(t *testing.T) {
	t.Parallel()
	for reason := journal.GapUnknown; reason <= journal.GapCursorLost; reason++ {
		want := journal.Gap{Source: "s", Count: 1, Exact: true, First: 2, Last: 3, Reason: reason, Detail: "d"}
		if diff := cmp.Diff(want, GapFromProto(GapToProto("n", want))); diff != "" {
			t.Errorf("gap changed (-want +got):\n%s", diff)
		}
	}
	if g := GapFromProto(&nodedv1.Gap{Reason: 99}); g.Reason != journal.GapUnknown {
		t.Errorf("reason of the future = %v, want unknown", g.Reason)
	}
	progress := journal.Progress{CaughtUp: true, Watermark: 1, Cursor: "c", BootID: journal.ID128{1}}
	if diff := cmp.Diff(progress, ProgressFromProto(ProgressToProto("n", progress))); diff != "" {
		t.Errorf("progress changed (-want +got):\n%s", diff)
	}
	boots := []journal.Boot{{ID: journal.ID128{1}, First: 1, Last: 2}, {ID: journal.ID128{2}, First: 3, Last: 4}}
	m := BootsToProto(boots)
	if diff := cmp.Diff(boots, BootsFromProto(m)); diff != "" || m[0].GetOffset() != -1 || m[1].GetOffset() != 0 {
		t.Errorf("boots = %v (-want +got):\n%s", m, diff)
	}
}

// TestBytesThatAreNotText: whatever is in a journal, messages about it can be sent.
func TestBytesThatAreNotText(t *testing.T) {
	t.Parallel()
	const bad = "x\xff"
	usage := journal.Usage{Files: []journal.File{{Path: bad}}, Problems: []journal.FileProblem{{Path: bad, Err: errors.New(bad)}, {Path: bad + bad, Err: errors.New(bad)}}}
	for name, m := range map[string]proto.Message{
		"gap":    GapToProto("n", journal.Gap{Source: bad, Detail: bad}),
		"usage":  UsageToProto("n", usage),
		"units":  &nodedv1.ListUnitsResponse{Units: UnitsToProto([]string{bad})},
		"fields": &nodedv1.ListFieldsResponse{Names: TextsToProto([]string{bad})},
		"entry":  HeaderToProto("n", journal.Header{}, false),
	} {
		if _, err := proto.Marshal(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, _ := status.FromError(Status(errors.New(bad))); got.Message() != "x\uFFFD" {
		t.Errorf("message of a status = %q", got.Message())
	}
}

func TestUsageRoundTrip(t *testing.T) {
	t.Parallel()
	want := journal.Usage{
		SizeBytes: 3,
		Files: []journal.File{{
			Path: "/a", SizeBytes: 3, Online: true, MachineID: journal.ID128{1}, FileID: journal.ID128{2}, SeqnumID: journal.ID128{3},
			HeadSeqnum: 1, TailSeqnum: 2, HeadRealtime: 3, TailRealtime: 4, Entries: 5,
		}},
		Problems: []journal.FileProblem{{Path: "/b", Err: errors.New("damaged")}},
	}
	got := UsageFromProto(UsageToProto("n", want))
	if diff := cmp.Diff(want.Files, got.Files); diff != "" || got.SizeBytes != 3 {
		t.Errorf("usage changed (-want +got):\n%s", diff)
	}
	if len(got.Problems) != 1 || got.Problems[0].Path != "/b" || got.Problems[0].Err.Error() != "damaged" {
		t.Errorf("problems = %v, want those of /b", got.Problems)
	}
}

func TestErrorsKeepTheirIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sentinel error
		code     codes.Code
	}{
		{journal.ErrInvalidQuery, codes.InvalidArgument},
		{journal.ErrBadCursor, codes.InvalidArgument},
		{journal.ErrNoBoot, codes.NotFound},
		{journal.ErrUnsupported, codes.Unimplemented},
		{fs.ErrPermission, codes.FailedPrecondition},
		{fs.ErrNotExist, codes.NotFound},
		{context.Canceled, codes.Canceled},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
	} {
		sent := fmt.Errorf("read journal: %w", tt.sentinel)
		st, _ := status.FromError(Status(sent))
		// A status travels as a message.
		got := Error(status.FromProto(st.Proto()).Err())
		if !errors.Is(got, tt.sentinel) || got.Error() != sent.Error() || status.Code(got) != tt.code {
			t.Errorf("%v came back as %v, code %v, want code %v", sent, got, status.Code(got), tt.code)
		}
		if errors.Is(got, journal.ErrNoField) {
			t.Errorf("%v came back as %v", sent, journal.ErrNoField)
		}
	}
	if !errors.Is(Error(Status(journal.ErrBadCursor)), journal.ErrInvalidQuery) {
		t.Error("a bad cursor is no longer an invalid query")
	}
	if Status(nil) != nil || Error(nil) != nil {
		t.Error("no error became one")
	}
	plain := errors.New("disk on fire")
	if got := Error(Status(plain)); got.Error() != plain.Error() || status.Code(got) != codes.Internal {
		t.Errorf("%v came back as %v", plain, got)
	}
}
