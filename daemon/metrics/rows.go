// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"cmp"
	"strings"

	"github.com/noded/noded/runtime/stats"
)

// maxRows is how many pods, containers and units have series. A node has some hundreds.
const maxRows = 20000

// row is something that has series.
type row struct {
	usage *stats.Usage
	// labels are all that its series have in common, as they are written; ms is when its numbers were read.
	labels string
	ms     int64
}

// rows collects rows, of which no two have the same labels.
type rows struct {
	list []row
	// arena has the labels of all, ends where those of each end.
	arena   []byte
	ends    []int
	leftOut int
}

// add adds something whose labels label appends.
func (r *rows) add(u *stats.Usage, label func(b []byte, from int) []byte) {
	if u.Entity == nil || u.Time.IsZero() {
		return
	}
	if len(r.list) == maxRows {
		r.leftOut++
		return
	}
	r.arena = label(r.arena, len(r.arena))
	r.ends = append(r.ends, len(r.arena))
	r.list = append(r.list, row{usage: u, ms: milliseconds(u.Time)})
}

// distinct returns the rows. Of those with the same labels the newest is left, in the place of the first.
func (r *rows) distinct() []row {
	text := string(r.arena)
	seen := make(map[string]int, len(r.list))
	out := r.list[:0]
	from := 0
	for i := range r.list {
		next := r.list[i]
		next.labels = text[from:r.ends[i]]
		from = r.ends[i]
		at, ok := seen[next.labels]
		switch {
		case !ok:
			seen[next.labels] = len(out)
			out = append(out, next)
		case newer(next.usage, out[at].usage):
			out[at] = next
		}
	}
	return out
}

// newer reports whether a began later than b.
func newer(a, b *stats.Usage) bool {
	x, y := a.Entity, b.Entity
	return cmp.Or(
		x.Started.Compare(y.Started),
		cmp.Compare(x.Run, y.Run),
		cmp.Compare(x.Key.Generation, y.Key.Generation),
		a.Time.Compare(b.Time),
	) > 0
}

// cadvisorRows are the node, pods, containers and units with the labels that the kubelet gives to what it has from cAdvisor. The kubelet calls the
// cgroup of the node "/", leaves the container of pods empty, and calls containers by their id. What it knows by its cgroup only has no label
// but that.
func cadvisorRows(s *stats.Snapshot, units unitFilter) *rows {
	r := newRows(len(s.Usages) + 1)
	add := func(u *stats.Usage) {
		if u.Entity != nil && u.Entity.Nameless && u.Entity.Cgroup == "" {
			return // no label would say what it is
		}
		if !units.serves(u.Entity) {
			return
		}
		r.add(u, func(b []byte, from int) []byte {
			e := u.Entity
			var container, image, name, namespace, pod string
			switch {
			case e.Nameless:
			case e.Key.Kind == stats.KindPod:
				namespace, pod = e.Namespace, e.Name
			case e.Key.Kind == stats.KindContainer:
				container, image, name, namespace, pod = e.Name, e.Image, e.ContainerID, e.Namespace, e.Pod
				if pod == "" {
					container, name = "", e.Name
				}
			}
			b = appendLabel(b, from, "container", container)
			b = appendLabel(b, from, "id", cgroupOf(e))
			b = appendLabel(b, from, "image", image)
			b = appendLabel(b, from, "name", name)
			b = appendLabel(b, from, "namespace", namespace)
			return appendLabel(b, from, "pod", pod)
		})
	}
	add(&s.Node)
	for i := range s.Usages {
		add(&s.Usages[i])
	}
	return r
}

func newRows(n int) *rows {
	n = min(n, maxRows)
	return &rows{list: make([]row, 0, n), ends: make([]int, 0, n), arena: make([]byte, 0, n*256)}
}

// cgroupOf returns the path of a cgroup from the root of its hierarchy; empty for what has none, as it is not the node.
func cgroupOf(e *stats.Entity) string {
	switch {
	case e.Cgroup != "":
		return "/" + strings.TrimPrefix(e.Cgroup, "/")
	case e.Key.Kind == stats.KindNode:
		return "/"
	default:
		return ""
	}
}

// unitRows are the units.
func unitRows(s *stats.Snapshot, units unitFilter) *rows {
	r := newRows(len(s.Usages) / 2)
	for i := range s.Usages {
		u := &s.Usages[i]
		if u.Entity == nil || u.Entity.Key.Kind != stats.KindUnit || !units.serves(u.Entity) {
			continue
		}
		r.add(u, func(b []byte, from int) []byte {
			slice := strings.TrimSuffix(strings.TrimSuffix(u.Entity.Key.ID, u.Entity.Name), "/")
			return appendLabel(appendLabel(b, from, "slice", slice), from, "unit", u.Entity.Name)
		})
	}
	return r
}

// podName is how Kubernetes and metrics-server tell pods apart. Two can have it for a while, if one is made again.
type podName struct{ namespace, name string }

// newestPods returns the UID of the pod that has each name now.
func newestPods(s *stats.Snapshot) map[podName]string {
	newest := make(map[podName]*stats.Usage)
	// What a pod as a whole is known by counts first: containers are restarted.
	for _, kind := range []stats.Kind{stats.KindPod, stats.KindContainer} {
		for i := range s.Usages {
			u := &s.Usages[i]
			if u.Entity == nil || u.Entity.Key.Kind != kind {
				continue
			}
			name := podOf(u.Entity)
			if u.Entity.Nameless || name.namespace == "" {
				continue
			}
			known := newest[name]
			if known == nil || known.Entity.Key.Kind == kind && newer(u, known) {
				newest[name] = u
			}
		}
	}
	uids := make(map[podName]string, len(newest))
	for name, u := range newest {
		uids[name] = uidOf(u.Entity)
	}
	return uids
}

func podOf(e *stats.Entity) podName {
	if e.Key.Kind == stats.KindPod {
		return podName{e.Namespace, e.Name}
	}
	return podName{e.Namespace, e.Pod}
}

func uidOf(e *stats.Entity) string {
	if e.Key.Kind == stats.KindPod {
		return cmp.Or(e.UID, e.Key.ID)
	}
	return e.UID
}
