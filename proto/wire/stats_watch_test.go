// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

var watchStart = time.Unix(1_700_000_000, 123_456_789).UTC()

// fakeNode makes snapshots of things that come, go, begin anew, stand still and cannot be read.
type fakeNode struct {
	random   *rand.Rand
	metrics  []metric.ID
	usages   []*stats.Usage
	made     uint64
	sequence uint64
	boot     time.Duration
}

func newFakeNode(seed uint64, metrics []metric.ID) *fakeNode {
	f := &fakeNode{random: rand.New(rand.NewPCG(seed, 1)), metrics: metrics, boot: time.Hour}
	f.usages = []*stats.Usage{{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: "n", Cgroup: "/"}}}
	for range 10 {
		f.add()
	}
	return f
}

func (f *fakeNode) add() {
	f.made++
	kind := []stats.Kind{stats.KindPod, stats.KindContainer, stats.KindUnit}[f.random.IntN(3)]
	id := fmt.Sprint("id", f.random.IntN(20))
	e := &stats.Entity{Key: stats.Key{Kind: kind, ID: id, Generation: f.made}, Name: id}
	switch kind {
	case stats.KindPod:
		e.UID = id
	case stats.KindContainer:
		e.ContainerID = id
	}
	f.usages = append(f.usages, &stats.Usage{Entity: e})
}

// change makes of a number the next one.
func (f *fakeNode) change(id metric.ID, v uint64) uint64 {
	switch f.random.IntN(12) {
	case 0:
		return 0
	case 1:
		return f.random.Uint64() >> 1
	case 2:
		return math.MaxInt64
	case 3:
		return v / 2
	case 4:
		return uint64(f.random.IntN(1000))
	}
	if id.Info().Unit == metric.UnitBytes {
		return min(v+4096*uint64(f.random.IntN(100)), math.MaxInt64)
	}
	return min(v+uint64(f.random.IntN(2e9)), math.MaxInt64)
}

// forget takes a number out of a set.
func forget(s *metric.Set, id metric.ID) {
	var rest metric.Set
	for other := range metric.Count {
		if v, ok := s.Get(other); ok && other != id {
			rest.Put(other, v)
		}
	}
	*s = rest
}

// look returns the next snapshot.
func (f *fakeNode) look() *stats.Snapshot {
	f.sequence++
	f.boot += time.Duration(f.random.Int64N(int64(2 * time.Second)))
	switch f.random.IntN(6) {
	case 0:
		f.add()
	case 1:
		if n := len(f.usages); n > 1 {
			i := 1 + f.random.IntN(n-1)
			f.usages = slices.Delete(f.usages, i, i+1)
		}
	case 2:
		// Something about it changed, or it was only made anew.
		u := f.usages[f.random.IntN(len(f.usages))]
		e := *u.Entity
		if f.random.IntN(2) == 0 {
			e.Labels = map[string]string{"l": fmt.Sprint(f.sequence)}
		}
		u.Entity = &e
	}
	s := &stats.Snapshot{Sequence: f.sequence, Time: watchStart.Add(f.boot), Interval: time.Second}
	if f.random.IntN(10) == 0 {
		s.Problems = []string{fmt.Sprint("problem ", f.sequence)}
	}
	for i, u := range f.usages {
		if f.random.IntN(4) == 0 && u.Boot > 0 && i > 0 {
			// It could not be read again.
		} else {
			u.Boot = f.boot + time.Duration(i)*100*time.Microsecond + time.Duration(f.random.IntN(20_000))
			if f.random.IntN(10) == 0 {
				u.Boot += 50 * time.Millisecond
			}
			u.Time = watchStart.Add(u.Boot)
			if f.random.IntN(2) == 0 {
				for _, id := range f.metrics {
					if f.random.IntN(8) == 0 {
						forget(&u.Numbers, id)
					} else if f.random.IntN(3) > 0 {
						u.Numbers.Put(id, f.change(id, u.Numbers.Value(id)))
					}
				}
			}
		}
		if i == 0 {
			s.Node = *u
		} else {
			s.Usages = append(s.Usages, *u)
		}
	}
	return s
}

