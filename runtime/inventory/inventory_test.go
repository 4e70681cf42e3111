// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/podlog"
)

func TestSnapshotJoins(t *testing.T) {
	t.Parallel()
	code := int32(3)
	restarted := running("app", 10)
	restarted.Run = 2
	restarted.Previous = []Run{{Number: 1, ID: "old", Started: at(5), ExitCode: &code, Reason: "Error"}}
	source := answering(pod("prod", "web-0", "u1", restarted), pod("prod", "quiet", "u2", running("app", 1)))
	tree := &fakeTree{pods: []logtree.Pod{
		logged("prod", "gone-0", "u3", ran("app", 0, 4)),
		logged("prod", "web-0", "u1", ran("app", 0, 1, 2), ran("setup", 0)),
		logged("kube-system", "etcd-node", strings.Repeat("0a", 16), ran("etcd")),
	}}
	i := with(tree, source)
	start(t, i)
	s := await(t, i, "pods", func(s *Snapshot) bool { return len(s.Pods) == 4 && !s.Pods[3].LogsOnly })

	var names []string
	for _, p := range s.Pods {
		names = append(names, fmt.Sprintf("%s/%s logsOnly=%v static=%v owner=%s", p.Namespace, p.Name, p.LogsOnly, p.Static, p.Owner))
	}
	if d := cmp.Diff([]string{
		"kube-system/etcd-node logsOnly=true static=true owner=",
		"prod/gone-0 logsOnly=true static=false owner=statefulset/gone",
		"prod/quiet logsOnly=false static=false owner=",
		"prod/web-0 logsOnly=false static=false owner=",
	}, names); d != "" {
		t.Error(d)
	}
	web := s.Pods[3]
	want := []Run{
		{Number: 1, ID: "old", Started: at(5), ExitCode: &code, Reason: "Error", Logged: true},
		{Number: 0, Logged: true},
	}
	if d := cmp.Diff(want, web.Containers[0].Previous); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(&Log{Layout: podlog.LayoutCRI, Dir: "prod_web-0_u1/app"}, web.Containers[0].Log); d != "" {
		t.Error(d)
	}
	if c := web.Containers[1]; c.Name != "setup" || c.ID != "" || c.Type != TypeUnknown || c.Log.Dir != "prod_web-0_u1/setup" {
		t.Errorf("container of which only logs are known = %+v", c)
	}
	if c := s.Pods[1].Containers[0]; c.Run != 4 || len(c.Previous) != 1 || !c.Previous[0].Logged {
		t.Errorf("container of a pod of which only logs are known = %+v", c)
	}
	if source.pods[0].Containers[0].LoggedRuns != nil || source.pods[0].Containers[0].Previous[0].Logged {
		t.Error("the source's pods were changed")
	}
	// That a pod has nothing but logs is said of the pod.
	if len(s.Problems) > 0 {
		t.Errorf("problems %q", s.Problems)
	}
}

