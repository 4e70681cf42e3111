// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

// node is a world with a pod of two containers, one of Docker's and two units.
func node(w *world, _ *Config) {
	w.put("/kubepods/podu1", 0.35, 60<<20)
	w.put("/kubepods/podu1/sandbox-u1", 0.01, 1<<20)
	w.put("/kubepods/podu1/app", 0.3, 40<<20)
	w.put("/kubepods/podu1/side", 0, 0)
	w.put("/docker/redis", 0.1, 10<<20)
	w.put("/system.slice", 0.2, 90<<20)
	w.put("/system.slice/ssh.service", 0.05, 5<<20)
	w.put("/docker", 0.1, 10<<20)
	w.procs[11] = &process{container: "app", rx: 1000, tx: 10}
	w.know(knownPod("prod", "web", "u1", running("main", "app", 11), running("side", "side", 12)))
	w.names.Containers = []inventory.Container{running("cache", "redis", 20)}
}

func TestFirstFigures(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		n := after(t, s, 0)
		want := []string{
			"pod prod/web mem=60 rx=1000 sum=2,40",
			"container prod/web/main mem=40",
			"container prod/web/side mem=0",
			"container //cache mem=10",
			"unit system.slice mem=90",
			"unit system.slice/ssh.service mem=5",
		}
		if d := cmp.Diff(want, lines(n)); d != "" {
			t.Error(d)
		}
		if n.Sequence != 1 || n.Problems != nil || line(&n.Node) != "node n1 mem=1024" {
			t.Errorf("Sequence %d, Problems %v, %s", n.Sequence, n.Problems, line(&n.Node))
		}
		began := time.Now()
		n, err := s.Rated(t.Context())
		if err != nil || time.Since(began) > 1100*time.Millisecond {
			t.Fatalf("Rated after %v: %v", time.Since(began), err)
		}
		want = []string{
			"pod prod/web cpu=0.350 mem=60 rx=1000 rx/s=0 sum=2,0.300,40 w=1s",
			"container prod/web/main cpu=0.300 mem=40 w=1s",
			"container prod/web/side cpu=0.000 mem=0 w=1s",
			"container //cache cpu=0.100 mem=10 w=1s",
			"unit system.slice cpu=0.200 mem=90 w=1s",
			"unit system.slice/ssh.service cpu=0.050 mem=5 w=1s",
		}
		if d := cmp.Diff(want, lines(n)); d != "" {
			t.Error(d)
		}
		w.change(func(w *world) { w.procs[11].rx += 5000 })
		n = after(t, s, 10*time.Second)
		if got := line(&n.Usages[0]); got != "pod prod/web cpu=0.350 mem=60 rx=6000 rx/s=500 sum=2,0.300,40 w=10s" || n.Sequence != 3 {
			t.Errorf("%d: %s", n.Sequence, got)
		}
		if got := line(&n.Node); got != "node n1 cpu=1.000 mem=1024 w=10s" {
			t.Error(got)
		}
	})
}

// slowInventory answers late the first time.
type slowInventory struct {
	Inventory
	first sync.Once
}

func (i *slowInventory) Snapshot(ctx context.Context) (*inventory.Snapshot, error) {
	i.first.Do(func() { time.Sleep(namesWait - time.Millisecond) })
	return i.Inventory.Snapshot(ctx)
}

