// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats/metric"
)

// noon is when the clocks of these tests begin.
var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// row is what was appended of an entity, as it is.
type row struct {
	ms int64
	// arrived is by the clock of the store.
	arrived time.Time
	values  map[metric.ID]float64
}

// truth is a history in plain slices, in the order in which the rows came.
type truth map[string][]row

func (h truth) append(name string, at, arrived time.Time, values []Value) {
	rows := h[name]
	if n := len(rows); n == 0 || rows[n-1].ms != at.UnixMilli() {
		rows = append(rows, row{at.UnixMilli(), arrived, map[metric.ID]float64{}})
	}
	last := &rows[len(rows)-1]
	last.arrived = arrived
	for _, v := range values {
		if !math.IsNaN(v.V) && !math.IsInf(v.V, 0) {
			last.values[v.ID] = v.V
		}
	}
	h[name] = rows
}

// summarize says of rows what a Summary is documented to be.
func summarize(rows []row, id metric.ID, lo, hi int64, points int) (Summary, bool) {
	var all []sample
	for _, r := range rows {
		if v, ok := r.values[id]; ok {
			all = append(all, sample{r.ms, v})
		}
	}
	slices.SortStableFunc(all, func(a, b sample) int { return int(a.ms - b.ms) })
	var values, known []float64
	var within []sample
	var distances []float64
	for i, x := range all {
		if x.ms < lo || x.ms >= hi {
			continue
		}
		distance := math.NaN()
		if i > 0 {
			distance = float64(x.ms - all[i-1].ms)
			known = append(known, distance)
		}
		within, values, distances = append(within, x), append(values, x.v), append(distances, distance)
	}
	if len(within) == 0 {
		return Summary{}, false
	}
	median := 1.0
	if slices.Sort(known); len(known) > 0 {
		median = known[len(known)/2]
	}
	mean := func(from, to int64) float64 {
		var sum, weight, plain, n float64
		for i, x := range within {
			if x.ms < from || x.ms >= to {
				continue
			}
			w := distances[i]
			if math.IsNaN(w) {
				w = median
			}
			w = min(w, 3*median)
			sum, weight, plain, n = sum+w*x.v, weight+w, plain+x.v, n+1
		}
		if weight == 0 {
			return plain / n
		}
		return sum / weight
	}
	last := within[len(within)-1]
	s := Summary{
		Samples: len(within), First: time.UnixMilli(within[0].ms), Last: time.UnixMilli(last.ms),
		Mean: mean(lo, hi), LastValue: last.v,
	}
	for i := range int64(points) {
		// The first millisecond of part i is the first one with (ms-lo)*points/(hi-lo) >= i.
		begin := lo + ((hi-lo)*i+int64(points)-1)/int64(points)
		end := lo + ((hi-lo)*(i+1)+int64(points)-1)/int64(points)
		s.Points = append(s.Points, mean(begin, end))
	}
	slices.Sort(values)
	s.Min, s.Max = values[0], values[len(values)-1]
	s.P95 = values[int(math.Ceil(float64(len(values))*95/100))-1]
	return s, true
}

// about is to be the same, but for rounding.
var about = cmp.Comparer(func(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*(math.Abs(a)+math.Abs(b))
})

// everything is a time that has all samples in it.
func everything(s *Store, name string, id metric.ID) int {
	sum, _ := s.Summarize(name, id, noon.AddDate(-100, 0, 0), noon.AddDate(100, 0, 0), 0)
	return sum.Samples
}

// consistent fails if the sums of a store are not those of its parts.
func consistent(t testing.TB, s *Store) {
	t.Helper()
	s.mu.RLock()
	defer s.mu.RUnlock()
	sum := int64(0)
	for name, e := range s.entities {
		sum += e.size()
		data := int64(0)
		for i, b := range e.blocks {
			data += int64(cap(b.data))
			if i > 0 && e.blocks[i-1].arrived > b.arrived {
				t.Fatalf("%s: block %d came before the one before it", name, i)
			}
		}
		if data != e.data {
			t.Fatalf("%s: blocks of %d bytes, counted %d", name, data, e.data)
		}
	}
	if sum != s.bytes || s.most < len(s.entities) {
		t.Fatalf("%d bytes, counted %d; %d entities, counted %d at most", sum, s.bytes, len(s.entities), s.most)
	}
}

