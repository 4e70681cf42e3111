// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/noded/noded/runtime/inventory"
)

// shortID is how many letters of an id stand for a name that is not known.
const shortID = 12

// podKey tells pods apart. A pod that is known by its cgroup only has its UID for a name, and no namespace.
type podKey struct{ namespace, name, uid string }

// names tells who is who, by what an inventory knew at one time. It is not changed any more.
type names struct {
	// known is what it was made of; nil for nothing.
	known      *inventory.Snapshot
	containers map[string]place
	// sandboxes are pods by the ids of their sandboxes, pods are pods by UID.
	sandboxes, pods map[string]*inventory.Pod
	// parents counts the pods that have the same parent for their cgroups.
	parents map[string]int
	// away: a runtime that told of pods does not answer, so that there may be containers that it would know.
	away bool
}

// place is a container and the pod that it is in, nil for none.
type place struct {
	pod       *inventory.Pod
	container *inventory.Container
}

// namesOf indexes what an inventory knows; nil for nothing.
func namesOf(known *inventory.Snapshot) *names {
	n := &names{
		known: known, containers: map[string]place{}, sandboxes: map[string]*inventory.Pod{}, pods: map[string]*inventory.Pod{},
		parents: map[string]int{},
	}
	if known == nil {
		return n
	}
	for i := range known.Pods {
		p := &known.Pods[i]
		if before := n.pods[p.UID]; before == nil || before.LogsOnly && !p.LogsOnly {
			n.pods[p.UID] = p
		}
		if p.SandboxID != "" {
			n.sandboxes[p.SandboxID] = p
		}
		if p.CgroupParent != "" {
			n.parents[p.CgroupParent]++
		}
		for j := range p.Containers {
			if c := &p.Containers[j]; c.ID != "" {
				n.containers[c.ID] = place{p, c}
			}
		}
	}
	for i := range known.Containers {
		if c := &known.Containers[i]; c.ID != "" {
			n.containers[c.ID] = place{nil, c}
		}
	}
	for i := range known.Runtimes {
		r := &known.Runtimes[i]
		n.away = n.away || r.Err != nil && !r.Since.IsZero()
	}
	return n
}

// find tells which container the cgroup of one is of, and its pod. listed is false for a sandbox, and for a container that was replaced.
// pod is nil if it is in none, or in one that nothing but the cgroup knows.
func (n *names) find(of *Name) (at place, listed bool) {
	if at, ok := n.containers[of.ContainerID]; ok {
		return at, true
	}
	if n.sandboxes[of.ContainerID] != nil {
		return place{}, false
	}
	pod := n.pods[of.PodUID]
	if of.PodUID == "" || pod == nil {
		return place{}, true
	}
	// A runtime that tells of the pod, and answers, would tell of the container.
	return place{pod, nil}, pod.LogsOnly || n.away
}

// keyOf tells pods apart.
func keyOf(p *inventory.Pod) podKey { return podKey{p.Namespace, p.Name, p.UID} }

// idOf is the ID of the Key of a pod: its UID, unless it has none or another one has the same.
func (n *names) idOf(key podKey) string {
	if p := n.pods[key.uid]; key.uid != "" && (p == nil || keyOf(p) == key) {
		return key.uid
	}
	return key.namespace + "/" + key.name + "/" + key.uid
}

// parent returns the path of the cgroup that a runtime put a pod into; empty if it is not the pod's alone.
func (n *names) parent(p *inventory.Pod) string {
	if p == nil || p.CgroupParent == "" || n.parents[p.CgroupParent] != 1 {
		return ""
	}
	parent := strings.Trim(p.CgroupParent, "/")
	if parent == "" {
		return ""
	}
	if strings.HasSuffix(parent, ".slice") && !strings.Contains(parent, "/") {
		return slicePath(parent)
	}
	return "/" + parent
}

// slicePath returns the path of the cgroup of a slice: a-b.slice is in a.slice.
func slicePath(slice string) string {
	const suffix = ".slice"
	name := strings.TrimSuffix(slice, suffix)
	var b strings.Builder
	for i := range len(name) {
		if name[i] == '-' && i > 0 {
			b.WriteString("/" + name[:i] + suffix)
		}
	}
	b.WriteString("/" + slice)
	return b.String()
}

// troubles says what of the names is missing or may be old; nameless is how many pods and containers are known by their cgroups only.
func (n *names) troubles(nameless int) (out []problem) {
	add := func(format string, args ...any) { out = append(out, problem{text: fmt.Sprintf(format, args...)}) }
	if n.known != nil {
		for i := range n.known.Runtimes {
			r := &n.known.Runtimes[i]
			name := r.Name
			if name == "" {
				name = r.Socket
			}
			if r.Err != nil && (!r.Since.IsZero() || !errors.Is(r.Err, fs.ErrNotExist)) {
				add("%s does not answer: %v: names of pods and containers may be old", name, r.Err)
			}
		}
	}
	if nameless > 0 {
		add("%d pods and containers are known by their cgroups only, not by name", nameless)
	}
	return out
}
