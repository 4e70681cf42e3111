// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/runtime/inventory"
)

// plan is what a look reads, in the order of Snapshot.Usages.
type plan struct {
	pods []*podPlan
	// containers are in no pod.
	containers, units []*slot
	// nameless is how many pods and containers are known by their cgroups only.
	nameless int
}

// podPlan is a pod with its containers.
type podPlan struct {
	key        podKey
	known      *inventory.Pod
	path       string
	slot       *slot
	containers []*slot
}

// size is how many figures there can be.
func (p *plan) size() int {
	n := len(p.pods) + len(p.containers) + len(p.units)
	for _, pod := range p.pods {
		n += len(pod.containers)
	}
	return n
}

// planner makes a plan. It belongs to one call of looker.replan.
type planner struct {
	looker *looker
	names  *names
	pods   map[podKey]*podPlan
	// ids are the containers that are planned.
	ids  map[string]bool
	plan *plan
	used map[slotKey]*slot
}

// replan makes a plan of the cgroups that there are and of what is known about them. What has ended is closed.
func (l *looker) replan() {
	p := &planner{
		looker: l, names: l.names, pods: map[podKey]*podPlan{}, ids: map[string]bool{}, plan: &plan{},
		used: make(map[slotKey]*slot, len(l.slots)),
	}
	// What is in a container may be called anything, and what it uses the container uses: it is a container of its own only if an inventory
	// knows it, and it is nowhere else.
	type nested struct {
		path string
		name Name
	}
	var inner []nested
	for _, path := range l.paths { // in their order, so that the same is found each time
		switch name := l.tree.Classify(path); name.Kind {
		case KindPod, KindContainer:
			switch {
			case !name.Nested:
				p.add(path, &name)
			case p.knows(&name):
				inner = append(inner, nested{path, name})
			}
		case KindUnit:
			if !name.Nested {
				p.addUnit(path, name.Unit)
			}
		default:
		}
	}
	for i := range inner {
		p.add(inner[i].path, &inner[i].name)
	}
	p.addPods()
	p.sort()
	for key, s := range l.slots {
		if p.used[key] == nil {
			l.end(s)
		}
	}
	l.slots, l.plan = p.used, p.plan
}

// knows reports whether an inventory tells of a container.
func (p *planner) knows(name *Name) bool {
	_, ok := p.names.containers[name.ContainerID]
	return ok
}

// add plans a container, or the pod of a cgroup.
func (p *planner) add(path string, name *Name) {
	if name.Kind == KindPod {
		if pod := p.pod(p.names.pods[name.PodUID], name.PodUID); pod.path == "" {
			pod.path = path
		}
		return
	}
	at, listed := p.names.find(name)
	if !listed || p.ids[name.ContainerID] {
		return
	}
	p.ids[name.ContainerID] = true
	uid := name.PodUID
	if at.pod != nil {
		uid = at.pod.UID
	}
	var pod *podPlan
	if at.pod != nil || at.container == nil && uid != "" {
		pod = p.pod(at.pod, uid)
	}
	s := p.slot(path, p.containerEntity(pod, at, name, path))
	s.pid = 0
	if c := at.container; c != nil && c.State == inventory.ContainerRunning {
		s.pid = int(c.PID)
	}
	s.alone = pod == nil
	if pod == nil {
		p.plan.containers = append(p.plan.containers, s)
		return
	}
	pod.containers = append(pod.containers, s)
}

// pod returns the plan of a pod, known or not.
func (p *planner) pod(known *inventory.Pod, uid string) *podPlan {
	key := podKey{"", uid, uid}
	if known != nil {
		key = keyOf(known)
	}
	pod := p.pods[key]
	if pod == nil {
		pod = &podPlan{key: key, known: known}
		p.pods[key] = pod
		p.plan.pods = append(p.plan.pods, pod)
	}
	return pod
}

// addPods completes the pods when their containers are known.
func (p *planner) addPods() {
	listed := func(path string) bool {
		_, found := slices.BinarySearch(p.looker.paths, path)
		return found
	}
	for _, pod := range p.plan.pods {
		if parent := p.names.parent(pod.known); pod.path == "" && parent != "" && listed(parent) {
			pod.path = parent
		}
		pod.slot = p.slot(pod.path, p.podEntity(pod))
		sandbox := ""
		if pod.known != nil {
			sandbox = pod.known.SandboxID
		}
		if pod.slot.sandbox != sandbox {
			pod.slot.sandbox, pod.slot.rewired = sandbox, true
		}
	}
}

