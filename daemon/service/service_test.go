// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// entry is an entry in memory. Its values are overwritten once it is left, as an engine may do.
type entry struct {
	header journal.Header
	fields []journal.Field
	err    error
}

func (e *entry) Header() journal.Header { return e.header }

func (e *entry) Lookup(name string) (journal.Field, error) {
	for _, f := range e.fields {
		if f.Name == name {
			return f, nil
		}
	}
	return journal.Field{}, journal.ErrNoField
}

func (e *entry) AppendFields(dst []journal.Field, mask journal.Mask) ([]journal.Field, error) {
	for _, f := range e.fields {
		if mask.Has(f.Name) {
			dst = append(dst, f)
		}
	}
	return dst, e.err
}

func (e *entry) Split(dst []journal.Field, mask journal.Mask) (*journal.Run, []journal.Field, error) {
	rest, err := e.AppendFields(dst, mask)
	return nil, rest, err
}

func (e *entry) leave() {
	for _, f := range e.fields {
		clear(f.Value)
	}
}

func newEntry(n int, size int) *entry {
	return &entry{
		header: journal.Header{Seqnum: uint64(n), SeqnumID: journal.ID128{5}, Realtime: journal.Usec(n), BootID: journal.ID128{1}},
		fields: []journal.Field{{Name: "MESSAGE", Value: []byte(fmt.Sprintf("%0*d", size, n))}},
	}
}

// recorder keeps what a batcher sends, as it is on the wire.
type recorder struct {
	t     *testing.T
	sent  []*nodedv1.JournalServiceReadResponse
	sizes []int
}

func (r *recorder) send(m *nodedv1.JournalServiceReadResponse) error {
	data, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	copied := &nodedv1.JournalServiceReadResponse{}
	if err := proto.Unmarshal(data, copied); err != nil {
		return err
	}
	r.sent = append(r.sent, copied)
	r.sizes = append(r.sizes, len(data))
	return nil
}

func (r *recorder) kinds() []string {
	var out []string
	for _, m := range r.sent {
		switch {
		case m.GetBatch() != nil:
			out = append(out, fmt.Sprintf("batch %d", len(m.GetBatch().GetEntries())))
		case m.GetCompact() != nil:
			out = append(out, fmt.Sprintf("compact %d", len(m.GetCompact().GetXorHashes())))
		case m.GetGap() != nil:
			out = append(out, "gap "+m.GetGap().GetReason().String())
		case m.GetProgress() != nil:
			out = append(out, "progress")
		}
	}
	return out
}

func newBatcher(t *testing.T, limits Limits) (*batcher, *recorder) {
	t.Helper()
	r := &recorder{t: t}
	// Without due no record waits for too long.
	return &batcher{outlet: outlet[nodedv1.JournalServiceReadResponse]{ctx: t.Context(), node: "n", limits: limits, send: r.send}}, r
}

func add(t *testing.T, b *batcher, e *entry) {
	t.Helper()
	if err := b.Entry(e); err != nil {
		t.Fatal(err)
	}
	e.leave()
}

func TestBatchesKeepTheirBytesAndSize(t *testing.T) {
	t.Parallel()
	const limit = 4096
	b, r := newBatcher(t, Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: limit})
	const entries = 500
	for i := range entries {
		add(t, b, newEntry(i, 1+i%900))
	}
	if err := b.flush(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, m := range r.sent {
		if r.sizes[i] > limit && len(m.GetBatch().GetEntries()) > 1 {
			t.Errorf("batch %d has %d bytes", i, r.sizes[i])
		}
		for _, e := range m.GetBatch().GetEntries() {
			if got, want := string(e.GetFields()[0].GetValue()), fmt.Sprintf("%0*d", 1+n%900, n); got != want {
				t.Fatalf("entry %d is %q, want %q", n, got, want)
			}
			n++
		}
	}
	if n != entries || len(r.sent) < 50 {
		t.Errorf("%d entries in %d batches", n, len(r.sent))
	}
}