// world makes up entities that come and go under clocks that step.
type world struct {
	r     *rand.Rand
	store *Store
	truth truth
	// clock is that of the store, wall the one that samples bear.
	clock, wall time.Time
	names       []string
	interval    time.Duration
	steps       bool
}

func newWorld(seed uint64, c Config) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 6)), truth: truth{}, clock: noon, wall: noon, interval: time.Second}
	c.Now = func() time.Time { return w.clock }
	w.store = New(c)
	for n := range 6 {
		w.names = append(w.names, fmt.Sprintf("container/%d", n))
	}
	return w
}

func (w *world) append(name string) {
	values := []Value{{metric.CPUUsage, float64(w.r.IntN(1e6))}, {metric.Processes, 12}, {metric.MemorySwap, math.NaN()}}
	if w.r.IntN(3) > 0 {
		values = append(values, Value{metric.MemoryUsage, float64(w.r.IntN(1000)) * 4096})
	}
	if w.r.IntN(2) > 0 {
		slices.Reverse(values)
	}
	w.store.Append(name, w.wall, values)
	w.truth.append(name, w.wall, w.clock, values)
}

// tick is one look at everything.
func (w *world) tick() {
	d := w.interval + time.Duration(w.r.IntN(20)-10)*time.Millisecond
	if w.r.IntN(50) == 0 {
		d += time.Duration(w.r.IntN(60_000)) * time.Millisecond
	}
	w.clock, w.wall = w.clock.Add(d), w.wall.Add(d)
	if w.steps && w.r.IntN(60) == 0 {
		w.wall = w.wall.Add(time.Duration(w.r.IntN(600_001)-300_000) * time.Millisecond)
	}
	for i, name := range w.names {
		switch w.r.IntN(20) {
		case 0:
		case 1:
			// Two at the same time.
			w.append(name)
			w.append(name)
		default:
			w.append(name)
		}
		if w.r.IntN(200) == 0 {
			w.names[i] = fmt.Sprintf("container/%d", len(w.truth)+100)
		}
	}
}

// compare asks the store and the truth the same.
func (w *world) compare(t *testing.T, name string, rows []row) {
	t.Helper()
	for range 4 {
		id := []metric.ID{metric.CPUUsage, metric.MemoryUsage, metric.Processes, metric.MemorySwap}[w.r.IntN(4)]
		first := rows[w.r.IntN(len(rows))].ms
		lo := first + w.r.Int64N(5000) - 2500
		hi := lo + 1 + w.r.Int64N([]int64{10, 10_000, 1_000_000}[w.r.IntN(3)])
		points := w.r.IntN(30)
		want, wantOK := summarize(rows, id, lo, hi, points)
		got, ok := w.store.Summarize(name, id, time.UnixMilli(lo), time.UnixMilli(hi), points)
		if diff := cmp.Diff(want, got, about); diff != "" || ok != wantOK {
			t.Fatalf("%s: %v from %d to %d, %d points: %v, %v\n%s", name, id, lo, hi, points, ok, wantOK, diff)
		}
	}
}

func TestSummarizeEqualsTruth(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		w := newWorld(seed, Config{Retention: 24 * time.Hour})
		w.steps = seed%2 > 0
		if seed%3 == 0 {
			// Blocks are a minute at most.
			w.store.span = time.Minute.Milliseconds()
		}
		for range 600 {
			w.tick()
		}
		consistent(t, w.store)
		oldest := int64(math.MaxInt64)
		for name, rows := range w.truth {
			for range 5 {
				w.compare(t, name, rows)
			}
			for _, r := range rows {
				oldest = min(oldest, r.ms)
			}
		}
		if got := w.store.Oldest(); got.UnixMilli() != oldest {
			t.Errorf("seed %d: the oldest is of %v, want %v", seed, got, time.UnixMilli(oldest))
		}
		if got := w.store.Entities(); len(got) != len(w.truth) || !slices.IsSorted(got) {
			t.Errorf("seed %d: %d entities, want %d", seed, len(got), len(w.truth))
		}
	}
}