// TestLateNames: the second look comes a second after the first has read everything, however long it waited for names.
func TestLateNames(t *testing.T) {
	t.Parallel()
	setUp := func(w *world, c *Config) {
		node(w, c)
		c.Inventory = &slowInventory{Inventory: c.Inventory}
	}
	run(t, setUp, func(t *testing.T, _ *world, s *Sampler) {
		n, err := s.Rated(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := line(find(t, n, "container prod/web/main")); got != "container prod/web/main cpu=0.300 mem=40 w=1s" || n.Sequence != 2 {
			t.Errorf("%d: %s", n.Sequence, got)
		}
	})
}

// slowTree has cgroups that take long to be read.
type slowTree struct {
	Tree
	takes time.Duration
}

func (s slowTree) Open(path string) (Group, error) {
	g, err := s.Tree.Open(path)
	return slowGroup{g, s.takes}, err
}

type slowGroup struct {
	Group
	takes time.Duration
}

func (s slowGroup) Read(to *metric.Set) (Reading, error) {
	time.Sleep(s.takes)
	return s.Group.Read(to)
}

// TestLongLooks: a look that takes longer than the interval is not followed by another one at once.
func TestLongLooks(t *testing.T) {
	t.Parallel()
	setUp := func(w *world, c *Config) {
		node(w, c)
		c.Tree = slowTree{c.Tree, 500 * time.Millisecond} // six are read
	}
	run(t, setUp, func(t *testing.T, _ *world, s *Sampler) {
		_, stop := s.Subscribe(time.Second)
		defer stop()
		if n := after(t, s, 105*time.Second); n.Sequence > 13 || n.Sequence < 11 {
			t.Errorf("%d looks", n.Sequence)
		}
	})
}

// Whatever happens to a counter, no rate is negative or more than can be.
func TestReset(t *testing.T) {
	t.Parallel()
	sane := func(t *testing.T, n *Snapshot) {
		t.Helper()
		for i := range n.Usages {
			for id := range metric.Count {
				if r, ok := n.Usages[i].Rates.Get(id); ok && (r < 0 || math.IsNaN(r) || r > 5000) {
					t.Errorf("%v of %s is %v", id, line(&n.Usages[i]), r)
				}
			}
		}
	}
	const of = "container prod/web/main"
	for name, test := range map[string]struct {
		change func(w *world)
		key    bool // it is another one
		rated  bool // it has a rate at the look after
	}{
		"counter falls":        {func(w *world) { w.groups["/kubepods/podu1/app"].born = w.boot() }, true, false},
		"another cgroup":       {func(w *world) { w.put("/kubepods/podu1/app", 0.3, 1<<20).offset = 1 << 50 }, true, false},
		"torn read":            {func(w *world) { w.groups["/kubepods/podu1/app"].offset += 1 << 50 }, false, false},
		"nothing":              {func(*world) {}, false, true},
		"other counter falls":  {func(w *world) { w.groups["/kubepods/podu1/app"].extra.Put(metric.IOReadBytes, 3) }, false, true},
		"cgroup has no number": {func(w *world) { w.groups["/kubepods/podu1/app"].cores = -1 }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(w *world, c *Config) {
				node(w, c)
				w.groups["/kubepods/podu1/app"].extra.Put(metric.IOReadBytes, 1000)
			}, func(t *testing.T, w *world, s *Sampler) {
				n := after(t, s, 31*time.Second)
				before := find(t, n, of).Entity.Key
				w.change(test.change)
				n = after(t, s, 10*time.Second)
				sane(t, n)
				u := find(t, n, of)
				if (u.Entity.Key != before) != test.key || u.Rates.Has(metric.CPUUsage) != test.rated {
					t.Errorf("%s, %v, was %v", line(u), u.Entity.Key, before)
				}
				if r, ok := u.Rates.Get(metric.IOReadBytes); ok && r != 0 {
					t.Errorf("rate of reads %v", r)
				}
				for range 3 {
					n = after(t, s, 10*time.Second)
					sane(t, n)
				}
				if u = find(t, n, of); u.Numbers.Has(metric.CPUUsage) && math.Abs(u.Rates.Value(metric.CPUUsage)-0.3) > 1e-6 {
					t.Error(line(u))
				}
			})
		})
	}
}

// A container that is started again under its name is another one, and has a rate a second after it was seen.
func TestRestart(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		n := after(t, s, 31*time.Second)
		before := find(t, n, "container prod/web/main").Entity
		w.change(func(w *world) {
			w.remove("/kubepods/podu1/app")
			w.put("/kubepods/podu1/app2", 2, 8<<20)
			again := running("main", "app2", 31)
			again.Run = 1
			w.procs[31] = &process{container: "app2", rx: 2000}
			delete(w.procs, 11)
			w.know(knownPod("prod", "web", "u1", again, running("side", "side", 12)))
		})
		n = after(t, s, 10*time.Second)
		want := []string{
			"pod prod/web cpu=0.350 mem=60 rx=2000 rx/s=100 sum=2,8 w=10s", "container prod/web/main mem=8",
			"container prod/web/side cpu=0.000 mem=0 w=10s",
		}
		if d := cmp.Diff(want, lines(n)[:3]); d != "" {
			t.Error(d)
		}
		u := find(t, n, "container prod/web/main")
		if u.Entity.Key == before.Key || u.Entity.Run != 1 || before.Run != 0 {
			t.Errorf("%+v was %+v", u.Entity, before)
		}
		n = after(t, s, time.Second)
		if got := line(&n.Usages[1]); got != "container prod/web/main cpu=2.000 mem=8 w=1s" {
			t.Error(got)
		}
	})
}

// The pid of a container that ended may be any process.
func TestPIDReuse(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		after(t, s, 10*time.Second)
		for _, other := range []*process{{container: "else", rx: 1 << 40}, {container: "", host: true, rx: 1 << 50}, nil} {
			w.change(func(w *world) {
				if w.procs[11] = other; other == nil {
					delete(w.procs, 11)
				}
			})
			n := after(t, s, 10*time.Second)
			if got := line(&n.Usages[0]); strings.Contains(got, "rx") {
				t.Error(got)
			}
		}
		// Another container of the pod has the network, too.
		w.change(func(w *world) { w.procs[12] = &process{container: "side", rx: 5000} })
		after(t, s, 10*time.Second)
		w.change(func(w *world) { w.procs[12].rx = 6000 })
		if got := line(&after(t, s, 10*time.Second).Usages[0]); !strings.Contains(got, "rx=6000 rx/s=100 ") {
			t.Error(got)
		}
	})
}

