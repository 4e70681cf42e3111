// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats/metric"
)

// epoch is when the clocks of these tests begin.
var epoch = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

// filled returns a store with some entities, and its clock.
func filled(t testing.TB, seed uint64, looks int) (*Store, time.Time) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	now := epoch
	s := New(Config{Retention: time.Hour, Now: func() time.Time { return now }})
	for range looks {
		now = now.Add(time.Second)
		for n := range 3 {
			values := []Value{{metric.MemoryUsage, float64(n << 20)}, {metric.CPUUsage, float64(random.IntN(1e6))}}
			s.Append(fmt.Sprintf("container/%d", n), now, values[:1+random.IntN(2)])
		}
	}
	if looks > 0 {
		s.Describe("container/1", []byte(`{"name":"one"}`))
	}
	return s, now
}

func save(t testing.TB, s *Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// answers are what a store says of everything.
func answers(s *Store) map[string]Summary {
	out := map[string]Summary{}
	for _, name := range s.Entities() {
		for _, id := range []metric.ID{metric.MemoryUsage, metric.CPUUsage} {
			if sum, ok := s.Summarize(name, id, epoch, epoch.Add(2*time.Hour), 7); ok {
				out[name+"/"+id.String()+"/"+string(s.About(name))] = sum
			}
		}
	}
	return out
}

var equalNaNs = cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })

func TestSaveLoad(t *testing.T) {
	t.Parallel()
	for _, looks := range []int{0, 1, 31, 33, 500} {
		s, now := filled(t, uint64(looks), looks)
		loaded := New(Config{Retention: time.Hour, Now: func() time.Time { return now }})
		if err := loaded.Load(bytes.NewReader(save(t, s))); err != nil {
			t.Fatal(err)
		}
		want := answers(s)
		if d := cmp.Diff(want, answers(loaded), equalNaNs); d != "" || len(want) != 0 != (looks > 0) {
			t.Errorf("%d looks: %s", looks, d)
		}
		if !s.Oldest().Equal(loaded.Oldest()) {
			t.Errorf("the oldest is of %v, want %v", loaded.Oldest(), s.Oldest())
		}
		// It goes on.
		for _, x := range []*Store{s, loaded} {
			x.Append("container/1", now.Add(time.Second), []Value{{metric.CPUUsage, 7}})
		}
		if d := cmp.Diff(answers(s), answers(loaded), equalNaNs); d != "" {
			t.Errorf("%d looks and one more: %s", looks, d)
		}
	}
}

// What is older than the retention is not loaded, and what is in the future is.
func TestLoadAges(t *testing.T) {
	t.Parallel()
	s, now := filled(t, 1, 200)
	text := save(t, s)
	for _, test := range []struct {
		later time.Duration
		want  bool
	}{{2 * time.Hour, false}, {30 * time.Minute, true}, {-10 * 365 * 24 * time.Hour, true}} {
		at := now.Add(test.later)
		loaded := New(Config{Retention: time.Hour, Now: func() time.Time { return at }})
		if err := loaded.Load(bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if got := len(loaded.Entities()) > 0; got != test.want {
			t.Errorf("%v later there is something: %v, want %v", test.later, got, test.want)
		}
	}
}

// Of every beginning of a file what is whole in it is there, and that it is none is told.
func TestLoadPrefixes(t *testing.T) {
	t.Parallel()
	s, now := filled(t, 2, 100)
	text := save(t, s)
	most := 0
	for n := range text {
		loaded := New(Config{Retention: time.Hour, Now: func() time.Time { return now }})
		err := loaded.Load(bytes.NewReader(text[:n]))
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotHistory) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if got := len(loaded.Entities()); got < most {
			t.Fatalf("%d bytes have %d entities, fewer have %d", n, got, most)
		} else {
			most = got
		}
	}
	if most != 3 {
		t.Errorf("all but the last byte have %d entities, want 3", most)
	}
}

// A bit that is another one is noticed, and what comes before stays.
func TestLoadFlips(t *testing.T) {
	t.Parallel()
	s, now := filled(t, 3, 40)
	text := save(t, s)
	want := answers(s)
	for i := range len(text) * 8 {
		flipped := slices.Clone(text)
		flipped[i/8] ^= 1 << (i % 8)
		loaded := New(Config{Retention: time.Hour, Now: func() time.Time { return now }})
		err := loaded.Load(bytes.NewReader(flipped))
		if err == nil {
			t.Fatalf("bit %d: no error", i)
		}
		for name, sum := range answers(loaded) {
			if d := cmp.Diff(want[name], sum, equalNaNs); d != "" {
				t.Fatalf("bit %d: %s: %s", i, name, d)
			}
		}
	}
}