func TestTwoSources(t *testing.T) {
	t.Parallel()
	a := answering(pod("prod", "web-0", "u1", running("app", 1)))
	same := pod("prod", "web-0", "u1", running("app", 1), running("other", 1))
	same.Labels = map[string]string{"from": "docker"}
	b := answering(same)
	loose := running("redis", 3)
	loose.ID = "f00"
	twice := a.pods[0].Containers[0]
	b.containers = []Container{loose, twice}
	s := with(nil, a, b).once()
	if len(s.Pods) != 1 || len(s.Pods[0].Containers) != 2 || s.Pods[0].Labels != nil {
		t.Errorf("pods = %+v", s.Pods)
	}
	if len(s.Containers) != 1 || s.Containers[0].Name != "redis" {
		t.Errorf("containers in no pod = %+v", s.Containers)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	web := pod("prod", "web", "u1", running("app", 1))
	for _, test := range []struct {
		name   string
		source *fakeSource
		tree   *fakeTree
		want   []string
	}{
		{"all is well", answering(web), &fakeTree{}, nil},
		{
			"went away", &fakeSource{pods: []Pod{web}, status: RuntimeStatus{Name: "containerd", Socket: "/run/c.sock", Since: at(0), Err: refused}}, &fakeTree{},
			[]string{"containerd (/run/c.sock) does not answer since 2023-11-14T22:13:20Z: connection refused: names, labels and states may be old"},
		},
		{
			"never answered", &fakeSource{status: RuntimeStatus{Name: "containerd", Socket: "/run/c.sock", Err: refused}}, &fakeTree{},
			[]string{"containerd (/run/c.sock) does not answer: connection refused: its pods are known by their logs only"},
		},
		{
			"has not answered yet", &fakeSource{status: RuntimeStatus{Name: "containerd", Socket: "/run/c.sock"}}, &fakeTree{},
			[]string{"containerd (/run/c.sock) has not answered yet: its pods are known by their logs only"},
		},
		{
			"no runtime", &fakeSource{status: RuntimeStatus{Name: "containerd", Err: fmt.Errorf("dial: %w", fs.ErrNotExist)}},
			&fakeTree{pods: []logtree.Pod{logged("prod", "shell", "u1", ran("a", 0))}},
			[]string{"no container runtime is here: pods are known by their logs only"},
		},
		{"no tree", answering(web), &fakeTree{err: errMissing}, []string{"the directory of the logs does not exist"}},
		{"names that are no pods", answering(web), &fakeTree{omitted: logtree.Omitted{Names: 3}}, nil},
		{
			"parts of the tree cannot be read", answering(web), &fakeTree{omitted: logtree.Omitted{Unreadable: 2, Full: 1}},
			[]string{
				"directories beneath that of the logs cannot be read (2): pods and containers that only their logs tell of are missing",
				"directories of logs have too much in them (1): not all is known of their pods and containers",
			},
		},
		{"tree cannot be read", answering(web), &fakeTree{err: fs.ErrPermission}, []string{"the directory of the logs cannot be read: permission denied"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := with(test.tree, test.source).once()
			if d := cmp.Diff(test.want, s.Problems); d != "" {
				t.Error(d)
			}
			if test.tree.err != nil && !errors.Is(s.LogTree, test.tree.err) {
				t.Errorf("LogTree = %v", s.LogTree)
			}
		})
	}
}

// TestDockerLog: what cri-dockerd and Docker both know has Docker's log, which is where the link of cri-dockerd leads.
func TestDockerLog(t *testing.T) {
	t.Parallel()
	ofCRI := answering(pod("prod", "web-0", "u1", running("app", 1)))
	ofCRI.pods[0].Containers[0].Log = &Log{Layout: podlog.LayoutCRI, Dir: "prod_web-0_u1/app"}
	same := pod("prod", "web-0", "u1", running("app", 1))
	want := &Log{Layout: podlog.LayoutDocker, Dir: same.Containers[0].ID}
	same.Containers[0].Log = want
	s := with(&fakeTree{}, ofCRI, answering(same)).once()
	if d := cmp.Diff(want, s.Pods[0].Containers[0].Log); d != "" || len(s.Pods) != 1 || len(s.Pods[0].Containers) != 1 {
		t.Errorf("pods %+v: %s", s.Pods, d)
	}
	if ofCRI.pods[0].Containers[0].Log.Layout != podlog.LayoutCRI {
		t.Error("the source's pods were changed")
	}
}

// troubled is a source with problems of its own.
type troubled struct{ *fakeSource }

func (troubled) Problems() []string { return []string{"docker does not tell all about container x"} }

func TestTroubled(t *testing.T) {
	t.Parallel()
	i := New(Config{Sources: []Source{answering(), troubled{answering()}}})
	i.tree = &fakeTree{}
	s := i.once()
	if d := cmp.Diff([]string{"docker does not tell all about container x"}, s.Problems); d != "" {
		t.Error(d)
	}
}

func TestWithoutRun(t *testing.T) {
	t.Parallel()
	tree := &fakeTree{pods: []logtree.Pod{logged("prod", "web", "u1", ran("app", 0))}}
	i := with(tree)
	if s := snapshotOf(t, i); len(s.Pods) != 1 || len(s.Problems) != 0 {
		t.Errorf("snapshot = %+v", s)
	}
	set, err := i.Logs(t.Context(), LogSelector{Pods: &PodSelector{Names: []string{"web"}}}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if set.Changed() != nil || set.Open() {
		t.Error("a listing can change")
	}
	_, err = i.Logs(t.Context(), LogSelector{Pods: &PodSelector{LabelSelector: "app=web"}}, false)
	if !errors.Is(err, ErrBadSelector) {
		t.Errorf("labels of a log tree: %v", err)
	}
}

func TestWaitsForFirstAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{}
		i := with(&fakeTree{}, source)
		start(t, i)
		time.AfterFunc(100*time.Millisecond, func() {
			source.set(func(f *fakeSource) {
				f.pods = []Pod{pod("prod", "web", "u1", running("app", 1))}
				f.status = RuntimeStatus{Name: "containerd", Since: at(0)}
			})
		})
		if s := snapshotOf(t, i); len(s.Pods) != 1 {
			t.Errorf("the first snapshot = %+v", s)
		}
	})
}

func TestWaitsNotForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := with(&fakeTree{}, &fakeSource{})
		start(t, i)
		began := time.Now()
		snapshotOf(t, i)
		if d := time.Since(began); d > 2*firstAnswers {
			t.Errorf("waited %v", d)
		}
		began = time.Now()
		snapshotOf(t, i)
		if d := time.Since(began); d > firstAnswers/2 {
			t.Errorf("the second call waited %v", d)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := with(nil, &fakeSource{}).Snapshot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Snapshot of a cancelled context: %v", err)
	}
}

func TestRunTwice(t *testing.T) {
	t.Parallel()
	i := with(nil, answering())
	start(t, i)
	<-i.ready
	if err := i.Run(t.Context()); err == nil {
		t.Error("runs twice")
	}
}

