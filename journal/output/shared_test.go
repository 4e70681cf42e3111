// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
)

// sharing makes random records that have runs and fields in common.
type sharing struct {
	random *rand.Rand
	// names and values are what fields are made of.
	names  []string
	values [][]byte
	runs   []*journal.Run
	ids    map[string]uint64
	// step is the distance between IDs: 1, or more than a cache has slots.
	step uint64
}

// newSharing returns a source of records. Where few is set they have few names, so that some are repeated.
func newSharing(seed uint64, few bool) *sharing {
	s := &sharing{random: rand.New(rand.NewPCG(seed, 7)), ids: map[string]uint64{}, step: 1}
	if seed%3 == 0 {
		s.step = maxFieldSlots / 2 // so that they have slots in common
	}
	s.names = []string{
		fieldMessage, fieldHostname, fieldIdentifier, fieldComm, fieldPID, fieldSyslogPID, fieldPriority, fieldTransport, fieldUnit, fieldUserUnit,
		fieldSourceRealtime, fieldSourceMonotonic, fieldBootID, "__FORGED", "lower", "", "A=B", "1ST", "A", "B", "FOO",
	}
	if !few {
		for i := range 40 {
			s.names = append(s.names, fmt.Sprintf("NAME_%d", i))
		}
	}
	for _, v := range []string{
		"", "0", "3", "5", "7", "audit", "plain text", `quoted "text" and \`, "tab\there", "two\nlines\n", "\n", "\x1b[31mred\x1b[0m", "\x00", "nul\x00inside", "\xff\xfe", "\u00e9\u4e16",
		"bidi \u202e and \u061c", "\ufffe", "\u0085", "del\x7f", "1600000000123456", "777", "0x10", "\r\n", "12345678", `1234567"`, `"12345678`, "\u00fcber \u00fcber \u00fcber", "cut \xe4\xb8",
		strings.Repeat("x", 299), strings.Repeat("x", 300), strings.Repeat("long line ", 50), strings.Repeat(`"`, 100), strings.Repeat("\u202e", 60), strings.Repeat("line\n", 9),
		strings.Repeat("x", 4090), strings.Repeat("x", 4096), strings.Repeat("\x01", 4000), strings.Repeat("y", maxCachedBytes+1),
	} {
		s.values = append(s.values, []byte(v))
	}
	s.values = append(s.values, nil)
	for i := range 12 {
		run := &journal.Run{ID: 1 + uint64(i)*s.step}
		for range s.random.IntN(12) {
			run.Fields = append(run.Fields, s.field())
		}
		s.runs = append(s.runs, run)
	}
	return s
}

func (s *sharing) field() journal.Field {
	f := journal.Field{Name: s.names[s.random.IntN(len(s.names))], Value: s.values[s.random.IntN(len(s.values))]}
	if s.random.IntN(4) == 0 {
		f.Value = []byte(fmt.Sprint(s.random.Uint32()))
		return f // comes only once
	}
	pair := f.Name + "=" + string(f.Value)
	if s.ids[pair] == 0 {
		s.ids[pair] = 1 + uint64(len(s.ids))*s.step
	}
	f.ID = s.ids[pair]
	return f
}

func (s *sharing) record() *journal.Record {
	r := &journal.Record{Header: journal.Header{
		SeqnumID: journal.ID128{byte(s.random.IntN(3))}, BootID: journal.ID128{byte(s.random.IntN(3))}, Seqnum: s.random.Uint64() >> s.random.IntN(64),
		Realtime: journal.Usec(1700000000000000 + s.random.Uint64N(3e6)), Monotonic: journal.Usec(s.random.Uint64N(3e6)), XorHash: s.random.Uint64(),
	}}
	if s.random.IntN(5) > 0 {
		r.Run = s.runs[s.random.IntN(len(s.runs))]
		r.Fields = append(r.Fields, r.Run.Fields...)
	}
	for range s.random.IntN(6) {
		r.Fields = append(r.Fields, s.field())
	}
	if s.random.IntN(3) == 0 {
		r.Catalog = "Subject: s\n\ntext"
	}
	return r
}