// A pod gets another network when its sandbox is made again.
func TestSandboxAgain(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		after(t, s, 20*time.Second)
		w.change(func(w *world) {
			w.procs[11].rx = 1 << 40
			p := w.names.Pods[0]
			p.SandboxID = "sandbox2"
			w.know(p)
		})
		if got := line(&after(t, s, 10*time.Second).Usages[0]); strings.Contains(got, "rx/s") || !strings.Contains(got, "rx=1099511627776") {
			t.Error(got)
		}
		if got := line(&after(t, s, 10*time.Second).Usages[0]); !strings.Contains(got, "rx/s=0") {
			t.Error(got)
		}
	})
}

// TestRewiredTooEarly: what is read again too early for a rate does not make the next one a rate over two networks.
func TestRewiredTooEarly(t *testing.T) {
	t.Parallel()
	l := newLooker(New(Config{}))
	s := &slot{key: slotKey{kind: KindPod}, entity: &Entity{Key: Key{Kind: KindPod}}}
	read := func(boot time.Duration, received uint64) *Usage {
		u := &Usage{Boot: boot}
		u.Numbers.Put(metric.NetworkReceiveBytes, received)
		l.finish(s, u, 1)
		return u
	}
	read(10*time.Second, 1000)
	s.rewired = true
	read(10*time.Second+minWindow/2, 2000)
	if u := read(12*time.Second, 1<<40); u.Rates.Has(metric.NetworkReceiveBytes) {
		t.Errorf("%v B/s", u.Rates.Value(metric.NetworkReceiveBytes))
	}
	if u := read(13*time.Second, 1<<40+5); u.Rates.Value(metric.NetworkReceiveBytes) != 5 {
		t.Errorf("%v B/s, want 5", u.Rates.Value(metric.NetworkReceiveBytes))
	}
}

// TestHotAdd: when processors are added, rates of more than there were are believed at once.
func TestHotAdd(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		after(t, s, 11*time.Second)
		w.change(func(w *world) { w.burn("/kubepods/podu1/app", 8) })
		if n := after(t, s, 10*time.Second); has(n, "container prod/web/main cpu") {
			t.Error(lines(n))
		}
		w.change(func(w *world) { w.cpus = 16 })
		if n := after(t, s, 10*time.Second); !has(n, "container prod/web/main cpu=8.000 ") {
			t.Error(lines(n))
		}
	})
}

func TestHostNetwork(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprint(told), func(t *testing.T) {
			t.Parallel()
			run(t, func(w *world, c *Config) {
				node(w, c)
				w.names.Pods[0].HostNetwork = told
				w.procs[11].host = true
				w.procs[20] = &process{container: "redis", rx: 70}
			}, func(t *testing.T, _ *world, s *Sampler) {
				n := after(t, s, 10*time.Second)
				if u := &n.Usages[0]; strings.Contains(line(u), "rx") || u.Entity.HostNetwork != told {
					t.Error(line(u))
				}
				if got := line(find(t, n, "container //cache")); got != "container //cache cpu=0.100 mem=10 rx=70 rx/s=0 w=1s" {
					t.Error(got)
				}
			})
		})
	}
}

func TestVanish(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		after(t, s, 10*time.Second)
		w.change(func(w *world) {
			// One is still listed but cannot be opened any more, one is another one meanwhile.
			w.groups["/kubepods/podu1/side"].gone = true
			w.put("/system.slice/ssh.service", 0.5, 6<<20)
			// One lives shorter than a look takes to follow.
			w.put("/kubepods/podu1/brief", 1, 3<<20)
			w.know(knownPod("prod", "web", "u1", running("main", "app", 11), running("brief", "brief", 40)))
			w.names.Containers = []inventory.Container{running("cache", "redis", 20)}
		})
		n := after(t, s, time.Second)
		if has(n, "container prod/web/side") || !has(n, "container prod/web/brief mem=3") {
			t.Error(lines(n))
		}
		if len(n.Problems) > 0 {
			t.Error(n.Problems)
		}
		w.change(func(w *world) { w.remove("/kubepods/podu1/brief") })
		n = after(t, s, 10*time.Second)
		if has(n, "container prod/web/brief") || !has(n, "unit system.slice/ssh.service cpu=0.500 mem=6") {
			t.Error(lines(n))
		}
		// All of the pod goes.
		w.change(func(w *world) {
			for _, path := range []string{"/kubepods/podu1", "/kubepods/podu1/app", "/kubepods/podu1/side", "/kubepods/podu1/sandbox-u1"} {
				w.remove(path)
			}
		})
		n = after(t, s, 10*time.Second)
		if d := cmp.Diff([]string{
			"container //cache cpu=0.100 mem=10 w=10s", "unit system.slice cpu=0.200 mem=90 w=10s",
			"unit system.slice/ssh.service cpu=0.500 mem=6 w=10s",
		}, lines(n)); d != "" {
			t.Error(d)
		}
	})
}

