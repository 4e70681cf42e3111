// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
)

// maxEntries bounds the sandboxes, and the containers, that a runtime can have.
const maxEntries = 50_000

// store is what the runtime has said. It belongs to one goroutine.
type store struct {
	sandboxes  map[string]*sandbox
	containers map[string]*container
	// types are what containers were found to be, by pod and name.
	types map[typeKey]inventory.ContainerType
}

type podKey struct{ namespace, name, uid string }

type typeKey struct {
	pod  podKey
	name string
}

func newStore() *store {
	return &store{
		sandboxes: map[string]*sandbox{}, containers: map[string]*container{}, types: map[typeKey]inventory.ContainerType{},
	}
}

// putSandbox adds a sandbox as a list has it. What is known of its status stays if its state did not change.
func (s *store) putSandbox(p *sandbox) (changed bool) {
	old := s.sandboxes[p.id]
	if old == nil && len(s.sandboxes) >= maxEntries {
		return false
	}
	if old != nil && old.state == p.state && old.uid == p.uid && old.name == p.name && old.namespace == p.namespace {
		return false // labels and annotations of a sandbox do not change
	}
	if old != nil {
		p.addresses, p.hostNetwork, p.cgroupParent = old.addresses, old.hostNetwork, old.cgroupParent
		p.asking.problem, p.asking.silent = old.asking.problem, old.asking.silent
	}
	s.sandboxes[p.id] = p
	return true
}

// putContainer is putSandbox for a container.
func (s *store) putContainer(p *container) (changed bool) {
	old := s.containers[p.id]
	if old == nil && len(s.containers) >= maxEntries {
		return false
	}
	if old != nil && old.state == p.state && old.sandbox == p.sandbox && old.name == p.name && old.attempt == p.attempt {
		return false
	}
	if old != nil {
		p.started, p.resources, p.mounts, p.logPath = old.started, old.resources, old.mounts, old.logPath
		if old.asking.asked {
			p.image, p.imageID = old.image, old.imageID // lists of some runtimes have only an id
		}
		p.asking.problem, p.asking.silent = old.asking.problem, old.asking.silent
	}
	s.containers[p.id] = p
	return true
}

// replace takes whole lists.
func (s *store) replace(sandboxes []*runtimeapi.PodSandbox, containers []*runtimeapi.Container) (changed bool) {
	there := make(map[string]bool, len(sandboxes)+len(containers))
	for _, item := range sandboxes {
		if p, ok := newSandbox(item); ok {
			changed = s.putSandbox(p) || changed
			there[p.id] = true
		}
	}
	for _, item := range containers {
		if c, ok := newContainer(item); ok {
			changed = s.putContainer(c) || changed
			there[c.id] = true
		}
	}
	for id := range s.sandboxes {
		if !there[id] {
			delete(s.sandboxes, id)
			changed = true
		}
	}
	for id := range s.containers {
		if !there[id] {
			delete(s.containers, id)
			changed = true
		}
	}
	return changed
}

// askAgain makes every status be asked for again.
func (s *store) askAgain() {
	for _, p := range s.sandboxes {
		p.asking.again = time.Time{}
	}
	for _, c := range s.containers {
		c.asking.again = time.Time{}
	}
}

// problems says of what not all could be had, and why.
func (s *store) problems(runtime string) []string {
	count, example, why := 0, "", ""
	note := func(p *sandbox, name string, a *asking) {
		if a.problem == "" || p == nil {
			return
		}
		count++
		// The first in order, so that the sentence changes only with what it says.
		if text := p.namespace + "/" + p.name + name; example == "" || text < example {
			example, why = text, a.problem
		}
	}
	for _, p := range s.sandboxes {
		note(p, "", &p.asking)
	}
	for _, c := range s.containers {
		note(s.sandboxes[c.sandbox], "/"+c.name, &c.asking)
	}
	switch count {
	case 0:
		return nil
	case 1:
		return []string{fmt.Sprintf("%s does not tell all about %s: %s", runtime, example, why)}
	}
	return []string{fmt.Sprintf("%s does not tell all about %s and %d more: %s", runtime, example, count-1, why)}
}

