// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/noded/noded/runtime/inventory"
)

// known is what a session knows of the containers of the daemon. It is used from one goroutine at a time.
type known struct {
	root, runtime string
	all           map[string]*entry
	// silent has the ids of the containers that did not answer the last time; it is that of the source.
	silent map[string]bool
	// invalid is the number of containers that were left out, because what the daemon calls them can be no id.
	invalid int
}

// entry is one container: all that inspecting it told, or else what the list has.
type entry struct {
	container inventory.Container
	// sandbox is about the pod, if the container is the sandbox of one; labels are all that the container has.
	sandbox sandbox
	labels  map[string]string
	// name is what Docker calls it, status the word for its state.
	name   string
	status container.ContainerState
	// err is why it could not be inspected the last time.
	err error
}

func newKnown(root, runtime string, silent map[string]bool) *known {
	return &known{root: root, runtime: runtime, all: make(map[string]*entry), silent: silent}
}

// validID reports whether text is an id of a container, and so the name of its directory: 64 hexadecimal digits.
func validID(text string) bool {
	const length = 64
	return len(text) == length && strings.Trim(text, "0123456789abcdef") == ""
}

// list takes over a list of all containers, and returns their ids.
func (k *known) list(all []container.Summary) (ids []string) {
	seen := make(map[string]bool, len(all))
	k.invalid = 0
	for i := range all {
		s := &all[i]
		if !validID(s.ID) {
			k.invalid++
			continue
		}
		if seen[s.ID] {
			continue
		}
		seen[s.ID] = true
		ids = append(ids, s.ID)
		if e := k.all[s.ID]; e == nil {
			k.all[s.ID] = k.fromSummary(s)
		} else if e.status != s.State {
			// If it cannot be inspected any more, at least this is right.
			e.status = s.State
			c := &e.container
			c.State, c.PID, c.ExitCode, c.Reason = stateOf(s.State), 0, nil, ""
		}
	}
	for id := range k.all {
		if !seen[id] {
			delete(k.all, id)
		}
	}
	maps.DeleteFunc(k.silent, func(id string, _ bool) bool { return !seen[id] })
	return ids
}

func (k *known) inspected(id string, r *container.InspectResponse) {
	delete(k.silent, id)
	e := k.fromInspect(id, r)
	if old := k.all[id]; old != nil {
		e.remember(&old.container)
	}
	k.all[id] = e
}

// remember takes over how the run before ended, which the daemon forgets once the next one runs.
func (e *entry) remember(old *inventory.Container) {
	if len(e.container.Previous) == 0 || e.container.Previous[0].ExitCode != nil {
		return
	}
	last := &e.container.Previous[0]
	switch {
	case old.State == inventory.ContainerExited && old.Finished.Equal(last.Finished):
		last.Started, last.ExitCode, last.Reason, last.Message = old.Started, old.ExitCode, old.Reason, old.Message
	case len(old.Previous) > 0 && old.Previous[0].Finished.Equal(last.Finished):
		*last = old.Previous[0]
	}
}

func (k *known) remove(id string) { delete(k.all, id) }

// fail keeps what is known of a container that could not be inspected.
func (k *known) fail(id string, err error) {
	if e := k.all[id]; e != nil {
		e.err = err
	}
	delete(k.silent, id)
	if silent := (timeoutError{}); errors.As(err, &silent) {
		k.silent[id] = true
	}
}

// questions returns those for containers, with how long to wait for the answers, at most timeout. Who was silent comes last.
func (k *known) questions(ids []string, timeout time.Duration) []question {
	out := make([]question, 0, len(ids))
	for _, id := range ids {
		if !k.silent[id] {
			out = append(out, question{id, timeout})
		}
	}
	for _, id := range ids {
		if k.silent[id] {
			out = append(out, question{id, min(timeout, silentTimeout)})
		}
	}
	return out
}

// waits reports whether a container waits to be started, as far as is known. One that could not be inspected does not count.
func (k *known) waits(id string) bool {
	e := k.all[id]
	return e != nil && e.err == nil && e.container.State == inventory.ContainerCreated
}

// waiting returns the ids of the containers that wait to be started.
func (k *known) waiting() (ids []string) {
	for id := range k.all {
		if k.waits(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// state returns all that is known in the form of a source. It shares nothing with k that changes.
func (k *known) state() (pods []inventory.Pod, containers []inventory.Container, problems []string) {
	if k.invalid > 0 {
		problems = append(problems, fmt.Sprintf("%s has %d containers without a valid id", k.runtime, k.invalid))
	}
	inPods := make(map[string]*podEntries)
	for id, e := range k.all {
		if e.err != nil {
			problems = append(problems, fmt.Sprintf("%s does not tell all about container %s: %v", k.runtime, e.name, e.err))
		}
		if !inPod(e.labels) {
			containers = append(containers, e.container)
			continue
		}
		addToPod(inPods, id, e)
	}
	for _, p := range inPods {
		pods = append(pods, p.pod())
	}
	slices.Sort(problems)
	slices.SortFunc(containers, func(a, b inventory.Container) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(pods, func(a, b inventory.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return pods, containers, problems
}

// parseTime reads a time of the daemon; zero if there is none.
func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1970 {
		return time.Time{}
	}
	return t.UTC()
}
