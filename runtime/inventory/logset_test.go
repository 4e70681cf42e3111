// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/podlog"
)

// describe writes targets as NAMESPACE/POD/CONTAINER, with what else there is to say.
func describe(targets []podlog.Target) []string {
	out := []string{}
	for _, t := range targets {
		text := t.Source.String()
		if t.Ended {
			text += " ended"
		}
		if t.Layout == podlog.LayoutDocker {
			text += " docker " + t.Dir
		}
		out = append(out, text)
	}
	return out
}

func targetsOf(t *testing.T, set LogSet) []string {
	t.Helper()
	targets, err := set.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return describe(targets)
}

func labelled(p Pod, labels ...string) Pod {
	p.Labels = map[string]string{}
	for i := 0; i < len(labels); i += 2 {
		p.Labels[labels[i]] = labels[i+1]
	}
	return p
}

func typed(c Container, kind ContainerType) Container {
	c.Type = kind
	return c
}

// cluster is an inventory with some of everything.
func cluster() *Inventory {
	hash := "7d9fb6c4b"
	deploy := func(random, uid string) Pod {
		return labelled(pod("prod", "web-"+hash+"-"+random, uid, running("app", 1)), "app", "web", "pod-template-hash", hash)
	}
	multi := pod("prod", "multi", "u5", typed(ended("setup", 1, 2, 0), TypeInit), running("a", 3), running("b", 4),
		typed(running("debugger-x2x8k", 9), TypeEphemeral))
	chosen := pod("prod", "annotated", "u6", running("a", 3), running("b", 4))
	chosen.DefaultContainer = "b"
	single := pod("prod", "single", "u7", typed(ended("setup", 1, 2, 0), TypeInit), running("main", 3))
	finished := pod("prod", "finished", "u8", ended("main", 1, 2, 1))
	finished.State = StateNotReady
	loose := Container{Name: "redis", ID: "beef0123456789", State: ContainerRunning, Log: &Log{Layout: podlog.LayoutDocker, Dir: "beef0123456789"}}
	silent := Container{Name: "silent", ID: "5111", State: ContainerRunning, Message: "it logs to syslog"}
	elsewhere := pod("prod", "elsewhere", "u16", running("main", 1))
	elsewhere.Containers[0].Log = nil
	old := running("main", 9)
	old.Run, old.ID, old.Previous = 1, "cafe02", []Run{{Number: 0, ID: "cafe01"}}
	source := answering(
		deploy("x2x8k", "u1"), deploy("bbbbb", "u2"), multi, chosen, single, finished,
		pod("dev", "twin", "u9", running("main", 1)), pod("prod", "twin", "u10", running("main", 1)),
		pod("prod", "reused", "u11", running("main", 1)), pod("prod", "cafe", "u13", old), elsewhere,
	)
	source.containers = []Container{loose, silent}
	return with(&fakeTree{
		pods: []logtree.Pod{
			logged("prod", "reused", "u12", ran("main", 0)),
			logged("prod", "dead", "u14", ran("main", 0)), logged("prod", "dead", "u15", ran("main", 0)),
		},
		newest: map[string]time.Time{"u14": at(20), "u15": at(10)},
	}, source)
}

