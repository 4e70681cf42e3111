// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import "slices"

// chooseContainers returns the containers of a pod whose logs a selector means, in the order of the pod. later is false for the pods that
// are there when a read begins, where a choice that is to be made, or a name that no container has, is an error. Of pods and
// containers that come later everything is taken that could be meant, so that nothing is lost.
func chooseContainers(p *Pod, sel *LogSelector, later bool) ([]*Container, error) {
	switch {
	case sel.AllContainers:
		return containersOf(p, func(*Container) bool { return true }), nil
	case len(sel.Containers) > 0:
		return namedContainers(p, sel.Containers, later)
	}
	if d := p.DefaultContainer; d != "" {
		if chosen := containersOf(p, func(c *Container) bool { return c.Name == d }); len(chosen) > 0 {
			return chosen, nil
		}
	}
	chosen := containersOf(p, func(c *Container) bool { return c.Type == TypeRegular })
	if len(chosen) == 0 {
		chosen = containersOf(p, func(c *Container) bool { return c.Type == TypeUnknown })
	}
	if len(chosen) == 0 {
		chosen = containersOf(p, func(*Container) bool { return true })
	}
	if len(chosen) > 1 && !later {
		return nil, containerChoices(p)
	}
	return chosen, nil
}

func containersOf(p *Pod, wanted func(*Container) bool) []*Container {
	var out []*Container
	for i := range p.Containers {
		if c := &p.Containers[i]; wanted(c) {
			out = append(out, c)
		}
	}
	return out
}

func namedContainers(p *Pod, names []string, later bool) ([]*Container, error) {
	if !later {
		for _, name := range names {
			if !slices.ContainsFunc(p.Containers, func(c Container) bool { return c.Name == name }) {
				return nil, &containerError{name: name, choose: containerChoices(p)}
			}
		}
	}
	return containersOf(p, func(c *Container) bool { return slices.Contains(names, c.Name) }), nil
}

// containerChoices lists the containers of a pod.
func containerChoices(p *Pod) *ChooseContainerError {
	e := &ChooseContainerError{Pod: p.Name, Containers: []string{}}
	for i := range p.Containers {
		switch c := &p.Containers[i]; c.Type {
		case TypeInit:
			e.Init = append(e.Init, c.Name)
		case TypeEphemeral:
			e.Ephemeral = append(e.Ephemeral, c.Name)
		default:
			e.Containers = append(e.Containers, c.Name)
		}
	}
	return e
}
