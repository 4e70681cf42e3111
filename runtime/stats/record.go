// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

// historyNode is what the node is called in history.
const historyNode = "node"

// historyName is what something is called in history. A container that is started again has another id, and so is another one there; a unit
// that is started again is the same.
func historyName(e *Entity) string {
	switch e.Key.Kind {
	case KindPod:
		return "pod/" + e.Key.ID
	case KindContainer:
		return "container/" + e.Key.ID
	case KindUnit:
		return "unit/" + e.Key.ID
	default:
		return historyNode
	}
}

// past is what history was told of something last.
type past struct {
	name      string
	described *Entity
	// boot is when that was, and base what the counters were then, in the order of Sampler.kept; has is a bit for each that is known.
	// A boot of 0 is never.
	boot time.Duration
	base []uint64
	has  uint64
	// rated: it had a rate.
	rated bool
}

// reset forgets the counters: they are those of another one.
func (p *past) reset() { p.boot, p.has, p.rated = 0, 0, false }

// forgetNetwork forgets the counters of the network: it is another one.
func (p *past) forgetNetwork(kept []metric.ID) {
	for i, id := range kept {
		if isNetwork(id) {
			p.has &^= 1 << i
		}
	}
}

// together is what the containers of a pod used, as history is told of it.
type together struct {
	containers int
	// sums are of summed, in that order, tellers how many containers told of it.
	sums    [3]float64
	tellers [3]int
	// partial: a container is not in it.
	partial bool
}

// record tells history of what was read. Of all that is there it does so at the usual interval, however often somebody wants looks, so that
// history lasts as long as it should; of what is new at once.
func (l *looker) record() {
	c := &l.sampler.config
	if c.History == nil || c.Inventory != nil && l.names.known == nil {
		return // names are about to come
	}
	due := l.recorded.IsZero() || l.now.Sub(l.recorded) >= c.Interval-c.Interval/10
	if due {
		l.recorded = l.now
	}
	l.recordOne(&l.node, due, nil)
	for _, p := range l.plan.pods {
		var sum together
		for _, s := range p.containers {
			if s.last != nil && !l.recordOne(s, due, &sum) {
				sum.partial = true
			}
		}
		l.recordOne(p.slot, due, &sum)
	}
	for _, s := range l.plan.containers {
		l.recordOne(s, due, nil)
	}
	for _, s := range l.plan.units {
		l.recordOne(s, due, nil)
	}
}

// recordRest tells history of what was read last, due or not.
func (l *looker) recordRest() {
	l.recorded = time.Time{}
	l.record()
}

// recordLast tells history of the last that was read of what has ended.
func (l *looker) recordLast(s *slot) {
	if l.sampler.config.History != nil && s.past.boot != 0 {
		l.recordOne(s, true, nil)
	}
}

// recordOne tells history of one thing, if it is due or new. A container adds to sum; for a pod sum is what its containers use.
func (l *looker) recordOne(s *slot, due bool, sum *together) bool {
	u, p := s.last, &s.past
	if u == nil || u.Boot == p.boot || !due && p.boot != 0 && (p.rated || u.Window == 0) {
		return false
	}
	window := u.Boot - p.boot
	if p.boot != 0 && window < minWindow {
		return false
	}
	if p.base == nil {
		p.base = make([]uint64, len(l.sampler.kept))
	}
	pod := s.key.kind == KindPod
	values := l.values[:0]
	for i, id := range l.sampler.kept {
		if pod && inSum(id) && (sum == nil || sum.containers > 0 || sum.partial) {
			p.has &^= 1 << i // a rate over the time that its containers tell of would be told as one over an interval
			continue
		}
		if v, ok := l.historyValue(p, i, id, u, window); ok {
			values = append(values, HistoryValue{id, v})
			if s.key.kind == KindContainer && sum != nil {
				sum.add(id, v)
			}
		}
	}
	if s.key.kind == KindContainer && sum != nil {
		sum.containers++
	}
	if pod && sum != nil && !sum.partial {
		values = sum.put(values)
	}
	l.values, p.boot = values, u.Boot
	p.rated = p.rated || u.Window > 0
	l.append(s, u.Time, values)
	return true
}

// historyValue is one number as history has it.
func (l *looker) historyValue(p *past, i int, id metric.ID, u *Usage, window time.Duration) (float64, bool) {
	is, ok := u.Numbers.Get(id)
	if !ok {
		p.has &^= 1 << i
		return 0, false
	}
	if !id.Info().Counter {
		return float64(is), true
	}
	was, had := p.base[i], p.has&(1<<i) != 0
	p.base[i] = is
	p.has |= 1 << i
	if !had || is < was || p.boot == 0 {
		return 0, false
	}
	r := perSecond(id, is-was, window.Seconds())
	if l.absurd(id, r) {
		return 0, false
	}
	return math.Round(r * historyScale(id)), true
}

