// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// sample is an entry as an engine splits it.
type sample struct {
	header  journal.Header
	run     *journal.Run
	rest    []journal.Field
	catalog string
}

func (s *sample) record(node string) *journal.Record {
	r := &journal.Record{Header: s.header, Node: node, Catalog: s.catalog}
	if s.run != nil {
		r.Fields = append(r.Fields, s.run.Fields...)
	}
	r.Fields = append(r.Fields, s.rest...)
	return r
}

func field(name, value string, id uint64) journal.Field {
	return journal.Field{Name: name, Value: []byte(value), ID: id}
}

func headerOf(n int) journal.Header {
	return journal.Header{
		SeqnumID: journal.ID128{7}, Seqnum: uint64(1000 + n), BootID: journal.ID128{8},
		Realtime: journal.Usec(1_700_000_000_000_000 + 137*n), Monotonic: journal.Usec(5_000_000 + 137*n), XorHash: uint64(n) * 0x9e3779b97f4a7c15,
	}
}

// nodeRun is a run as the entries of one service begin.
func nodeRun(id uint64, fields int) *journal.Run {
	run := &journal.Run{ID: id}
	for i := range fields {
		// Every second value is shared by all runs.
		value := uint64(1 + i)
		if i%2 == 1 {
			value += 1000 * id
		}
		run.Fields = append(run.Fields, field(fmt.Sprintf("_FIELD_%d", i), fmt.Sprintf("value %d of 40 bytes, more or less ....", value), value))
	}
	return run
}

// day returns entries such as the native engine gives: 20 fields in a run and some more.
func day(entries, services int) []sample {
	runs := make([]*journal.Run, services)
	for i := range runs {
		runs[i] = nodeRun(uint64(i+1), 21)
	}
	out := make([]sample, entries)
	for i := range out {
		out[i] = sample{header: headerOf(i), run: runs[i%services], rest: []journal.Field{
			field("_SOURCE_REALTIME_TIMESTAMP", fmt.Sprint(1_700_000_000_000_000+137*i), 0),
			field("MESSAGE", fmt.Sprintf("I1124 00:00:00.%06d    1234 kubelet.go:2456] \"SyncLoop (PLEG): event for pod\" pod=\"kube-system/etcd-%d\"", i, i%7), 0),
			field("PRIORITY", fmt.Sprint(i%8), uint64(100+i%8)),
		}}
	}
	return out
}

// plainDay returns the same entries as an engine gives them that does not tell what they share.
func plainDay(entries, services int) []sample {
	out := day(entries, services)
	for i := range out {
		rest := append([]journal.Field(nil), out[i].run.Fields...)
		rest = append(rest, out[i].rest...)
		for k := range rest {
			rest[k].ID = 0
		}
		out[i].run, out[i].rest = nil, rest
	}
	return out
}