// known are the numbers of a look by key.
func known(look *StatsLook) map[stats.Key]metric.Set {
	out := make(map[stats.Key]metric.Set)
	for _, row := range look.Rows {
		var set metric.Set
		row.Numbers(&set)
		out[row.Entity.Key] = set
	}
	return out
}

// wanted are those of a snapshot: CPU time in whole microseconds.
func wanted(s *stats.Snapshot, kinds []stats.Kind, metrics []metric.ID) map[stats.Key]metric.Set {
	out := make(map[stats.Key]metric.Set)
	for _, u := range append([]stats.Usage{s.Node}, s.Usages...) {
		if !slices.Contains(kinds, u.Entity.Key.Kind) {
			continue
		}
		var set metric.Set
		for _, id := range metrics {
			if v, ok := u.Numbers.Get(id); ok {
				if id.Info().Unit == metric.UnitNanoseconds {
					v -= v % 1000
				}
				set.Put(id, v)
			}
		}
		out[u.Entity.Key] = set
	}
	return out
}

// checkLook compares a look with the snapshot that it is of.
func checkLook(t *testing.T, look *StatsLook, s *stats.Snapshot, c *StatsWatchConfig) {
	t.Helper()
	if want, got := wanted(s, c.Kinds, c.Metrics), known(look); !maps.Equal(want, got) {
		t.Fatalf("look %d (-want +got):\n%s", s.Sequence, cmp.Diff(want, got, cmp.AllowUnexported(metric.Set{})))
	}
	if !slices.Equal(look.Problems, s.Problems) || look.Node != "n" || look.BootID != c.BootID || look.Interval != time.Second {
		t.Errorf("look %d: %+v", s.Sequence, look)
	}
	usages := map[stats.Key]*stats.Usage{s.Node.Entity.Key: &s.Node}
	for i := range s.Usages {
		usages[s.Usages[i].Entity.Key] = &s.Usages[i]
	}
	for _, row := range look.Rows {
		u := usages[row.Entity.Key]
		if !u.Entity.Same(row.Entity) {
			t.Errorf("look %d (-want +got):\n%s", s.Sequence, cmp.Diff(u.Entity, row.Entity))
		}
		off := row.Boot - u.Boot.Truncate(time.Microsecond)
		if row.Told && off != 0 || off.Abs() > watchTolerance {
			t.Errorf("look %d: %v was read at %v, want %v", s.Sequence, row.Entity.Key, row.Boot, u.Boot)
		}
		if wall := row.Time.Sub(u.Time); row.Told && wall.Abs() > time.Microsecond {
			t.Errorf("look %d: %v was read at %v, want %v", s.Sequence, row.Entity.Key, row.Time, u.Time)
		}
	}
}

func testWatchConfig(metrics []metric.ID) StatsWatchConfig {
	return StatsWatchConfig{
		Node: "n", BootID: journal.ID128{1}, Kinds: []stats.Kind{stats.KindNode, stats.KindContainer, stats.KindUnit}, Metrics: metrics, Token: "token",
	}
}

