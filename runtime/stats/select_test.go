// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

func marshal(t *testing.T, e *Entity) []byte {
	t.Helper()
	about, err := json.Marshal(identityOf(e))
	if err != nil {
		t.Fatal(err)
	}
	return about
}

// use makes figures of something.
func use(e *Entity, cpu float64, memory uint64, network, disk float64) Usage {
	u := Usage{Entity: e}
	if cpu >= 0 {
		u.Rates.Put(metric.CPUUsage, cpu)
	}
	u.Numbers.Put(metric.MemoryWorkingSet, memory)
	u.Numbers.Put(metric.MemorySwap, 1000-memory)
	u.Rates.Put(metric.NetworkReceiveBytes, network/2)
	u.Rates.Put(metric.NetworkTransmitBytes, network/2)
	u.Rates.Put(metric.IOWriteBytes, disk)
	return u
}

func usePod(namespace, name, uid string, cpu float64, memory uint64, network, disk float64) []Usage {
	pod := use(&Entity{Key: Key{Kind: KindPod, ID: uid}, Name: name, Namespace: namespace, Pod: name, UID: uid}, cpu+1, memory+500, network, disk)
	pod.Sum = Sum{Containers: 1, CPU: cpu, Rated: cpu >= 0, WorkingSet: memory, Swap: 1000 - memory, HasWorkingSet: true, HasSwap: true}
	c := use(&Entity{
		Key: Key{Kind: KindContainer, ID: "c0ffee" + uid}, Name: "main", Namespace: namespace, Pod: name, UID: uid, ContainerID: "c0ffee" + uid,
	}, cpu, memory, 0, disk)
	return []Usage{pod, c}
}

func useUnit(path string, cpu float64) Usage {
	return use(&Entity{Key: Key{Kind: KindUnit, ID: path}, Name: path[strings.LastIndexByte(path, '/')+1:]}, cpu, 10, 0, 0)
}

func selectable() *Snapshot {
	s := &Snapshot{Node: use(&Entity{Key: Key{Kind: KindNode}, Name: "n1"}, 1, 1, 1, 1)}
	s.Usages = append(s.Usages, usePod("", "u9", "u9", 0.9, 9, 9, 9)...) // the inventory does not know it
	s.Usages = append(s.Usages, usePod("dev", "web-7d9fb6c4b-x2x8k", "u1", 0.1, 300, 50, 7)...)
	s.Usages = append(s.Usages, usePod("prod", "db-0", "u2", 0.5, 200, 10, 100)...)
	s.Usages = append(s.Usages, usePod("prod", "web-7d9fb6c4b-aaaaa", "u3", -1, 100, 90, 8)...)
	s.Usages = append(s.Usages, use(&Entity{Key: Key{Kind: KindContainer, ID: "deadbeef"}, Name: "cache", ContainerID: "deadbeef"}, 0.2, 50, 0, 0))
	s.Usages = append(s.Usages, useUnit("system.slice", 0.3), useUnit("system.slice/getty@tty1.service", 0), useUnit("system.slice/ssh.service", 0.1))
	web := func(namespace, name, uid string) inventory.Pod {
		p := knownPod(namespace, name, uid, running("main", "c0ffee"+uid, 1))
		p.Labels = map[string]string{"app": "web", "pod-template-hash": "7d9fb6c4b"}
		p.Owner = inventory.Workload{Kind: "deployment", Name: "web"}
		return p
	}
	db := knownPod("prod", "db-0", "u2", running("main", "c0ffeeu2", 1), inventory.Container{Name: "init", ID: "1234", State: inventory.ContainerExited})
	s.names = &inventory.Snapshot{Pods: []inventory.Pod{
		web("dev", "web-7d9fb6c4b-x2x8k", "u1"), db, knownPod("prod", "ended", "u4"), web("prod", "web-7d9fb6c4b-aaaaa", "u3"),
	}}
	return s
}