// What is left is always the rows that came last, and no more and no less than they ought to be.
func (w *world) left(t *testing.T) (newestGone, oldestKept time.Time) {
	t.Helper()
	consistent(t, w.store)
	oldestKept = w.clock
	kept := map[string]int{}
	names := w.store.Entities()
	for name, rows := range w.truth {
		n := everything(w.store, name, metric.CPUUsage)
		if n > len(rows) {
			t.Fatalf("%s has %d samples of %d", name, n, len(rows))
		}
		kept[name] = n
		if n < len(rows) {
			if gone := rows[len(rows)-n-1].arrived; gone.After(newestGone) {
				newestGone = gone
			}
		}
		if n > 0 {
			if first := rows[len(rows)-n].arrived; first.Before(oldestKept) {
				oldestKept = first
			}
			w.compare(t, name, rows[len(rows)-n:])
		}
		if _, listed := slices.BinarySearch(names, name); listed != (n > 0) {
			t.Fatalf("%s has %d samples and is listed: %v", name, n, listed)
		}
	}
	for name, rows := range w.truth {
		if kept[name] > 0 && !rows[len(rows)-1].arrived.After(newestGone) {
			t.Fatalf("%s is kept though others lost what is newer", name)
		}
	}
	return newestGone, oldestKept
}

func TestRetention(t *testing.T) {
	t.Parallel()
	const retention = 8 * time.Minute
	for seed := range uint64(4) {
		w := newWorld(seed, Config{Retention: retention})
		w.steps = seed%2 > 0
		w.interval = []time.Duration{time.Second, 10 * time.Second}[seed/2]
		for n := range 1500 {
			w.tick()
			if n%100 != 99 {
				continue
			}
			gone, kept := w.left(t)
			if age := w.clock.Sub(gone); age <= retention {
				t.Fatalf("seed %d: a sample of %v ago is gone", seed, age)
			}
			// A block of a quarter more, and the time between two looks, which is a minute and a bit at most.
			if age := w.clock.Sub(kept); age > retention+retention/4+retention/32+80*time.Second {
				t.Fatalf("seed %d: a sample of %v ago is kept", seed, age)
			}
		}
		// Of those that are gone nothing is left.
		if n := len(w.store.entities); n > 40 {
			t.Errorf("seed %d: %d entities of %d are kept", seed, n, len(w.truth))
		}
	}
}

// A clock that is a year ahead for a while neither clears the history nor leaves samples that stay.
func TestRetentionClockAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(1, Config{Retention: time.Minute})
	for _, d := range []time.Duration{0, 365 * 24 * time.Hour, -365 * 24 * time.Hour, 0} {
		w.wall = w.wall.Add(d)
		for range 20 {
			w.tick()
		}
		if gone, _ := w.left(t); !gone.IsZero() && w.clock.Sub(gone) <= time.Minute {
			t.Fatalf("after a step of %v a sample of %v ago is gone", d, w.clock.Sub(gone))
		}
	}
	w.clock, w.wall = w.clock.Add(time.Hour), w.wall.Add(time.Hour)
	w.append("node")
	if got := w.store.Entities(); !slices.Equal(got, []string{"node"}) || !w.store.Oldest().Equal(w.wall) {
		t.Errorf("there are %v, the oldest of %v", got, w.store.Oldest())
	}
	// The clock of the store goes back: time stands still.
	w.clock = w.clock.Add(-24 * time.Hour)
	w.wall = w.wall.Add(time.Second)
	w.append("node")
	w.clock = w.clock.Add(24*time.Hour + time.Minute/2)
	w.wall = w.wall.Add(time.Second)
	w.append("node")
	if n := everything(w.store, "node", metric.CPUUsage); n != 3 {
		t.Errorf("%d samples, want 3", n)
	}
}