// TestStatsWatch: what is decoded are the numbers of the snapshots, over things that come, go and begin anew, looks that are left out,
// and streams that begin anew.
func TestStatsWatch(t *testing.T) {
	t.Parallel()
	var all []metric.ID
	for id := range metric.Count {
		all = append(all, id)
	}
	for seed := range uint64(40) {
		metrics := [][]metric.ID{defaultMetrics(), all, {metric.MemoryLimit}, {}}[seed%4]
		c := testWatchConfig(metrics)
		node, encoder := newFakeNode(seed, metrics), NewStatsWatchEncoder(c)
		var decoder StatsWatchDecoder
		var before map[stats.Key]metric.Set
		for n := range 300 {
			skipped := 0
			if node.random.IntN(10) == 0 {
				for range node.random.IntN(5) {
					node.look()
					skipped++
				}
			}
			anew := n == 0
			if node.random.IntN(100) == 0 {
				encoder, anew = NewStatsWatchEncoder(c), true
			}
			s := node.look()
			m := over(t, encoder.Encode(s, time.Second))
			look, err := decoder.Decode(m)
			if err != nil {
				t.Fatalf("seed %d, message %d: %v", seed, n, err)
			}
			checkLook(t, look, s, &c)
			if anew {
				skipped = 0
			}
			if look.Skipped != skipped || look.Anew != anew {
				t.Errorf("look %d: %d looks left out, want %d; anew %v, want %v", s.Sequence, look.Skipped, skipped, look.Anew, anew)
			}
			if token, sequence := decoder.Position(); token != "token" || sequence != encoder.Sequence() {
				t.Errorf("position %s, %d", token, sequence)
			}
			now := known(look)
			for key := range before {
				if _, there := now[key]; there == slices.Contains(look.Ended, key) {
					t.Errorf("look %d: %v is there: %v; ended are %v", s.Sequence, key, there, look.Ended)
				}
			}
			before = maps.Clone(now)
		}
	}
}

// TestStatsWatchAgain: messages that are sent again after a break give the same numbers as if there had been none.
func TestStatsWatchAgain(t *testing.T) {
	t.Parallel()
	c := testWatchConfig(defaultMetrics())
	node, encoder := newFakeNode(7, c.Metrics), NewStatsWatchEncoder(c)
	var messages []*nodedv1.StatsServiceWatchResponse
	var snapshots []*stats.Snapshot
	for range 100 {
		s := node.look()
		// Usages of the fake node go on to change.
		messages, snapshots = append(messages, over(t, encoder.Encode(s, time.Second))), append(snapshots, s)
	}
	var decoder StatsWatchDecoder
	for n, m := range messages {
		look, err := decoder.Decode(m)
		if err != nil {
			t.Fatal(err)
		}
		checkLook(t, look, snapshots[n], &c)
	}
	if _, err := decoder.Decode(messages[99]); !errors.Is(err, ErrCompactMalformed) {
		t.Errorf("a message twice: %v", err)
	}
	decoder = StatsWatchDecoder{}
	if _, err := decoder.Decode(messages[1]); !errors.Is(err, ErrCompactMalformed) {
		t.Errorf("a stream without its beginning: %v", err)
	}
	if _, err := decoder.Decode(messages[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := decoder.Decode(messages[2]); !errors.Is(err, ErrCompactMalformed) {
		t.Errorf("a message left out: %v", err)
	}
}

// TestStatsWatchKeyframes: there is one every minute, which has all rows and says nobody's name again.
func TestStatsWatchKeyframes(t *testing.T) {
	t.Parallel()
	c := testWatchConfig(defaultMetrics())
	encoder := NewStatsWatchEncoder(c)
	var got []int
	for n := range 130 {
		boot := time.Hour + time.Duration(n)*time.Second
		s := &stats.Snapshot{Sequence: uint64(n + 1), Time: watchStart.Add(boot), Interval: time.Second}
		s.Node = stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindNode}}, Boot: boot, Time: s.Time}
		s.Node.Numbers.Put(metric.CPUUsage, 5000)
		m := encoder.Encode(s, time.Second)
		if m.GetKeyframe() {
			got = append(got, n)
		}
		if rows := len(m.GetIdDeltas()); rows != map[bool]int{true: 1}[m.GetKeyframe()] || n > 0 && len(m.GetSubjects())+len(m.GetNode())+len(m.GetMetrics()) > 0 {
			t.Errorf("message %d: %v", n, m)
		}
	}
	if diff := cmp.Diff([]int{0, 60, 120}, got); diff != "" {
		t.Errorf("keyframes (-want +got):\n%s", diff)
	}
}