// What cannot be read stays as it was, with its time, for three looks.
func TestFailure(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		n := after(t, s, 11*time.Second)
		good := find(t, n, "unit system.slice/ssh")
		w.change(func(w *world) {
			w.groups["/system.slice/ssh.service"].err = errors.New("input/output error")
			w.groups["/docker/redis"].err = errors.New("permission denied")
		})
		for range 3 {
			n = after(t, s, 10*time.Second)
			if u := find(t, n, "unit system.slice/ssh"); !u.Time.Equal(good.Time) || line(u) != line(good) {
				t.Errorf("%s at %v, was %s at %v", line(u), u.Time, line(good), good.Time)
			}
		}
		if want := []string{"2 of the figures cannot be read, the first of them because of /docker/redis: permission denied"}; !cmp.Equal(want, n.Problems) || !n.Incomplete {
			t.Error(n.Problems, n.Incomplete)
		}
		if n = after(t, s, 10*time.Second); has(n, "unit system.slice/ssh") {
			t.Error(lines(n))
		}
		w.change(func(w *world) { w.groups["/system.slice/ssh.service"].err = nil })
		n = after(t, s, 10*time.Second)
		if u := find(t, n, "unit system.slice/ssh"); u.Window != 0 || u.Entity.Key != good.Entity.Key {
			t.Error(line(u))
		}
		w.change(func(w *world) { w.hostErr, w.listErr = errors.New("no proc"), errors.New("no cgroups") })
		n = after(t, s, 10*time.Second)
		if !has(n, "unit system.slice/ssh") || line(&n.Node) != "node n1 cpu=1.000 mem=1024 w=10s" || len(n.Problems) != 2 {
			t.Error(line(&n.Node), lines(n), n.Problems)
		}
		if n = after(t, s, 60*time.Second); line(&n.Node) != "node n1" {
			t.Error(line(&n.Node))
		}
	})
}

// The wall clock may be set to anything: rates are by the time since the boot, and figures have the wall clock's time.
func TestClockStep(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for _, step := range []time.Duration{time.Hour, -time.Hour, 10 * year, -10 * year} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			run(t, node, func(t *testing.T, w *world, s *Sampler) {
				n := after(t, s, 21*time.Second)
				before, key := lines(n), find(t, n, "container prod/web/main").Entity.Key
				w.step.Store(int64(step))
				n = after(t, s, 10*time.Second)
				if d := cmp.Diff(before, lines(n)); d != "" {
					t.Error(d)
				}
				u := find(t, n, "container prod/web/main")
				if u.Entity.Key != key || !u.Time.Equal(w.wall()) || !n.Time.Equal(w.wall()) || !n.Node.Entity.Started.Equal(w.wall().Add(-w.boot())) {
					t.Errorf("%v at %v in %v, booted %v", u.Entity.Key, u.Time, n.Time, n.Node.Entity.Started)
				}
			})
		})
	}
}

// A machine that sleeps has windows that say so.
func TestSuspend(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		after(t, s, 21*time.Second)
		w.change(func(w *world) {
			w.asleep.Store(int64(8 * time.Hour))
			for _, g := range w.groups {
				g.born += 8 * time.Hour // nothing ran meanwhile
			}
		})
		n := after(t, s, 10*time.Second)
		u := find(t, n, "container prod/web/main")
		if got, want := u.Rates.Value(metric.CPUUsage), 3/(8*time.Hour+10*time.Second).Seconds(); math.Abs(got-want) > 1e-9 || u.Window != 8*time.Hour+10*time.Second {
			t.Errorf("%v over %v, want %v", got, u.Window, want)
		}
		if got := line(find(t, after(t, s, 10*time.Second), "container prod/web/main")); got != "container prod/web/main cpu=0.300 mem=40 w=10s" {
			t.Error(got)
		}
	})
}

// Looks come as often as the most eager subscriber wants, but not more often than each second.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		n := after(t, s, 11*time.Second)
		if n.Sequence != 3 || n.Interval != DefaultInterval || w.watched != 0 {
			t.Fatalf("%d looks, %v", n.Sequence, n.Interval)
		}
		fast, stopFast := s.Subscribe(time.Millisecond)
		_, stopSlow := s.Subscribe(0)
		n = after(t, s, 10*time.Second)
		if n.Sequence != 13 || n.Interval != time.Second || w.watched != 1 {
			t.Errorf("%d looks, %v, watched %d", n.Sequence, n.Interval, w.watched)
		}
		if got := line(&n.Usages[1]); got != "container prod/web/main cpu=0.300 mem=40 w=1s" {
			t.Error(got)
		}
		<-fast
		stopFast()
		stopFast()
		n = after(t, s, 9*time.Second)
		if n.Sequence != 13 {
			t.Errorf("%d looks", n.Sequence)
		}
		if n = after(t, s, 2*time.Second); n.Sequence != 14 || n.Interval != DefaultInterval || w.watched != 1 {
			t.Errorf("%d looks, %v", n.Sequence, n.Interval)
		}
		stopSlow()
		if w.watched != 0 {
			t.Error("still watched")
		}
		select {
		case <-fast:
			t.Error("told after the end")
		default:
		}
	})
}

