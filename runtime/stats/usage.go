// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"time"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

// Kind says what something is.
type Kind uint8

// The kinds.
const (
	KindUnknown Kind = iota
	KindNode
	KindPod
	KindContainer
	// KindUnit is a unit of systemd: a service, scope, slice, socket, mount or swap.
	KindUnit
)

// String is the kind in one word: pod.
func (k Kind) String() string {
	switch k {
	case KindNode:
		return "node"
	case KindPod:
		return "pod"
	case KindContainer:
		return "container"
	case KindUnit:
		return "unit"
	case KindUnknown:
	}
	return "unknown"
}

// Key names something for as long as it exists. Another one of the same name has another key.
type Key struct {
	Kind Kind
	// ID is the UID of a pod, the id of a container, the name of a unit with its slices: system.slice/ssh.service. The node has none.
	ID string
	// Generation tells one from the next that has the same ID.
	Generation uint64
}

// Entity is something that uses the node. It is not changed once it is in a Snapshot.
type Entity struct {
	Key Key
	// Name is that of the node, the pod, the container in its pod, or the unit.
	Name string
	// Nameless: of a pod or a container nothing is known but its cgroup. Name is its UID, or the beginning of its id, then.
	Nameless bool
	// Namespace, Pod and UID are of the pod; empty for what is in none. What is not known is empty.
	Namespace, Pod, UID string
	// ContainerID, Image, Runtime, Run and Type are of a container. Run is how often it was restarted.
	ContainerID, Image, Runtime string
	Run                         uint32
	Type                        inventory.ContainerType
	// Labels are those of the pod; nil if they are not known.
	Labels map[string]string
	// HostNetwork: the pod has the network of the node, so that it has no figures of its own.
	HostNetwork bool
	// Resources are the limits and requests of a container as the runtime tells them, or of a pod the sums over its containers that run; zero
	// for none. A pod has no limit if one of them has none. What the cgroup tells is in the metrics.
	Resources inventory.Resources
	// Cgroup is its path below the root of the hierarchies; "/" for the node, empty for a pod that has none of its own.
	Cgroup string
	// Started is when it began to use anything, as far as it is known; zero if not.
	Started time.Time
}

// Same reports whether both say the same.
func (e *Entity) Same(o *Entity) bool {
	return e == o || e.Key == o.Key && e.Name == o.Name && e.Nameless == o.Nameless && e.Namespace == o.Namespace && e.Pod == o.Pod && e.UID == o.UID &&
		e.ContainerID == o.ContainerID && e.Image == o.Image && e.Runtime == o.Runtime && e.Run == o.Run && e.Type == o.Type &&
		e.HostNetwork == o.HostNetwork && e.Resources == o.Resources && e.Cgroup == o.Cgroup && e.Started.Equal(o.Started) &&
		maps.Equal(e.Labels, o.Labels)
}

// Usage is what something used when it was looked at last.
type Usage struct {
	Entity *Entity
	// Time is when the numbers were read, on the wall clock, Boot the same since the boot (CLOCK_BOOTTIME), which never steps.
	Time time.Time
	Boot time.Duration
	// Numbers are as they were read; counters are cumulative since Started.
	Numbers metric.Set
	// Rates are of the counters over Window, which ended at Time. A Window of 0 means that there are none yet.
	Rates  metric.Rates
	Window time.Duration
	// Sum is of a pod: what its containers use together, which is what kubectl top shows. Sandboxes are not in it.
	Sum Sum
}

// Sum is what containers use together.
type Sum struct {
	// Containers is how many have figures.
	Containers int
	// CPU is in cores, WorkingSet and Swap are in bytes.
	CPU              float64
	WorkingSet, Swap uint64
	// What one of them does not tell is not known of all: Rated is of CPU.
	Rated, HasWorkingSet, HasSwap bool
}

// Snapshot is what was known at one time. It and everything in it is not changed any more.
type Snapshot struct {
	// Sequence grows by one from one snapshot to the next.
	Sequence uint64
	// Time is when the look began, Interval how long after it the next one is planned.
	Time     time.Time
	Interval time.Duration
	Node     Usage
	// Usages are of all else: pods by namespace, name and UID, each followed by its containers by name; then containers that are in no
	// pod; then units by their path.
	Usages []Usage
	// Problems say what is known only in part, and why: a sentence each.
	Problems []string
	// Incomplete: figures are among what is missing, not only names.
	Incomplete bool

	// names is what the inventory knew; nil for nothing.
	names *inventory.Snapshot
}