// TestStatsWatchManyRows: there are no more rows than a receiver takes, and the others come when there is room.
func TestStatsWatchManyRows(t *testing.T) {
	t.Parallel()
	c := testWatchConfig([]metric.ID{metric.MemoryUsage})
	encoder := NewStatsWatchEncoder(c)
	s := &stats.Snapshot{Sequence: 1, Time: watchStart, Interval: time.Second}
	s.Node.Entity = &stats.Entity{Key: stats.Key{Kind: stats.KindNode}}
	for n := range maxWatchRows + 10 {
		id := fmt.Sprint(n)
		s.Usages = append(s.Usages, stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindContainer, ID: id}, ContainerID: id}, Boot: time.Hour})
	}
	var decoder StatsWatchDecoder
	look, err := decoder.Decode(encoder.Encode(s, time.Second))
	if err != nil || len(look.Rows) != maxWatchRows {
		t.Fatalf("%d rows, %v", len(look.Rows), err)
	}
	if diff := cmp.Diff([]string{"11 more things have figures than a stream can tell of"}, look.Problems); diff != "" {
		t.Error(diff)
	}
	s = &stats.Snapshot{Sequence: 2, Time: watchStart, Interval: time.Second, Node: s.Node, Usages: s.Usages[100:]}
	look, err = decoder.Decode(encoder.Encode(s, time.Second))
	if err != nil || len(look.Rows) != maxWatchRows+10+1-100 || len(look.Problems) > 0 {
		t.Fatalf("%d rows, %v, %q", len(look.Rows), err, look.Problems)
	}
}

// TestStatsWatchLargeSubjects: who somebody is takes no more room than a receiver gives, however it is labelled.
func TestStatsWatchLargeSubjects(t *testing.T) {
	t.Parallel()
	c := testWatchConfig([]metric.ID{metric.MemoryUsage})
	c.Kinds = []stats.Kind{stats.KindPod, stats.KindUnit}
	encoder := NewStatsWatchEncoder(c)
	large := map[string]string{}
	for n := range 1000 {
		large[fmt.Sprint(n)] = strings.Repeat("x", 63)
	}
	s := &stats.Snapshot{Sequence: 1, Time: watchStart, Interval: time.Second}
	add := func(e stats.Entity) { s.Usages = append(s.Usages, stats.Usage{Entity: &e, Boot: time.Hour}) }
	add(stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: "u1"}, UID: "u1", Name: "web", Labels: large})
	add(stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: "u2"}, UID: "u2", Name: strings.Repeat("x", maxWatchSubjectBytes)})
	add(stats.Entity{Key: stats.Key{Kind: stats.KindUnit, ID: "a\xff.service"}, Name: "a\xff.service"})
	add(stats.Entity{Key: stats.Key{Kind: stats.KindUnit, ID: "a\xfe.service"}, Name: "a\xfe.service"})
	var decoder StatsWatchDecoder
	// Not more, and not less, when nothing of it changes, or its names do.
	for n := range 3 {
		look, err := decoder.Decode(over(t, encoder.Encode(s, time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range look.Rows {
			got = append(got, fmt.Sprint(row.Entity.Name, " ", len(row.Entity.Labels)))
		}
		if diff := cmp.Diff([]string{"web 0", "a\ufffd.service 0"}, got); diff != "" {
			t.Errorf("look %d (-want +got):\n%s", n, diff)
		}
		if diff := cmp.Diff([]string{"2 more things have figures than a stream can tell of"}, look.Problems); diff != "" {
			t.Error(diff)
		}
		renamed := *s.Usages[0].Entity
		renamed.Run++
		next := *s
		next.Sequence++
		next.Usages = slices.Clone(s.Usages)
		next.Usages[0].Entity = &renamed
		s = &next
	}
	// All together are bounded, too.
	encoder, s.Usages = NewStatsWatchEncoder(c), nil
	for n := range 600 {
		id := fmt.Sprint(n)
		add(stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: id}, UID: id, Name: strings.Repeat("x", maxWatchSubjectBytes-100)})
	}
	decoder = StatsWatchDecoder{}
	look, err := decoder.Decode(encoder.Encode(s, time.Second))
	if err != nil || len(look.Rows) < 500 || len(look.Rows) >= 520 || len(look.Problems) != 1 {
		t.Errorf("%d rows, %q, %v", len(look.Rows), look.Problems, err)
	}
}

