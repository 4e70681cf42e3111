// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/noded/noded/journal/glob"
	"github.com/noded/noded/journal/unitname"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

// Select returns the figures that a selection names: by kind (node, pods, containers, units), and in its order. They are those of the
// snapshot. Only what has figures is in it: a pod of which nothing runs has none. A name that nothing has is a *inventory.NotFoundError, a
// label selector that cannot be read an inventory.ErrBadSelector, and what can be no unit a *journal.QueryError.
func (s *Snapshot) Select(sel Selection) ([]*Usage, error) {
	entities := make([]*Entity, 0, len(s.Usages)+1)
	all := make([]*Usage, 0, len(s.Usages)+1)
	add := func(u *Usage) {
		if u.Entity != nil {
			all, entities = append(all, u), append(entities, u.Entity)
		}
	}
	add(&s.Node)
	for i := range s.Usages {
		add(&s.Usages[i])
	}
	c, err := choose(&sel, s.names, entities)
	if err != nil {
		return nil, err
	}
	var out []*Usage
	for _, kind := range c.kinds {
		of := make([]*Usage, 0, len(all))
		for _, u := range all {
			if u.Entity.Key.Kind == kind && c.wants(u.Entity) {
				of = append(of, u)
			}
		}
		sel.Sort.sort(of)
		if sel.Limit > 0 && len(of) > sel.Limit {
			of = of[:sel.Limit]
		}
		out = append(out, of...)
	}
	return out, nil
}

// SelectPresent is Select for who goes on asking: a name that nothing has, or that nothing has any more, is left out, and missing has a
// *inventory.NotFoundError for each.
func (s *Snapshot) SelectPresent(sel Selection) (usages []*Usage, missing []error, err error) {
	usages, err = s.Select(sel)
	if !errors.Is(err, inventory.ErrNotFound) {
		return usages, nil, err
	}
	// present returns the names of a list that something has, each looked for alone; wrong is why one can be no name. Without any left
	// nothing of these kinds is meant: an empty list would mean all.
	var wrong error
	present := func(names []string, alone func(name []string) Selection, kinds ...Kind) (found []string) {
		for i := range names {
			switch _, err := s.Select(alone(names[i : i+1])); {
			case err == nil:
				found = append(found, names[i])
			case errors.Is(err, inventory.ErrNotFound):
				missing = append(missing, err)
			default:
				wrong = err
			}
		}
		if len(names) > 0 && len(found) == 0 {
			sel.Kinds = slices.DeleteFunc(sel.Kinds, func(k Kind) bool { return slices.Contains(kinds, k) })
		}
		return found
	}
	sel.Kinds = slices.Clone(sel.Kinds)
	if len(sel.Kinds) == 0 {
		sel.Kinds = []Kind{KindPod}
	}
	of := func(kind Kind) bool { return slices.Contains(sel.Kinds, kind) }
	if sel.Pods != nil && (of(KindPod) || of(KindContainer)) {
		pods := *sel.Pods
		pods.Names = present(pods.Names, func(name []string) Selection {
			one := *sel.Pods
			one.Names = name
			return Selection{Pods: &one}
		}, KindPod, KindContainer)
		sel.Pods = &pods
	}
	if of(KindContainer) {
		sel.Containers = present(sel.Containers, func(name []string) Selection {
			return Selection{Kinds: []Kind{KindContainer}, Pods: sel.Pods, Containers: name}
		}, KindContainer)
	}
	if of(KindUnit) {
		sel.Units = present(sel.Units, func(name []string) Selection { return Selection{Kinds: []Kind{KindUnit}, Units: name} }, KindUnit)
	}
	if wrong != nil || len(sel.Kinds) == 0 {
		return nil, missing, wrong
	}
	usages, err = s.Select(sel)
	return usages, missing, err
}

// byName is the order of what is of one kind.
func byName(a, b *Entity) int {
	if a.Key.Kind == KindUnit {
		return strings.Compare(a.Key.ID, b.Key.ID)
	}
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Pod, b.Pod), strings.Compare(a.Name, b.Name),
		strings.Compare(a.UID, b.UID), strings.Compare(a.ContainerID, b.ContainerID))
}

