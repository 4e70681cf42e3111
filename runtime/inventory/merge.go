// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/podlog"
)

// podKey is what a pod is known by.
type podKey struct{ namespace, name, uid string }

func keyOf(p *Pod) podKey { return podKey{p.Namespace, p.Name, p.UID} }

// known is what one source knows.
type known struct {
	pods       []Pod
	containers []Container
	status     RuntimeStatus
	problems   []string
}

// join makes a snapshot of what the sources and the log tree know. It changes nothing that it is given.
func join(sources []known, tree []logtree.Pod, treeErr error) *Snapshot {
	s := &Snapshot{LogTree: treeErr, Pods: make([]Pod, 0, len(tree)+8)}
	at := make(map[podKey]int, len(tree))
	ids := map[string]bool{}
	for i := range sources {
		s.Runtimes = append(s.Runtimes, sources[i].status)
		for j := range sources[i].pods {
			s.addPod(at, &sources[i].pods[j], ids)
		}
	}
	for i := range sources {
		for _, c := range sources[i].containers {
			if c.ID == "" || !ids[c.ID] {
				ids[c.ID] = true
				s.Containers = append(s.Containers, c)
			}
		}
	}
	for i := range tree {
		s.addLogs(at, &tree[i])
	}
	for i := range s.Pods {
		p := &s.Pods[i]
		if !p.LogsOnly { // those of the tree are in order
			sortContainers(p.Containers)
		}
		if p.Owner.Kind == "" {
			p.Owner = OwnerOf(p)
		}
	}
	sortPods(s.Pods)
	slices.SortStableFunc(s.Containers, func(a, b Container) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	s.Problems = problems(s)
	for i := range sources {
		s.Problems = append(s.Problems, sources[i].problems...)
	}
	return s
}

// sortPods sorts pods by namespace, name and UID, which no two have in common. Pods are large: it moves each one once.
func sortPods(pods []Pod) {
	order := make([]*Pod, len(pods))
	for i := range pods {
		order[i] = &pods[i]
	}
	byName := func(a, b *Pod) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.UID, b.UID))
	}
	if slices.IsSortedFunc(order, byName) {
		return
	}
	slices.SortFunc(order, byName)
	sorted := make([]Pod, 0, len(pods))
	for _, p := range order {
		sorted = append(sorted, *p)
	}
	copy(pods, sorted)
}

// addPod adds a pod of a source. What an earlier source said of the same pod holds.
func (s *Snapshot) addPod(at map[podKey]int, p *Pod, ids map[string]bool) {
	i, exists := at[keyOf(p)]
	if !exists {
		i = len(s.Pods)
		at[keyOf(p)] = i
		s.Pods = append(s.Pods, *p)
		s.Pods[i].LogsOnly = false
		s.Pods[i].Containers = make([]Container, 0, len(p.Containers))
	}
	into := &s.Pods[i]
	for j := range p.Containers {
		c := &p.Containers[j]
		if c.Log != nil && c.Log.Layout == podlog.LayoutDocker {
			into.takeDockerLog(c)
		}
		if c.ID != "" && ids[c.ID] || slices.ContainsFunc(into.Containers, func(o Container) bool { return o.Name == c.Name }) {
			continue
		}
		ids[c.ID] = true
		into.Containers = append(into.Containers, *c)
	}
}

// takeDockerLog takes over where the log of a container is that another source knows too. What cri-dockerd calls its log is a link to
// Docker's file, and links are not followed.
func (p *Pod) takeDockerLog(c *Container) {
	for i := range p.Containers {
		if same := &p.Containers[i]; same.ID == c.ID && same.Name == c.Name {
			same.Log = c.Log
		}
	}
}