// historyScale is by what rates are multiplied in history, so that whole numbers are fine enough.
func historyScale(id metric.ID) float64 {
	info := id.Info()
	switch {
	case !info.Counter || info.Unit == metric.UnitBytes:
		return 1
	case info.Unit == metric.UnitNanoseconds:
		return 1e6
	default:
		return 1e3
	}
}

// summed are the numbers that a pod has of its containers.
func summed() [3]metric.ID {
	return [...]metric.ID{metric.CPUUsage, metric.MemoryWorkingSet, metric.MemorySwap}
}

func inSum(id metric.ID) bool {
	numbers := summed()
	return slices.Contains(numbers[:], id)
}

func (t *together) add(id metric.ID, v float64) {
	numbers := summed()
	if i := slices.Index(numbers[:], id); i >= 0 {
		t.sums[i] += v
		t.tellers[i]++
	}
}

// put appends the sums. What kubectl top shows of a pod is what its containers use; what one of them does not tell is not known.
func (t *together) put(values []HistoryValue) []HistoryValue {
	for i, id := range summed() {
		if t.containers > 0 && t.tellers[i] == t.containers {
			values = append(values, HistoryValue{id, t.sums[i]})
		}
	}
	return values
}

func (l *looker) append(s *slot, t time.Time, values []HistoryValue) {
	h := l.sampler.config.History
	if s.past.described != s.entity {
		if about, err := json.Marshal(identityOf(named(h, s.past.name, s.entity))); err == nil {
			h.Describe(s.past.name, about)
		}
		s.past.described = s.entity
	}
	if len(values) > 0 {
		h.Append(s.past.name, t, values)
	}
}

// named returns an Entity as history knows it if it has no name itself: after a restart of noded a runtime may not answer, or not yet.
func named(h History, name string, e *Entity) *Entity {
	if e.Nameless {
		if known := entityOf(h.About(name)); known != nil && known.Key.Kind == e.Key.Kind && known.Key.ID == e.Key.ID && !known.Nameless {
			known.Key = e.Key
			return known
		}
	}
	return e
}

// identity is what history keeps of an Entity. Its JSON survives in the state directory, and so must the values of kinds and types.
type identity struct {
	Kind        Kind                    `json:"kind"`
	ID          string                  `json:"id"`
	Name        string                  `json:"name"`
	Namespace   string                  `json:"namespace,omitempty"`
	Pod         string                  `json:"pod,omitempty"`
	UID         string                  `json:"uid,omitempty"`
	ContainerID string                  `json:"container_id,omitempty"`
	Image       string                  `json:"image,omitempty"`
	Runtime     string                  `json:"runtime,omitempty"`
	Run         uint32                  `json:"run,omitempty"`
	Type        inventory.ContainerType `json:"type,omitempty"`
	Labels      map[string]string       `json:"labels,omitempty"`
	Nameless    bool                    `json:"nameless,omitempty"`
	HostNetwork bool                    `json:"host_network,omitempty"`
	Resources   inventory.Resources     `json:"resources,omitzero"`
	Cgroup      string                  `json:"cgroup,omitempty"`
	Started     time.Time               `json:"started,omitzero"`
}

func identityOf(e *Entity) *identity {
	return &identity{
		Kind: e.Key.Kind, ID: e.Key.ID, Name: e.Name, Namespace: e.Namespace, Pod: e.Pod, UID: e.UID, ContainerID: e.ContainerID,
		Image: e.Image, Runtime: e.Runtime, Run: e.Run, Type: e.Type, Labels: e.Labels, HostNetwork: e.HostNetwork, Nameless: e.Nameless,
		Resources: e.Resources, Cgroup: e.Cgroup, Started: e.Started,
	}
}

// entityOf is the reverse of identityOf; nil if that cannot be read.
func entityOf(about []byte) *Entity {
	var i identity
	if len(about) == 0 || json.Unmarshal(about, &i) != nil || i.Kind == KindUnknown || i.Kind > KindUnit {
		return nil
	}
	return &Entity{
		Key: Key{Kind: i.Kind, ID: i.ID}, Name: i.Name, Namespace: i.Namespace, Pod: i.Pod, UID: i.UID, ContainerID: i.ContainerID,
		Image: i.Image, Runtime: i.Runtime, Run: i.Run, Type: i.Type, Labels: i.Labels, HostNetwork: i.HostNetwork, Nameless: i.Nameless,
		Resources: i.Resources, Cgroup: i.Cgroup, Started: i.Started,
	}
}