// A file of a program with other metrics.
func TestLoadNames(t *testing.T) {
	t.Parallel()
	_, now := filled(t, 4, 0)
	body := []byte{3}
	for _, name := range []string{"memory_usage", "gone", "cpu_usage"} {
		body = append(append(body, byte(len(name))), name...)
	}
	var rows table
	rows.reserve(2, 3)
	for n := range 2 {
		rows.addRow(now.UnixMilli() + int64(n))
		for id := range metric.ID(3) {
			c, ok := rows.find(id, 0)
			if !ok {
				c = rows.addColumn(id)
			}
			rows.set(c, float64(10*n+int(id)))
		}
	}
	var e encoder
	data, err := e.encode(&rows)
	if err != nil {
		t.Fatal(err)
	}
	text := appendFrame(append([]byte(fileMagic), fileVersion), body)
	record, left := appendRecord(nil, &saved{name: "node", blocks: []block{{data: data}}})
	if len(left) > 0 {
		t.Fatalf("%d blocks are left", len(left))
	}
	s := New(Config{Retention: time.Hour, Now: func() time.Time { return now }})
	if err := s.Load(bytes.NewReader(appendEnd(append(text, record...), 1))); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[metric.ID]float64{metric.MemoryUsage: 10, metric.CPUUsage: 12} {
		if sum, ok := s.Summarize("node", id, epoch, epoch.Add(time.Hour), 0); !ok || sum.LastValue != want || sum.Samples != 2 {
			t.Errorf("%v: %+v, %v, want %v", id, sum, ok, want)
		}
	}
	if sum, ok := s.Summarize("node", metric.CPUUser, epoch, epoch.Add(time.Hour), 0); ok {
		t.Errorf("a number that is not known became %+v", sum)
	}
}

func TestLoadForeign(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"":                                       ErrNotHistory,
		"NODED":                                  ErrNotHistory,
		"#!/bin/sh\necho no":                     ErrNotHistory,
		fileMagic + "\x02":                       ErrVersion,
		fileMagic + "\x01abc":                    ErrDamaged,
		string(fileHeader()):                     ErrDamaged,
		string(appendEnd(fileHeader(), 0)):       nil,
		string(appendEnd(fileHeader(), 1)):       ErrDamaged,
		string(appendEnd(fileHeader(), 0)) + "x": ErrDamaged,
		string(appendFrame(fileHeader(), []byte{0})):                      ErrDamaged,
		string(appendFrame(fileHeader(), []byte{0, 0, 0})):                ErrDamaged,
		string(appendFrame([]byte(fileMagic+"\x01"), nil)):                ErrDamaged,
		string(appendFrame([]byte(fileMagic+"\x01"), []byte{1, 200})):     ErrDamaged,
		fileMagic + "\x01\xff\xff\xff\xff\x00\x00\x00\x00" + "and so on.": ErrDamaged,
	} {
		if err := New(Config{}).Load(bytes.NewReader([]byte(text))); !errors.Is(err, want) {
			t.Errorf("Load(%q) = %v, want %v", text, err, want)
		}
	}
}

// failing is a writer whose disk is full.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestSaveFails(t *testing.T) {
	t.Parallel()
	s, _ := filled(t, 5, 100)
	for left := range len(save(t, s)) {
		if err := s.Save(&failing{left}); !errors.Is(err, errFull) {
			t.Fatalf("room for %d bytes: %v", left, err)
		}
	}
}

// FuzzLoad: whatever is loaded, memory is bounded, and what a store has then is loaded again as it is.
func FuzzLoad(f *testing.F) {
	s, now := filled(f, 6, 50)
	text := save(f, s)
	f.Add(text)
	f.Add(text[:len(text)/2])
	clock := func() time.Time { return now }
	f.Fuzz(func(t *testing.T, text []byte) {
		// What a fuzzer changes would be refused by its checksum.
		loaded := New(Config{Retention: time.Hour, Now: clock})
		_ = loaded.Load(bytes.NewReader(resealed(text)))
		if loaded.Bytes() > DefaultMaxBytes {
			t.Fatalf("%d bytes", loaded.Bytes())
		}
		again := New(Config{Retention: time.Hour, Now: clock})
		if err := again.Load(bytes.NewReader(save(t, loaded))); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(loaded.Entities(), again.Entities()); d != "" {
			t.Fatal(d)
		}
	})
}

// resealed makes the checksums of a file right.
func resealed(text []byte) []byte {
	n := len(fileMagic) + 1
	if len(text) < n {
		return text
	}
	out := slices.Clone(text[:n])
	for rest := text[n:]; len(rest) >= frameBytes; {
		size := int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16
		if size > len(rest)-frameBytes {
			size = len(rest) - frameBytes
		}
		out = appendFrame(out, rest[frameBytes:frameBytes+size])
		rest = rest[frameBytes+size:]
	}
	return out
}
