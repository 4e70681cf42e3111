// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// place is a container and the pod that it is in, nil for none.
type place struct {
	pod       *Pod
	container *Container
}

func (p place) String() string {
	if p.pod == nil {
		return p.container.Name
	}
	return p.pod.Namespace + "/" + p.pod.Name + "/" + p.container.Name
}

// containerByID returns the container that an id, the beginning of one, or the name of one in no pod means. The id may be
// written as in the status of a pod: containerd://ID. A name comes before an id, as with docker.
func (s *Snapshot) containerByID(text string) (place, error) {
	id := text
	if _, rest, found := strings.Cut(text, "://"); found {
		id = rest
	}
	id = strings.TrimPrefix(id, "/")
	if id == "" {
		return place{}, &SelectorError{Value: text, Reason: "it must be the id of a container or its beginning"}
	}
	var begins, named, earlier []place
	var exact *place
	var run uint32
	s.eachContainer(func(p place) {
		switch c := p.container; {
		case c.ID == id:
			exact = &p
		case p.pod == nil && c.Name == id:
			named = append(named, p)
		case strings.HasPrefix(c.ID, id):
			begins = append(begins, p)
		default:
			if i := slices.IndexFunc(c.Previous, func(r Run) bool { return r.ID != "" && strings.HasPrefix(r.ID, id) }); i >= 0 {
				earlier, run = append(earlier, p), c.Previous[i].Number
			}
		}
	})
	switch {
	case exact != nil:
		return *exact, nil
	case len(named) == 1:
		return named[0], nil
	case len(named) > 1:
		return place{}, ambiguousID(id, named)
	case len(begins)+len(earlier) > 1:
		return place{}, ambiguousID(id, append(begins, earlier...))
	case len(begins) == 1:
		return begins[0], nil
	case len(earlier) == 1:
		return place{}, &NotFoundError{Kind: "containers", Name: id,
			Reason: fmt.Sprintf("is run %d of %s, which was restarted since; its log is among the previous runs of that container", run, earlier[0])}
	}
	return place{}, s.noContainer(id)
}

func (s *Snapshot) eachContainer(yield func(place)) {
	for i := range s.Pods {
		for j := range s.Pods[i].Containers {
			yield(place{&s.Pods[i], &s.Pods[i].Containers[j]})
		}
	}
	for i := range s.Containers {
		yield(place{nil, &s.Containers[i]})
	}
}

// shortID is how many letters of an id are enough to show.
const shortID = 12

func ambiguousID(id string, among []place) error {
	e := &AmbiguousError{Kind: "containers", Name: id, Of: "ids"}
	for _, p := range among {
		e.Choices = append(e.Choices, p.container.ID[:min(len(p.container.ID), shortID)])
	}
	slices.Sort(e.Choices)
	const most = 10
	if len(e.Choices) > most {
		e.Choices = append(e.Choices[:most], "...")
	}
	return e
}

func (s *Snapshot) noContainer(id string) error {
	var names []string
	for i := range s.Containers {
		names = append(names, s.Containers[i].Name)
	}
	e := &NotFoundError{Kind: "containers", Name: id, Near: nearNames(id, names)}
	for i := range s.Pods {
		if p := &s.Pods[i]; p.SandboxID != "" && strings.HasPrefix(p.SandboxID, id) && len(id) >= 4 {
			e.Reason = "is the sandbox of the pod " + p.Namespace + "/" + p.Name + ", which has no log"
		}
	}
	return e
}