func TestGapsAndProgressStayInPlace(t *testing.T) {
	t.Parallel()
	b, r := newBatcher(t, Limits{MaxRecordBytes: 1000, MaxBatchBytes: 4096})
	add(t, b, newEntry(1, 10))
	add(t, b, newEntry(2, 10))
	add(t, b, newEntry(3, 2000))
	add(t, b, newEntry(4, 10))
	if err := b.Progress(journal.Progress{CaughtUp: true}); err != nil {
		t.Fatal(err)
	}
	bad := newEntry(5, 10)
	bad.err = errors.New("bad object")
	add(t, b, bad)
	want := []string{"batch 2", "gap GAP_REASON_TOO_LARGE", "progress", "batch 1", "progress", "gap GAP_REASON_CORRUPT", "progress"}
	if diff := cmp.Diff(want, r.kinds()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	gap := r.sent[1].GetGap()
	// Who resumes goes on after the entry that cannot be had.
	for i, n := range map[int]int{2: 3, 6: 5} {
		if p, h := r.sent[i].GetProgress(), newEntry(n, 1).header; p.GetCursor() != string(h.Cursor()) || len(p.GetBootId()) != 16 || p.GetWatermarkRealtimeUsec() != uint64(n) {
			t.Errorf("progress after entry %d = %v", n, p)
		}
	}
	if gap.GetCount() != 1 || !gap.GetExact() || gap.GetFirstRealtimeUsec() != 3 || gap.GetNode() != "n" || !strings.Contains(gap.GetDetail(), "limits.max_record_bytes") {
		t.Errorf("gap = %v", gap)
	}
}

func TestUnreadableEntriesAreLeftToTheRead(t *testing.T) {
	t.Parallel()
	b, r := newBatcher(t, Limits{MaxRecordBytes: 1000, MaxBatchBytes: 4096})
	bad := newEntry(1, 10)
	bad.err = fmt.Errorf("data object: %w", journal.ErrTooLarge)
	if err := b.Entry(bad); !errors.Is(err, journal.ErrTooLarge) || len(r.sent) != 0 {
		t.Errorf("Entry = %v after %q", err, r.kinds())
	}
}

func TestRareEntriesAreNotHeldBack(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"batch", "compact"} {
		synctest.Test(t, func(t *testing.T) {
			b, r := newBatcher(t, Limits{MaxRecordBytes: 1000, MaxBatchBytes: 4096})
			if kind == "compact" {
				b.compact = wire.NewCompactEncoder("n")
			}
			b.due = newDue()
			defer b.due.stop()
			add(t, b, newEntry(1, 10))
			add(t, b, newEntry(2, 10))
			time.Sleep(batchDelay / 2)
			add(t, b, newEntry(3, 10))
			time.Sleep(batchDelay/2 + 1)
			synctest.Wait()
			add(t, b, newEntry(4, 10))
			add(t, b, newEntry(5, 10))
			if diff := cmp.Diff([]string{kind + " 1", kind + " 3"}, r.kinds()); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

type explainer func(lang string, lookup func(string) (string, bool)) string

func (f explainer) Explain(lang string, lookup func(string) (string, bool)) string {
	return f(lang, lookup)
}

func TestMaskCursorAndCatalog(t *testing.T) {
	t.Parallel()
	b, r := newBatcher(t, Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 4096})
	b.mask, b.omitCursors, b.language = journal.Mask{"B"}, true, "de_DE"
	b.catalog = explainer(func(lang string, lookup func(string) (string, bool)) string {
		id, ok := lookup("MESSAGE_ID")
		if !ok {
			return ""
		}
		unit, _ := lookup("UNIT")
		_, missing := lookup("NONE")
		return fmt.Sprint(id[:2], " ", lang, " ", unit, " ", missing)
	})
	e := newEntry(1, 5)
	e.fields = append(e.fields, journal.Field{Name: "B", Value: []byte{0, 255}}, journal.Field{Name: "UNIT", Value: []byte("u")},
		journal.Field{Name: "MESSAGE_ID", Value: []byte("ab000000000000000000000000000000")}, journal.Field{Name: "B", Value: nil})
	add(t, b, e)
	add(t, b, newEntry(2, 5))
	if err := b.flush(); err != nil {
		t.Fatal(err)
	}
	got := r.sent[0].GetBatch().GetEntries()
	want := &nodedv1.JournalEntry{
		Node: "n", RealtimeUsec: 1, BootId: append([]byte{1}, make([]byte, 15)...), SeqnumId: append([]byte{5}, make([]byte, 15)...), Seqnum: 1,
		Fields:  []*nodedv1.JournalField{{Name: "B", Value: []byte{0, 0}}, {Name: "B"}},
		Catalog: "ab de_DE u false",
	}
	want.Fields[0].Value = []byte{0, 255}
	if !proto.Equal(got[0], want) {
		t.Errorf("entry = %v, want %v", got[0], want)
	}
	if got[1].GetCatalog() != "" || len(got[1].GetFields()) != 0 || got[1].GetCursor() != "" {
		t.Errorf("entry = %v", got[1])
	}
}

// TestTextThatIsNotUTF8 keeps a stream alive for which a hostile or damaged file has names that are no text.
func TestTextThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, largeBytes} {
		b, r := newBatcher(t, Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 4096})
		b.catalog = explainer(func(string, func(string) (string, bool)) string { return "a\xffb" })
		e := newEntry(1, size)
		e.fields = append(e.fields, journal.Field{Name: "A\xff", Value: []byte("\xff")},
			journal.Field{Name: "MESSAGE_ID", Value: []byte("ab000000000000000000000000000000")})
		add(t, b, e)
		if err := b.flush(); err != nil {
			t.Fatal(err)
		}
		got := r.sent[0].GetBatch().GetEntries()[0]
		if f := got.GetFields()[1]; f.GetName() != "A\uFFFD" || string(f.GetValue()) != "\xff" || got.GetCatalog() != "a\uFFFDb" {
			t.Errorf("entry of %d bytes: field %q=%q, catalog %q", size, f.GetName(), f.GetValue(), got.GetCatalog())
		}
	}
}

