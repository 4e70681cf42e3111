// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

// fakeHistory keeps all it is told.
type fakeHistory struct {
	mu      sync.Mutex
	about   map[string]string
	samples map[string][]historySample
}

type historySample struct {
	at time.Time
	id metric.ID
	v  float64
}

func newHistory() *fakeHistory {
	return &fakeHistory{about: map[string]string{}, samples: map[string][]historySample{}}
}

func (h *fakeHistory) Append(entity string, t time.Time, values []HistoryValue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range values {
		h.samples[entity] = append(h.samples[entity], historySample{t, v.ID, v.V})
	}
}

func (h *fakeHistory) Describe(entity string, about []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.about[entity] = string(about)
}

func (h *fakeHistory) About(entity string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return []byte(h.about[entity])
}

func (h *fakeHistory) Entities() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.samples))
}

func (h *fakeHistory) of(entity string, id metric.ID) []historySample {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []historySample
	for _, s := range h.samples[entity] {
		if s.id == id {
			out = append(out, s)
		}
	}
	return out
}

func (h *fakeHistory) Summarize(entity string, id metric.ID, from, to time.Time, points int) (Summary, bool) {
	var s Summary
	for _, x := range h.of(entity, id) {
		if x.at.Before(from) || !x.at.Before(to) {
			continue
		}
		if s.Samples == 0 {
			s.First, s.Min = x.at, x.v
		}
		s.Samples++
		s.Last, s.LastValue = x.at, x.v
		s.Min, s.Max = min(s.Min, x.v), max(s.Max, x.v)
		s.Mean += (x.v - s.Mean) / float64(s.Samples)
	}
	s.P95 = s.Max
	for range points {
		s.Points = append(s.Points, s.Mean)
	}
	return s, s.Samples > 0
}

func (h *fakeHistory) Oldest() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	var oldest time.Time
	for _, list := range h.samples {
		for _, s := range list {
			if oldest.IsZero() || s.at.Before(oldest) {
				oldest = s.at
			}
		}
	}
	return oldest
}

// burn lets a cgroup use other cores from now on.
func (w *world) burn(path string, cores float64) {
	g := w.groups[path]
	g.offset += uint64(math.Round(g.cores * float64(w.boot()-g.born)))
	g.born, g.cores = w.boot(), cores
}

// What history has adds up to what was used, however often somebody looked and whatever the clock was set to.
func TestHistoryIsTrue(t *testing.T) {
	t.Parallel()
	h := newHistory()
	const path, id = "/kubepods/podu1/app", "container/app"
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.History = h
	}, func(t *testing.T, w *world, s *Sampler) {
		after(t, s, 21*time.Second)
		for i := range 30 {
			w.change(func(w *world) { w.burn(path, float64(i%5)/2) })
			stop := func() {}
			if i%3 == 1 {
				_, stop = s.Subscribe(time.Duration(1+i%4) * time.Second)
			}
			after(t, s, 7300*time.Millisecond)
			stop()
		}
		after(t, s, 20*time.Second)
		samples := h.of(id, metric.CPUUsage)
		if n := len(samples); n < 20 || n > 30 {
			t.Errorf("%d samples in 260 s", n)
		}
		used, last := 0.0, time.Time{}
		for i, x := range samples {
			if i > 0 {
				window := x.at.Sub(last)
				used += x.v / 1e6 * window.Seconds()
				if i > 1 && (window < 9*time.Second || window > 20*time.Second) {
					t.Errorf("sample %d is %v after the one before", i, window)
				}
			}
			last = x.at
			if x.v != math.Round(x.v) || x.v < 0 {
				t.Errorf("value %v", x.v)
			}
		}
		want := 0.0
		w.change(func(w *world) {
			g := w.groups[path]
			// Until the first rate there was none, and since the last one nothing has changed.
			want = (float64(g.offset)+g.cores*float64(w.boot()-g.born))/1e9 - 0.3*(samples[0].at.Sub(w.start)).Seconds() - g.cores*time.Since(last).Seconds()
		})
		if math.Abs(used-want) > 0.001 {
			t.Errorf("used %v core seconds, history has %v", want, used)
		}
	})
}

