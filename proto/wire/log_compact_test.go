// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/podlog"
)

// logFileOf returns the file of a run of a container.
func logFileOf(container, run int) *podlog.File {
	return &podlog.File{
		Source: &podlog.Source{
			Node: "n", Namespace: "kube-system", Pod: fmt.Sprintf("web-%d", container), UID: fmt.Sprintf("uid-%d", container),
			Container: "app", ID: fmt.Sprintf("%064d", container),
		},
		Run: uint32(run), Inode: uint64(1000 + container), Fingerprint: uint64(container)<<32 + uint64(run),
	}
}

// logLines returns records of so many containers by turns.
func logLines(records, containers int) []podlog.Record {
	files := make([]*podlog.File, containers)
	ends := make([]int64, containers)
	for i := range files {
		files[i] = logFileOf(i, 0)
	}
	out := make([]podlog.Record, records)
	for i := range out {
		text := fmt.Sprintf(`I1124 00:00:00.%06d    1234 server.go:2456] "request" verb="GET" path="/api/v1/pods/%d" status=200 took="1.2ms"`, i, i%7)
		k := i % containers
		ends[k] += int64(len(text)) + 45
		out[i] = podlog.Record{File: files[k], Time: 1_700_000_000_000_000_000 + 137_123*int64(i), Stream: podlog.Stderr, Text: []byte(text), End: ends[k]}
	}
	return out
}

// randomLogs returns records with everything that a record can have.
func randomLogs(random *rand.Rand, records int) []podlog.Record {
	files := make([]*podlog.File, 1+random.IntN(20))
	for i := range files {
		files[i] = logFileOf(random.IntN(5), random.IntN(3))
	}
	out := make([]podlog.Record, records)
	mixed := random.IntN(2) == 0
	for i := range out {
		r := &out[i]
		r.File, r.Stream, r.Time = files[0], podlog.Stdout, int64(random.Uint64())
		r.End = random.Int64()
		r.Text = []byte(strings.Repeat("\xffx\x00", random.IntN(20)))
		if mixed && random.IntN(3) == 0 {
			r.File = files[random.IntN(len(files))]
			r.Stream = podlog.Stream(random.IntN(3))
			r.Zone = int16(random.IntN(1500) - 750)
			r.Partial, r.Unparsed = random.IntN(2) == 0, random.IntN(2) == 0
			r.Pending = min(int64(random.IntN(3)), r.End)
		}
	}
	return out
}