// nameless are the names of what is known by its cgroup only.
func nameless(n *Snapshot) (out []string) {
	for i := range n.Usages {
		if e := n.Usages[i].Entity; e.Nameless {
			out = append(out, e.Name)
		}
	}
	return out
}

// Without a runtime the log tree knows names of pods, and without that there are UIDs and ids.
func TestRuntimeDown(t *testing.T) {
	t.Parallel()
	down := inventory.RuntimeStatus{Name: "containerd", Err: errors.New("connection refused")}
	t.Run("log tree", func(t *testing.T) {
		t.Parallel()
		run(t, func(w *world, c *Config) {
			node(w, c)
			w.know(inventory.Pod{Namespace: "prod", Name: "web", UID: "u1", LogsOnly: true, Containers: []inventory.Container{{Name: "main"}}})
			w.names.Runtimes = []inventory.RuntimeStatus{down}
		}, func(t *testing.T, _ *world, s *Sampler) {
			n := after(t, s, time.Second)
			if d := cmp.Diff([]string{
				"pod prod/web cpu=0.350 mem=60 sum=3,0.310,41 w=1s", "container prod/web/app cpu=0.300 mem=40 w=1s",
				"container prod/web/sandbox-u1 cpu=0.010 mem=1 w=1s", "container prod/web/side cpu=0.000 mem=0 w=1s",
				"container //redis cpu=0.100 mem=10 w=1s",
			}, lines(n)[:5]); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]string{
				"containerd does not answer: connection refused: names of pods and containers may be old",
				"4 pods and containers are known by their cgroups only, not by name",
			}, n.Problems); d != "" || n.Incomplete {
				t.Error(d, n.Incomplete)
			}
			if d := cmp.Diff([]string{"app", "sandbox-u1", "side", "redis"}, nameless(n)); d != "" {
				t.Error(d)
			}
		})
	})
	for _, setUp := range []func(w *world, c *Config){
		func(_ *world, c *Config) { c.Inventory = nil },
		func(w *world, _ *Config) { w.names = nil },
		func(w *world, _ *Config) { w.namesErr = errors.New("no inventory") },
	} {
		run(t, func(w *world, c *Config) {
			node(w, c)
			setUp(w, c)
		}, func(t *testing.T, _ *world, s *Sampler) {
			n, err := s.Rated(t.Context())
			if err != nil || !has(n, "pod /u1 cpu=0.350 mem=60 sum=3,") || !has(n, "container /u1/app cpu=0.300") {
				t.Error(lines(n), err)
			}
			if d := cmp.Diff([]string{"5 pods and containers are known by their cgroups only, not by name"}, n.Problems); d != "" || n.Incomplete {
				t.Error(d, n.Incomplete)
			}
			if got := nameless(n); len(got) != 5 {
				t.Errorf("nameless: %q", got)
			}
		})
	}
	// A runtime that goes away takes no names, and what it does not know of is not hidden.
	t.Run("later", func(t *testing.T) {
		t.Parallel()
		run(t, node, func(t *testing.T, w *world, s *Sampler) {
			after(t, s, 10*time.Second)
			w.change(func(w *world) {
				names := *w.names
				status := down
				status.Since = time.Now()
				names.Runtimes = []inventory.RuntimeStatus{status}
				w.names = &names
				w.put("/kubepods/podu1/newcontainer12345", 0.1, 2<<20)
			})
			n := after(t, s, 10*time.Second)
			if !has(n, "container prod/web/main") || !has(n, "container prod/web/newcontainer ") || has(n, "container prod/web/sandbox") {
				t.Error(lines(n))
			}
		})
	})
}