// encode makes batches of samples, of about so many bytes.
func encode(t testing.TB, e *CompactEncoder, samples []sample, bytes int) (batches []*nodedv1.JournalCompactBatch) {
	t.Helper()
	take := func() {
		// As the transport would.
		data, err := proto.Marshal(e.Take())
		if err != nil {
			t.Fatal(err)
		}
		b := new(nodedv1.JournalCompactBatch)
		if err := proto.Unmarshal(data, b); err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	for i := range samples {
		s := &samples[i]
		err := e.Add(&s.header, s.run, s.rest)
		if errors.Is(err, ErrCompactFull) {
			take()
			err = e.Add(&s.header, s.run, s.rest)
		}
		if err != nil {
			t.Fatalf("Add entry %d: %v", i, err)
		}
		e.AddCatalog(s.catalog)
		if e.Bytes() >= bytes {
			take()
		}
	}
	if e.Len() > 0 {
		take()
	}
	return batches
}

// ids checks that equal IDs mean equal contents.
type ids struct {
	values map[uint64]string
	runs   map[uint64]string
}

func (c *ids) check(t *testing.T, r *journal.Record) {
	t.Helper()
	one := func(seen map[uint64]string, id uint64, text string) {
		if before, ok := seen[id]; ok && before != text {
			t.Fatalf("id %d means %q and %q", id, before, text)
		}
		seen[id] = text
	}
	for _, f := range r.Fields {
		if f.ID != 0 {
			one(c.values, f.ID, f.Name+"="+string(f.Value))
		}
	}
	if r.Run == nil {
		return
	}
	if !equalFields(r.Run.Fields, r.Fields[:len(r.Run.Fields)]) {
		t.Fatalf("the record does not begin with its run:\n%s", cmp.Diff(r.Run.Fields, r.Fields))
	}
	one(c.runs, r.Run.ID, fmt.Sprint(r.Run.Fields))
}

// decode returns copies of the records of batches.
func decode(t *testing.T, d *CompactDecoder, batches []*nodedv1.JournalCompactBatch) (records []*journal.Record) {
	t.Helper()
	seen := ids{values: make(map[uint64]string), runs: make(map[uint64]string)}
	for i, b := range batches {
		err := d.Decode(b, func(r *journal.Record) error {
			seen.check(t, r)
			records = append(records, copied(r))
			return nil
		})
		if err != nil {
			t.Fatalf("decode batch %d: %v", i, err)
		}
	}
	return records
}

// copied returns a record that owns its bytes, without what it has in common with others.
func copied(r *journal.Record) *journal.Record {
	out := *r
	out.Run, out.Fields = nil, nil
	for _, f := range r.Fields {
		out.Fields = append(out.Fields, field(f.Name, string(f.Value), 0))
	}
	return &out
}

// same compares records as cmp.Diff of copies does, but fast.
func same(a, b *journal.Record) bool {
	return a.Header == b.Header && a.Node == b.Node && a.Catalog == b.Catalog && equalFields(a.Fields, b.Fields)
}

func equalFields(a, b []journal.Field) bool {
	return slices.EqualFunc(a, b, func(f, g journal.Field) bool { return f.Name == g.Name && bytes.Equal(f.Value, g.Value) })
}

func compare(t *testing.T, samples []sample, got []*journal.Record) {
	t.Helper()
	if len(got) != len(samples) {
		t.Fatalf("%d entries of %d", len(got), len(samples))
	}
	for i := range samples {
		if want := samples[i].record("n"); !same(want, got[i]) {
			t.Fatalf("entry %d changed (-want +got):\n%s", i, cmp.Diff(copied(want), got[i]))
		}
	}
}

func TestCompactRoundTrip(t *testing.T) {
	t.Parallel()
	odd := day(40, 3)
	odd[3].rest = nil
	odd[4].run = nil
	odd[5].run, odd[5].rest = nil, nil
	odd[6].rest = append(odd[6].rest, field("MESSAGE", "again", 0), field("EMPTY", "", 0), field("EMPTY", "", 9000))
	odd[7].rest = []journal.Field{field("BINARY", "\x00\xff\n=", 0), field("SHARED", "\x00\xff\n=", 9001)}
	odd[8].header = journal.Header{}
	odd[9].header = journal.Header{Seqnum: math.MaxUint64, Realtime: math.MaxUint64, Monotonic: math.MaxUint64, XorHash: math.MaxUint64}
	odd[10].header = journal.Header{SeqnumID: journal.ID128{1}, Seqnum: 1, BootID: journal.ID128{2}, Realtime: 3}
	odd[11].catalog, odd[13].catalog, odd[39].catalog = "text", "Subject: x\n", "last"
	odd[12].run = &journal.Run{ID: 77}
	odd[14].rest = []journal.Field{field("BIG", strings.Repeat("x", 100_000), 9002), field("BIG", strings.Repeat("y", 100_000), 0)}
	for range 70 {
		odd[15].rest = append(odd[15].rest, field("MANY", "v", 0))
		odd[16].rest = append(odd[16].rest, field("MANY", "w", 9003))
	}
	odd[16].run = nil
	for range 20 {
		odd[17].rest = append(odd[17].rest, field("SOME", "v", 0))
	}
	reversed := day(100, 4)
	for i := range 50 {
		reversed[i], reversed[99-i] = reversed[99-i], reversed[i]
	}
	for name, samples := range map[string][]sample{
		"day": day(1000, 5), "plain": plainDay(1000, 5), "odd": odd, "reversed": reversed, "one": day(1, 1), "none": nil,
	} {
		for _, bytes := range []int{1, 3000, 1 << 30} {
			t.Run(fmt.Sprint(name, " ", bytes), func(t *testing.T) {
				t.Parallel()
				var d CompactDecoder
				compare(t, samples, decode(t, &d, encode(t, NewCompactEncoder("n"), samples, bytes)))
			})
		}
	}
}

func TestCompactNames(t *testing.T) {
	t.Parallel()
	samples := []sample{{rest: []journal.Field{field("A\xffB", "1", 0), field("A\xffB", "2", 5), field("", "3", 0)}}}
	var d CompactDecoder
	got := decode(t, &d, encode(t, NewCompactEncoder("n"), samples, 1))
	want := []journal.Field{field("A\uFFFDB", "1", 0), field("A\uFFFDB", "2", 0), field("", "3", 0)}
	if diff := cmp.Diff(want, got[0].Fields); diff != "" {
		t.Error(diff)
	}
}

// TestCompactSmall checks that what repeats is sent once.
func TestCompactSmall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		samples []sample
		most    int
	}{{"runs", day(5000, 12), 180}, {"values", plainDay(5000, 12), 230}} {
		size, about := 0, 0
		e := NewCompactEncoder("n")
		for _, b := range encode(t, e, tt.samples, 64<<10) {
			size += proto.Size(b)
		}
		for i := range tt.samples {
			about += FieldBytes(tt.samples[i].record("").Fields)
		}
		if per := size / len(tt.samples); per > tt.most {
			t.Errorf("%s: %d bytes per entry, want at most %d; plain it is %d", tt.name, per, tt.most, about/len(tt.samples))
		}
	}
}