// encodeLogs makes batches of records, of about so many bytes, as a receiver gets them.
func encodeLogs(t testing.TB, e *LogCompactEncoder, records []podlog.Record, bytes int) (batches []*nodedv1.LogCompactBatch) {
	t.Helper()
	take := func() {
		size, batch := e.Bytes(), e.Take()
		data, err := proto.Marshal(batch)
		if err != nil {
			t.Fatal(err)
		}
		e.Reuse(batch)
		if len(data) > size+256 {
			t.Errorf("a batch of %d bytes said to have %d", len(data), size)
		}
		b := new(nodedv1.LogCompactBatch)
		if err := proto.Unmarshal(data, b); err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	for i := range records {
		err := e.Add(&records[i])
		if errors.Is(err, ErrCompactFull) {
			take()
			err = e.Add(&records[i])
		}
		if err != nil {
			t.Fatalf("Add record %d: %v", i, err)
		}
		if e.Bytes() >= bytes {
			take()
		}
	}
	if e.Len() > 0 {
		take()
	}
	return batches
}

func decodeLogs(d *LogCompactDecoder, batches []*nodedv1.LogCompactBatch) (records []podlog.Record, err error) {
	for _, b := range batches {
		err := d.Decode(b, func(r *podlog.Record) error {
			c := *r
			c.Text = slices.Clone(r.Text)
			records = append(records, c)
			return nil
		})
		if err != nil {
			return records, err
		}
	}
	return records, nil
}

// sameLogs compares records; no text and an empty one are equal.
func sameLogs(want, got []podlog.Record) string {
	empty := cmp.Transformer("text", func(b []byte) string { return string(b) })
	return cmp.Diff(want, got, empty)
}

func TestLogCompactRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		want := randomLogs(random, random.IntN(300))
		var d LogCompactDecoder
		got, err := decodeLogs(&d, encodeLogs(t, NewLogCompactEncoder("n"), want, 1+random.IntN(5000)))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := sameLogs(want[:len(want):len(want)], append([]podlog.Record{}, got...)); diff != "" && len(want) > 0 {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

// TestLogCompactTables passes the limits of the tables, with pointers that are used once.
func TestLogCompactTables(t *testing.T) {
	t.Parallel()
	e := NewLogCompactEncoder("n")
	var d LogCompactDecoder
	resets, next := 0, 0
	for range 3 {
		var want []podlog.Record
		for range maxLogFiles/2 + 100 {
			// Twice the same file, under another pointer.
			want = append(want, podlog.Record{File: logFileOf(next%3, next/2), End: int64(next)})
			next++
		}
		for range maxLogSources / 2 {
			want = append(want, podlog.Record{File: logFileOf(next, 0), End: int64(next)})
			next++
		}
		batches := encodeLogs(t, e, want, 100_000)
		for _, b := range batches {
			if b.GetReset_() {
				resets++
			}
		}
		got, err := decodeLogs(&d, batches)
		if err != nil {
			t.Fatal(err)
		}
		if diff := sameLogs(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%.2000s", diff)
		}
		if len(d.files) > maxLogFiles || len(d.sources) > maxLogSources || len(e.places) > maxLogFiles {
			t.Errorf("%d files, %d sources, %d pointers", len(d.files), len(d.sources), len(e.places))
		}
	}
	if resets == 0 {
		t.Error("the tables were never begun anew")
	}
}

func TestLogCompactUnfit(t *testing.T) {
	t.Parallel()
	e := NewLogCompactEncoder("n")
	long := logFileOf(1, 1)
	long.Source.Pod = strings.Repeat("x", 2000)
	good := podlog.Record{File: logFileOf(2, 0), Text: []byte("a"), End: 3}
	for range 2 {
		if err := e.Add(&podlog.Record{File: long}); !errors.Is(err, ErrCompactUnfit) {
			t.Fatalf("Add() = %v, want %v", err, ErrCompactUnfit)
		}
		if err := e.Add(&good); err != nil {
			t.Fatal(err)
		}
	}
	var d LogCompactDecoder
	got, err := decodeLogs(&d, []*nodedv1.LogCompactBatch{e.Take()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := sameLogs([]podlog.Record{good, good}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLogCompactMalformed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(b *nodedv1.LogCompactBatch)
	}{
		{"times", func(b *nodedv1.LogCompactBatch) { b.Times = b.Times[1:] }},
		{"offsets", func(b *nodedv1.LogCompactBatch) { b.Offsets = append(b.Offsets, 1) }},
		{"files", func(b *nodedv1.LogCompactBatch) { b.RecordFiles = nil }},
		{"zones", func(b *nodedv1.LogCompactBatch) { b.Zones = []int32{1, 2} }},
		{"flags", func(b *nodedv1.LogCompactBatch) { b.Flags = nil }},
		{"file", func(b *nodedv1.LogCompactBatch) { b.RecordFiles[0] = 7 }},
		{"source", func(b *nodedv1.LogCompactBatch) { b.Files[0].Source = math.MaxUint32 }},
		{"zone", func(b *nodedv1.LogCompactBatch) { b.Zones[0] = 1 << 20 }},
		{"text ends early", func(b *nodedv1.LogCompactBatch) { b.Text = b.Text[1:] }},
		{"text left", func(b *nodedv1.LogCompactBatch) { b.Text = append(b.Text, 1) }},
		{"size", func(b *nodedv1.LogCompactBatch) { b.Sizes[0] = math.MaxUint32 }},
		{"negative offset", func(b *nodedv1.LogCompactBatch) { b.Offsets[0] = -1 }},
		{"pending", func(b *nodedv1.LogCompactBatch) {
			b.PendingRecords, b.PendingBytes = []uint32{0}, []uint64{math.MaxUint64}
		}},
		{"pending left", func(b *nodedv1.LogCompactBatch) {
			b.PendingRecords, b.PendingBytes = []uint32{1, 0}, []uint64{1, 1}
		}},
		{"pending bytes", func(b *nodedv1.LogCompactBatch) { b.PendingRecords = []uint32{1} }},
		{"long source", func(b *nodedv1.LogCompactBatch) { b.Sources[0].Pod = strings.Repeat("x", 1025) }},
		{"many sources", func(b *nodedv1.LogCompactBatch) { b.Sources = make([]*nodedv1.LogSource, maxLogSources+1) }},
		{"many files", func(b *nodedv1.LogCompactBatch) { b.Files = make([]*nodedv1.LogFile, maxLogFiles+1) }},
	}
	for _, tt := range tests {
		b := encodeLogs(t, NewLogCompactEncoder("n"), logLines(3, 1), 1<<20)[0]
		tt.spoil(b)
		var d LogCompactDecoder
		if _, err := decodeLogs(&d, []*nodedv1.LogCompactBatch{b}); !errors.Is(err, ErrCompactMalformed) {
			t.Errorf("%s: %v, want %v", tt.name, err, ErrCompactMalformed)
		}
	}
}

// FuzzLogCompactDecoder wants of any batch an error or records that keep to their limits, and that such records make
// a batch again that gives them.
func FuzzLogCompactDecoder(f *testing.F) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 2))
		for _, b := range encodeLogs(f, NewLogCompactEncoder("n"), randomLogs(random, 20), 200) {
			data, err := proto.Marshal(b)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, aliased := new(nodedv1.LogCompactBatch), new(nodedv1.LogCompactBatch)
		err, aliasedErr := proto.Unmarshal(data, b), decodeLogBatch(data, aliased)
		if (err == nil) != (aliasedErr == nil) {
			t.Fatalf("proto says %v, decodeLogBatch %v", err, aliasedErr)
		}
		if err != nil {
			return
		}
		// Text that is there and empty is no matter.
		if len(b.Text) == 0 {
			b.Text, aliased.Text = nil, nil
		}
		if !proto.Equal(b, aliased) {
			t.Fatalf("decodeLogBatch gives %v, want %v", aliased, b)
		}
		var d LogCompactDecoder
		got, err := decodeLogs(&d, []*nodedv1.LogCompactBatch{b})
		if err != nil && !errors.Is(err, ErrCompactMalformed) {
			t.Fatal(err)
		}
		for i := range got {
			if r := &got[i]; r.File == nil || r.End < 0 || r.Pending < 0 || r.Pending > r.End {
				t.Fatalf("record %+v", r)
			}
		}
		e := NewLogCompactEncoder(b.GetNode())
		var again LogCompactDecoder
		second, err := decodeLogs(&again, encodeLogs(t, e, got, 1000))
		if err != nil {
			t.Fatal(err)
		}
		if diff := sameLogs(got, second); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// TestLogMessage receives messages of all kinds into one LogMessage, through a Codec.
func TestLogMessage(t *testing.T) {
	t.Parallel()
	var codec Codec
	var m LogMessage
	defer m.Release()
	lines := logLines(5000, 3)
	for i, b := range encodeLogs(t, NewLogCompactEncoder("n"), lines, 30_000) {
		messages := []*nodedv1.LogServiceReadResponse{
			{Event: &nodedv1.LogServiceReadResponse_Compact{Compact: b}},
			{Event: &nodedv1.LogServiceReadResponse_Progress{Progress: &nodedv1.Progress{Cursor: "c"}}},
			{},
			{Event: &nodedv1.LogServiceReadResponse_Batch{Batch: &nodedv1.LogBatch{Records: []*nodedv1.LogRecord{LogRecordToProto("n", &lines[i])}}}},
		}
		messages[2].ProtoReflect().SetUnknown([]byte{0x78, 1})
		// The second compact message follows the first one at once in every other round.
		for _, want := range messages[:1+3*(i%2)] {
			data, err := codec.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			err = codec.Unmarshal(data, &m)
			data.Free()
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(want, &m.Response) {
				t.Fatalf("received %v, want %v", &m.Response, want)
			}
		}
	}
	for _, bad := range [][]byte{{0x22, 5, 1}, {0x22, 2, 0x32, 9}, {0x22, 1, 0xff}, {0xff}} {
		if err := codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(bad)}, &m); err == nil {
			t.Errorf("%x: want an error", bad)
		}
	}
}

func TestLogCompactDoesNotAllocatePerRecord(t *testing.T) {
	lines := logLines(2000, 5)
	e := NewLogCompactEncoder("n")
	var d LogCompactDecoder
	var codec Codec
	var m LogMessage
	sum := 0
	take := func(r *podlog.Record) error { sum += len(r.Text); return nil }
	round := func() {
		for i := range lines {
			if err := e.Add(&lines[i]); err != nil {
				t.Fatal(err)
			}
		}
		batch := e.Take()
		data, err := codec.Marshal(&nodedv1.LogServiceReadResponse{Event: &nodedv1.LogServiceReadResponse_Compact{Compact: batch}})
		if err != nil {
			t.Fatal(err)
		}
		e.Reuse(batch)
		if err := codec.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		data.Free()
		if err := d.Decode(m.Response.GetCompact(), take); err != nil {
			t.Fatal(err)
		}
	}
	round()
	round()
	if n := testing.AllocsPerRun(10, round); n > 20 {
		t.Errorf("%v allocations for %d records", n, len(lines))
	}
}

func BenchmarkLogCompactEncoder(b *testing.B) {
	for _, containers := range []int{1, 220} {
		b.Run(fmt.Sprintf("containers=%d", containers), func(b *testing.B) {
			lines := logLines(2200, containers)
			e := NewLogCompactEncoder("n")
			b.ReportAllocs()
			for b.Loop() {
				for i := range lines {
					if err := e.Add(&lines[i]); err != nil {
						b.Fatal(err)
					}
				}
				e.Reuse(e.Take())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(lines)), "ns/record")
		})
	}
}