// addLogs adds what the log tree knows of a pod.
func (s *Snapshot) addLogs(at map[podKey]int, t *logtree.Pod) {
	key := podKey{t.Namespace, t.Name, t.UID}
	i, exists := at[key]
	if !exists {
		i = len(s.Pods)
		at[key] = i
		s.Pods = append(s.Pods, Pod{
			Namespace: t.Namespace, Name: t.Name, UID: t.UID, LogsOnly: true, Static: isConfigHash(t.UID),
			Containers: make([]Container, 0, len(t.Containers)),
		})
	}
	p := &s.Pods[i]
	for j := range t.Containers {
		logged := &t.Containers[j]
		k := slices.IndexFunc(p.Containers, func(c Container) bool { return c.Name == logged.Name })
		if k < 0 {
			k = len(p.Containers)
			c := Container{Name: logged.Name}
			if n := len(logged.Runs); n > 0 {
				c.Run = logged.Runs[n-1]
			}
			p.Containers = append(p.Containers, c)
		}
		addRuns(&p.Containers[k], logged.Runs)
		if c := &p.Containers[k]; c.Log == nil {
			c.Log = &Log{Layout: podlog.LayoutCRI, Dir: t.Dir + "/" + logged.Name}
		}
	}
}

// addRuns adds the runs that have a file to a container.
func addRuns(c *Container, runs []uint32) {
	c.LoggedRuns = runs
	previous := make([]Run, len(c.Previous), len(c.Previous)+len(runs))
	copy(previous, c.Previous)
	for _, n := range runs {
		if n >= c.Run {
			continue
		}
		if i := slices.IndexFunc(previous, func(r Run) bool { return r.Number == n }); i >= 0 {
			previous[i].Logged = true
		} else {
			previous = append(previous, Run{Number: n, Logged: true})
		}
	}
	slices.SortStableFunc(previous, func(a, b Run) int { return cmp.Compare(b.Number, a.Number) })
	if len(previous) > 0 {
		c.Previous = previous
	}
}

// isConfigHash reports whether a UID is the hash of a static pod's configuration: the API server's have dashes.
func isConfigHash(uid string) bool {
	return len(uid) == 32 && strings.Trim(uid, "0123456789abcdef") == ""
}

// absent reports whether a runtime never answered and has no socket: one that the node does not have.
func absent(r *RuntimeStatus) bool { return r.Since.IsZero() && errors.Is(r.Err, fs.ErrNotExist) }

// complete reports whether the runtimes' pods are all that there are: one answers, and none is away that the node has.
func complete(s *Snapshot) bool {
	answers := false
	for i := range s.Runtimes {
		r := &s.Runtimes[i]
		switch {
		case r.Err == nil && !r.Since.IsZero():
			answers = true
		case !absent(r):
			return false
		}
	}
	return answers
}

// problems says what a snapshot knows only in part.
func problems(s *Snapshot) []string {
	var out []string
	answers := false
	for i := range s.Runtimes {
		r := &s.Runtimes[i]
		switch {
		case r.Err == nil && !r.Since.IsZero():
			answers = true
		case r.Err == nil:
			out = append(out, nameOf(r)+" has not answered yet: its pods are known by their logs only")
		case absent(r):
		case r.Since.IsZero():
			out = append(out, fmt.Sprintf("%s does not answer: %v: its pods are known by their logs only", nameOf(r), r.Err))
		default:
			out = append(out, fmt.Sprintf("%s does not answer since %s: %v: names, labels and states may be old",
				nameOf(r), r.Since.UTC().Format(time.RFC3339), r.Err))
		}
	}
	if len(s.Runtimes) > 0 && !answers && len(out) == 0 && len(s.Pods) > 0 {
		out = append(out, "no container runtime is here: pods are known by their logs only")
	}
	switch {
	case s.LogTree == nil:
	case !errors.Is(s.LogTree, fs.ErrNotExist):
		out = append(out, fmt.Sprintf("the directory of the logs cannot be read: %v", s.LogTree))
	case len(s.Pods) > 0 || len(s.Containers) == 0:
		out = append(out, "the directory of the logs does not exist")
	}
	return out
}

func nameOf(r *RuntimeStatus) string {
	switch {
	case r.Name == "":
		return r.Socket
	case r.Socket == "":
		return r.Name
	}
	return r.Name + " (" + r.Socket + ")"
}

// omissions say what is not known because the log tree was not listed whole.
func omissions(o logtree.Omitted) []string {
	var out []string
	if o.Unreadable > 0 {
		out = append(out, fmt.Sprintf("directories beneath that of the logs cannot be read (%d): pods and containers that only their logs tell of are missing", o.Unreadable))
	}
	if o.Full > 0 {
		out = append(out, fmt.Sprintf("directories of logs have too much in them (%d): not all is known of their pods and containers", o.Full))
	}
	return out
}