// TestCompactBytes checks that a batch is not larger than the encoder says, and not much smaller.
func TestCompactBytes(t *testing.T) {
	t.Parallel()
	for _, samples := range [][]sample{day(3000, 5), plainDay(3000, 5)} {
		e := NewCompactEncoder("n")
		for i := range samples {
			if err := e.Add(&samples[i].header, samples[i].run, samples[i].rest); err != nil {
				t.Fatal(err)
			}
			if i%100 != 99 {
				continue
			}
			said := e.Bytes()
			b := e.Take()
			if size := proto.Size(b); size > said || said > size+2*batchOverhead {
				t.Errorf("a batch of %d bytes is said to have %d", size, said)
			}
			e.Reuse(b)
		}
	}
}

func TestCompactResets(t *testing.T) {
	t.Parallel()
	many := func(n int, make func(i int) sample) []sample {
		out := []sample{}
		for i := range n {
			s := make(i)
			s.header = headerOf(i)
			out = append(out, s)
		}
		return out
	}
	long := strings.Repeat("v", maxSharedBytes)
	tests := map[string][]sample{
		"names": many(3*maxCompactNames, func(i int) sample {
			return sample{rest: []journal.Field{field(fmt.Sprint("NAME_", i), "v", 0), field("MESSAGE", "m", 0)}}
		}),
		"sources": many(maxCompactSources+100, func(i int) sample { return sample{rest: []journal.Field{field("A", "b", 0)}} }),
		"values": many(maxCompactValues+1000, func(i int) sample {
			return sample{rest: []journal.Field{field("A", fmt.Sprint(i), uint64(i+1))}}
		}),
		"value bytes": many(maxCompactValueBytes/maxSharedBytes+100, func(i int) sample {
			return sample{rest: []journal.Field{field("A", long, uint64(i+1))}}
		}),
		"runs": many(maxCompactRuns+1000, func(i int) sample {
			return sample{run: &journal.Run{ID: uint64(i + 1), Fields: []journal.Field{field("A", "b", 1)}}, rest: []journal.Field{field("M", "x", 0)}}
		}),
		"run values": many(maxCompactRunValues/1000+100, func(i int) sample {
			run := &journal.Run{ID: uint64(i + 1)}
			for range 1000 {
				run.Fields = append(run.Fields, field("A", "b", 1))
			}
			return sample{run: run}
		}),
		"repeats": many(4*maxRepeats, func(i int) sample {
			return sample{rest: []journal.Field{field("A", fmt.Sprint(i/2), 0)}}
		}),
	}
	for i := range tests["sources"] {
		binary.BigEndian.PutUint32(tests["sources"][i].header.BootID[:], uint32(i))
	}
	for name, samples := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			batches := encode(t, NewCompactEncoder("n"), samples, 64<<10)
			resets := 0
			for _, b := range batches {
				if b.GetReset_() {
					resets++
				}
			}
			if resets == 0 {
				t.Error("the tables never began anew")
			}
			var d CompactDecoder
			records := 0
			for _, b := range batches {
				err := d.Decode(b, func(r *journal.Record) error {
					if want := samples[records].record("n"); !same(want, r) {
						t.Fatalf("entry %d (-want +got):\n%s", records, cmp.Diff(copied(want), copied(r)))
					}
					records++
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if records != len(samples) {
				t.Errorf("%d entries of %d", records, len(samples))
			}
		})
	}
}