// pods makes the pods of what is known. What it returns shares nothing that is changed later.
func (s *store) pods(runtime string) []inventory.Pod {
	bySandbox := map[string][]*container{}
	for _, c := range s.containers {
		bySandbox[c.sandbox] = append(bySandbox[c.sandbox], c)
	}
	byPod := map[podKey][]*sandbox{}
	for _, p := range s.sandboxes {
		key := podKey{p.namespace, p.name, p.uid}
		byPod[key] = append(byPod[key], p)
	}
	pods := make([]inventory.Pod, 0, len(byPod))
	types := make(map[typeKey]inventory.ContainerType, len(s.types))
	for key, sandboxes := range byPod {
		p := makePod(sandboxes)
		byName := map[string][]placed{}
		for _, sandbox := range sandboxes {
			for _, c := range bySandbox[sandbox.id] {
				byName[c.name] = append(byName[c.name], placed{c, sandbox})
			}
		}
		for name, runs := range byName {
			c := makeContainer(runs, runtime)
			c.Type = s.types[typeKey{key, name}]
			p.Containers = append(p.Containers, c)
		}
		inventory.Classify(p.Containers, p.Created)
		for i := range p.Containers {
			// One that is regular now can turn out to be an init container when the next one comes.
			if c := &p.Containers[i]; c.Type != inventory.TypeRegular {
				types[typeKey{key, c.Name}] = c.Type
			}
		}
		p.Owner = inventory.OwnerOf(&p)
		pods = append(pods, p)
	}
	s.types = types
	slices.SortFunc(pods, func(a, b inventory.Pod) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.UID, b.UID))
	})
	return pods
}

// placed is a container in its sandbox.
type placed struct {
	*container
	in *sandbox
}

// makePod makes a pod of its sandboxes, as the newest of them has it. The one that is ready is the newest, whatever the clock was
// when it was created.
func makePod(sandboxes []*sandbox) inventory.Pod {
	s := slices.MaxFunc(sandboxes, func(a, b *sandbox) int {
		return cmp.Or(compareBool(a.state == inventory.StateReady, b.state == inventory.StateReady), a.created.Compare(b.created), cmp.Compare(a.attempt, b.attempt), strings.Compare(a.id, b.id))
	})
	return inventory.Pod{
		Namespace: s.namespace, Name: s.name, UID: s.uid, Labels: s.labels, AnnotationNames: s.annotations,
		DefaultContainer: s.defaultContainer, State: s.state, Created: s.created, Addresses: s.addresses,
		HostNetwork: s.hostNetwork, Static: s.static, SandboxID: s.id, SandboxAttempt: s.attempt,
		CgroupParent: s.cgroupParent, RuntimeHandler: s.handler,
	}
}

// makeContainer makes a container of its runs.
func makeContainer(runs []placed, runtime string) inventory.Container {
	// Attempts begin anew when the runtime has forgotten the runs before, and the clock may have been set: only the newest can run.
	slices.SortFunc(runs, func(a, b placed) int {
		return cmp.Or(compareBool(b.state == inventory.ContainerRunning, a.state == inventory.ContainerRunning), b.created.Compare(a.created), cmp.Compare(b.attempt, a.attempt), strings.Compare(a.id, b.id))
	})
	n := runs[0]
	c := inventory.Container{
		Name: n.name, ID: n.id, Image: n.image, ImageID: n.imageID, State: n.state, Run: n.attempt,
		Created: n.created, Started: n.started, Finished: n.finished, ExitCode: n.code(), Reason: n.reason, Message: n.message,
		Resources: n.resources, Mounts: n.mounts, Labels: n.labels, Runtime: runtime, PID: n.pid, Log: logOf(runtime, n.in, n.container),
	}
	for _, r := range runs[1:] {
		c.Previous = append(c.Previous, inventory.Run{
			Number: r.attempt, ID: r.id, Started: r.started, Finished: r.finished, ExitCode: r.code(), Reason: r.reason, Message: r.message,
		})
	}
	return c
}

// compareBool compares as cmp.Compare does; false comes before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// code is the exit code, if there is one.
func (c *container) code() *int32 {
	if c.state != inventory.ContainerExited || !c.asking.asked && c.finished.IsZero() {
		return nil
	}
	code := c.exitCode
	return &code
}