// TestStatsWatchMalformed: what contradicts itself is an error.
func TestStatsWatchMalformed(t *testing.T) {
	t.Parallel()
	c := testWatchConfig(defaultMetrics())
	tests := []struct {
		name   string
		change func(first, second *nodedv1.StatsServiceWatchResponse)
	}{
		{"no reset", func(m, _ *nodedv1.StatsServiceWatchResponse) { m.Reset_ = false }},
		{"no keyframe", func(m, _ *nodedv1.StatsServiceWatchResponse) { m.Keyframe = false }},
		{"reset later", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Reset_, m.Keyframe = true, true }},
		{"sequence", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Sequence = 3 }},
		{"no time", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Time = nil }},
		{"bad interval", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Interval.Nanos = -1 }},
		{"boot time", func(_, m *nodedv1.StatsServiceWatchResponse) { m.BootTimeMicroseconds = math.MaxUint64 }},
		{"removed twice", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Removed = []uint32{2, 2} }},
		{"removed and told", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Removed = []uint32{1} }},
		{"an old id", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Removed = []uint32{2}; m.Subjects[0].Id = 2 }},
		{"id 0", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Subjects[0].Id = 0 }},
		{"another key", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Subjects[0].Id = 1 }},
		{"a new row without numbers", func(_, m *nodedv1.StatsServiceWatchResponse) {
			m.Subjects = append(m.Subjects, &nodedv1.StatsWatchSubject{Id: 99})
		}},
		{"a row of nobody", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Subjects = nil }},
		{"a row twice", func(_, m *nodedv1.StatsServiceWatchResponse) { m.IdDeltas[1] = 0 }},
		{"an id that wraps around", func(_, m *nodedv1.StatsServiceWatchResponse) { m.IdDeltas[1] = math.MaxUint32 }},
		{"few times", func(_, m *nodedv1.StatsServiceWatchResponse) { m.TimeDeltasMicroseconds = m.TimeDeltasMicroseconds[1:] }},
		{"many times", func(_, m *nodedv1.StatsServiceWatchResponse) {
			m.TimeDeltasMicroseconds = append(m.TimeDeltasMicroseconds, 1)
		}},
		{"a time that wraps around", func(_, m *nodedv1.StatsServiceWatchResponse) { m.TimeDeltasMicroseconds[0] = math.MaxInt64 }},
		{"a time before the boot", func(_, m *nodedv1.StatsServiceWatchResponse) { m.TimeDeltasMicroseconds[0] = -int64(time.Hour) }},
		{"few columns", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Columns = m.Columns[1:] }},
		{"many columns", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Columns = append(m.Columns, m.Columns[0]) }},
		{"no column", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Columns[0] = nil }},
		{"a short column", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Columns[0].Deltas = m.Columns[0].Deltas[1:] }},
		{"below 0", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Columns[0].Deltas[0] = math.MinInt64 }},
		{"too much", func(_, m *nodedv1.StatsServiceWatchResponse) {
			m.Columns[0].Shift, m.Columns[0].Deltas[0] = 0, math.MaxInt64
		}},
		{"shift", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Columns[0].Shift = 63 }},
		{"shifted out", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Columns[0].Shift, m.Columns[0].Deltas[0] = 62, 4 }},
		{"masks", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Masks = append(m.Masks, 1) }},
		{"mask of no row", func(_, m *nodedv1.StatsServiceWatchResponse) { m.MaskRows, m.Masks = []uint32{9}, []uint64{1} }},
		{"masks out of order", func(_, m *nodedv1.StatsServiceWatchResponse) { m.MaskRows, m.Masks = []uint32{1, 0}, []uint64{3, 3} }},
		{"mask of no number", func(_, m *nodedv1.StatsServiceWatchResponse) { m.MaskRows, m.Masks = []uint32{0}, []uint64{7} }},
		{"a number that is not known", func(_, m *nodedv1.StatsServiceWatchResponse) { m.MaskRows, m.Masks = []uint32{0}, []uint64{0} }},
		{"a keyframe without a row", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Keyframe, m.Removed = true, nil }},
		{"a key twice", func(_, m *nodedv1.StatsServiceWatchResponse) { m.Subjects[0].Subject.ContainerId = "a" }},
		{"a large subject", func(_, m *nodedv1.StatsServiceWatchResponse) {
			m.Subjects[0].Subject.Image = strings.Repeat("x", maxWatchSubjectBytes)
		}},
		{"a number twice", func(m, _ *nodedv1.StatsServiceWatchResponse) { m.Metrics = []string{"cpu_usage", "cpu_usage"} }},
		{"many numbers", func(m, _ *nodedv1.StatsServiceWatchResponse) { m.Metrics = make([]string, 65) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snapshot := func(n uint64, ids ...string) *stats.Snapshot {
				s := &stats.Snapshot{Sequence: n, Time: watchStart, Interval: time.Second}
				for i, id := range ids {
					u := stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindContainer, ID: id}, ContainerID: id}, Boot: time.Minute + time.Duration(i)}
					u.Numbers.Put(metric.CPUUsage, n*1e6+uint64(i)*1e3)
					u.Numbers.Put(metric.MemoryWorkingSet, n<<20)
					s.Usages = append(s.Usages, u)
				}
				return s
			}
			encoder := NewStatsWatchEncoder(c)
			first := over(t, encoder.Encode(snapshot(1, "a", "b", "c", "x"), time.Second))
			second := over(t, encoder.Encode(snapshot(2, "a", "c", "d"), time.Minute))
			tt.change(first, second)
			var decoder StatsWatchDecoder
			_, err := decoder.Decode(first)
			if err == nil {
				_, err = decoder.Decode(second)
			}
			if !errors.Is(err, ErrCompactMalformed) {
				t.Errorf("Decode() = %v", err)
			}
		})
	}
}

