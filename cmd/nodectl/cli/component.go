// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/noded/noded/runtime/inventory"
)

// component is a container of a static pod or of a DaemonSet: what runs a part of the node or of the control plane, and may as
// well be a unit on another node.
type component struct {
	// pods are those that have it, newest first, all of one namespace.
	pods []inventory.Pod
	name string
}

// findComponent returns the component of that name; ok is false if there is none. Several pods can have it: those that were, and those
// that are. The error is an *inventory.AmbiguousError if they are in several namespaces.
func findComponent(pods []inventory.Pod, name string) (c component, ok bool, err error) {
	c.name = name
	var places []string
	for i := range pods {
		p := &pods[i]
		if !isComponent(p, name) {
			continue
		}
		c.pods = append(c.pods, *p)
		if !slices.Contains(places, p.Namespace) {
			places = append(places, p.Namespace)
		}
	}
	if len(places) > 1 {
		return component{}, false, &inventory.AmbiguousError{Kind: "containers", Name: name, Of: "namespaces", Choices: places}
	}
	slices.SortStableFunc(c.pods, func(a, b inventory.Pod) int {
		if a.LogsOnly != b.LogsOnly {
			if a.LogsOnly {
				return 1
			}
			return -1
		}
		return b.Created.Compare(a.Created)
	})
	return c, len(c.pods) > 0, nil
}

// isComponent reports whether a container of that name in the pod is a component.
func isComponent(p *inventory.Pod, name string) bool {
	if !slices.ContainsFunc(p.Containers, func(c inventory.Container) bool { return c.Name == name }) {
		return false
	}
	if p.Static || p.Owner.Kind == "daemonset" {
		return true
	}
	// Where only the logs are known the pod of a DaemonSet is told by its name alone.
	random, ok := strings.CutPrefix(p.Name, name+"-")
	return p.LogsOnly && ok && len(random) == 5 && strings.Trim(random, randomLetters) == ""
}

// randomLetters are those that generated names of pods end with.
const randomLetters = "bcdfghjklmnpqrstvwxz2456789"

// newest returns the pod that has it now, or had it last.
func (c *component) newest() *inventory.Pod { return &c.pods[0] }

// String names the container and its pod.
func (c *component) String() string {
	return "container " + visible(c.name) + " of pod " + visible(c.newest().Namespace+"/"+c.newest().Name)
}

// current selects the container of the newest pod, also of those of its name that come after it.
func (c *component) current() inventory.LogSelector {
	p := c.newest()
	return inventory.LogSelector{
		Pods:       &inventory.PodSelector{Namespace: p.Namespace, Names: []string{p.Name}},
		Containers: []string{c.name},
	}
}

// all selects the container of all pods that have or had it.
func (c *component) all() inventory.LogSelector {
	sel := c.current()
	sel.Pods.Names = nil
	for i := range c.pods {
		sel.Pods.UIDs = append(sel.Pods.UIDs, c.pods[i].UID)
	}
	return sel
}

// componentNames returns the names of all components.
func componentNames(pods []inventory.Pod) []string {
	var names []string
	for i := range pods {
		for j := range pods[i].Containers {
			if name := pods[i].Containers[j].Name; isComponent(&pods[i], name) {
				names = append(names, name)
			}
		}
	}
	return names
}
