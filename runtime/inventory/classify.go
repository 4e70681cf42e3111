// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// debuggerPrefix begins the name that kubectl debug gives an ephemeral container, before five random letters.
const debuggerPrefix = "debugger-"

// Classify sets the Type of the containers of a pod that have none yet, and sorts them: init containers first, then regular ones, then
// ephemeral ones, each in the order of their creation. sandbox is when the pod's newest sandbox was created: containers from before
// are compared with each other only, because a new sandbox begins with the init containers again, as do runs from before of those that
// have run in it.
//
// The CRI does not tell the types, so they are worked out. A container is ephemeral if it has the name that kubectl debug
// makes, was never restarted and came after another one. It is an init container if it ended with exit code 0 before any container
// after it was created, and so did all before it: the kubelet starts an init container only when the one before it has
// succeeded, and the regular ones together. All others are regular. So an init container that still runs, or failed, or is
// restarted forever beside the others (a sidecar), counts as regular, and so does an ephemeral container with a name of its own. Whoever
// calls this again and again keeps what it found: what was an init container once stays one, unless it runs again beside the others.
func Classify(containers []Container, sandbox time.Time) {
	var now, before []*Container
	for i := range containers {
		if c := &containers[i]; c.Created.Before(sandbox) {
			before = append(before, c)
		} else {
			now = append(now, c)
		}
	}
	classify(before, time.Time{})
	classify(now, sandbox)
	sortContainers(containers)
}

// classify is Classify for the containers of one sandbox; their runs before it do not count.
func classify(containers []*Container, sandbox time.Time) {
	slices.SortStableFunc(containers, func(a, b *Container) int { return byCreation(a, b, sandbox) })
	var rest []*Container
	for i, c := range containers {
		if c.Type == TypeUnknown && i > 0 && c.Run == 0 && isDebugger(c.Name) {
			c.Type = TypeEphemeral
		}
		if c.Type != TypeEphemeral {
			rest = append(rest, c)
		}
	}
	inits := true
	for i, c := range rest {
		if c.Type == TypeInit && slices.ContainsFunc(rest[i+1:], func(o *Container) bool {
			return o.Type != TypeInit && firstSeen(o, sandbox).Before(c.Created)
		}) {
			c.Type = TypeUnknown
		}
		if c.Type == TypeUnknown {
			c.Type = TypeRegular
			if inits && i+1 < len(rest) && succeeded(c) && !c.Finished.After(firstSeen(rest[i+1], sandbox)) {
				c.Type = TypeInit
			}
		}
		inits = inits && c.Type == TypeInit
	}
}

func isDebugger(name string) bool {
	random, ok := strings.CutPrefix(name, debuggerPrefix)
	return ok && len(random) == randomLength && isRandom(random)
}

func succeeded(c *Container) bool {
	return c.State == ContainerExited && c.ExitCode != nil && *c.ExitCode == 0 && !c.Finished.IsZero()
}

// firstSeen is the earliest time, not before since, that is known of a container.
func firstSeen(c *Container, since time.Time) time.Time {
	t := c.Created
	for i := range c.Previous {
		if s := c.Previous[i].Started; !s.IsZero() && !s.Before(since) && (t.IsZero() || s.Before(t)) {
			t = s
		}
	}
	return t
}

// sortContainers puts containers into the order of kubectl, as far as it is known.
func sortContainers(containers []Container) {
	rank := func(c *Container) int {
		switch c.Type {
		case TypeInit:
			return 0
		case TypeRegular:
			return 1
		case TypeUnknown:
			return 2
		default:
			return 3
		}
	}
	slices.SortStableFunc(containers, func(a, b Container) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), byCreation(&a, &b, time.Time{}))
	})
}

// byCreation compares by the first creation since a time; those of which it is not known come last.
func byCreation(a, b *Container, since time.Time) int {
	ta, tb := firstSeen(a, since), firstSeen(b, since)
	switch {
	case ta.IsZero() && !tb.IsZero():
		return 1
	case tb.IsZero() && !ta.IsZero():
		return -1
	}
	return cmp.Or(ta.Compare(tb), strings.Compare(a.Name, b.Name))
}