// TestStatsWatchLaterServer: numbers that this build does not know are left out.
func TestStatsWatchLaterServer(t *testing.T) {
	t.Parallel()
	encoder := NewStatsWatchEncoder(testWatchConfig(defaultMetrics()))
	m := over(t, encoder.Encode(newFakeNode(1, defaultMetrics()).look(), time.Second))
	m.Metrics[0] = "later"
	var decoder StatsWatchDecoder
	look, err := decoder.Decode(m)
	if err != nil || len(look.Metrics) != 1 || look.Metrics[0] != metric.MemoryWorkingSet {
		t.Fatalf("Decode() = %v, %v", look, err)
	}
	for _, row := range look.Rows {
		var set metric.Set
		row.Numbers(&set)
		if set.Has(metric.CPUUsage) {
			t.Errorf("numbers of %v: %v", row.Entity.Key, set)
		}
		if _, ok := row.Get(metric.CPUUsage); ok {
			t.Errorf("%v has cpu_usage", row.Entity.Key)
		}
		v, ok := row.Get(metric.MemoryWorkingSet)
		if ok != set.Has(metric.MemoryWorkingSet) || v != set.Value(metric.MemoryWorkingSet) {
			t.Errorf("%v has %d, %v", row.Entity.Key, v, ok)
		}
	}
}

// FuzzStatsWatchDecoder: no bytes make the decoder panic, or take numbers that there cannot be.
func FuzzStatsWatchDecoder(f *testing.F) {
	for seed := range uint64(4) {
		node, encoder := newFakeNode(seed, defaultMetrics()), NewStatsWatchEncoder(testWatchConfig(defaultMetrics()))
		var all []byte
		for range 5 {
			data, err := proto.Marshal(encoder.Encode(node.look(), time.Second))
			if err != nil {
				f.Fatal(err)
			}
			all = append(append(all, byte(len(data)>>8), byte(len(data))), data...)
		}
		f.Add(all)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var decoder StatsWatchDecoder
		for len(data) >= 2 {
			n := min(int(data[0])<<8|int(data[1]), len(data)-2)
			m := new(nodedv1.StatsServiceWatchResponse)
			if proto.Unmarshal(data[2:2+n], m) != nil || !decodeAnything(t, &decoder, m) {
				return
			}
			data = data[2+n:]
		}
	})
}