func TestMissingParts(t *testing.T) {
	t.Parallel()
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.Tree = nil
	}, func(t *testing.T, _ *world, s *Sampler) {
		n := after(t, s, 2*time.Second)
		if line(&n.Node) != "node n1 cpu=1.000 mem=1024 w=1s" || len(n.Usages) != 0 || len(n.Problems) != 1 {
			t.Error(line(&n.Node), lines(n), n.Problems)
		}
	})
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.Host = nil
	}, func(t *testing.T, _ *world, s *Sampler) {
		n := after(t, s, 2*time.Second)
		if line(&n.Node) != "node n1" || line(&n.Usages[0]) != "pod prod/web cpu=0.350 mem=60 sum=2,0.300,40 w=1s" || len(n.Problems) != 1 {
			t.Error(line(&n.Node), lines(n), n.Problems)
		}
		if _, err := s.Machine(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Machine: %v", err)
		}
		if _, err := s.Filesystems(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Filesystems: %v", err)
		}
		if _, err := s.Directories(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Directories: %v", err)
		}
	})
	run(t, func(_ *world, c *Config) { *c = Config{} }, func(t *testing.T, _ *world, s *Sampler) {
		if n := after(t, s, 2*time.Second); len(n.Usages) != 0 || len(n.Problems) != 2 || n.Node.Entity == nil {
			t.Error(lines(n), n.Problems)
		}
		began := time.Now()
		if _, err := s.Rated(t.Context()); err != nil || time.Since(began) > 2*time.Second {
			t.Errorf("Rated: %v after %v", err, time.Since(began))
		}
		if r, err := s.Query(t.Context(), QueryRequest{}); err != nil || len(r.Problems) != 1 {
			t.Errorf("Query: %+v, %v", r, err)
		}
	})
}

// A pod whose cgroup is nobody else's, or which has none of its own.
func TestPodCgroups(t *testing.T) {
	t.Parallel()
	run(t, func(w *world, _ *Config) {
		for _, path := range []string{"/tests", "/tests/own", "/shared", "/docker/a1", "/docker/b1", "/docker/c1", "/a.slice/a-b.slice"} {
			w.put(path, 1, 10<<20)
		}
		w.procs[1], w.procs[2] = &process{container: "a1", rx: 5}, &process{container: "b1", rx: 7}
		a, b, c, d := knownPod("p", "a", "ua", running("a", "a1", 1)), knownPod("p", "b", "ub", running("b", "b1", 2)), knownPod("p", "c", "uc", running("c", "c1", 3)),
			knownPod("p", "d", "ud", running("d", "none", 3))
		a.CgroupParent, b.CgroupParent, c.CgroupParent, d.CgroupParent = "/tests/own", "/shared", "/shared", "a-b.slice"
		w.know(a, b, c, d)
	}, func(t *testing.T, w *world, s *Sampler) {
		n := after(t, s, time.Second)
		want := []string{
			"pod p/a cpu=1.000 mem=10 rx=5 rx/s=0 sum=1,1.000,10 w=1s", "container p/a/a cpu=1.000 mem=10 w=1s",
			"pod p/b rx=7 rx/s=0 sum=1,1.000,10 w=1s", "container p/b/b cpu=1.000 mem=10 w=1s",
			"pod p/c sum=1,1.000,10 w=1s", "container p/c/c cpu=1.000 mem=10 w=1s",
			"unit a.slice/a-b.slice cpu=1.000 mem=10 w=1s",
		}
		if d := cmp.Diff(want, lines(n)); d != "" {
			t.Error(d)
		}
		w.change(func(w *world) { w.remove("/docker/b1") })
		if n = after(t, s, 10*time.Second); has(n, "pod p/b") {
			t.Error(lines(n))
		}
	})
}

// TestNested: a container that calls a cgroup like another container does not get its figures, and one that is in another one, as those of
// a node in a container are, has its own.
func TestNested(t *testing.T) {
	t.Parallel()
	run(t, func(w *world, c *Config) {
		node(w, c)
		w.put("/docker/redis/app", 1, 7<<20) // comes before the one of the pod
		w.put("/docker/redis/inner", 0.02, 3<<20)
		w.put("/docker/redis/anything", 0.02, 3<<20)
		w.names.Containers = append(w.names.Containers, running("inner", "inner", 21))
	}, func(t *testing.T, _ *world, s *Sampler) {
		n := after(t, s, 1100*time.Millisecond)
		for _, want := range []string{
			"container prod/web/main cpu=0.300 mem=40 w=1s", "container //cache cpu=0.100 mem=10 w=1s", "container //inner cpu=0.020 mem=3 w=1s",
		} {
			if !slices.Contains(lines(n), want) {
				t.Errorf("no %s in %v", want, lines(n))
			}
		}
		if has(n, "container //anything") {
			t.Error(lines(n))
		}
	})
}