// bare returns the record without what it tells of others.
func bare(r *journal.Record) *journal.Record {
	c := *r
	c.Run = nil
	c.Fields = append([]journal.Field(nil), r.Fields...)
	for i := range c.Fields {
		c.Fields[i].ID = 0
	}
	return &c
}

func randomOptions(random *rand.Rand) Options {
	flip := func() bool { return random.IntN(3) == 0 }
	o := Options{
		Mode: Mode(random.IntN(len(modeNames))), All: flip(), NoFull: flip(), Width: random.IntN(200), Location: time.UTC, NoHostname: flip(), Catalog: flip(),
		TruncateNewline: flip(), Color: flip(), Visible: flip(),
	}
	if flip() {
		o.OutputFields = []string{"FOO", fieldMessage, "A", fieldPID, fieldBootID}[:1+random.IntN(5)]
	}
	if flip() {
		o.Highlight = func(message []byte) (int, int, bool) {
			i := bytes.IndexByte(message, 'e')
			return i, i + 1, i >= 0
		}
	}
	return o
}

// printedBy returns what the Printer prints for one record.
func printedBy(t *testing.T, p *Printer, b *bytes.Buffer, r *journal.Record) string {
	t.Helper()
	b.Reset()
	if err := p.Print(r); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reference returns what is printed for one record, made without anything that is remembered.
func reference(t *testing.T, o Options, b *bytes.Buffer, r *journal.Record) (_ string, ok bool) {
	t.Helper()
	p := New(b, o)
	switch {
	case o.Mode.json():
		return string(p.preamble.append(nil, &r.Header)) + string(p.json.fields(nil, r.Fields)) + p.end, true
	case o.Mode == ShortDelta:
		return "", false // needs the record before
	default:
		return printedBy(t, p, b, bare(r)), true
	}
}

// TestShared: what is printed does not depend on runs and IDs, in any mode.
func TestShared(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSharing(seed, seed%2 == 0)
			o := randomOptions(s.random)
			var gotText, wantText, other bytes.Buffer
			got, want := New(&gotText, o), New(&wantText, o)
			for i := range 300 {
				r := s.record()
				g, w := printedBy(t, got, &gotText, r), printedBy(t, want, &wantText, bare(r))
				if g != w {
					t.Fatalf("%+v record %d differs (-without +with runs):\n%s", o, i, cmp.Diff(w, g))
				}
				if w, ok := reference(t, o, &other, r); ok && g != w {
					t.Fatalf("%+v record %d differs from the first of a printer (-alone +ours):\n%s", o, i, cmp.Diff(w, g))
				}
			}
		})
	}
}

// TestManyNames has more names than a Printer keeps, over many records and in some of them, and repeats those of runs.
func TestManyNames(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{JSON, Export, Verbose} {
		random := rand.New(rand.NewPCG(5, uint64(mode)))
		field := func() journal.Field {
			n := random.IntN(1700)
			return journal.Field{Name: fmt.Sprintf("N%d", n), ID: uint64(n + 1), Value: []byte("v")}
		}
		var runs []*journal.Run
		for i := range uint64(20) {
			run := &journal.Run{ID: i + 1}
			for range 30 {
				run.Fields = append(run.Fields, field())
			}
			runs = append(runs, run)
		}
		o := Options{Mode: mode, Location: time.UTC}
		var gotText, other bytes.Buffer
		got := New(&gotText, o)
		for i := range 2000 {
			r := &journal.Record{Run: runs[random.IntN(len(runs))]}
			r.Fields = append(r.Fields, r.Run.Fields...)
			rest := random.IntN(10)
			if i%500 == 499 {
				rest = 3 * maxNames
			}
			for range rest {
				r.Fields = append(r.Fields, field())
			}
			if i%3 == 0 {
				r.Fields = append(r.Fields, r.Run.Fields[random.IntN(30)])
			}
			want, _ := reference(t, o, &other, r)
			if g := printedBy(t, got, &gotText, r); g != want {
				t.Fatalf("%v record %d differs:\n%s", mode, i, cmp.Diff(want, g))
			}
		}
	}
}