// A thousand changes make few snapshots, the last of which has them all, and an idle inventory makes none.
func TestCoalesces(t *testing.T) {
	t.Parallel()
	source := answering()
	tree := &fakeTree{}
	i := with(tree, source)
	start(t, i)
	changed, stop := i.Subscribe()
	defer stop()
	if !source.isWatched() {
		t.Error("the source was not told of the subscriber")
	}
	began := time.Now()
	for n := range 1000 {
		source.set(func(f *fakeSource) { f.pods = append(f.pods, pod("prod", fmt.Sprintf("web-%d", n), fmt.Sprint(n))) })
	}
	await(t, i, "all pods", func(s *Snapshot) bool { return len(s.Pods) == 1000 })
	most := int(time.Since(began)/settle) + 2
	count := 0
	for idle := false; !idle; {
		select {
		case <-changed:
			count++
		case <-time.After(20 * settle):
			idle = true
		}
	}
	if count > most {
		t.Errorf("%d changes were told, want %d at most", count, most)
	}
	s := snapshotOf(t, i)
	time.Sleep(4 * settle)
	if snapshotOf(t, i) != s {
		t.Error("a snapshot was made although nothing changed")
	}
	stop()
	if source.isWatched() {
		t.Error("the source was not told that the subscriber went")
	}
}

func TestTreeChanges(t *testing.T) {
	t.Parallel()
	tree := &fakeTree{}
	i := with(tree, answering())
	start(t, i)
	await(t, i, "no pods", func(s *Snapshot) bool { return len(s.Pods) == 0 && len(s.Runtimes) == 1 })
	tree.set(logged("prod", "web", "u1", ran("app", 0)))
	await(t, i, "a pod", func(s *Snapshot) bool { return len(s.Pods) == 1 && len(s.Pods[0].Containers[0].LoggedRuns) == 1 })
	tree.set()
	await(t, i, "no pods", func(s *Snapshot) bool { return len(s.Pods) == 0 })
}

// The file of a run that the runtime tells of is looked for although no watch tells of it.
func TestRunWithoutFile(t *testing.T) {
	t.Parallel()
	tree := &fakeTree{pods: []logtree.Pod{logged("prod", "web", "u1", ran("app", 0))}}
	source := answering(pod("prod", "web", "u1", running("app", 1)))
	i := with(tree, source)
	start(t, i)
	await(t, i, "run 0", func(s *Snapshot) bool { return len(s.Pods) == 1 && len(s.Pods[0].Containers[0].LoggedRuns) == 1 })
	tree.mu.Lock()
	tree.pods = []logtree.Pod{logged("prod", "web", "u1", ran("app", 0, 1))}
	tree.mu.Unlock()
	source.set(func(f *fakeSource) {
		again := running("app", 9)
		again.Run = 1
		f.pods = []Pod{pod("prod", "web", "u1", again)}
	})
	await(t, i, "run 1", func(s *Snapshot) bool { return len(s.Pods[0].Containers[0].LoggedRuns) == 2 })
}

func TestLargeTree(t *testing.T) {
	t.Parallel()
	tree := &fakeTree{}
	const dirs = 20_000
	for n := range dirs {
		tree.pods = append(tree.pods, logged("prod", fmt.Sprintf("web-7d9fb6c4b-%05d", n), fmt.Sprint(n), ran("app", 0, 1), ran("side", 0)))
	}
	var pods []Pod
	for n := range 110 {
		pods = append(pods, pod("prod", fmt.Sprintf("web-7d9fb6c4b-%05d", n), fmt.Sprint(n), running("app", 1), running("side", 2)))
	}
	source := answering(pods...)
	i := with(tree, source)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start(t, i)
	s := await(t, i, "all pods", func(s *Snapshot) bool { return len(s.Pods) == dirs && !s.Pods[0].LogsOnly })
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 128<<20 {
		t.Errorf("a snapshot of %d pods takes %d MiB", dirs, grown>>20)
	}
	began := time.Now()
	if _, err := s.Pod("", "web-7d9fb6c4b-19999", ""); err != nil {
		t.Error(err)
	}
	if _, err := s.Pod("", "wbe-7d9fb6c4b-19999", ""); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if d := time.Since(began); d > time.Minute { // on a busy machine
		t.Errorf("two names took %v", d)
	}
}

func BenchmarkJoin(b *testing.B) {
	for _, dirs := range []int{110, 20_000} {
		b.Run(fmt.Sprintf("dirs=%d", dirs), func(b *testing.B) {
			var tree []logtree.Pod
			var pods []Pod
			for n := range dirs {
				name := fmt.Sprintf("web-7d9fb6c4b-%05d", n)
				tree = append(tree, logged("prod", name, fmt.Sprint(n), ran("app", 0, 1), ran("side", 0)))
				if n < 110 {
					pods = append(pods, pod("prod", name, fmt.Sprint(n), running("app", 1), running("side", 2)))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				join([]known{{pods: pods}}, tree, nil)
			}
		})
	}
}