// A pod has in history what kubectl top shows of it: what its containers use, not what its cgroup has.
func TestHistoryOfPods(t *testing.T) {
	t.Parallel()
	h := newHistory()
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.History = h
	}, func(t *testing.T, w *world, s *Sampler) {
		after(t, s, 31*time.Second)
		var cpu []float64
		for _, x := range h.of("pod/u1", metric.CPUUsage) {
			cpu = append(cpu, x.v)
		}
		if d := cmp.Diff([]float64{300000, 300000, 300000, 300000}, cpu); d != "" {
			t.Error(d)
		}
		if x := h.of("pod/u1", metric.MemoryWorkingSet); len(x) != 5 || x[4].v != 40<<20 {
			t.Errorf("working set %v", x)
		}
		if x := h.of("pod/u1", metric.MemoryUsage); len(x) != 5 || x[4].v != 61<<20 {
			t.Errorf("usage %v", x)
		}
		if x := h.of("pod/u1", metric.NetworkReceiveBytes); len(x) != 4 || x[3].v != 0 {
			t.Errorf("network %v", x)
		}
		for _, name := range h.Entities() {
			if strings.Contains(name, "sandbox") {
				t.Errorf("history has %s", name)
			}
		}
	})
}

// TestHistoryOfCrashLoop: a pod is its sandbox alone while none of its containers runs, and what they used before is not told again then.
func TestHistoryOfCrashLoop(t *testing.T) {
	t.Parallel()
	h := newHistory()
	run(t, func(w *world, c *Config) {
		w.put("/kubepods/podu1", 0.01, 1<<20)
		w.put("/kubepods/podu1/sandbox-u1", 0.01, 1<<20)
		w.know(knownPod("prod", "web", "u1"))
		c.History = h
	}, func(t *testing.T, w *world, s *Sampler) {
		after(t, s, 21*time.Second)
		for n := range 3 {
			id := fmt.Sprintf("app%d", n)
			w.change(func(w *world) {
				w.put("/kubepods/podu1/"+id, 0.1, 40<<20)
				w.burn("/kubepods/podu1", 0.11)
				w.know(knownPod("prod", "web", "u1", running("app", id, 11)))
			})
			after(t, s, 5*time.Minute)
			w.change(func(w *world) {
				w.remove("/kubepods/podu1/" + id)
				w.burn("/kubepods/podu1", 0.01)
				w.know(knownPod("prod", "web", "u1"))
			})
			after(t, s, time.Minute)
		}
		samples := h.of("pod/u1", metric.CPUUsage)
		if len(samples) < 90 {
			t.Errorf("%d samples", len(samples))
		}
		for _, x := range samples {
			if x.v != 1e5 && x.v != 1e4 {
				t.Errorf("%v: %v millionths of a core", x.at.Sub(w.start), x.v)
			}
		}
	})
}