// When there is no room the oldest go first, of all alike: whoever sends more does not lose its past before others.
func TestEviction(t *testing.T) {
	t.Parallel()
	const retention = 24 * time.Hour
	w := newWorld(1, Config{MaxBytes: 1, Retention: retention})
	if w.store.maxBytes != MinBytes {
		t.Fatalf("%d bytes at most", w.store.maxBytes)
	}
	w.store.span = (5 * time.Minute).Milliseconds()
	for n := range 40 {
		w.names = append(w.names, fmt.Sprintf("container/more/%d", n))
	}
	evicted := 0
	for n := range 3000 {
		w.tick()
		if n%10 == 0 {
			w.append("seldom")
		}
		if w.store.Bytes() > MinBytes {
			t.Fatalf("%d bytes", w.store.Bytes())
		}
		if n%500 != 499 {
			continue
		}
		gone, kept := w.left(t)
		if gone.IsZero() {
			continue
		}
		evicted++
		if early := gone.Sub(kept); early > 5*time.Minute {
			t.Fatalf("%v more are kept of some than of others", early)
		}
		if bytes := w.store.Bytes(); bytes < MinBytes*9/10 {
			t.Fatalf("only %d bytes are in use", bytes)
		}
	}
	if evicted == 0 {
		t.Error("nothing was evicted")
	}
}