// TestLargeRecordsShareRoom: a large record goes alone, is followed by its position, and waits while others
// have all the room.
func TestLargeRecordsShareRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 300 << 10
		room := newLarge(5*size, size+size/2)
		release := make(chan struct{})
		var sending atomic.Int32
		var done sync.WaitGroup
		for i := range 3 {
			b, r := newBatcher(t, Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 4096})
			b.ctx, b.large = t.Context(), room
			b.send = func(m *nodedv1.JournalServiceReadResponse) error {
				if m.GetProgress() != nil {
					sending.Add(1)
					<-release
				}
				return r.send(m)
			}
			add(t, b, newEntry(0, 10))
			done.Go(func() {
				add(t, b, newEntry(i, size))
				if diff := cmp.Diff([]string{"batch 1", "batch 1", "progress"}, r.kinds()); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
			})
		}
		synctest.Wait()
		if n := sending.Load(); n != 2 {
			t.Errorf("%d large records are on their way, want 2", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := room.do(ctx, size/4, func() error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("do with a context that has ended = %v", err)
		}
		// One waits; there is no place for another one of its size to wait.
		if err := room.do(t.Context(), size, func() error { return nil }); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("do of one too many = %v", err)
		}
		close(release)
		done.Wait()
		if err := room.do(t.Context(), 1<<30, func() error { return nil }); err != nil {
			t.Errorf("a record that is larger than the room: %v", err)
		}
	})
}

func TestFewEntriesAreDecodedAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLarge(1, 1)
		release := make(chan struct{})
		var decoding atomic.Int32
		var all sync.WaitGroup
		for range 3 * maxDecoding {
			all.Go(func() {
				if err := l.enter(t.Context()); err != nil {
					t.Error(err)
				}
				defer l.leave()
				decoding.Add(1)
				<-release
			})
		}
		synctest.Wait()
		if n := decoding.Load(); n != maxDecoding {
			t.Errorf("%d are decoded at a time, want %d", n, maxDecoding)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.enter(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("enter with a context that has ended = %v", err)
		}
		close(release)
		all.Wait()
	})
}