// What lives shorter than the interval is in history all the same.
func TestHistoryOfBriefContainer(t *testing.T) {
	t.Parallel()
	h := newHistory()
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.History = h
	}, func(t *testing.T, w *world, s *Sampler) {
		_, stop := s.Subscribe(time.Second)
		defer stop()
		after(t, s, 20*time.Second)
		w.change(func(w *world) {
			w.put("/docker/brief", 2, 7<<20)
			w.names.Containers = append(w.names.Containers, running("brief", "brief", 50))
			names := *w.names
			w.names = &names
		})
		after(t, s, 4*time.Second)
		w.change(func(w *world) { w.remove("/docker/brief") })
		after(t, s, 2*time.Second)
		var got []string
		for _, x := range h.of("container/brief", metric.CPUUsage) {
			got = append(got, fmt.Sprint(x.v))
		}
		if d := cmp.Diff([]string{"2e+06", "2e+06"}, got); d != "" {
			t.Error(d)
		}
		r, err := s.Query(t.Context(), QueryRequest{Selection: Selection{Kinds: []Kind{KindContainer}, Containers: []string{"brief"}}})
		if err != nil || len(r.Series) != 2 || !r.Series[0].Ended || r.Series[0].Mean != 2 || r.Series[0].Entity.Name != "brief" ||
			r.Series[1].Max != 7<<20 || r.Series[1].Metric != metric.MemoryWorkingSet {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestHistoryAtTheEnd: what was read last is in history when the Sampler ends, however seldom history is told.
func TestHistoryAtTheEnd(t *testing.T) {
	t.Parallel()
	h := newHistory()
	var ended time.Time
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.History = h
	}, func(t *testing.T, _ *world, s *Sampler) {
		_, stop := s.Subscribe(time.Second)
		defer stop()
		after(t, s, 28500*time.Millisecond)
		ended = time.Now()
	})
	for _, name := range []string{"node", "pod/u1", "container/app", "unit/system.slice"} {
		samples := h.of(name, metric.CPUUsage)
		if last := samples[len(samples)-1]; ended.Sub(last.at) > time.Second {
			t.Errorf("the last sample of %s is %v before the end", name, ended.Sub(last.at))
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	h := newHistory()
	h.samples["container/broken"] = nil
	h.about["container/broken"] = `{"kind":`
	h.about["container/unnamed"] = ""
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.History = h
		h.Append("container/broken", time.Now(), []HistoryValue{{metric.CPUUsage, 1}})
		h.Append("container/unnamed", time.Now(), []HistoryValue{{metric.CPUUsage, 1}})
	}, func(t *testing.T, w *world, s *Sampler) {
		began := after(t, s, 31*time.Second).Time
		w.change(func(w *world) {
			w.remove("/kubepods/podu1/app")
			w.put("/kubepods/podu1/app2", 1, 8<<20)
			again := running("main", "app2", 31)
			again.Run = 1
			pod := knownPod("prod", "web", "u1", again, running("side", "side", 12))
			w.put("/kubepods/podu2/batch", 1, 3<<20)
			w.know(pod, knownPod("jobs", "batch", "u2", running("batch", "batch", 40)))
		})
		after(t, s, 21*time.Second)
		w.change(func(w *world) {
			w.remove("/kubepods/podu2/batch")
			w.know(w.names.Pods[0])
		})
		after(t, s, 10*time.Second)
		all := []Kind{KindNode, KindPod, KindContainer, KindUnit}
		for name, test := range map[string]struct {
			req  QueryRequest
			want []string
			is   error
		}{
			"pods": {QueryRequest{}, []string{
				"2 jobs/batch cpu_usage 1.000 ended", "2 jobs/batch memory_working_set 3145728.000 ended",
				"2 prod/web cpu_usage 0.533", "2 prod/web memory_working_set 29360128.000",
			}, nil},
			"restarted container": {QueryRequest{
				Selection: Selection{Kinds: []Kind{KindContainer}, Pods: &inventory.PodSelector{Namespace: "prod"}, Containers: []string{"main"}},
				Metrics:   []metric.ID{metric.CPUUsage},
			}, []string{"3 prod/web/main app cpu_usage 0.300 ended", "3 prod/web/main app2 cpu_usage 1.000"}, nil},
			"labels of what ended": {QueryRequest{
				Selection: Selection{Pods: &inventory.PodSelector{LabelSelector: "app=batch"}}, Metrics: []metric.ID{metric.MemoryWorkingSet},
			}, []string{"2 jobs/batch memory_working_set 3145728.000 ended"}, nil},
			"name of what ended": {QueryRequest{
				Selection: Selection{Kinds: []Kind{KindPod, KindContainer}, Pods: &inventory.PodSelector{Names: []string{"batch"}}}, Metrics: []metric.ID{metric.CPUUsage},
			}, []string{"2 jobs/batch cpu_usage 1.000 ended", "3 jobs/batch/batch batch cpu_usage 1.000 ended"}, nil},
			"no such name": {QueryRequest{Selection: Selection{Pods: &inventory.PodSelector{Names: []string{"bath"}}}}, nil, inventory.ErrNotFound},
			"all kinds": {QueryRequest{Selection: Selection{Kinds: all, Units: []string{"ssh"}}, Metrics: []metric.ID{metric.MemoryWorkingSet}}, []string{
				"1 n1 memory_working_set 1073741824.000",
				"2 jobs/batch memory_working_set 3145728.000 ended", "2 prod/web memory_working_set 29360128.000",
				"3 /cache redis memory_working_set 10485760.000", // it has lost that name
				"3 jobs/batch/batch batch memory_working_set 3145728.000 ended",
				"3 prod/web/main app memory_working_set 41943040.000 ended", "3 prod/web/main app2 memory_working_set 8388608.000",
				"3 prod/web/side side memory_working_set 0.000", "4 ssh.service memory_working_set 5242880.000",
			}, nil},
			"earlier": {QueryRequest{Since: began.Add(-20 * time.Second), Until: began.Add(time.Millisecond), Metrics: []metric.ID{metric.CPUUsage}},
				[]string{"2 prod/web cpu_usage 0.300"}, nil},
			"before anything": {QueryRequest{Until: began.Add(-time.Hour)}, nil, nil},
			"most points":     {QueryRequest{Points: MaxQueryPoints / 4, Until: began.Add(-time.Hour)}, nil, nil},
			"too many points": {QueryRequest{Points: MaxQueryPoints/4 + 1, Until: began.Add(-time.Hour)}, nil, journal.ErrInvalidQuery},
			"bad selector":    {QueryRequest{Selection: Selection{Pods: &inventory.PodSelector{LabelSelector: "=="}}}, nil, inventory.ErrBadSelector},
		} {
			r, err := s.Query(t.Context(), test.req)
			if !errors.Is(err, test.is) {
				t.Errorf("%s: %v", name, err)
			}
			var got []string
			for i := range r.Series {
				got = append(got, seriesLine(&r.Series[i]))
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
		r, err := s.Query(t.Context(), QueryRequest{Selection: Selection{Kinds: []Kind{KindNode}}, Points: 3, Metrics: []metric.ID{metric.CPUUsage}})
		if err != nil || len(r.Series) != 1 || !cmp.Equal(r.Series[0].Points, []float64{1, 1, 1}) || !r.Oldest.Equal(w.start) ||
			!r.Until.Equal(w.wall().Add(time.Millisecond)) {
			t.Errorf("%+v, %v", r, err)
		}
		if err := bounded(MaxQuerySeries+1, 0); !errors.Is(err, journal.ErrInvalidQuery) || bounded(MaxQuerySeries, 0) != nil {
			t.Errorf("bounded: %v", err)
		}
	})
}

// TestHistoryHasNames: what has no name after a restart, since its runtime does not answer, has in history the name that it had, and keeps it.
func TestHistoryHasNames(t *testing.T) {
	t.Parallel()
	h := newHistory()
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.History = h
	}, func(t *testing.T, _ *world, s *Sampler) { after(t, s, 21*time.Second) })
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.History = h
		w.names = &inventory.Snapshot{Runtimes: []inventory.RuntimeStatus{{Name: "containerd", Err: errors.New("connection refused")}}}
	}, func(t *testing.T, _ *world, s *Sampler) {
		after(t, s, 21*time.Second)
		r, err := s.Query(t.Context(), QueryRequest{
			Selection: Selection{Kinds: []Kind{KindPod, KindContainer}, Pods: &inventory.PodSelector{Namespace: "prod", Names: []string{"web"}}},
			Metrics:   []metric.ID{metric.MemoryWorkingSet},
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range r.Series {
			got = append(got, seriesLine(&r.Series[i]))
		}
		// Without names the sandbox, of 1 MiB, is one of the containers.
		if d := cmp.Diff([]string{
			"2 prod/web memory_working_set 42467328.000", "3 prod/web/main app memory_working_set 41943040.000",
			"3 prod/web/side side memory_working_set 0.000",
		}, got); d != "" {
			t.Error(d)
		}
		for _, name := range []string{"pod/u1", "container/app"} {
			if e := entityOf(h.About(name)); e == nil || e.Nameless || e.Namespace != "prod" {
				t.Errorf("%s is kept as %+v", name, e)
			}
		}
	})
}

