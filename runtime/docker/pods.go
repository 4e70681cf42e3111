// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/noded/noded/runtime/inventory"
)

// Labels by which cri-dockerd, and the kubelet before it, know their containers. Annotations are labels with a prefix.
const (
	labelPod        = "io.kubernetes.pod.name"
	labelNamespace  = "io.kubernetes.pod.namespace"
	labelUID        = "io.kubernetes.pod.uid"
	labelContainer  = "io.kubernetes.container.name"
	labelType       = "io.kubernetes.docker.type"
	typeSandbox     = "podsandbox"
	labelPrefix     = "io.kubernetes."
	annotation      = "annotation."
	annotationRun   = annotation + "io.kubernetes.container.restartCount"
	annotationFrom  = annotation + "kubernetes.io/config.source"
	annotationNamed = annotation + "kubectl.kubernetes.io/default-container"
)

// sandbox is what the sandbox of a pod adds to it.
type sandbox struct {
	hostNetwork  bool
	cgroupParent string
	addresses    []string
}

func inPod(labels map[string]string) bool {
	return labels[labelPod] != "" && labels[labelNamespace] != "" && labels[labelUID] != ""
}

// setLabels sets labels, and for a container in a pod what they say about it.
func (e *entry) setLabels(labels map[string]string) {
	if !inPod(labels) {
		e.container.Labels = maps.Clone(labels)
		return
	}
	e.container.Labels = make(map[string]string)
	for key, value := range labels {
		if !strings.HasPrefix(key, annotation) {
			e.container.Labels[key] = value
		}
	}
	if name := labels[labelContainer]; name != "" {
		e.container.Name = name
	}
	// It is the kubelet that restarts it, as another container.
	e.container.Run, e.container.Previous = attempt(labels[annotationRun], e.name), nil
}

// attempt is the number of a run, by the annotation, or by what Docker calls the container: k8s_CONTAINER_POD_NAMESPACE_UID_N.
func attempt(text, name string) uint32 {
	if text == "" && strings.HasPrefix(name, "k8s_") {
		text = name[strings.LastIndexByte(name, '_')+1:]
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// podEntries are the containers of one pod.
type podEntries struct {
	sandbox *entry
	byName  map[string][]*entry
	labels  map[string]string
}

func addToPod(pods map[string]*podEntries, id string, e *entry) {
	key := e.labels[labelNamespace] + "/" + e.labels[labelPod] + "/" + e.labels[labelUID]
	p := pods[key]
	if p == nil {
		p = &podEntries{byName: make(map[string][]*entry), labels: e.labels}
		pods[key] = p
	}
	if e.labels[labelType] != typeSandbox {
		p.byName[e.container.Name] = append(p.byName[e.container.Name], e)
		return
	}
	if old := p.sandbox; old == nil || old.container.Run < e.container.Run ||
		old.container.Run == e.container.Run && (old.container.Created.Before(e.container.Created) || old.container.ID < id) {
		p.sandbox = e
	}
}

// pod puts the pod together.
func (p *podEntries) pod() inventory.Pod {
	out := inventory.Pod{Namespace: p.labels[labelNamespace], Name: p.labels[labelPod], UID: p.labels[labelUID]}
	if s := p.sandbox; s != nil {
		out.State = inventory.StateNotReady
		if s.container.State == inventory.ContainerRunning {
			out.State = inventory.StateReady
		}
		out.Created = s.container.Created
		out.SandboxID, out.SandboxAttempt = s.container.ID, s.container.Run
		out.HostNetwork, out.CgroupParent, out.Addresses = s.sandbox.hostNetwork, s.sandbox.cgroupParent, s.sandbox.addresses
		out.Static = s.labels[annotationFrom] != "" && s.labels[annotationFrom] != "api"
		out.DefaultContainer = s.labels[annotationNamed]
		out.Labels = make(map[string]string)
		for key, value := range s.labels {
			if name, ok := strings.CutPrefix(key, annotation); ok {
				out.AnnotationNames = append(out.AnnotationNames, name)
			} else if !strings.HasPrefix(key, labelPrefix) {
				out.Labels[key] = value
			}
		}
		slices.Sort(out.AnnotationNames)
	}
	for _, runs := range p.byName {
		out.Containers = append(out.Containers, joinRuns(runs))
	}
	slices.SortFunc(out.Containers, func(a, b inventory.Container) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// joinRuns makes one container of its runs, each of which is a container for Docker.
func joinRuns(runs []*entry) inventory.Container {
	slices.SortFunc(runs, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(b.container.Run, a.container.Run), b.container.Created.Compare(a.container.Created),
			cmp.Compare(a.container.ID, b.container.ID))
	})
	newest := runs[0].container
	for _, e := range runs[1:] {
		c := &e.container
		newest.Previous = append(newest.Previous, inventory.Run{
			Number: c.Run, ID: c.ID, Started: c.Started, Finished: c.Finished, ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message,
			Logged: c.Log != nil,
		})
	}
	return newest
}
