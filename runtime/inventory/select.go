// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// PodSelector says which pods are wanted; see the message of that name in the API.
type PodSelector struct {
	Namespace     string
	Names         []string
	LabelSelector string
	UIDs          []string
}

// LogSelector says which containers' logs are wanted; see the message of that name in the API.
type LogSelector struct {
	// Pods is nil for none.
	Pods          *PodSelector
	Containers    []string
	AllContainers bool
	ContainerIDs  []string
}

// Select returns the pods that a selector names, in the order of the snapshot. A name that no pod has is a *NotFoundError, a
// label selector that cannot be read an ErrBadSelector. A selector without names may select nothing.
func (s *Snapshot) Select(sel PodSelector) ([]Pod, error) {
	m, err := NewMatcher(sel)
	if err != nil {
		return nil, err
	}
	var out []Pod
	for i := range s.Pods {
		if m.Matches(&s.Pods[i]) {
			out = append(out, s.Pods[i])
		}
	}
	for _, n := range m.names {
		if !slices.ContainsFunc(s.Pods, func(p Pod) bool { return m.inNamespace(&p) && n.matches(&p) }) {
			return nil, s.notFound(n, m.namespace)
		}
	}
	return out, nil
}

// Pod returns one pod. Without a namespace the name must be in one namespace only, else it is an *AmbiguousError; of pods of one
// name the newest is meant, unless uid is set.
func (s *Snapshot) Pod(namespace, name, uid string) (Pod, error) {
	var found *Pod
	var namespaces []string
	for i := range s.Pods {
		p := &s.Pods[i]
		if p.Name != name || namespace != "" && p.Namespace != namespace || uid != "" && p.UID != uid {
			continue
		}
		if !slices.Contains(namespaces, p.Namespace) {
			namespaces = append(namespaces, p.Namespace)
		}
		if found == nil || s.newer(p, found) {
			found = p
		}
	}
	switch {
	case found == nil:
		return Pod{}, s.notFound(ownerName{kindPod, name}, namespace)
	case len(namespaces) > 1:
		return Pod{}, &AmbiguousError{Kind: resourceOf(kindPod), Name: name, Of: "namespaces", Choices: namespaces}
	}
	return *found, nil
}

// newer reports whether a is newer than b, a pod of the same name: one that a runtime knows, then by creation, then by its logs.
func (s *Snapshot) newer(a, b *Pod) bool {
	if a.LogsOnly != b.LogsOnly {
		return b.LogsOnly
	}
	if c := a.Created.Compare(b.Created); c != 0 || s.newestLog == nil {
		return c > 0
	}
	return s.newestLog(a).After(s.newestLog(b))
}

// SelectContainers returns the containers of the pods that sel names, nil for all of them and for those in no pod, or with ids
// only those of them that the ids, their beginnings, or names of containers in no pod mean. Each pod has only those of its
// containers that were selected. The errors are those of Select.
func (s *Snapshot) SelectContainers(sel *PodSelector, ids []string) (pods []Pod, containers []Container, err error) {
	if sel == nil {
		pods, containers = s.Pods, s.Containers
	} else if pods, err = s.Select(*sel); err != nil {
		return nil, nil, err
	}
	if len(ids) == 0 {
		return pods, containers, nil
	}
	within := &Snapshot{Pods: pods, Containers: containers}
	chosen := map[*Container]bool{}
	for _, id := range ids {
		found, err := within.containerByID(id)
		if err != nil {
			return nil, nil, err
		}
		chosen[found.container] = true
	}
	var outPods []Pod
	for i := range pods {
		p := pods[i]
		p.Containers = nil
		for j := range pods[i].Containers {
			if c := &pods[i].Containers[j]; chosen[c] {
				p.Containers = append(p.Containers, *c)
			}
		}
		if len(p.Containers) > 0 {
			outPods = append(outPods, p)
		}
	}
	var outContainers []Container
	for i := range containers {
		if chosen[&containers[i]] {
			outContainers = append(outContainers, containers[i])
		}
	}
	return outPods, outContainers, nil
}

// Matcher tells for single pods whether a selector means them. It is safe for concurrent use.
type Matcher struct {
	// read-only after NewMatcher
	namespace string
	names     []ownerName
	labels    labels.Selector
	uids      []string
}

// ownerName is a name with its kind.
type ownerName struct{ kind, name string }

func (n ownerName) matches(p *Pod) bool {
	if n.kind == kindPod {
		return p.Name == n.name
	}
	// An owner that the source found is right without the others.
	return slices.Contains(workloadsOf(p), Workload{n.kind, n.name}) || p.Owner == Workload{n.kind, n.name}
}

// NewMatcher returns the matcher of a selector. Names need not exist. The error is an ErrBadSelector.
func NewMatcher(sel PodSelector) (*Matcher, error) {
	m := &Matcher{namespace: sel.Namespace, uids: sel.UIDs}
	for _, text := range sel.Names {
		kind, name, err := parseName(text)
		if err != nil {
			return nil, err
		}
		m.names = append(m.names, ownerName{kind, name})
	}
	if strings.TrimSpace(sel.LabelSelector) != "" {
		selector, err := labels.Parse(sel.LabelSelector)
		if err != nil {
			return nil, &SelectorError{Value: sel.LabelSelector, Reason: err.Error()}
		}
		m.labels = selector
	}
	return m, nil
}

// Matches reports whether the selector means the pod. Of a pod that only the log tree knows there are no labels, so no
// label selector means it, whatever it asks for.
func (m *Matcher) Matches(p *Pod) bool {
	return m.matchesRest(p) &&
		(len(m.names) == 0 || slices.ContainsFunc(m.names, func(n ownerName) bool { return n.matches(p) }))
}

// matchesRest is Matches without the names.
func (m *Matcher) matchesRest(p *Pod) bool {
	switch {
	case !m.inNamespace(p):
		return false
	case len(m.uids) > 0 && !slices.Contains(m.uids, p.UID):
		return false
	case m.labels != nil:
		return !p.LogsOnly && m.labels.Matches(labels.Set(p.Labels))
	}
	return true
}

func (m *Matcher) inNamespace(p *Pod) bool { return m.namespace == "" || p.Namespace == m.namespace }

// notFound returns the error for a name that no pod has.
func (s *Snapshot) notFound(n ownerName, namespace string) error {
	e := &NotFoundError{Kind: resourceOf(n.kind), Name: n.name, Namespace: namespace}
	var candidates, workloads []string
	for i := range s.Pods {
		p := &s.Pods[i]
		if namespace != "" && p.Namespace != namespace {
			if n.matches(p) && !slices.Contains(e.Elsewhere, p.Namespace) {
				e.Elsewhere = append(e.Elsewhere, p.Namespace)
			}
			continue
		}
		if n.kind == kindPod {
			candidates = append(candidates, p.Name)
		}
		if p.LogsOnly && p.Owner.Kind == "" {
			continue
		}
		for _, w := range workloadsOf(p) {
			switch {
			case n.kind == kindPod && w.Name == n.name && !slices.Contains(workloads, w.String()):
				workloads = append(workloads, w.String())
			case n.kind == w.Kind:
				candidates = append(candidates, w.Name)
			}
		}
	}
	e.Elsewhere = e.Elsewhere[:min(len(e.Elsewhere), maxNear)]
	if len(e.Elsewhere) == 0 {
		e.Near = append(workloads, nearNames(n.name, candidates)...)
		e.Near = e.Near[:min(len(e.Near), maxNear)]
	}
	if len(s.Pods) == 0 {
		e.Reason = "not found: no pod is known"
	}
	return e
}