func TestValuesThatAreTooLargeAreLeftOut(t *testing.T) {
	t.Parallel()
	var values int
	v := &valueBatcher{limits: Limits{MaxRecordBytes: 100, MaxBatchBytes: 200}, send: func(m *nodedv1.ListFieldValuesResponse) error {
		values += len(m.GetValues())
		return nil
	}}
	for _, size := range []int{1, 500, 50, 84, 85} {
		if err := v.add(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.flush(); err != nil || v.omitted != 2 {
		t.Errorf("flush = %v, %d are left out", err, v.omitted)
	}
	if values != 3 {
		t.Errorf("%d values were sent", values)
	}
}

func TestLargeValuesGoAlone(t *testing.T) {
	t.Parallel()
	var got []int
	v := &valueBatcher{ctx: t.Context(), large: newLarge(1<<20, 1<<20), limits: Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 1 << 20},
		send: func(m *nodedv1.ListFieldValuesResponse) error {
			got = append(got, len(m.GetValues()))
			return nil
		}}
	for _, size := range []int{1, 2, largeBytes, 3} {
		if err := v.add(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 1, 0, 1}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	since, until := journal.Usec(5), journal.Usec(6)
	q := journal.Query{
		Since: &since, Until: &until, Lines: 10, Follow: true,
		Filter: journal.Filter{
			Units: []string{"a.service", "b*"}, Grep: "x y", Boot: &journal.BootRef{Offset: -1}, Priorities: journal.PriorityRange(0, 3),
			Matches: []journal.Conjunction{{{Field: "A", Value: "1"}}, {{Field: "B", Value: "2"}, {Field: "C", Value: "3"}}},
		},
	}
	const want = "unit=a.service unit=b* A=1 + B=2 C=3 boot=-1 priorities=00001111 grep=x y since=@5 until=@6 lines=10 follow"
	if got := selectors(&q); got != want {
		t.Errorf("selectors = %q, want %q", got, want)
	}
	all := journal.NewQuery()
	if got := selectors(&all); got != "" {
		t.Errorf("selectors of everything = %q", got)
	}
	huge := journal.NewQuery()
	for range 10000 {
		huge.Filter.Units = append(huge.Filter.Units, strings.Repeat("u", 5000))
	}
	if got := selectors(&huge); len(got) > 3*maxSummary {
		t.Errorf("summary has %d bytes", len(got))
	}
}

type usageJournal struct {
	Journal
	usage journal.Usage
	err   error
}

func (u usageJournal) Usage(context.Context) (journal.Usage, error) { return u.usage, u.err }

func TestHealth(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return time.Unix(1000, 0) }
	file := journal.File{Path: "/a", HeadRealtime: 100_000_000, TailRealtime: 990_000_000}
	problem := journal.FileProblem{Path: "/b\xff", Err: errors.New("bad magic")}
	const ok, degraded, away = nodedv1.SourceState_SOURCE_STATE_OK, nodedv1.SourceState_SOURCE_STATE_DEGRADED, nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE
	tests := []struct {
		name  string
		usage journal.Usage
		err   error
		state nodedv1.SourceState
		text  string
	}{
		{"ok", journal.Usage{Files: []journal.File{file}}, nil, ok, ""},
		{"one bad file", journal.Usage{Files: []journal.File{file}, Problems: []journal.FileProblem{problem}}, nil, degraded, "1 of 2 journal files cannot be read"},
		{"only bad files", journal.Usage{Problems: []journal.FileProblem{problem}}, nil, away, "none of 1 journal files can be read"},
		{"empty", journal.Usage{}, nil, degraded, "there are no journal files in /j"},
		{"missing", journal.Usage{}, fmt.Errorf("x: %w", fs.ErrNotExist), away, "/j does not exist"},
		{"denied", journal.Usage{}, fmt.Errorf("x: %w", fs.ErrPermission), away, "systemd-journal"},
		{"no library", journal.Usage{}, fmt.Errorf("install libsystemd0: %w", journal.ErrUnsupported), away, "install libsystemd0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := NewNode(NodeConfig{Host: Host{Name: "n"}, Location: "/j", Engine: "e", Journal: usageJournal{usage: tt.usage, err: tt.err}, Now: clock, OpenStreams: func() int { return 4 }})
			m, err := s.GetHealth(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			source := m.GetSources()[0]
			if source.GetState() != tt.state || !strings.Contains(source.GetMessage(), tt.text) || (tt.state == ok) != (source.GetMessage() == "") {
				t.Errorf("health = %v", source)
			}
			if m.GetNode() != "n" || m.GetOpenStreams() != 4 || source.GetLocation() != "/j" || source.GetEngine() != "e" || source.GetName() != "journal" {
				t.Errorf("health = %v", m)
			}
			if len(tt.usage.Files) > 0 && (source.GetLag().AsDuration() != 10*time.Second || source.GetOldestRecordTime().GetSeconds() != 100) {
				t.Errorf("times = %v, %v", source.GetLag(), source.GetOldestRecordTime())
			}
			if len(tt.usage.Problems) > 0 && source.GetUnreadableFiles()[0] != "/b\uFFFD: bad magic" {
				t.Errorf("unreadable = %v", source.GetUnreadableFiles())
			}
		})
	}
}

func TestReadHost(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/machine-id":                   "0123456789abcdef0123456789abcdef\n",
		"proc/sys/kernel/random/boot_id":   "00112233-4455-6677-8899-aabbccddeeff\n",
		"proc/sys/kernel/osrelease":        "6.1.0-x\n",
		"proc/sys/kernel/hostname":         "Node-A\n",
		"etc/os-release":                   "NAME=x\nPRETTY_NAME=\"Debian \\\"12\\\"\"\n",
		"usr/lib/os-release":               "PRETTY_NAME=other\n",
		"proc/sys/kernel/unrelated/ignore": "",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	h := ReadHost(root, "")
	if h.Name != "node-a" || h.KernelRelease != "6.1.0-x" || h.OperatingSystem != `Debian "12"` || h.Architecture == "" ||
		h.MachineID.String() != "0123456789abcdef0123456789abcdef" || h.BootID.String() != "00112233445566778899aabbccddeeff" {
		t.Errorf("ReadHost = %+v", h)
	}
	release := filepath.Join(root, "etc/os-release")
	if err := os.WriteFile(release, []byte("PRETTY_NAME=\"a\\xffb\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h := ReadHost(root, ""); h.OperatingSystem != "a\uFFFDb" {
		t.Errorf("operating system = %q", h.OperatingSystem)
	}
	if h := ReadHost(root, "given"); h.Name != "given" {
		t.Errorf("name = %q", h.Name)
	}
	if h := ReadHost(t.TempDir(), ""); h.Name != "localhost" || !h.MachineID.IsZero() {
		t.Errorf("ReadHost of nothing = %+v", h)
	}
}