// sort sorts figures of one kind.
func (s Sort) sort(usages []*Usage) {
	slices.SortStableFunc(usages, func(a, b *Usage) int {
		va, oka := s.value(a)
		vb, okb := s.value(b)
		switch {
		case oka != okb && oka:
			return -1
		case oka != okb:
			return 1
		}
		return cmp.Or(cmp.Compare(vb, va), byName(a.Entity, b.Entity))
	})
}

// value is what figures are sorted by; ok is false if it is not known.
func (s Sort) value(u *Usage) (v float64, ok bool) {
	sums := u.Entity.Key.Kind == KindPod && u.Sum.Containers > 0
	switch s {
	case SortCPU:
		if sums {
			return u.Sum.CPU, u.Sum.Rated
		}
		return u.Rates.Get(metric.CPUUsage)
	case SortMemory:
		if sums {
			return float64(u.Sum.WorkingSet), u.Sum.HasWorkingSet
		}
		n, ok := u.Numbers.Get(metric.MemoryWorkingSet)
		return float64(n), ok
	case SortSwap:
		if sums {
			return float64(u.Sum.Swap), u.Sum.HasSwap
		}
		n, ok := u.Numbers.Get(metric.MemorySwap)
		return float64(n), ok
	case SortNetwork:
		return both(u, metric.NetworkReceiveBytes, metric.NetworkTransmitBytes)
	case SortDisk:
		return both(u, metric.IOReadBytes, metric.IOWriteBytes)
	default:
		return 0, false
	}
}

func both(u *Usage, a, b metric.ID) (float64, bool) {
	return u.Rates.Value(a) + u.Rates.Value(b), u.Rates.Has(a) || u.Rates.Has(b)
}

// chooser tells whether a selection means something.
type chooser struct {
	// kinds are sorted, each once.
	kinds []Kind
	// pods are nil for all.
	pods       map[podKey]bool
	containers []containerText
	// units are full names or patterns.
	units []string
}