// TestCacheBounds fills the cache until it is dropped.
func TestCacheBounds(t *testing.T) {
	t.Parallel()
	p := New(io.Discard, Options{Mode: JSON, All: true})
	value := bytes.Repeat([]byte("x"), maxCachedBytes-1000)
	dropped := false
	for i := range uint64(3 * maxCacheBytes / maxCachedBytes) {
		run := &journal.Run{ID: 2*i + 1, Fields: []journal.Field{{Name: "A", Value: value, ID: 2*i + 1}}}
		r := &journal.Record{Run: run, Fields: []journal.Field{run.Fields[0], {Name: "B", Value: value, ID: 2*i + 2}}}
		before := p.cache.bytes
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
		dropped = dropped || p.cache.bytes < before
		kept := 0
		for _, s := range p.cache.runs {
			if s != nil {
				kept += len(s.text)
			}
		}
		for _, s := range p.cache.fields {
			kept += cap(s.text)
		}
		if kept > maxCacheBytes+2*maxCachedBytes || kept > p.cache.bytes {
			t.Fatalf("%d bytes are kept, counted are %d", kept, p.cache.bytes)
		}
	}
	if !dropped {
		t.Error("nothing was dropped")
	}
}

// TestRunsAreLetGo: what a Printer remembers of a run keeps neither the run nor its values, which may be a small part of much.
func TestRunsAreLetGo(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{JSON, Short, Verbose} {
		p := New(io.Discard, Options{Mode: mode})
		freed := make(chan struct{}, 2)
		func() {
			large := make([]byte, 1<<20)
			run := &journal.Run{ID: 1, Fields: []journal.Field{{Name: fieldMessage, Value: append(large[:0], "text"...), ID: 1}, {Name: fieldPriority, Value: large[8:9], ID: 2}}}
			runtime.AddCleanup(&large[0], func(c chan struct{}) { c <- struct{}{} }, freed)
			runtime.AddCleanup(run, func(c chan struct{}) { c <- struct{}{} }, freed)
			if err := p.Print(&journal.Record{Run: run, Fields: run.Fields}); err != nil {
				t.Fatal(err)
			}
		}()
		if len(p.cache.runs) == 0 {
			t.Fatal("nothing is remembered")
		}
		for range 2 {
			runtime.GC()
			select {
			case <-freed:
			case <-time.After(10 * time.Second):
				t.Fatalf("%v: the run or its values are still held", mode)
			}
		}
		runtime.KeepAlive(p)
	}
}

// TestForget uses IDs again for other fields.
func TestForget(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := New(&b, Options{Mode: Export})
	for _, value := range []string{"one", "two"} {
		p.Forget()
		r := &journal.Record{Fields: []journal.Field{{Name: "A", Value: []byte(value), ID: 1}}}
		if got := printedBy(t, p, &b, r); !strings.Contains(got, "A="+value+"\n") {
			t.Errorf("value %s: printed %q", value, got)
		}
	}
}

// TestAllocations: steady printing allocates nothing.
func TestAllocations(t *testing.T) {
	for _, mode := range []Mode{JSON, Short, ShortISOPrecise, Cat, Export, Verbose} {
		o := Options{Mode: mode, Location: time.UTC}
		for _, shared := range []bool{true, false} {
			records := kubeletRecords(&o, 256, shared)
			p := New(io.Discard, o)
			i := 0
			step := func() {
				for range 256 {
					if err := p.Print(records[i%len(records)]); err != nil {
						t.Fatal(err)
					}
					i++
				}
			}
			for range 20 {
				step() // the buffers grow
			}
			if n := testing.AllocsPerRun(10, step); n != 0 {
				t.Errorf("%v, shared %v: %v allocations for 256 records, want 0", mode, shared, n)
			}
		}
	}
}