func TestSelect(t *testing.T) {
	t.Parallel()
	s := selectable()
	pods := func(sel inventory.PodSelector) *inventory.PodSelector { return &sel }
	container, both := []Kind{KindContainer}, []Kind{KindContainer, KindPod}
	unit := []Kind{KindUnit}
	for name, test := range map[string]struct {
		sel  Selection
		want string
	}{
		"pods":           {Selection{}, "u9 u1 u2 u3"},
		"everything":     {Selection{Kinds: []Kind{KindUnit, KindNode, KindContainer, KindPod, KindPod}}, "n1 u9 u1 u2 u3 cache c0ffeeu9 c0ffeeu1 c0ffeeu2 c0ffeeu3 system.slice getty@tty1.service ssh.service"},
		"namespace":      {Selection{Pods: pods(inventory.PodSelector{Namespace: "prod"})}, "u2 u3"},
		"workload":       {Selection{Kinds: both, Pods: pods(inventory.PodSelector{Names: []string{"deployment/web"}})}, "u1 u3 c0ffeeu1 c0ffeeu3"},
		"labels":         {Selection{Pods: pods(inventory.PodSelector{LabelSelector: "app!=web"})}, "u2"},
		"uid":            {Selection{Pods: pods(inventory.PodSelector{UIDs: []string{"u9"}})}, "u9"},
		"unknown pod":    {Selection{Pods: pods(inventory.PodSelector{Names: []string{"u9"}})}, "u9"},
		"nothing runs":   {Selection{Pods: pods(inventory.PodSelector{Names: []string{"ended"}})}, ""},
		"all pods":       {Selection{Kinds: container, Pods: &inventory.PodSelector{}}, "c0ffeeu9 c0ffeeu1 c0ffeeu2 c0ffeeu3"},
		"all containers": {Selection{Kinds: container}, "cache c0ffeeu9 c0ffeeu1 c0ffeeu2 c0ffeeu3"},
		"container name": {Selection{Kinds: container, Containers: []string{"cache"}}, "cache"},
		"container ids":  {Selection{Kinds: container, Containers: []string{"containerd://dead", "c0ffeeu2"}}, "cache c0ffeeu2"},
		"ended one":      {Selection{Kinds: container, Containers: []string{"init"}}, ""},
		"main of a pod":  {Selection{Kinds: both, Pods: pods(inventory.PodSelector{Names: []string{"db-0"}}), Containers: []string{"main"}}, "u2 c0ffeeu2"},
		"unit":           {Selection{Kinds: unit, Units: []string{"ssh"}}, "ssh.service"},
		"unit patterns":  {Selection{Kinds: unit, Units: []string{"getty@*", "*.slice", "none*"}}, "system.slice getty@tty1.service"},
		"by cpu":         {Selection{Sort: SortCPU}, "u9 u2 u1 u3"},
		"by memory":      {Selection{Sort: SortMemory}, "u1 u2 u3 u9"},
		"by swap":        {Selection{Sort: SortSwap}, "u9 u3 u2 u1"},
		"by network":     {Selection{Sort: SortNetwork}, "u3 u1 u2 u9"},
		"by disk":        {Selection{Sort: SortDisk}, "u2 u9 u3 u1"},
		"first two":      {Selection{Kinds: []Kind{KindPod, KindUnit}, Sort: SortCPU, Limit: 2}, "u9 u2 system.slice ssh.service"},
		"equal":          {Selection{Kinds: container, Sort: SortNetwork}, "cache c0ffeeu9 c0ffeeu1 c0ffeeu2 c0ffeeu3"},
		"others' names":  {Selection{Kinds: unit, Pods: pods(inventory.PodSelector{Names: []string{"none"}}), Containers: []string{"none"}}, "system.slice getty@tty1.service ssh.service"},
	} {
		usages, err := s.Select(test.sel)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, u := range usages {
			switch u.Entity.Key.Kind {
			case KindPod:
				got = append(got, u.Entity.UID)
			case KindContainer:
				if id := u.Entity.ContainerID; u.Entity.Pod != "" {
					got = append(got, id)
				} else {
					got = append(got, u.Entity.Name)
				}
			default:
				got = append(got, u.Entity.Name)
			}
		}
		if d := cmp.Diff(test.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestSelectErrors(t *testing.T) {
	t.Parallel()
	s := selectable()
	for _, test := range []struct {
		sel  Selection
		is   error
		text string
	}{
		{Selection{Pods: &inventory.PodSelector{Names: []string{"bd-0"}}}, inventory.ErrNotFound, `pods "bd-0" not found, did you mean db-0?`},
		{Selection{Pods: &inventory.PodSelector{Names: []string{"db-0"}, Namespace: "dev"}}, inventory.ErrNotFound, `pods "db-0" not found in namespace "dev", but in prod`},
		{Selection{Pods: &inventory.PodSelector{Names: []string{"deploy/wbe"}}}, inventory.ErrNotFound, `deployments.apps "wbe" not found, did you mean web?`},
		{Selection{Pods: &inventory.PodSelector{LabelSelector: "=="}}, inventory.ErrBadSelector, ""},
		{Selection{Kinds: []Kind{KindUnit}, Units: []string{"shs"}}, inventory.ErrNotFound, `units "shs.service" not found, did you mean ssh.service?`},
		{Selection{Kinds: []Kind{KindUnit}, Units: []string{""}}, journal.ErrInvalidQuery, ""},
		{Selection{Kinds: []Kind{KindContainer}, Containers: []string{"cahce"}}, inventory.ErrNotFound, `containers "cahce" not found, did you mean cache?`},
		{
			Selection{Kinds: []Kind{KindContainer}, Pods: &inventory.PodSelector{Names: []string{"db-0"}}, Containers: []string{"inti"}},
			inventory.ErrNotFound, `containers "inti" not found, did you mean init?`,
		},
		{ // another pod has it, and so has what is in none
			Selection{Kinds: []Kind{KindContainer}, Pods: &inventory.PodSelector{Names: []string{"ended"}}, Containers: []string{"main"}},
			inventory.ErrNotFound, `containers "main" not found`,
		},
		{
			Selection{Kinds: []Kind{KindContainer}, Pods: &inventory.PodSelector{Names: []string{"db-0"}}, Containers: []string{"cache"}},
			inventory.ErrNotFound, `containers "cache" not found`,
		},
		{Selection{Kinds: []Kind{KindContainer}, Containers: []string{"containerd://"}}, inventory.ErrBadSelector, ""},
	} {
		usages, err := s.Select(test.sel)
		if !errors.Is(err, test.is) || usages != nil || test.text != "" && fmt.Sprint(err) != test.text {
			t.Errorf("Select(%+v) = %v, %v, want %s", test.sel, usages, err, test.text)
		}
	}
}

// TestSelectContainerByName: a name means what has it, and not also what has an id that begins so.
func TestSelectContainerByName(t *testing.T) {
	t.Parallel()
	s := &Snapshot{names: &inventory.Snapshot{}}
	for name, id := range map[string]string{"db": "0123", "web": "db45", "cache": "db46", "dbx": "89ab"} {
		s.Usages = append(s.Usages, use(&Entity{Key: Key{Kind: KindContainer, ID: id}, Name: name, ContainerID: id}, 0, 0, 0, 0))
	}
	s.names.Containers = []inventory.Container{{Name: "db4", ID: "ffff", State: inventory.ContainerExited}}
	for text, want := range map[string]string{
		"db": "db", "db45": "web", "d": "cache web", "docker://db": "db", "0123": "db",
		"db4": "", // of this name nothing runs
	} {
		usages, err := s.Select(Selection{Kinds: []Kind{KindContainer}, Containers: []string{text}})
		var got []string
		for _, u := range usages {
			got = append(got, u.Entity.Name)
		}
		if d := cmp.Diff(want, strings.Join(got, " ")); d != "" || err != nil {
			t.Errorf("%s: %v, %s", text, err, d)
		}
	}
}

// A selection does not change what it is made from: its slices are shared.
func TestSelectLeavesAlone(t *testing.T) {
	t.Parallel()
	s := selectable()
	before := len(s.names.Pods)
	sel := Selection{Kinds: []Kind{KindPod, KindNode}, Sort: SortMemory}
	if _, err := s.Select(sel); err != nil {
		t.Fatal(err)
	}
	if sel.Kinds[0] != KindPod || len(s.names.Pods) != before || s.Usages[0].Entity.UID != "u9" {
		t.Error("changed")
	}
	empty := &Snapshot{}
	if usages, err := empty.Select(Selection{Kinds: []Kind{KindNode, KindPod}}); err != nil || len(usages) != 0 {
		t.Errorf("Select of nothing = %v, %v", usages, err)
	}
}

// TestSelectPresent: what is not there is told of beside what is, and never becomes everything.
func TestSelectPresent(t *testing.T) {
	t.Parallel()
	s := selectable()
	pods := func(names ...string) *inventory.PodSelector { return &inventory.PodSelector{Names: names} }
	both := []Kind{KindPod, KindContainer}
	for name, test := range map[string]struct {
		sel           Selection
		want, missing string
	}{
		"all":             {Selection{}, "u9 web-7d9fb6c4b-x2x8k db-0 web-7d9fb6c4b-aaaaa", ""},
		"a pod":           {Selection{Pods: pods("db-0")}, "db-0", ""},
		"one of two pods": {Selection{Kinds: both, Pods: pods("gone", "db-0", "deployment/api")}, "db-0 db-0/main", "gone api"},
		"no pod":          {Selection{Pods: pods("gone")}, "", "gone"},
		"no pod, node":    {Selection{Kinds: []Kind{KindNode, KindPod}, Pods: pods("gone")}, "n1", "gone"},
		"containers":      {Selection{Kinds: both, Pods: pods("db-0", "gone"), Containers: []string{"x", "main"}}, "db-0 db-0/main", "gone x"},
		"no container":    {Selection{Kinds: both, Pods: pods("db-0"), Containers: []string{"x"}}, "db-0", "x"},
		"units":           {Selection{Kinds: []Kind{KindUnit}, Units: []string{"gone", "ssh", "none*"}}, "ssh.service", "gone.service"},
		"no unit":         {Selection{Kinds: []Kind{KindUnit}, Units: []string{"gone"}}, "", "gone.service"},
		"limit":           {Selection{Kinds: []Kind{KindUnit, KindPod}, Units: []string{"gone"}, Sort: SortCPU, Limit: 1}, "u9", "gone.service"},
	} {
		kinds := slices.Clone(test.sel.Kinds)
		usages, missing, err := s.SelectPresent(test.sel)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got, gone []string
		for _, u := range usages {
			if e := u.Entity; e.Key.Kind == KindContainer {
				got = append(got, e.Pod+"/"+e.Name)
			} else {
				got = append(got, e.Name)
			}
		}
		for _, err := range missing {
			var m *inventory.NotFoundError
			if !errors.As(err, &m) {
				t.Fatalf("%s: %v", name, err)
			}
			gone = append(gone, m.Name)
		}
		if strings.Join(got, " ") != test.want || strings.Join(gone, " ") != test.missing || !slices.Equal(kinds, test.sel.Kinds) {
			t.Errorf("%s: %v without %v, want %s without %s", name, got, gone, test.want, test.missing)
		}
	}
	for _, sel := range []Selection{
		{Pods: &inventory.PodSelector{LabelSelector: "!!"}},
		{Pods: &inventory.PodSelector{Names: []string{"gone", "nothing/x"}}},
		{Kinds: []Kind{KindUnit}, Units: []string{"gone", ""}},
	} {
		if usages, _, err := s.SelectPresent(sel); err == nil || errors.Is(err, inventory.ErrNotFound) {
			t.Errorf("%+v: %v, %v", sel, usages, err)
		}
	}
}
