// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// fill sets every field of a value to something that is not zero, so that a field which a conversion forgets shows.
func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("s", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(*n)
	case reflect.Uint8:
		v.SetUint(2)
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000+*n, *n).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	}
}

// TestPodRoundTrip: every member of a pod crosses the API, but the place of its logs.
func TestPodRoundTrip(t *testing.T) {
	t.Parallel()
	var want inventory.Pod
	var n int64
	fill(reflect.ValueOf(&want).Elem(), &n)
	for i := range want.Containers {
		want.Containers[i].Log = nil
	}
	for _, pod := range []inventory.Pod{want, {}} {
		data, err := proto.Marshal(PodToProto(&pod))
		if err != nil {
			t.Fatal(err)
		}
		m := new(nodedv1.Pod)
		if err := proto.Unmarshal(data, m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pod, PodFromProto(m)); diff != "" {
			t.Errorf("pod (-want +got):\n%s", diff)
		}
	}
	later := &nodedv1.Pod{State: 99, Owner: "odd", Containers: []*nodedv1.Container{{Type: 99, State: 99}}}
	if got := PodFromProto(later); got.State != 0 || got.Owner.Kind != "" || got.Containers[0].Type != 0 || got.Containers[0].State != 0 {
		t.Errorf("what a later server says becomes %+v", got)
	}
}

// TestPodNotText: what is not UTF-8 does not fail the message.
func TestPodNotText(t *testing.T) {
	t.Parallel()
	bad := map[string]string{"a\xff": "b", "c": "d\xfe"}
	pod := inventory.Pod{Name: "a\xff", Labels: bad, Containers: []inventory.Container{{Message: "\xff", Labels: bad}}}
	if _, err := proto.Marshal(PodToProto(&pod)); err != nil {
		t.Error(err)
	}
	if bad["c"] != "d\xfe" {
		t.Error("the map was changed")
	}
}

func TestLogQueryRoundTrip(t *testing.T) {
	t.Parallel()
	var selector inventory.LogSelector
	var query podlog.Query
	var n int64
	fill(reflect.ValueOf(&selector).Elem(), &n)
	fill(reflect.ValueOf(&query).Elem(), &n)
	for _, tt := range []struct {
		selector inventory.LogSelector
		query    podlog.Query
	}{
		{selector, query},
		{inventory.LogSelector{Containers: []string{}, ContainerIDs: []string{}}, podlog.NewQuery()},
		{inventory.LogSelector{Containers: []string{}, ContainerIDs: []string{"a"}}, podlog.Query{Runs: podlog.RunsPrevious, Limit: -1}},
	} {
		m := LogQueryToProto(&tt.selector, &tt.query)
		gotSelector, gotQuery, err := LogQueryFromProto(m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.selector, gotSelector); diff != "" {
			t.Errorf("selector (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(tt.query, gotQuery); diff != "" {
			t.Errorf("query (-want +got):\n%s", diff)
		}
	}
}

func TestLogQueryFromProtoRefuses(t *testing.T) {
	t.Parallel()
	for _, m := range []*nodedv1.LogServiceReadRequest{
		{Runs: 7},
		{Filter: &nodedv1.LogFilter{Streams: []nodedv1.LogStream{0}}},
		{Filter: &nodedv1.LogFilter{Streams: []nodedv1.LogStream{1, 9}}},
	} {
		if _, _, err := LogQueryFromProto(m); !errors.Is(err, journal.ErrInvalidQuery) {
			t.Errorf("%v: %v, want %v", m, err, journal.ErrInvalidQuery)
		}
	}
}

func TestLogRecordRoundTrip(t *testing.T) {
	t.Parallel()
	want := podlog.Record{
		File: logFileOf(1, 2), Time: 5, Zone: -90, Stream: podlog.Stderr, Partial: true, Unparsed: true, Text: []byte("a\xff"), End: 70, Pending: 9,
	}
	got, err := LogRecordFromProto(LogRecordToProto("n", &want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, cursor := range []string{"", "x", string(podlog.MakeCursor(want.Position(), want.Position()))} {
		if _, err := LogRecordFromProto(&nodedv1.LogRecord{Cursor: cursor}); !errors.Is(err, podlog.ErrBadCursor) && cursor != "" {
			t.Errorf("cursor %q: %v, want %v", cursor, err, podlog.ErrBadCursor)
		} else if err == nil {
			t.Errorf("cursor %q is taken", cursor)
		}
	}
}

func TestLogProgressRoundTrip(t *testing.T) {
	t.Parallel()
	want := podlog.Progress{CaughtUp: true, Watermark: 7_000, Cursor: "l1;a"}
	if got := LogProgressFromProto(LogProgressToProto("n", &podlog.Progress{CaughtUp: true, Watermark: 7_999, Cursor: "l1;a"})); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if m := LogProgressToProto("n", &podlog.Progress{Watermark: -1}); m.GetWatermarkRealtimeUsec() != 0 {
		t.Errorf("a time before 1970 becomes %v", m)
	}
}

// hinted is an error of a domain that knows what to do.
type hinted struct{ error }

func (hinted) Hint() string    { return "do this" }
func (h hinted) Unwrap() error { return h.error }

// TestRuntimeErrors: errors of pods and logs keep what they are, what they say and what they advise.
func TestRuntimeErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentinel error
		code     codes.Code
	}{
		{inventory.ErrNotFound, codes.NotFound},
		{inventory.ErrAmbiguous, codes.InvalidArgument},
		{inventory.ErrChooseContainer, codes.InvalidArgument},
		{inventory.ErrBadSelector, codes.InvalidArgument},
		{podlog.ErrBadCursor, codes.InvalidArgument},
		{podlog.ErrNoPrevious, codes.NotFound},
	}
	for _, tt := range tests {
		err := Status(hinted{fmt.Errorf("pod web: %w", tt.sentinel)})
		if status.Code(err) != tt.code || Hint(err) != "do this" {
			t.Errorf("%v: code %v, hint %q", tt.sentinel, status.Code(err), Hint(err))
		}
		back := Error(err)
		if !errors.Is(back, tt.sentinel) || back.Error() != "pod web: "+tt.sentinel.Error() {
			t.Errorf("%v came back as %v", tt.sentinel, back)
		}
		if isQuery := errors.Is(back, journal.ErrInvalidQuery); isQuery != errors.Is(tt.sentinel, podlog.ErrBadCursor) {
			t.Errorf("%v is an invalid query: %v", tt.sentinel, isQuery)
		}
		for _, other := range tests {
			if !errors.Is(tt.sentinel, other.sentinel) && errors.Is(back, other.sentinel) {
				t.Errorf("%v came back as %v too", tt.sentinel, other.sentinel)
			}
		}
	}
}