func TestLogs(t *testing.T) {
	t.Parallel()
	i := cluster()
	start(t, i)
	await(t, i, "pods", func(s *Snapshot) bool { return len(s.Pods) == 14 && len(s.Containers) == 2 })
	pods := func(names ...string) *PodSelector { return &PodSelector{Names: names} }
	for _, test := range []struct {
		name   string
		sel    LogSelector
		follow bool
		want   []string
		is     error
		err    string
		open   bool
	}{
		{name: "the only container beside an init", sel: LogSelector{Pods: pods("single")}, want: []string{"prod/single/main"}},
		{name: "pod/", sel: LogSelector{Pods: pods("pod/single")}, want: []string{"prod/single/main"}},
		{name: "init by name", sel: LogSelector{Pods: pods("single"), Containers: []string{"setup"}}, want: []string{"prod/single/setup"}},
		{
			name: "choose one", sel: LogSelector{Pods: pods("multi")}, is: ErrChooseContainer,
			err: "a container name must be specified for pod multi, choose one of: [a b] or one of the init containers: [setup] or one of the ephemeral containers: [debugger-x2x8k]",
		},
		{name: "annotation", sel: LogSelector{Pods: pods("annotated")}, want: []string{"prod/annotated/b"}},
		{
			name: "all", sel: LogSelector{Pods: pods("multi"), AllContainers: true},
			want: []string{"prod/multi/setup", "prod/multi/a", "prod/multi/b", "prod/multi/debugger-x2x8k"},
		},
		{name: "two of them", sel: LogSelector{Pods: pods("multi"), Containers: []string{"b", "setup"}}, want: []string{"prod/multi/setup", "prod/multi/b"}},
		{
			name: "unknown container", sel: LogSelector{Pods: pods("single"), Containers: []string{"app"}}, is: ErrNotFound,
			err: "container app is not valid for pod single, choose one of: [main] or one of the init containers: [setup]",
		},
		{name: "has ended", sel: LogSelector{Pods: pods("finished")}, want: []string{"prod/finished/main ended"}},
		{
			name: "unknown pod", sel: LogSelector{Pods: pods("signle")}, is: ErrNotFound,
			err: `pods "signle" not found, did you mean single?`,
		},
		{
			name: "unknown pod in a namespace", sel: LogSelector{Pods: &PodSelector{Namespace: "dev", Names: []string{"single"}}}, is: ErrNotFound,
			err: `pods "single" not found in namespace "dev", but in prod`,
		},
		{
			name: "unknown everywhere", sel: LogSelector{Pods: &PodSelector{Namespace: "dev", Names: []string{"tiwn"}}}, is: ErrNotFound,
			err: `pods "tiwn" not found in namespace "dev", did you mean twin?`,
		},
		{
			name: "a workload without its type", sel: LogSelector{Pods: pods("web")}, is: ErrNotFound,
			err: `pods "web" not found, did you mean deployment/web, web-7d9fb6c4b-bbbbb or web-7d9fb6c4b-x2x8k?`,
		},
		{
			name: "several namespaces", sel: LogSelector{Pods: pods("twin")}, is: ErrAmbiguous,
			err: `pods "twin" is in several namespaces, choose one of: [dev prod]`,
		},
		{name: "one of several namespaces", sel: LogSelector{Pods: &PodSelector{Namespace: "dev", Names: []string{"twin"}}}, want: []string{"dev/twin/main"}},
		{name: "a name that was used again", sel: LogSelector{Pods: pods("reused")}, want: []string{"prod/reused/main"}},
		{name: "by uid", sel: LogSelector{Pods: &PodSelector{UIDs: []string{"u12"}}}, want: []string{"prod/reused/main ended"}},
		{name: "by name and uid", sel: LogSelector{Pods: &PodSelector{Names: []string{"reused"}, UIDs: []string{"u12"}}}, want: []string{"prod/reused/main ended"}},
		{name: "unknown uid", sel: LogSelector{Pods: &PodSelector{UIDs: []string{"u99"}}}, is: ErrNotFound, err: `pods "u99" not found`},
		{name: "deployment", sel: LogSelector{Pods: pods("deploy/web")}, open: true, want: []string{"prod/web-7d9fb6c4b-bbbbb/app", "prod/web-7d9fb6c4b-x2x8k/app"}},
		{name: "its replicaset", sel: LogSelector{Pods: pods("rs/web-7d9fb6c4b")}, open: true, want: []string{"prod/web-7d9fb6c4b-bbbbb/app", "prod/web-7d9fb6c4b-x2x8k/app"}},
		{
			name: "unknown deployment", sel: LogSelector{Pods: pods("deploy/wbe")}, is: ErrNotFound,
			err: `deployments.apps "wbe" not found, did you mean web?`,
		},
		{name: "unknown deployment is waited for", sel: LogSelector{Pods: pods("deploy/wbe")}, follow: true, open: true, want: []string{}},
		{name: "labels", sel: LogSelector{Pods: &PodSelector{LabelSelector: "app in (web), !canary"}}, open: true, want: []string{"prod/web-7d9fb6c4b-bbbbb/app", "prod/web-7d9fb6c4b-x2x8k/app"}},
		{name: "no such labels", sel: LogSelector{Pods: &PodSelector{LabelSelector: "app=none"}}, open: true, want: []string{}},
		{name: "bad labels", sel: LogSelector{Pods: &PodSelector{LabelSelector: "app in web"}}, is: ErrBadSelector},
		{name: "bad type", sel: LogSelector{Pods: pods("svc/web")}, is: ErrBadSelector},
		{name: "a container that no pod has", sel: LogSelector{Pods: &PodSelector{LabelSelector: "app=web"}, Containers: []string{"x"}}, is: ErrNotFound},
		{
			name: "a container that some pods have", sel: LogSelector{Pods: &PodSelector{Namespace: "prod"}, Containers: []string{"a"}}, open: true,
			want: []string{"prod/annotated/a", "prod/multi/a"},
		},
		{name: "a name in no pod", sel: LogSelector{ContainerIDs: []string{"redis"}}, want: []string{"redis docker beef0123456789"}},
		{name: "docker://ID", sel: LogSelector{ContainerIDs: []string{"docker://beef0123456789"}}, want: []string{"redis docker beef0123456789"}},
		{name: "beginning of an id", sel: LogSelector{ContainerIDs: []string{"cafe02"}}, want: []string{"prod/cafe/main"}},
		{name: "one letter", sel: LogSelector{ContainerIDs: []string{"b"}}, want: []string{"redis docker beef0123456789"}},
		{name: "several ids", sel: LogSelector{ContainerIDs: []string{"cafe0"}}, want: []string{"prod/cafe/main"}},
		{
			name: "id of an earlier run", sel: LogSelector{ContainerIDs: []string{"cafe01"}}, is: ErrNotFound,
			err: `containers "cafe01" is run 0 of prod/cafe/main, which was restarted since; its log is among the previous runs of that container`,
		},
		{name: "ambiguous id", sel: LogSelector{ContainerIDs: []string{"7"}}, is: ErrAmbiguous},
		{name: "unknown id", sel: LogSelector{ContainerIDs: []string{"rediss"}}, is: ErrNotFound, err: `containers "rediss" not found, did you mean redis?`},
		{name: "no log", sel: LogSelector{ContainerIDs: []string{"silent"}}, is: ErrNotFound, err: `containers "silent" has no log that can be read: it logs to syslog`},
		{name: "log of a pod elsewhere", sel: LogSelector{Pods: pods("elsewhere")}, is: ErrNotFound, err: `containers "elsewhere/main" has no log that can be read`},
		{name: "no id", sel: LogSelector{ContainerIDs: []string{"docker://"}}, is: ErrBadSelector},
		{
			name: "newest of those that are gone", sel: LogSelector{Pods: pods("dead")}, want: []string{"prod/dead/main ended"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			set, err := i.Logs(t.Context(), test.sel, test.follow)
			if test.is != nil {
				if !errors.Is(err, test.is) || test.err != "" && err.Error() != test.err {
					t.Errorf("Logs: %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			if d := cmp.Diff(test.want, targetsOf(t, set)); d != "" {
				t.Error(d)
			}
			if set.Open() != test.open {
				t.Errorf("Open() = %v", set.Open())
			}
		})
	}
	s := snapshotOf(t, i)
	if p, err := s.Pod("prod", "dead", ""); err != nil || p.UID != "u14" {
		t.Errorf("the newest of two pods is %s, %v", p.UID, err)
	}
}

func TestLogsFollow(t *testing.T) {
	t.Parallel()
	source := answering(labelled(pod("prod", "web-0", "u0", running("app", 1)), "app", "web"))
	tree := &fakeTree{pods: []logtree.Pod{logged("prod", "web-0", "u0", ran("app", 0))}}
	i := with(tree, source)
	start(t, i)
	await(t, i, "a pod", func(s *Snapshot) bool { return len(s.Pods) == 1 && !s.Pods[0].LogsOnly })
	byLabel, err := i.Logs(t.Context(), LogSelector{Pods: &PodSelector{LabelSelector: "app=web"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer byLabel.Close()
	byName, err := i.Logs(t.Context(), LogSelector{Pods: &PodSelector{Names: []string{"web-0"}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer byName.Close()
	until := func(set LogSet, want ...string) {
		t.Helper()
		deadline := time.After(2 * time.Minute)
		for {
			got := targetsOf(t, set)
			if cmp.Equal(want, got) {
				return
			}
			select {
			case <-set.Changed():
			case <-deadline:
				t.Fatal(cmp.Diff(want, got))
			}
		}
	}
	until(byLabel, "prod/web-0/app")
	until(byName, "prod/web-0/app")
	// A pod comes that matches, of two containers, and the first one is restarted.
	again := running("app", 9)
	again.Run, again.ID = 1, "aa01"
	source.set(func(f *fakeSource) {
		f.pods = []Pod{
			labelled(pod("prod", "web-0", "u0", again), "app", "web"),
			labelled(pod("prod", "web-1", "u1", running("app", 5), running("side", 6)), "app", "web"),
		}
	})
	until(byLabel, "prod/web-0/app", "prod/web-1/app", "prod/web-1/side")
	until(byName, "prod/web-0/app")
	// The first pod is deleted: its sandbox, then its logs.
	source.set(func(f *fakeSource) { f.pods = f.pods[1:] })
	until(byLabel, "prod/web-1/app", "prod/web-1/side", "prod/web-0/app ended")
	until(byName, "prod/web-0/app ended")
	tree.set()
	await(t, i, "one pod", func(s *Snapshot) bool { return len(s.Pods) == 1 })
	until(byLabel, "prod/web-1/app", "prod/web-1/side", "prod/web-0/app ended")
	until(byName, "prod/web-0/app ended")
	// The runtime goes away, and the other pod's logs with it: nothing has ended.
	source.set(func(f *fakeSource) { f.status.Err = errors.New("gone") })
	await(t, i, "a problem", func(s *Snapshot) bool { return len(s.Problems) == 1 })
	until(byLabel, "prod/web-1/app", "prod/web-1/side", "prod/web-0/app ended")
	if byName.Open() || !byLabel.Open() {
		t.Error("Open")
	}
}

// A pod that has no container yet is waited for by followers.
func TestLogsOfNewPod(t *testing.T) {
	t.Parallel()
	source := answering(pod("prod", "web", "u0"))
	i := with(&fakeTree{}, source)
	start(t, i)
	await(t, i, "a pod", func(s *Snapshot) bool { return len(s.Pods) == 1 })
	set, err := i.Logs(t.Context(), LogSelector{Pods: &PodSelector{Names: []string{"web"}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if got := targetsOf(t, set); len(got) != 0 || !set.Open() {
		t.Fatalf("targets %v, open %v", got, set.Open())
	}
	source.set(func(f *fakeSource) { f.pods = []Pod{pod("prod", "web", "u0", running("app", 1))} })
	for len(targetsOf(t, set)) == 0 {
		<-set.Changed()
	}
	if got := targetsOf(t, set); len(got) != 1 || set.Open() {
		t.Fatalf("targets %v, open %v", got, set.Open())
	}
}

// A pod that only its logs tell of has not ended while a runtime may be about to tell of it.
func TestFreshPod(t *testing.T) {
	t.Parallel()
	tree := &fakeTree{}
	i := with(tree, answering())
	start(t, i)
	await(t, i, "nothing", func(s *Snapshot) bool { return len(s.Runtimes) == 1 })
	tree.set(logged("prod", "web", "u1", ran("app", 0)))
	await(t, i, "a pod", func(s *Snapshot) bool { return len(s.Pods) == 1 })
	set, err := i.Logs(t.Context(), LogSelector{Pods: &PodSelector{Names: []string{"web"}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if d := cmp.Diff([]string{"prod/web/app"}, targetsOf(t, set)); d != "" {
		t.Error(d)
	}
	s := snapshotOf(t, i)
	key := keyOf(&s.Pods[0])
	fresh := freshPods(s, s, s.fresh[key].Add(freshFor+time.Second))
	if len(fresh) != 0 {
		t.Errorf("still fresh: %v", fresh)
	}
}

func TestGoneTargetsAreBounded(t *testing.T) {
	t.Parallel()
	s := &logSet{}
	now := at(0)
	for n := range 3 * maxGone {
		s.targets = append(s.targets, podlog.Target{Source: podlog.Source{Pod: "p", UID: fmt.Sprint(n), Container: "c"}})
	}
	s.live = len(s.targets)
	s.targets, s.live = s.keepGone(nil, now), 0
	if len(s.targets) != maxGone || len(s.gone) != maxGone {
		t.Errorf("%d targets", len(s.targets))
	}
	if got := s.keepGone(nil, now.Add(goneFor+time.Second)); len(got) != 0 {
		t.Errorf("%d targets stay", len(got))
	}
}

func TestLogDir(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ parts, want string }{
		{"prod web-0 u1 app", "prod_web-0_u1/app"},
		{"prod web.example u1 app", "prod_web.example_u1/app"},
		{".. web u1 app", ""}, {"prod we/b u1 app", ""}, {"prod web u1 ..", ""}, {"prod web_a u1 app", ""}, {"prod web  app", ""},
		{"prod web u1 a\x00b", ""}, {"prod " + strings.Repeat("a", 254) + " u1 app", ""},
	} {
		p := strings.Split(test.parts, " ")
		got, ok := LogDir(p[0], p[1], p[2], p[3])
		if got != test.want || ok != (test.want != "") {
			t.Errorf("LogDir(%q) = %q, %v, want %q", test.parts, got, ok, test.want)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	s := cluster().once()
	names := func(pods []Pod) string {
		out := []string{}
		for _, p := range pods {
			out = append(out, p.Namespace+"/"+p.Name+"/"+p.UID)
		}
		return strings.Join(out, " ")
	}
	for _, test := range []struct {
		sel  PodSelector
		want string
		is   error
	}{
		{PodSelector{Names: []string{"twin"}}, "dev/twin/u9 prod/twin/u10", nil},
		{PodSelector{Names: []string{"twin", "deploy/web"}, Namespace: "prod"}, "prod/twin/u10 prod/web-7d9fb6c4b-bbbbb/u2 prod/web-7d9fb6c4b-x2x8k/u1", nil},
		{PodSelector{Names: []string{"reused"}}, "prod/reused/u11 prod/reused/u12", nil},
		{PodSelector{LabelSelector: "app!=web", Namespace: "dev"}, "dev/twin/u9", nil},
		{PodSelector{LabelSelector: "!app", UIDs: []string{"u12"}}, "", nil},
		{PodSelector{Namespace: "none"}, "", nil},
		{PodSelector{Names: []string{"none"}}, "", ErrNotFound},
		{PodSelector{LabelSelector: "=="}, "", ErrBadSelector},
	} {
		pods, err := s.Select(test.sel)
		if !errors.Is(err, test.is) || names(pods) != test.want {
			t.Errorf("Select(%+v) = %s, %v, want %s", test.sel, names(pods), err, test.want)
		}
	}
	pods, containers, err := s.SelectContainers(nil, []string{"redis", "cafe02"})
	if err != nil || names(pods) != "prod/cafe/u13" || len(containers) != 1 {
		t.Errorf("SelectContainers = %s, %v, %v", names(pods), containers, err)
	}
	if _, containers, err = s.SelectContainers(&PodSelector{Namespace: "prod"}, nil); err != nil || containers != nil {
		t.Errorf("SelectContainers of pods = %v, %v", containers, err)
	}
	if _, err = s.Pod("", "twin", ""); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("Pod: %v", err)
	}
	if p, err := s.Pod("", "twin", "u9"); err != nil || p.Namespace != "dev" {
		t.Errorf("Pod by uid: %v", err)
	}
	if p, err := s.Pod("", "reused", ""); err != nil || p.UID != "u11" {
		t.Errorf("Pod of a name that was used again: %v, %v", p.UID, err)
	}
}
