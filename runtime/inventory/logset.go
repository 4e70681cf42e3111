// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/runtime/podlog"
)

const (
	// goneFor is how long a container that is gone stays in a set, as one that has ended, so that its log is read to the end.
	goneFor = 10 * time.Minute
	// maxGone bounds their number: those that went first are let go of.
	maxGone = 1024
)

// LogSet is a podlog.Set that holds a subscription.
type LogSet interface {
	podlog.Set
	// Close ends the subscription.
	Close()
}

// Logs returns the containers that a selector names, as a set that follows what comes and goes. Close it. Names of pods are those of
// the newest pod of that name, and stay with it; names of workloads, label selectors and whole namespaces mean all of
// their pods, and with follow also those that come later. A container need not be named if the pod has only one, init containers
// aside, or names one in the annotation kubectl.kubernetes.io/default-container. follow allows workloads and label
// selectors that no pod has yet; a name of a pod must exist. The errors are those above.
func (i *Inventory) Logs(ctx context.Context, sel LogSelector, follow bool) (LogSet, error) {
	var changed <-chan struct{}
	stop := func() {}
	if i.live() {
		changed, stop = i.Subscribe()
	}
	s := &logSet{inventory: i, selector: sel, changed: changed, stop: stop, pinned: map[podKey]bool{}, pinnedIDs: map[string]bool{}}
	snapshot, err := i.Snapshot(ctx)
	if err == nil {
		err = s.resolve(snapshot, follow)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return s, nil
}

// logSet implements LogSet.
type logSet struct {
	// read-only after resolve
	inventory *Inventory
	selector  LogSelector
	changed   <-chan struct{}
	stop      func()
	// matcher is about the pods that come and go; nil if all were named. pinned are the pods that were named, pinnedIDs the ids
	// of the containers in no pod, and pinnedNames the names of containers in pods.
	matcher     *Matcher
	pinned      map[podKey]bool
	pinnedIDs   map[string]bool
	pinnedNames []pinnedName

	// targets is of snapshot: the live ones, then those that are gone. waiting: a pod that was named has no container yet.
	snapshot *Snapshot
	targets  []podlog.Target
	live     int
	gone     []goneTarget
	waiting  bool
}

// pinnedName is a container in a pod that was named by its id.
type pinnedName struct {
	pod  podKey
	name string
}

// goneTarget is a container that is in the snapshot no more.
type goneTarget struct {
	target podlog.Target
	since  time.Time
}

// Close implements LogSet.
func (s *logSet) Close() { s.stop() }

// Changed implements podlog.Set.
func (s *logSet) Changed() <-chan struct{} { return s.changed }

// Open implements podlog.Set. A pod that was named and has no container yet is waited for.
func (s *logSet) Open() bool { return s.matcher != nil || s.waiting }

// resolve finds what is named and looks whether all of it can be read.
func (s *logSet) resolve(snapshot *Snapshot, follow bool) error {
	if s.selector.Pods != nil {
		if err := s.resolvePods(snapshot, follow); err != nil {
			return err
		}
	}
	for _, id := range s.selector.ContainerIDs {
		found, err := snapshot.containerByID(id)
		if err != nil {
			return err
		}
		switch c := found.container; {
		case found.pod != nil:
			s.pinnedNames = append(s.pinnedNames, pinnedName{keyOf(found.pod), c.Name})
		case c.Log == nil:
			return noLog(c.Name, c.Message)
		default:
			s.pinnedIDs[c.ID] = true
		}
	}
	targets, err := s.list(snapshot, false)
	s.snapshot, s.targets, s.live = snapshot, targets, len(targets)
	return err
}

// noLog is the error for a container that does not log to a file, or to one elsewhere. The message is what its runtime says of it.
func noLog(name, message string) error {
	e := &NotFoundError{Kind: "containers", Name: name, Reason: "has no log that can be read"}
	if message != "" {
		e.Reason += ": " + message
	}
	return e
}

func (s *logSet) resolvePods(snapshot *Snapshot, follow bool) error {
	sel := *s.selector.Pods
	m, err := NewMatcher(sel)
	if err != nil {
		return err
	}
	if m.labels != nil && len(s.inventory.sources) == 0 {
		return &SelectorError{Value: sel.LabelSelector, Reason: "a log tree has no labels, only names"}
	}
	var workloads []ownerName
	for _, n := range m.names {
		if n.kind != kindPod {
			workloads = append(workloads, n)
			if !follow && !slices.ContainsFunc(snapshot.Pods, func(p Pod) bool { return m.inNamespace(&p) && n.matches(&p) }) {
				return snapshot.notFound(n, sel.Namespace)
			}
			continue
		}
		if err := s.pin(snapshot, m, n); err != nil {
			return err
		}
	}
	switch {
	case m.names != nil && workloads == nil:
		return nil
	case m.names == nil && m.labels == nil && len(m.uids) > 0:
		return s.pinUIDs(snapshot, m)
	}
	m.names = workloads
	s.matcher = m
	return nil
}

// pin finds the pod that a name means.
func (s *logSet) pin(snapshot *Snapshot, m *Matcher, n ownerName) error {
	uids := m.uids
	if len(uids) == 0 {
		uids = []string{""}
	}
	var notFound error
	found := false
	for _, uid := range uids {
		p, err := snapshot.Pod(m.namespace, n.name, uid)
		switch {
		case err == nil && m.matchesRest(&p):
			s.pinned[keyOf(&p)] = true
			found = true
		case err == nil:
			notFound = snapshot.notFound(n, m.namespace)
		case errors.Is(err, ErrNotFound):
			notFound = err
		default:
			return err
		}
	}
	if found {
		return nil
	}
	return notFound
}

// pinUIDs finds the pods that UIDs mean.
func (s *logSet) pinUIDs(snapshot *Snapshot, m *Matcher) error {
	for _, uid := range m.uids {
		i := slices.IndexFunc(snapshot.Pods, func(p Pod) bool { return p.UID == uid && m.inNamespace(&p) })
		if i < 0 {
			return &NotFoundError{Kind: resourceOf(kindPod), Name: uid, Namespace: m.namespace}
		}
		s.pinned[keyOf(&snapshot.Pods[i])] = true
	}
	return nil
}

// Targets implements podlog.Set.
func (s *logSet) Targets(ctx context.Context) ([]podlog.Target, error) {
	snapshot, err := s.inventory.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if snapshot == s.snapshot {
		return slices.Clone(s.targets), nil
	}
	targets, err := s.list(snapshot, true)
	if err != nil {
		return nil, err
	}
	live := len(targets)
	s.snapshot, s.targets, s.live = snapshot, s.keepGone(targets, time.Now()), live
	return slices.Clone(s.targets), nil
}

// list returns the targets that are there.
func (s *logSet) list(snapshot *Snapshot, later bool) ([]podlog.Target, error) {
	var targets []podlog.Target
	alive := complete(snapshot)
	s.waiting = false
	var unknown error
	hit := false
	for i := range snapshot.Pods {
		p := &snapshot.Pods[i]
		key := keyOf(p)
		named := s.pinned[key]
		var chosen []*Container
		if named || s.matcher != nil && s.matcher.Matches(p) {
			var err error
			if chosen, err = chooseContainers(p, &s.selector, later || len(p.Containers) == 0); err != nil {
				// Of many pods some may lack a container that was named.
				if named || !errors.Is(err, ErrNotFound) {
					return nil, err
				}
				unknown = err
				chosen, _ = chooseContainers(p, &s.selector, true)
			}
			hit = hit || len(chosen) > 0
			s.waiting = s.waiting || named && len(chosen) == 0 && !podEnded(snapshot, p, alive)
		}
		for j := range p.Containers {
			c := &p.Containers[j]
			byID := slices.Contains(s.pinnedNames, pinnedName{key, c.Name})
			if !byID && !slices.Contains(chosen, c) {
				continue
			}
			if t, ok := podTarget(snapshot, p, c, alive); ok {
				targets = append(targets, t)
			} else if (named || byID) && !later {
				return nil, noLog(p.Name+"/"+c.Name, c.Message)
			}
		}
	}
	if unknown != nil && !hit {
		return nil, unknown
	}
	for i := range snapshot.Containers {
		if c := &snapshot.Containers[i]; s.pinnedIDs[c.ID] && c.Log != nil {
			targets = append(targets, podlog.Target{
				Source: podlog.Source{Container: c.Name, ID: c.ID}, Layout: c.Log.Layout, Dir: c.Log.Dir,
				Ended: c.State == ContainerExited,
			})
		}
	}
	return targets, nil
}

// podTarget returns the target for a container of a pod; false if it has no log that can be read.
func podTarget(snapshot *Snapshot, p *Pod, c *Container, alive bool) (podlog.Target, bool) {
	t := podlog.Target{Source: podlog.Source{Namespace: p.Namespace, Pod: p.Name, UID: p.UID, Container: c.Name, ID: c.ID}}
	if c.Log == nil {
		return podlog.Target{}, false
	}
	t.Layout, t.Dir = c.Log.Layout, c.Log.Dir
	t.Ended = c.State != ContainerRunning && podEnded(snapshot, p, alive)
	return t, true
}

// podEnded reports whether no container of a pod can run again: its sandbox is not ready, or the runtimes, which all answer, do
// not know it any more.
func podEnded(snapshot *Snapshot, p *Pod, alive bool) bool {
	if !p.LogsOnly {
		return p.State == StateNotReady
	}
	_, fresh := snapshot.fresh[keyOf(p)]
	return alive && !fresh
}

// LogDir returns the directory of a container's log beneath the log tree: NAMESPACE_NAME_UID/CONTAINER. It reports false
// if one of them can be no part of a path.
func LogDir(namespace, name, uid, container string) (string, bool) {
	dir, ok := podDir(namespace, name, uid)
	if !ok || !isPart(container) {
		return "", false
	}
	return dir + "/" + container, true
}

func podDir(namespace, name, uid string) (string, bool) {
	return namespace + "_" + name + "_" + uid, isPart(namespace) && isPart(name) && isPart(uid)
}

// isPart reports whether text can be a part of the name of a log directory: the names of Kubernetes have no other letters.
func isPart(text string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
	return text != "" && text[0] != '.' && len(text) <= 253 && strings.Trim(text, letters) == ""
}

// keepGone adds the containers that are gone, as ones that have ended.
func (s *logSet) keepGone(targets []podlog.Target, now time.Time) []podlog.Target {
	is := make(map[string]bool, len(targets))
	for i := range targets {
		is[targets[i].Source.Key()] = true
	}
	s.gone = slices.DeleteFunc(s.gone, func(g goneTarget) bool {
		return is[g.target.Source.Key()] || now.Sub(g.since) > goneFor
	})
	for i := range s.gone {
		is[s.gone[i].target.Source.Key()] = true
	}
	for _, t := range s.targets[:s.live] {
		if !is[t.Source.Key()] {
			t.Ended = true
			s.gone = append(s.gone, goneTarget{t, now})
		}
	}
	s.gone = slices.Delete(s.gone, 0, max(0, len(s.gone)-maxGone))
	for i := range s.gone {
		targets = append(targets, s.gone[i].target)
	}
	return targets
}