// FuzzStatsWatchSpoiled: neither does any change of numbers in messages that were right.
func FuzzStatsWatchSpoiled(f *testing.F) {
	f.Add(uint64(1), uint(0), uint(0), uint(0), uint64(1))
	f.Add(uint64(2), uint(3), uint(9), uint(2), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, seed uint64, which, field, item uint, v uint64) {
		node, encoder := newFakeNode(seed, defaultMetrics()), NewStatsWatchEncoder(testWatchConfig(defaultMetrics()))
		var decoder StatsWatchDecoder
		for n := range 6 {
			m := encoder.Encode(node.look(), time.Second)
			if uint(n) == which%6 {
				spoil(m, field, item, v)
			}
			if !decodeAnything(t, &decoder, m) {
				return
			}
		}
	})
}

// spoil changes an item of a field of a message.
func spoil(m *nodedv1.StatsServiceWatchResponse, field, item uint, v uint64) {
	switch field % 13 {
	case 0:
		m.Sequence = v
	case 1:
		m.Reset_, m.Keyframe = v&1 == 0, v&2 == 0
	case 2:
		m.BootTimeMicroseconds = v
	case 3:
		m.Removed = append(m.Removed, uint32(v))
	case 4:
		set(m.IdDeltas, item, uint32(v))
	case 5:
		set(m.TimeDeltasMicroseconds, item, int64(v))
	case 6:
		set(m.MaskRows, item, uint32(v))
	case 7:
		set(m.Masks, item, v)
	case 8:
		if len(m.Columns) > 0 {
			set(m.Columns[item%uint(len(m.Columns))].Deltas, item/2, int64(v))
		}
	case 9:
		if len(m.Columns) > 0 {
			m.Columns[item%uint(len(m.Columns))].Shift = uint32(v)
		}
	case 10:
		if len(m.Subjects) > 0 {
			m.Subjects[item%uint(len(m.Subjects))].Id = uint32(v)
		}
	case 11:
		m.Subjects = append(m.Subjects, &nodedv1.StatsWatchSubject{Id: uint32(v)})
	case 12:
		m.Masks, m.MaskRows = append(m.Masks, v), append(m.MaskRows, uint32(item))
	}
}

func set[T any](list []T, item uint, v T) {
	if n := uint(len(list)); n > 0 {
		list[item%n] = v
	}
}

// decodeAnything decodes a message and checks what comes of it; ok is false when it was malformed.
func decodeAnything(t *testing.T, decoder *StatsWatchDecoder, m *nodedv1.StatsServiceWatchResponse) (ok bool) {
	look, err := decoder.Decode(m)
	if err != nil {
		if !errors.Is(err, ErrCompactMalformed) {
			t.Errorf("Decode() = %v", err)
		}
		return false
	}
	if len(look.Rows) > maxWatchRows {
		t.Errorf("%d rows", len(look.Rows))
	}
	for _, row := range look.Rows {
		var numbers metric.Set
		row.Numbers(&numbers)
		for _, id := range look.Metrics {
			v, ok := row.Get(id)
			if w, has := numbers.Get(id); v != w || ok != has || v > math.MaxInt64 && id.Info().Unit != metric.UnitNanoseconds {
				t.Errorf("%v of %v: %d, %v", id, row.Entity.Key, v, ok)
			}
		}
		if row.Boot < 0 || row.Entity == nil {
			t.Errorf("%v was read at %v", row.Entity, row.Boot)
		}
	}
	return true
}

// busyNode is 110 pods of two containers and a sandbox each, of which a part is idle.
type busyNode struct {
	random *rand.Rand
	s      stats.Snapshot
	boot   time.Duration
	idle   int
}