func TestCompactUnfit(t *testing.T) {
	t.Parallel()
	wide := []journal.Field{}
	for i := range maxCompactNames + 1 {
		wide = append(wide, field(fmt.Sprint("N", i), "", 0))
	}
	heavy := &journal.Run{ID: 1, Fields: []journal.Field{field("A", strings.Repeat("x", maxCompactValueBytes+1), 1)}}
	e := NewCompactEncoder("n")
	good := day(1, 1)[0]
	for name, s := range map[string]sample{
		"name":          {rest: []journal.Field{field(strings.Repeat("N", maxCompactNameBytes+1), "", 0)}},
		"name made so":  {rest: []journal.Field{field(strings.Repeat("\xffN", 70), "", 0)}},
		"name in a run": {run: &journal.Run{ID: 3, Fields: []journal.Field{field(strings.Repeat("N", 300), "", 0)}}},
		"wide":          {rest: wide},
		"heavy":         {run: heavy},
	} {
		err := e.Add(&s.header, s.run, s.rest)
		if errors.Is(err, ErrCompactFull) {
			e.Take()
			err = e.Add(&s.header, s.run, s.rest)
		}
		if !errors.Is(err, ErrCompactUnfit) {
			t.Errorf("%s: Add = %v, want %v", name, err, ErrCompactUnfit)
		}
		if e.Len() != 0 {
			t.Errorf("%s: an entry was added", name)
		}
	}
	var d CompactDecoder
	compare(t, []sample{good}, decode(t, &d, encode(t, e, []sample{good}, 1)))
}

