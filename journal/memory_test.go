// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// memory is an Engine over records in memory, in the order of its slice.
type memory struct {
	records  []Record
	files    []File
	problems []FileProblem
	damaged  []FileProblem
	// unreadable is the number of an entry whose fields cannot be decoded.
	unreadable uint64
	// removed: records with number 0 are gone.
	removed bool
	// wait is called by Wait with the reader; nil ends the wait with the context.
	wait func(*memoryReader) Change
	// watchErr is the WatchError of every reader.
	watchErr error
}

func (m *memory) Name() string { return "memory" }

func (m *memory) Open(context.Context, Source) (Reader, error) {
	return &memoryReader{m: m}, nil
}

// memoryReader stands on an entry, or on a position that Seek gave and no step has resolved yet.
type memoryReader struct {
	m     *memory
	match Match
	at    int
	seek  *Position
}

func (r *memoryReader) SetMatch(m Match) error {
	r.match = m
	return r.Seek(Head())
}

func (r *memoryReader) Seek(p Position) error {
	r.seek = &p
	return nil
}

// side says where entry i is relative to a position: before it, there, or after it.
func (p Position) side(h Header) int {
	switch p.Kind {
	case PositionHead:
		return 1
	case PositionTail:
		return -1
	case PositionRealtime:
		return int(int64(h.Realtime) - int64(p.Realtime))
	case PositionCursor:
		want, _ := p.Cursor.Parse()
		if want.SeqnumID == h.SeqnumID {
			return int(int64(h.Seqnum) - int64(want.Seqnum))
		}
		return int(int64(h.Realtime) - int64(want.Realtime))
	default:
		panic("position kind")
	}
}

func (r *memoryReader) Next() (Entry, error) {
	i := r.at + 1
	if r.seek != nil {
		i = 0
		for i < len(r.m.records) && r.seek.side(r.m.records[i].Header) < 0 {
			i++
		}
	}
	for ; i < len(r.m.records); i++ {
		if r.matches(&r.m.records[i]) {
			return r.stand(i)
		}
	}
	return nil, io.EOF
}

func (r *memoryReader) Previous() (Entry, error) {
	i := r.at - 1
	if r.seek != nil {
		i = len(r.m.records) - 1
		for i >= 0 {
			// Only the entry of a cursor lies on a position; all others lie before or after it.
			if side := r.seek.side(r.m.records[i].Header); side < 0 || side == 0 && r.seek.Kind == PositionCursor {
				break
			}
			i--
		}
	}
	for ; i >= 0; i-- {
		if r.matches(&r.m.records[i]) {
			return r.stand(i)
		}
	}
	return nil, io.EOF
}

func (r *memoryReader) stand(i int) (Entry, error) {
	r.at, r.seek = i, nil
	return memoryEntry{&r.m.records[i], r.m.records[i].Seqnum == r.m.unreadable}, nil
}

func (r *memoryReader) Skip(n int64) (Entry, int64, error) {
	step, want := r.Next, n
	if n < 0 {
		step, want = r.Previous, -n
	}
	var last Entry
	var made int64
	for made < want {
		e, err := step()
		if errors.Is(err, io.EOF) {
			break
		}
		last = e
		made++
	}
	if last == nil {
		return nil, 0, io.EOF
	}
	return last, made, nil
}

func (r *memoryReader) matches(rec *Record) bool {
	if r.m.removed && rec.Seqnum == 0 {
		return false
	}
	for _, g := range r.match {
		if !slices.ContainsFunc(g, func(c Conjunction) bool { return c.holds(rec) }) {
			return false
		}
	}
	return true
}

func (c Conjunction) holds(rec *Record) bool {
	for _, t := range c {
		same := func(f Field) bool {
			return f.Name == t.Field && slices.ContainsFunc(c, func(u Term) bool { return u.Field == t.Field && u.Value == string(f.Value) })
		}
		if !slices.ContainsFunc(rec.Fields, same) {
			return false
		}
	}
	return true
}

func (r *memoryReader) Wait(ctx context.Context) (Change, error) {
	if r.m.wait != nil {
		if change := r.m.wait(r); change != ChangeNone {
			return change, nil
		}
	}
	<-ctx.Done()
	return ChangeNone, ctx.Err()
}

func (r *memoryReader) WatchError() error { return r.m.watchErr }

func (r *memoryReader) FieldNames(context.Context) ([]string, error) { return nil, nil }