func BenchmarkLogCompactDecoder(b *testing.B) {
	for _, containers := range []int{1, 220} {
		b.Run(fmt.Sprintf("containers=%d", containers), func(b *testing.B) {
			lines := logLines(2200, containers)
			batch := encodeLogs(b, NewLogCompactEncoder("n"), lines, 1<<30)[0]
			batch.Reset_ = true
			var d LogCompactDecoder
			sum := 0
			take := func(r *podlog.Record) error { sum += len(r.Text); return nil }
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(batch, take); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(lines)), "ns/record")
		})
	}
}

// BenchmarkLogMessage is what it takes to get a batch through the codec, both ways.
func BenchmarkLogMessage(b *testing.B) {
	lines := logLines(2200, 1)
	batch := encodeLogs(b, NewLogCompactEncoder("n"), lines, 1<<30)[0]
	message := &nodedv1.LogServiceReadResponse{Event: &nodedv1.LogServiceReadResponse_Compact{Compact: batch}}
	var codec Codec
	var m LogMessage
	b.ReportAllocs()
	for b.Loop() {
		data, err := codec.Marshal(message)
		if err != nil {
			b.Fatal(err)
		}
		if err := codec.Unmarshal(data, &m); err != nil {
			b.Fatal(err)
		}
		data.Free()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(lines)), "ns/record")
}