// 100 new entities a second, each with some samples.
func TestChurn(t *testing.T) {
	t.Parallel()
	now := noon
	const most = 4 << 20
	s := New(Config{MaxBytes: most, Now: func() time.Time { return now }})
	values := make([]Value, 12)
	for i := range values {
		values[i] = Value{metric.ID(i), float64(i)}
	}
	for second := range 300 {
		now = now.Add(time.Second)
		for n := range 100 {
			name := fmt.Sprintf("container/%032x", second*100+n)
			s.Describe(name, []byte(`{"name":"job","pod":"batch"}`))
			s.Append(name, now, values)
			if second > 3 {
				s.Append(fmt.Sprintf("container/%032x", (second-3)*100+n), now, values)
			}
		}
		s.Append("node", now, values)
		if s.Bytes() > most {
			t.Fatalf("%d s: %d bytes", second, s.Bytes())
		}
	}
	consistent(t, s)
	// Those that go take the past of the node with them, but not its present.
	if n := everything(s, "node", metric.CPUUsage); n < 5 || n == 300 {
		t.Errorf("%d samples of the node", n)
	}
	// Without churn the memory comes back.
	for range 1000 {
		now = now.Add(time.Second)
		s.Append("node", now, values)
	}
	if bytes := s.Bytes(); bytes > 100<<10 || len(s.entities) != 1 {
		t.Errorf("%d bytes for %d entities", bytes, len(s.entities))
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	now := noon
	s := New(Config{MaxBytes: MinBytes, Retention: time.Minute, Now: func() time.Time { return now }})
	if about := s.About("a"); about != nil {
		t.Errorf("About of nothing is %q", about)
	}
	text := []byte("one")
	s.Describe("a", text)
	text[0] = 'x'
	if got := string(s.About("a")); got != "one" {
		t.Errorf("About = %q, want one", got)
	}
	if got := s.Entities(); len(got) != 0 || !s.Oldest().IsZero() {
		t.Errorf("there are samples of %v", got)
	}
	old := s.About("a")
	s.Describe("a", []byte("two"))
	if string(old) != "one" || string(s.About("a")) != "two" {
		t.Errorf("About = %q, before %q", s.About("a"), old)
	}
	s.Describe("a", make([]byte, MaxAboutBytes+1))
	s.Describe("", text)
	s.Describe(strings.Repeat("a", MaxEntityBytes+1), text)
	if string(s.About("a")) != "two" || len(s.entities) != 1 {
		t.Errorf("what is too long is kept")
	}
	s.Append("b", now, []Value{{metric.CPUUsage, 1}})
	now = now.Add(2 * time.Minute)
	s.Append("c", now, []Value{{metric.CPUUsage, 1}})
	if s.About("a") != nil || !slices.Equal(s.Entities(), []string{"c"}) {
		t.Errorf("after the retention there are %v, about a is %q", s.Entities(), s.About("a"))
	}
	// Bounded, also if there is nothing to say.
	for n := range 20_000 {
		s.Describe(fmt.Sprint(n), nil)
		if s.Bytes() > MinBytes {
			t.Fatalf("%d bytes after %d", s.Bytes(), n)
		}
	}
	consistent(t, s)
}

func TestAppendUnusable(t *testing.T) {
	t.Parallel()
	s := New(Config{})
	for name, values := range map[string][]Value{
		"":                                    {{metric.CPUUsage, 1}},
		strings.Repeat("a", MaxEntityBytes+1): {{metric.CPUUsage, 1}},
		"nothing":                             nil,
		"not finite":                          {{metric.CPUUsage, math.Inf(1)}, {metric.CPUUser, math.Inf(-1)}, {metric.Processes, math.NaN()}},
		"not known":                           {{metric.Count, 1}, {255, 1}},
	} {
		s.Append(name, noon, values)
	}
	if len(s.entities) != 0 {
		t.Errorf("there are %d entities", len(s.entities))
	}
	s.Append("a", noon, []Value{{metric.CPUUsage, math.NaN()}, {metric.Count, 2}, {metric.Processes, 3}})
	if sum, ok := s.Summarize("a", metric.Processes, noon, noon.Add(1), 1); !ok || sum.LastValue != 3 || sum.Points[0] != 3 {
		t.Errorf("%+v, %v", sum, ok)
	}
}

func TestSummarizeEdges(t *testing.T) {
	t.Parallel()
	s := New(Config{Retention: time.Hour, Now: func() time.Time { return noon }})
	for n, v := range []float64{math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64} {
		s.Append("a", noon.Add(time.Duration(n)*time.Second), []Value{{metric.CPUUsage, v}})
	}
	for _, test := range []struct {
		name     string
		from, to time.Time
		points   int
		samples  int
	}{
		{"before", noon.Add(-time.Hour), noon, 3, 0},
		{"up to the first", noon.Add(-time.Hour), noon.Add(1), 3, 1},
		{"just after the first", noon.Add(1), noon.Add(time.Hour), 3, 3},
		{"after", noon.Add(4 * time.Second), noon.Add(time.Hour), 3, 0},
		{"backwards", noon.Add(time.Hour), noon, 3, 0},
		{"nothing", noon, noon, 3, 0},
		{"all", noon, noon.Add(time.Hour), -1, 4},
		{"too many points", noon, noon.Add(time.Hour), MaxPoints + 1, 4},
		{"more points than milliseconds", noon, noon.Add(time.Millisecond), 10, 1},
		{"a long time", time.UnixMilli(math.MinInt64), time.UnixMilli(math.MaxInt64), MaxPoints, 4},
	} {
		sum, ok := s.Summarize("a", metric.CPUUsage, test.from, test.to, test.points)
		if ok != (test.samples > 0) || sum.Samples != test.samples {
			t.Errorf("%s: %d samples, want %d", test.name, sum.Samples, test.samples)
			continue
		}
		if !ok {
			continue
		}
		if math.IsNaN(sum.Mean) || math.IsInf(sum.Mean, 0) {
			t.Errorf("%s: mean %v", test.name, sum.Mean)
		}
		if want := min(max(test.points, 0), MaxPoints); len(sum.Points) != want {
			t.Errorf("%s: %d points, want %d", test.name, len(sum.Points), want)
		}
		if n := len(slices.DeleteFunc(slices.Clone(sum.Points), math.IsNaN)); len(sum.Points) > 0 && (n == 0 || n > test.samples) {
			t.Errorf("%s: %d points are something", test.name, n)
		}
	}
	if _, ok := s.Summarize("b", metric.CPUUsage, noon, noon.Add(time.Hour), 0); ok {
		t.Error("there is something of an entity that there is not")
	}
	if _, ok := s.Summarize("a", metric.CPUUser, noon, noon.Add(time.Hour), 0); ok {
		t.Error("there is something of a metric that there is not")
	}
}

// A gap weighs as three samples, and a window is asked about with the sample before it.
func TestMeanWeighs(t *testing.T) {
	t.Parallel()
	s := New(Config{Retention: time.Hour, Now: func() time.Time { return noon }})
	for _, x := range []struct {
		second int
		v      float64
	}{{0, 100}, {10, 0}, {20, 0}, {25, 40}, {125, 10}, {135, 0}} {
		s.Append("a", noon.Add(time.Duration(x.second)*time.Second), []Value{{metric.CPUUsage, x.v}})
	}
	for _, test := range []struct {
		from int
		want float64
	}{
		// Weights 10 (the median), 10, 10, 5, 30 instead of 100, 10.
		{0, (100*10 + 40*5 + 10*30) / 75.},
		// Weights 10, 10, 5, 30, 10: the distance from the first one is known.
		{10, (40*5 + 10*30) / 65.},
		// Weights 100, which is the median of the two, and 10.
		{100, 10 * 100 / 110.},
	} {
		sum, ok := s.Summarize("a", metric.CPUUsage, noon.Add(time.Duration(test.from)*time.Second), noon.Add(time.Hour), 0)
		if !ok || math.Abs(sum.Mean-test.want) > 1e-9 {
			t.Errorf("from %d s: mean %v, want %v", test.from, sum.Mean, test.want)
		}
	}
}

// Bytes is what the heap has grown by: nearly, as the room in the map is an estimate. It runs while no other test does.
func TestBytesIsMemory(t *testing.T) {
	const factor = 1.1
	for _, test := range []struct {
		name           string
		entities, rows int
		churn          bool
	}{{"few with many rows", 100, 900, false}, {"many with some rows", 5000, 40, false}, {"come and go", 300, 300, true}} {
		before := heap()
		now := noon
		s := New(Config{MaxBytes: 8 << 20, Now: func() time.Time { return now }})
		l := newLoad(1)
		for n := range test.rows {
			now = now.Add(time.Second)
			for i := range test.entities {
				if test.churn {
					i += n * 50
				}
				s.Append(fmt.Sprintf("container/%016x", i), now, l.values(i%50))
			}
		}
		clear(l.memory)
		grown, told := float64(heap()-before), float64(s.Bytes())
		t.Logf("%s: %.0f bytes, heap %.0f, %.2f times", test.name, told, grown, grown/told)
		if told < grown/factor || told > grown*factor {
			t.Errorf("%s: %.0f bytes, the heap has grown by %.0f", test.name, told, grown)
		}
		if told > 8<<20 {
			t.Errorf("%s: %.0f bytes are too many", test.name, told)
		}
		consistent(t, s)
	}
}

// What the structs take is as the allocator has it.
func TestSizes(t *testing.T) {
	t.Parallel()
	if a, b := reflect.TypeFor[entity]().Size(), reflect.TypeFor[block]().Size(); a != entityBytes || b != blockBytes {
		t.Errorf("an entity takes %d, a block %d, counted %d and %d", a, b, entityBytes, blockBytes)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Readers see a row as a whole and in order, while one appends.
func TestReaders(t *testing.T) {
	t.Parallel()
	var clock struct {
		sync.Mutex
		now time.Time
	}
	clock.now = noon
	s := New(Config{MaxBytes: MinBytes, Retention: time.Minute, Now: func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		return clock.now
	}})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				// Of each entity the values are the seconds since noon.
				name := fmt.Sprint("e", n%30)
				sum, ok := s.Summarize(name, metric.CPUUsage, noon, noon.Add(time.Hour), 5)
				if ok && (sum.Min != sum.First.Sub(noon).Seconds() || sum.LastValue != sum.Last.Sub(noon).Seconds() || sum.Max != sum.LastValue ||
					sum.Samples != int(sum.Max-sum.Min)+1) {
					t.Errorf("%s: %+v", name, sum)
					return
				}
				if about := s.About(name); about != nil && string(about[:2]) != "of" {
					t.Errorf("about %s: %q", name, about)
					return
				}
				if names := s.Entities(); !slices.IsSorted(names) || s.Bytes() > MinBytes || s.Oldest().After(noon.Add(time.Hour)) {
					t.Errorf("%d entities, %d bytes", len(names), s.Bytes())
					return
				}
			}
		})
	}
	for second := range 400 {
		clock.Lock()
		clock.now = noon.Add(time.Duration(second) * time.Second)
		now := clock.now
		clock.Unlock()
		for n := range 30 {
			name := fmt.Sprint("e", n)
			s.Describe(name, fmt.Append(nil, "of ", second/10))
			s.Append(name, now, []Value{{metric.CPUUsage, float64(second)}, {metric.Processes, 1}})
		}
	}
	close(done)
	readers.Wait()
	consistent(t, s)
}