// choose returns the chooser of a selection among entities. known is what an inventory tells of them; nil for nothing.
func choose(sel *Selection, known *inventory.Snapshot, entities []*Entity) (*chooser, error) {
	c := &chooser{kinds: slices.Clone(sel.Kinds)}
	if len(c.kinds) == 0 {
		c.kinds = []Kind{KindPod}
	}
	slices.Sort(c.kinds)
	c.kinds = slices.Compact(c.kinds)
	if sel.Pods != nil && (c.of(KindPod) || c.of(KindContainer)) {
		if err := c.choosePods(*sel.Pods, known, entities); err != nil {
			return nil, err
		}
	}
	if c.of(KindContainer) {
		if err := c.chooseContainers(sel.Containers, known, entities); err != nil {
			return nil, err
		}
	}
	if c.of(KindUnit) {
		if err := c.chooseUnits(sel.Units, entities); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *chooser) of(kind Kind) bool { return slices.Contains(c.kinds, kind) }

// wants reports whether something is meant, whose kind is.
func (c *chooser) wants(e *Entity) bool {
	switch e.Key.Kind {
	case KindPod:
		return c.pods == nil || c.pods[podOf(e)]
	case KindContainer:
		return c.inPods(e) && (len(c.containers) == 0 ||
			slices.ContainsFunc(c.containers, func(t containerText) bool { return t.means(e.Name, e.ContainerID) }))
	case KindUnit:
		return len(c.units) == 0 || slices.ContainsFunc(c.units, func(pattern string) bool { return glob.Match(pattern, e.Name) })
	default:
		return true
	}
}

// podOf is the pod that something is, or is in.
func podOf(e *Entity) podKey { return podKey{e.Namespace, e.Pod, e.UID} }

// choosePods finds the pods, by what an inventory knows of them, or by as much as there is about those that it does not know.
func (c *chooser) choosePods(sel inventory.PodSelector, known *inventory.Snapshot, entities []*Entity) error {
	all := &inventory.Snapshot{}
	have := map[podKey]bool{}
	if known != nil {
		all.Pods = slices.Clip(known.Pods)
		for i := range known.Pods {
			have[keyOf(&known.Pods[i])] = true
		}
	}
	for _, e := range entities {
		if e.Pod == "" || have[podOf(e)] {
			continue
		}
		have[podOf(e)] = true
		all.Pods = append(all.Pods, inventory.Pod{
			Namespace: e.Namespace, Name: e.Pod, UID: e.UID, Labels: e.Labels, LogsOnly: e.Labels == nil, HostNetwork: e.HostNetwork,
		})
	}
	pods, err := all.Select(sel)
	if err != nil {
		return err
	}
	c.pods = make(map[podKey]bool, len(pods))
	for i := range pods {
		c.pods[keyOf(&pods[i])] = true
	}
	return nil
}

// containerText is what a selection calls a container: a name, an id, or the beginning of one.
type containerText struct {
	text string
	// begins: nothing that is meant has this name, so that it may be the beginning of an id.
	begins bool
}

func (t containerText) means(name, id string) bool {
	return name == t.text || id == t.text || t.begins && strings.HasPrefix(id, t.text)
}

// chooseContainers finds what the texts mean in the pods that are chosen. A name comes before the beginning of an id, as with docker.
func (c *chooser) chooseContainers(texts []string, known *inventory.Snapshot, entities []*Entity) error {
	for _, text := range texts {
		id := text
		if _, rest, found := strings.Cut(text, "://"); found { // as in the status of a pod
			id = rest
		}
		if id == "" {
			return &inventory.SelectorError{Value: text, Reason: "it must be the name or the id of a container, or the beginning of an id"}
		}
		t := containerText{text: id}
		if !c.anyContainer(known, entities, t.means) {
			t.begins = true
			if !c.anyContainer(known, entities, t.means) {
				return &inventory.NotFoundError{Kind: "containers", Name: id, Near: inventory.Near(id, c.containerNames(known, entities))}
			}
		}
		c.containers = append(c.containers, t)
	}
	return nil
}

// anyContainer reports whether there is a container in the pods that are chosen, with figures or without.
func (c *chooser) anyContainer(known *inventory.Snapshot, entities []*Entity, is func(name, id string) bool) bool {
	for _, e := range entities {
		if e.Key.Kind == KindContainer && c.inPods(e) && is(e.Name, e.ContainerID) {
			return true
		}
	}
	if known == nil {
		return false
	}
	of := func(of inventory.Container) bool { return is(of.Name, of.ID) }
	if c.pods == nil && slices.ContainsFunc(known.Containers, of) {
		return true
	}
	for i := range known.Pods {
		if p := &known.Pods[i]; (c.pods == nil || c.pods[keyOf(p)]) && slices.ContainsFunc(p.Containers, of) {
			return true
		}
	}
	return false
}

// containerNames are the names of the containers in the pods that are chosen.
func (c *chooser) containerNames(known *inventory.Snapshot, entities []*Entity) (names []string) {
	c.anyContainer(known, entities, func(name, _ string) bool {
		names = append(names, name)
		return false
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// inPods reports whether a container is in one of the pods that are chosen.
func (c *chooser) inPods(e *Entity) bool { return c.pods == nil || e.Pod != "" && c.pods[podOf(e)] }

func (c *chooser) chooseUnits(texts []string, entities []*Entity) error {
	for _, text := range texts {
		name, err := unitname.Mangle(text, true)
		if err != nil {
			return err
		}
		c.units = append(c.units, name)
		if glob.IsPattern(name) {
			continue
		}
		if !slices.ContainsFunc(entities, func(e *Entity) bool { return e.Key.Kind == KindUnit && e.Name == name }) {
			return &inventory.NotFoundError{Kind: "units", Name: name, Near: inventory.Near(name, unitNames(entities))}
		}
	}
	return nil
}

func unitNames(entities []*Entity) (names []string) {
	for _, e := range entities {
		if e.Key.Kind == KindUnit {
			names = append(names, e.Name)
		}
	}
	return names
}