// TestCompactStreams checks that a decoder goes on with another stream, and gives no ID twice.
func TestCompactStreams(t *testing.T) {
	t.Parallel()
	var d CompactDecoder
	seen := ids{values: make(map[uint64]string), runs: make(map[uint64]string)}
	for stream := range 3 {
		samples := day(50, 3+stream)
		for i := range samples {
			samples[i].rest[2].Value = []byte(fmt.Sprint("of stream ", stream))
			samples[i].rest[2].ID = 500
		}
		d.Reset()
		for _, b := range encode(t, NewCompactEncoder("n"), samples, 1000) {
			if err := d.Decode(b, func(r *journal.Record) error { seen.check(t, r); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCompactHandlerError(t *testing.T) {
	t.Parallel()
	stop, calls := errors.New("stop"), 0
	var d CompactDecoder
	err := d.Decode(encode(t, NewCompactEncoder("n"), day(10, 2), 1<<20)[0], func(*journal.Record) error {
		if calls++; calls == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 3 {
		t.Errorf("Decode = %v after %d calls, want %v after 3", err, calls, stop)
	}
}

func TestCompactMalformed(t *testing.T) {
	t.Parallel()
	type batch = nodedv1.JournalCompactBatch
	tests := map[string]func(b *batch){
		"column short":     func(b *batch) { b.Seqnums = b.Seqnums[1:] },
		"column long":      func(b *batch) { b.RestSizes = append(b.RestSizes, 0) },
		"no columns":       func(b *batch) { b.EntryRuns = nil },
		"no sources":       func(b *batch) { b.EntrySources = nil },
		"two sources":      func(b *batch) { b.EntrySources = []uint32{0, 0} },
		"source unknown":   func(b *batch) { b.EntrySources = []uint32{1} },
		"source torn":      func(b *batch) { b.Sources = b.Sources[1:] },
		"name long":        func(b *batch) { b.Names[0] = strings.Repeat("N", maxCompactNameBytes+1) },
		"names many":       func(b *batch) { b.Names = make([]string, maxCompactNames+1) },
		"sources many":     func(b *batch) { b.Sources = make([]byte, sourceBytes*(maxCompactSources+1)) },
		"values many":      func(b *batch) { b.ValueNames, b.ValueSizes = make([]uint32, 70_000), make([]uint32, 70_000) },
		"value bytes many": func(b *batch) { b.ValueBytes = make([]byte, maxCompactValueBytes+1) },
		"value names":      func(b *batch) { b.ValueNames = b.ValueNames[1:] },
		"value name":       func(b *batch) { b.ValueNames[0] = math.MaxUint32 },
		"value size":       func(b *batch) { b.ValueSizes[0] = math.MaxUint32 },
		"value bytes left": func(b *batch) { b.ValueBytes = append(b.ValueBytes, 0) },
		"runs many":        func(b *batch) { b.RunSizes = make([]uint32, maxCompactRuns+1) },
		"run values many":  func(b *batch) { b.RunValues = make([]uint32, maxCompactRunValues+1) },
		"run empty":        func(b *batch) { b.RunSizes = append(b.RunSizes, 0) },
		"run long": func(b *batch) {
			b.RunSizes = append(b.RunSizes, maxCompactEntryFields+1)
			b.RunValues = append(b.RunValues, make([]uint32, maxCompactEntryFields+1)...)
		},
		"run size":        func(b *batch) { b.RunSizes[0] = math.MaxUint32 },
		"run value":       func(b *batch) { b.RunValues[0] = math.MaxUint32 },
		"run values left": func(b *batch) { b.RunValues = append(b.RunValues, 0) },
		"run unknown":     func(b *batch) { b.EntryRuns[2] = 100 },
		"run huge":        func(b *batch) { b.EntryRuns[2] = math.MaxUint32 },
		"rest size":       func(b *batch) { b.RestSizes[0] = math.MaxUint32 },
		"rest many": func(b *batch) {
			b.RestSizes[0] += maxCompactEntryFields
			b.Rest = append(slices.Repeat(b.Rest[:1], maxCompactEntryFields), b.Rest...)
		},
		"rest left":        func(b *batch) { b.Rest = append(b.Rest, 0) },
		"rest value":       func(b *batch) { b.Rest[0] = math.MaxUint32 - 1 },
		"rest name":        func(b *batch) { b.Rest[0] = math.MaxUint32 },
		"local size":       func(b *batch) { b.LocalSizes[0] = math.MaxUint32 },
		"local sizes":      func(b *batch) { b.LocalSizes = b.LocalSizes[:1] },
		"local sizes left": func(b *batch) { b.LocalSizes = append(b.LocalSizes, 0) },
		"local bytes left": func(b *batch) { b.LocalBytes = append(b.LocalBytes, 0) },
		"catalog texts":    func(b *batch) { b.CatalogTexts = []string{"x"} },
		"catalog order":    func(b *batch) { b.CatalogEntries, b.CatalogTexts = []uint32{2, 1}, []string{"x", "y"} },
		"catalog entry":    func(b *batch) { b.CatalogEntries, b.CatalogTexts = []uint32{100}, []string{"x"} },
		"tables forgotten": func(b *batch) { b.Names, b.Sources = nil, nil },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := encode(t, NewCompactEncoder("n"), day(10, 2), 1<<20)[0]
			spoil(b)
			var d CompactDecoder
			if err := d.Decode(b, func(*journal.Record) error { return nil }); !errors.Is(err, ErrCompactMalformed) {
				t.Errorf("Decode = %v, want %v", err, ErrCompactMalformed)
			}
		})
	}
}

func TestCompactAllocations(t *testing.T) {
	for name, samples := range map[string][]sample{"runs": day(2000, 12), "values": plainDay(2000, 12)} {
		e := NewCompactEncoder("n")
		var d CompactDecoder
		records := 0
		round := func() {
			for i := range samples {
				if err := e.Add(&samples[i].header, samples[i].run, samples[i].rest); err != nil {
					t.Fatal(err)
				}
			}
			b := e.Take()
			if err := d.Decode(b, func(*journal.Record) error { records++; return nil }); err != nil {
				t.Fatal(err)
			}
			e.Reuse(b)
		}
		// The second value of a kind is what is remembered, the third is found.
		for range 3 {
			round()
		}
		if n := testing.AllocsPerRun(20, round); n > 8 {
			t.Errorf("%s: %v allocations for %d entries", name, n, len(samples))
		}
		if records < 20*len(samples) {
			t.Error("entries are missing")
		}
	}
}

// FuzzCompactRoundTrip checks that decoding what was encoded gives the same entries, whatever they are.
func FuzzCompactRoundTrip(f *testing.F) {
	f.Add(uint64(1), uint16(100), uint16(500))
	f.Add(uint64(2), uint16(3000), uint16(60000))
	f.Fuzz(func(t *testing.T, seed uint64, entries, bytes uint16) {
		random := rand.New(rand.NewPCG(seed, 1))
		runs := map[uint64]*journal.Run{}
		any := func() journal.Field {
			// The value follows from the ID.
			if id := random.Uint64N(300); id < 200 {
				return field(fmt.Sprint("N", id%20), strings.Repeat("x", int(id%7))+fmt.Sprint(id), id+1)
			}
			return field(fmt.Sprint("N", random.IntN(20)), fmt.Sprint(random.IntN(50)), 0)
		}
		samples := make([]sample, entries%4096)
		for i := range samples {
			s := &samples[i]
			s.header = journal.Header{
				SeqnumID: journal.ID128{byte(random.IntN(3))}, BootID: journal.ID128{byte(random.IntN(3))}, Seqnum: random.Uint64(),
				Realtime: journal.Usec(random.Uint64() >> random.IntN(64)), Monotonic: journal.Usec(random.Uint64()), XorHash: random.Uint64(),
			}
			if id := random.Uint64N(40); id > 0 {
				if runs[id] == nil {
					runs[id] = &journal.Run{ID: id}
					for range random.IntN(10) {
						runs[id].Fields = append(runs[id].Fields, any())
					}
				}
				s.run = runs[id]
			}
			for range random.IntN(5) {
				s.rest = append(s.rest, any())
			}
			if random.IntN(30) == 0 {
				s.catalog = fmt.Sprint("text ", i)
			}
		}
		var d CompactDecoder
		compare(t, samples, decode(t, &d, encode(t, NewCompactEncoder("n"), samples, int(bytes))))
	})
}

// FuzzCompactDecoder checks that no message makes the decoder panic, and that it keeps to the limits of its tables.
func FuzzCompactDecoder(f *testing.F) {
	for _, samples := range [][]sample{day(20, 3), plainDay(20, 3)} {
		for _, b := range encode(f, NewCompactEncoder("n"), samples, 1500) {
			data, err := proto.Marshal(b)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, data)
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var d CompactDecoder
		for _, data := range [][]byte{first, second} {
			b := new(nodedv1.JournalCompactBatch)
			if proto.Unmarshal(data, b) != nil {
				return
			}
			records := 0
			err := d.Decode(b, func(r *journal.Record) error {
				if r.Run != nil && len(r.Run.Fields) > len(r.Fields) {
					t.Fatal("a record is shorter than its run")
				}
				records++
				return nil
			})
			if err == nil && records != len(b.GetXorHashes()) {
				t.Fatalf("%d records of %d", records, len(b.GetXorHashes()))
			}
			if err != nil && !errors.Is(err, ErrCompactMalformed) {
				t.Fatal(err)
			}
			if len(d.names) > maxCompactNames || len(d.sources) > maxCompactSources || len(d.values) > maxCompactValues ||
				d.valueBytes > maxCompactValueBytes || len(d.runs) > maxCompactRuns || d.runValues > maxCompactRunValues {
				t.Fatal("a table is too large")
			}
			if err != nil {
				return
			}
		}
	})
}

// BenchmarkCompact tells what an entry of 24 fields costs on its way: the figures are per entry.
func BenchmarkCompact(b *testing.B) {
	for name, samples := range map[string][]sample{"runs": day(1500, 12), "values": plainDay(1500, 12)} {
		e := NewCompactEncoder("n")
		add := func() *nodedv1.JournalCompactBatch {
			for i := range samples {
				if err := e.Add(&samples[i].header, samples[i].run, samples[i].rest); err != nil {
					b.Fatal(err)
				}
			}
			return e.Take()
		}
		var d CompactDecoder
		nothing := func(*journal.Record) error { return nil }
		for range 3 {
			batch := add()
			if err := d.Decode(batch, nothing); err != nil {
				b.Fatal(err)
			}
			e.Reuse(batch)
		}
		batch := add()
		data, err := proto.Marshal(batch)
		if err != nil {
			b.Fatal(err)
		}
		buffer := make([]byte, 0, 2*len(data))
		run := func(step string, f func()) {
			b.Run(name+"/"+step, func(b *testing.B) {
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					f()
					n += len(samples)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/entry")
				b.ReportMetric(float64(len(data))/float64(len(samples)), "bytes/entry")
			})
		}
		run("encode", func() { e.Reuse(add()) })
		run("marshal", func() { buffer, _ = proto.MarshalOptions{}.MarshalAppend(buffer[:0], batch) })
		into := new(nodedv1.JournalCompactBatch)
		run("unmarshal", func() {
			if err := proto.Unmarshal(data, into); err != nil {
				b.Fatal(err)
			}
		})
		run("decode", func() {
			if err := d.Decode(into, nothing); err != nil {
				b.Fatal(err)
			}
		})
	}
}