func newBusyNode(idle int) *busyNode {
	b := &busyNode{random: rand.New(rand.NewPCG(1, 2)), boot: 100 * time.Hour, idle: idle}
	b.s.Node.Entity = &stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: "node-1.example", Cgroup: "/"}
	for pod := range 110 {
		for c := range 2 {
			id := fmt.Sprintf("%064x", pod*10+c)
			b.s.Usages = append(b.s.Usages, stats.Usage{Entity: &stats.Entity{
				Key: stats.Key{Kind: stats.KindContainer, ID: id, Generation: 1}, ContainerID: id, Name: fmt.Sprint("app-", c), Namespace: "default",
				Pod: fmt.Sprintf("web-%d-7d9fb6c4b-x2x8k", pod), UID: fmt.Sprintf("0f7c2a52-8d4e-4d0c-9d3e-%012x", pod), Image: "registry.example/web:1.25",
				Runtime: "containerd", Labels: map[string]string{"app": "web", "pod-template-hash": "7d9fb6c4b"},
				Cgroup: "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f7c2a52_8d4e_4d0c_9d3e_1f2b3c4d5e6f.slice/cri-containerd-" + id + ".scope",
			}})
		}
	}
	return b
}

// look is a second later: of what is not idle, containers use between 1 m and 500 m, and their memory moves by some hundred pages.
func (b *busyNode) look() *stats.Snapshot {
	b.s.Sequence++
	b.boot += time.Second + time.Duration(b.random.IntN(2e6))
	b.s.Time, b.s.Interval = watchStart.Add(b.boot), time.Second
	at := b.boot
	for i := -1; i < len(b.s.Usages); i++ {
		u := &b.s.Node
		if i >= 0 {
			u = &b.s.Usages[i]
		}
		at += 40*time.Microsecond + time.Duration(b.random.IntN(40_000))
		u.Boot, u.Time = at, watchStart.Add(at)
		if i >= 0 && i%100 < b.idle && b.s.Sequence > 1 {
			continue
		}
		u.Numbers.Put(metric.CPUUsage, u.Numbers.Value(metric.CPUUsage)+uint64(math.Exp(b.random.Float64()*math.Log(500))*1e6))
		pages := int64(b.random.NormFloat64() * 200)
		u.Numbers.Put(metric.MemoryWorkingSet, uint64(max(0, int64(u.Numbers.Value(metric.MemoryWorkingSet))+4096*pages)))
	}
	return &b.s
}

// TestStatsWatchBytes holds the size of a message down.
func TestStatsWatchBytes(t *testing.T) {
	t.Parallel()
	for _, idle := range []int{0, 80} {
		node, encoder := newBusyNode(idle), NewStatsWatchEncoder(testWatchConfig(defaultMetrics()))
		first := proto.Size(encoder.Encode(node.look(), time.Second))
		bytes, rows, keyframe := 0, 0, 0
		const looks = 120
		for range looks {
			m := encoder.Encode(node.look(), time.Second)
			if m.GetKeyframe() {
				keyframe = proto.Size(m)
				continue
			}
			bytes += proto.Size(m)
			rows += len(m.GetIdDeltas())
		}
		perRow := float64(bytes) / float64(rows)
		t.Logf("221 rows, %d%% idle: first message %d B, keyframe %d B, a look %d B with %d rows, %.1f B a row", idle, first, keyframe, bytes/looks, rows/looks, perRow)
		if perRow > 12 {
			t.Errorf("%.1f bytes for a row that changed, want 12 at most", perRow)
		}
	}
}

func BenchmarkStatsWatch(b *testing.B) {
	node := newBusyNode(0)
	encoder := NewStatsWatchEncoder(testWatchConfig(defaultMetrics()))
	var decoder StatsWatchDecoder
	bytes := 0
	b.ReportAllocs()
	for b.Loop() {
		m := encoder.Encode(node.look(), time.Second)
		data, err := proto.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		bytes += len(data)
		got := new(nodedv1.StatsServiceWatchResponse)
		if err := proto.Unmarshal(data, got); err != nil {
			b.Fatal(err)
		}
		if _, err := decoder.Decode(got); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "B/look")
}