func seriesLine(s *Series) string {
	e := s.Entity
	name := e.Name
	switch e.Key.Kind {
	case KindPod:
		name = e.Namespace + "/" + e.Name
	case KindContainer:
		name = e.Pod + "/" + e.Name + " " + e.ContainerID
		if e.Pod != "" {
			name = e.Namespace + "/" + name
		}
	default:
	}
	line := fmt.Sprintf("%d %s %s %.3f", e.Key.Kind, name, s.Metric, s.Mean)
	if s.Ended {
		line += " ended"
	}
	return line
}

func TestEntityOf(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", "null", "{}", `{"kind":0}`, `{"kind":9}`, `{"kind":300}`, `[1]`, `{"kind":3,"labels":1}`} {
		if e := entityOf([]byte(text)); e != nil {
			t.Errorf("entityOf(%q) = %+v", text, e)
		}
	}
}

func FuzzEntityOf(f *testing.F) {
	f.Add([]byte(`{"kind":3,"id":"c1","name":"main","namespace":"prod","labels":{"a":"b"},"resources":{"CPULimit":3},"started":"2026-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, about []byte) {
		e := entityOf(about)
		if e == nil {
			return
		}
		again := entityOf(marshal(t, e))
		if again == nil || !e.Same(again) {
			t.Errorf("%+v became %+v", e, again)
		}
	})
}