func (r *memoryReader) FieldValues(_ context.Context, name string, yield func([]byte) bool) error {
	seen := map[string]bool{}
	for _, rec := range r.m.records {
		for _, f := range rec.Fields {
			if f.Name != name || seen[string(f.Value)] {
				continue
			}
			seen[string(f.Value)] = true
			if !yield(f.Value) {
				return nil
			}
		}
	}
	return nil
}

func (r *memoryReader) Tails() ([]Header, error) {
	var tails []Header
	for _, f := range r.m.files {
		tails = append(tails, Header{
			SeqnumID: f.SeqnumID, Seqnum: f.TailSeqnum, BootID: f.TailBootID, Realtime: f.TailRealtime, Monotonic: f.TailMonotonic,
		})
	}
	return tails, nil
}

func (r *memoryReader) Files() ([]File, error)  { return r.m.files, nil }
func (r *memoryReader) Problems() []FileProblem { return r.m.problems }

func (r *memoryReader) Damaged(_ context.Context, paths []string) []FileProblem {
	return slices.DeleteFunc(slices.Clone(r.m.damaged), func(p FileProblem) bool { return !slices.Contains(paths, p.Path) })
}
func (r *memoryReader) Close() error { return nil }

type memoryEntry struct {
	rec *Record
	bad bool
}

func (e memoryEntry) Header() Header { return e.rec.Header }

func (e memoryEntry) Lookup(name string) (Field, error) {
	for _, f := range e.rec.Fields {
		if f.Name == name {
			return f, nil
		}
	}
	return Field{}, ErrNoField
}

func (e memoryEntry) AppendFields(dst []Field, mask Mask) ([]Field, error) {
	if e.bad {
		return dst, ErrUnreadable
	}
	for _, f := range e.rec.Fields {
		if mask.Has(f.Name) {
			dst = append(dst, f)
		}
	}
	return dst, nil
}

func (e memoryEntry) Split(dst []Field, mask Mask) (*Run, []Field, error) {
	rest, err := e.AppendFields(dst, mask)
	return nil, rest, err
}

var testSequence = ID128{15: 1}

// entry makes record n of the test sequence: second n of its time, in boot.
func entry(n int, boot byte, fields ...string) Record {
	rec := Record{Header: Header{
		SeqnumID:  testSequence,
		Seqnum:    uint64(n),
		BootID:    ID128{0: boot},
		Realtime:  Usec(n) * 1_000_000,
		Monotonic: Usec(n) * 1_000_000,
		XorHash:   uint64(n) * 7,
	}}
	fields = append(fields, "_BOOT_ID="+rec.BootID.String())
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		rec.Fields = append(rec.Fields, Field{Name: name, Value: []byte(value)})
	}
	return rec
}

// file describes a journal file of the test sequence that holds entries head to tail.
func file(id byte, head, tail uint64) File {
	return File{
		Path: "/j/" + strconv.Itoa(int(id)) + ".journal", FileID: ID128{0: id}, SeqnumID: testSequence, HeadSeqnum: head, TailSeqnum: tail,
		Entries: tail - head + 1, HeadRealtime: Usec(head) * 1_000_000, TailRealtime: Usec(tail) * 1_000_000,
	}
}

// day is a journal of n entries in boots of five, alternately of units a and b.
func day(n int) *memory {
	m := &memory{}
	for i := 1; i <= n; i++ {
		m.records = append(m.records, entry(i, byte(1+(i-1)/5), "MESSAGE=line "+strconv.Itoa(i), "PRIORITY="+strconv.Itoa(i%8), "_SYSTEMD_UNIT="+string("ab"[i%2])+".service"))
	}
	return m
}

// heard is a Sink that writes down what it is told, in short: the number of an entry, ! and the reason of a
// gap with its count, ~ and the boot that a progress brings news of.
type heard struct {
	said    []string
	entry   func(Entry) error
	boot    ID128
	last    Progress
	lastGap Gap
}

func (h *heard) Entry(e Entry) error {
	h.boot = e.Header().BootID
	h.said = append(h.said, strconv.FormatUint(e.Header().Seqnum, 10))
	if _, err := e.AppendFields(nil, nil); err != nil {
		return err
	}
	if h.entry != nil {
		return h.entry(e)
	}
	return nil
}

func (h *heard) Gap(g Gap) error {
	h.lastGap = g
	h.said = append(h.said, "!"+g.Reason.String()+" "+strconv.FormatUint(g.Count, 10))
	return nil
}

func (h *heard) Progress(p Progress) error {
	h.last = p
	if !p.BootID.IsZero() && p.BootID != h.boot {
		h.boot = p.BootID
		h.said = append(h.said, "~"+strconv.Itoa(int(p.BootID[0])))
	}
	return nil
}