// TestSums: a pod has the sums of what all of its containers tell, and none of what one of them does not.
func TestSums(t *testing.T) {
	t.Parallel()
	run(t, func(w *world, c *Config) {
		node(w, c)
		limited, unlimited := running("main", "app", 11), running("side", "side", 12)
		limited.Resources = inventory.Resources{CPULimit: 500, MemoryLimit: 100, CPURequest: 10, MemoryRequest: 20}
		unlimited.Resources = inventory.Resources{CPULimit: 250, CPURequest: 1}
		w.know(knownPod("prod", "web", "u1", limited, unlimited))
	}, func(t *testing.T, w *world, s *Sampler) {
		want := func(n *Snapshot, want string) {
			t.Helper()
			if got := line(find(t, n, "pod prod/web")); !strings.Contains(got, " sum=2,"+want+" ") {
				t.Errorf("%s, want sum=2,%s", got, want)
			}
		}
		n := after(t, s, 1100*time.Millisecond)
		want(n, "0.300,40")
		if d := cmp.Diff(inventory.Resources{CPULimit: 750, CPURequest: 11, MemoryRequest: 20}, find(t, n, "pod prod/web").Entity.Resources); d != "" {
			t.Error(d)
		}
		swap := func(path string, v uint64) { w.groups[path].extra.Put(metric.MemorySwap, v) }
		w.change(func(*world) { swap("/kubepods/podu1/app", 3<<20) })
		want(after(t, s, 10*time.Second), "0.300,40")
		w.change(func(*world) { swap("/kubepods/podu1/side", 1<<20) })
		want(after(t, s, 10*time.Second), "0.300,40,swap=4")
		// One that was started again has no rate yet.
		w.change(func(w *world) { w.put("/kubepods/podu1/side", 0.1, 0) })
		want(after(t, s, 10*time.Second), "40")
		want(after(t, s, time.Second), "0.400,40")
	})
}

func TestStarted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		started time.Duration // after now
		known   bool
	}{
		"an hour from now": {time.Hour, false},
		"before the boot":  {-booted - time.Hour, false},
		"a minute ago":     {-time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(w *world, c *Config) {
				node(w, c)
				w.names.Pods[0].Containers[0].Started = time.Now().Add(test.started)
				w.names.Pods[0].Containers[1].Started = time.Time{}.Add(time.Hour)
			}, func(t *testing.T, _ *world, s *Sampler) {
				n := after(t, s, 0)
				if got := find(t, n, "container prod/web/main").Entity.Started; got.IsZero() == test.known {
					t.Errorf("Started %v", got)
				}
				if got := find(t, n, "container prod/web/side").Entity.Started; !got.IsZero() {
					t.Errorf("Started %v", got)
				}
			})
		})
	}
}

// Zero is a value, of a counter, of a limit and of memory.
func TestZero(t *testing.T) {
	t.Parallel()
	run(t, func(w *world, c *Config) {
		node(w, c)
		w.groups["/kubepods/podu1/side"].extra.Put(metric.MemoryLimit, 0)
		w.groups["/kubepods/podu1/side"].extra.Put(metric.CPULimit, 0)
	}, func(t *testing.T, _ *world, s *Sampler) {
		u := find(t, after(t, s, 2*time.Second), "container prod/web/side")
		r, rated := u.Rates.Get(metric.CPUUsage)
		limit, limited := u.Numbers.Get(metric.MemoryLimit)
		if r != 0 || !rated || limit != 0 || !limited || !u.Numbers.Has(metric.CPULimit) || !u.Numbers.Has(metric.MemoryWorkingSet) {
			t.Error(line(u), limit, limited)
		}
	})
}

// 2,000 cgroups, and more than there may be.
func TestManyCgroups(t *testing.T) {
	t.Parallel()
	for _, count := range []int{2000, 16384} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			run(t, func(w *world, _ *Config) {
				for i := range count {
					w.put(fmt.Sprintf("/system.slice/u%06d.service", i), 0.001, 1<<20)
				}
			}, func(t *testing.T, _ *world, s *Sampler) {
				n := after(t, s, time.Second)
				if len(n.Usages) != count || !slices.IsSorted(lines(n)) || len(n.Problems) > 0 {
					t.Errorf("%d figures, %v", len(n.Usages), n.Problems)
				}
			})
		})
	}
}

// A snapshot is not changed by the looks that follow, and who did not change is the same.
func TestSnapshotIsImmutable(t *testing.T) {
	t.Parallel()
	run(t, node, func(t *testing.T, w *world, s *Sampler) {
		n := after(t, s, 11*time.Second)
		before := lines(n)
		entity := find(t, n, "container prod/web/main").Entity
		w.change(func(w *world) {
			for _, g := range w.groups {
				g.extra.Put(metric.MemoryWorkingSet, 1<<30)
			}
			names := *w.names
			w.names = &names
		})
		later := after(t, s, 10*time.Second)
		if d := cmp.Diff(before, lines(n)); d != "" {
			t.Error(d)
		}
		if u := find(t, later, "container prod/web/main"); u.Entity != entity || u.Numbers.Value(metric.MemoryWorkingSet) != 1<<30 {
			t.Error(line(u))
		}
	})
}