// slot returns what is kept of something from look to look, with the newest about who it is.
func (p *planner) slot(path string, e *Entity) *slot {
	key := slotKey{path, e.Key.Kind, e.Key.ID}
	s := p.used[key]
	if s == nil {
		s = p.looker.slots[key]
	}
	if s == nil {
		s = &slot{key: key, past: past{name: historyName(e)}}
	}
	p.used[key] = s
	e.Key.Generation = s.generation
	if s.entity == nil || !s.entity.Same(e) {
		s.entity = e
	}
	return s
}

func (p *planner) podEntity(pod *podPlan) *Entity {
	e := &Entity{
		Key: Key{Kind: KindPod, ID: p.names.idOf(pod.key)}, Name: pod.key.name, Namespace: pod.key.namespace, Pod: pod.key.name,
		UID: pod.key.uid, Cgroup: pod.path,
	}
	if pod.known == nil {
		e.Nameless = true
		p.plan.nameless++
	}
	if k := pod.known; k != nil {
		e.Labels, e.HostNetwork, e.Started = k.Labels, k.HostNetwork, p.looker.credible(k.Created)
	}
	e.Resources = resourcesOf(pod.containers)
	return e
}

// resourcesOf are what containers may use and asked for together. Where one of them has no limit there is none.
func resourcesOf(containers []*slot) (sum inventory.Resources) {
	unlimitedCPU, unlimitedMemory := false, false
	for _, c := range containers {
		r := &c.entity.Resources
		sum.CPULimit += r.CPULimit
		sum.CPURequest += r.CPURequest
		sum.MemoryLimit += r.MemoryLimit
		sum.MemoryRequest += r.MemoryRequest
		unlimitedCPU = unlimitedCPU || r.CPULimit == 0
		unlimitedMemory = unlimitedMemory || r.MemoryLimit == 0
	}
	if unlimitedCPU {
		sum.CPULimit = 0
	}
	if unlimitedMemory {
		sum.MemoryLimit = 0
	}
	return sum
}

func (p *planner) containerEntity(pod *podPlan, at place, name *Name, path string) *Entity {
	e := &Entity{
		Key: Key{Kind: KindContainer, ID: name.ContainerID}, Name: name.ContainerID[:min(len(name.ContainerID), shortID)],
		ContainerID: name.ContainerID, Cgroup: path,
	}
	if pod != nil {
		e.Namespace, e.Pod, e.UID = pod.key.namespace, pod.key.name, pod.key.uid
		if pod.known != nil {
			e.Labels, e.HostNetwork = pod.known.Labels, pod.known.HostNetwork
		}
	}
	if c := at.container; c != nil {
		e.Name, e.Image, e.Runtime, e.Run, e.Type = c.Name, c.Image, c.Runtime, c.Run, c.Type
		e.Resources, e.Started = c.Resources, p.looker.credible(c.Started)
	} else {
		e.Nameless = true
		p.plan.nameless++
	}
	return e
}

// addUnit plans a unit.
func (p *planner) addUnit(path, name string) {
	e := &Entity{Key: Key{Kind: KindUnit, ID: strings.TrimPrefix(path, "/")}, Name: name, Cgroup: path}
	p.plan.units = append(p.plan.units, p.slot(path, e))
}

func (p *planner) sort() {
	byName := func(a, b *slot) int {
		return cmp.Or(strings.Compare(a.entity.Name, b.entity.Name), strings.Compare(a.entity.ContainerID, b.entity.ContainerID))
	}
	slices.SortFunc(p.plan.pods, func(a, b *podPlan) int {
		return cmp.Or(strings.Compare(a.key.namespace, b.key.namespace), strings.Compare(a.key.name, b.key.name),
			strings.Compare(a.key.uid, b.key.uid))
	})
	for _, pod := range p.plan.pods {
		slices.SortFunc(pod.containers, byName)
	}
	slices.SortFunc(p.plan.containers, byName)
	slices.SortFunc(p.plan.units, func(a, b *slot) int { return strings.Compare(a.key.path, b.key.path) })
}

// credible returns a time at which something can have begun, else none: runtimes have been seen to tell of the year 1 or of next week.
func (l *looker) credible(t time.Time) time.Time {
	const slack = 2 * time.Second // what clocks are rounded by
	if t.IsZero() || t.After(l.wall.Add(slack)) || !l.booted.IsZero() && t.Before(l.booted.Add(-slack)) {
		return time.Time{}
	}
	return t.Round(0)
}