func TestSeldom(t *testing.T) {
	t.Parallel()
	run(t, func(w *world, c *Config) {
		node(w, c)
		w.names.Pods[0].Containers[0].Log = &inventory.Log{Dir: "prod_web_u1/main"}
		calls := 0
		c.Layers = func(context.Context) (map[string]Layer, error) {
			if calls++; calls > 1 {
				return nil, errors.New("gone")
			}
			return map[string]Layer{"app": {Bytes: 4096, Inodes: 3}}, nil
		}
		c.LogBytes = func(_ context.Context, log inventory.Log) (uint64, error) { return uint64(len(log.Dir)), nil }
	}, func(t *testing.T, _ *world, s *Sampler) {
		for _, at := range []time.Duration{2 * time.Second, 2 * time.Minute} {
			u := find(t, after(t, s, at), "container prod/web/main")
			if u.Numbers.Value(metric.FilesystemWritableBytes) != 4096 || u.Numbers.Value(metric.FilesystemWritableInodes) != 3 ||
				u.Numbers.Value(metric.FilesystemLogBytes) != 16 {
				t.Errorf("%+v", u.Numbers)
			}
		}
		u := find(t, after(t, s, 5*time.Minute), "container prod/web/main")
		if u.Numbers.Has(metric.FilesystemWritableBytes) || !u.Numbers.Has(metric.FilesystemLogBytes) {
			t.Errorf("%+v", u.Numbers)
		}
	})
}

// One runtime that does not answer hides nothing that the others tell, and not for long what it told itself.
func TestPartialLayers(t *testing.T) {
	t.Parallel()
	calls := 0
	run(t, func(w *world, c *Config) {
		node(w, c)
		c.Layers = func(context.Context) (map[string]Layer, error) {
			calls++
			of := func(bytes uint64) Layer { return Layer{Bytes: bytes, Inodes: 1} }
			if calls == 1 {
				return map[string]Layer{"app": of(1), "redis": of(100)}, nil
			}
			return map[string]Layer{"redis": of(100 + uint64(calls))}, errors.New("one of two does not answer")
		}
	}, func(t *testing.T, _ *world, s *Sampler) {
		for _, test := range []struct {
			after           time.Duration
			main, redis     uint64
			mainIs, redisIs bool
		}{{11 * time.Second, 1, 100, true, true}, {time.Minute, 1, 102, true, true}, {3 * time.Minute, 0, 105, false, true}, {10 * time.Minute, 0, 115, false, true}} {
			n := after(t, s, test.after)
			main, mainIs := find(t, n, "container prod/web/main").Numbers.Get(metric.FilesystemWritableBytes)
			redis, redisIs := find(t, n, "container //cache").Numbers.Get(metric.FilesystemWritableBytes)
			if main != test.main || mainIs != test.mainIs || redis != test.redis || redisIs != test.redisIs {
				t.Errorf("call %d: %d %v, %d %v", calls, main, mainIs, redis, redisIs)
			}
		}
	})
}

// A runtime that takes long for its layers delays no look, and hides no log.
func TestSlowLayers(t *testing.T) {
	t.Parallel()
	run(t, func(w *world, c *Config) {
		node(w, c)
		w.names.Pods[0].Containers[0].Log = &inventory.Log{Dir: "prod_web_u1/main"}
		c.LogBytes = func(ctx context.Context, log inventory.Log) (uint64, error) { return uint64(len(log.Dir)), ctx.Err() }
		c.Layers = func(ctx context.Context) (map[string]Layer, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}, func(t *testing.T, _ *world, s *Sampler) {
		if n := after(t, s, 11*time.Second); n.Sequence != 3 {
			t.Errorf("%d looks", n.Sequence)
		}
		for range 10 {
			u := find(t, after(t, s, 20*time.Second), "container prod/web/main")
			if u.Numbers.Value(metric.FilesystemLogBytes) != 16 {
				t.Error("the size of its log is not known")
			}
		}
	})
}

func TestRunTwiceAndStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Snapshot(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Snapshot: %v", err)
		}
		if err := s.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run: %v", err)
		}
		if err := s.Run(t.Context()); err == nil {
			t.Error("runs twice")
		}
		if _, err := s.Snapshot(t.Context()); !errors.Is(err, errStopped) {
			t.Errorf("Snapshot: %v", err)
		}
		if _, err := s.Rated(t.Context()); !errors.Is(err, errStopped) {
			t.Errorf("Rated: %v", err)
		}
	})
}

// TestDirectories: what the runtimes tell of images is looked at, if they tell in time.
func TestDirectories(t *testing.T) {
	t.Parallel()
	told := func(context.Context) ([]string, error) { return slices.Repeat([]string{"/i"}, maxImages+1), nil }
	hanging := func(ctx context.Context) ([]string, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, tt := range []struct {
		images func(context.Context) ([]string, error)
		want   int
	}{{nil, 1}, {told, 1 + maxImages}, {hanging, 1}} {
		synctest.Test(t, func(t *testing.T) {
			dirs, err := New(Config{Host: fakeHost{}, Images: tt.images}).Directories(t.Context())
			if err != nil || len(dirs) != tt.want {
				t.Errorf("Directories() = %v, %v, want %d", dirs, err, tt.want)
			}
		})
	}
}
