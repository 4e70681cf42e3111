// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cri makes the pods and containers of a container runtime an inventory.Source, over version 1 of the CRI, which containerd, CRI-O
// and cri-dockerd serve.
//
//	source := cri.New(cri.Config{Socket: "/run/containerd/containerd.sock", Logger: logger})
//	inv := inventory.New(inventory.Config{Sources: []inventory.Source{source}})
//
// # How it stays up to date
//
// The lists of sandboxes and containers are asked for once, and the status of each only when its state has changed, or now and then. After
// that events say what to ask for again. Those of containerd are taken from its own event service, which every release has: GetContainerEvents
// exists from 1.7 on, and there it hands each event to one caller only, which would take it away from the kubelet. Other
// runtimes are asked for GetContainerEvents, and if they have none, for the lists every second while somebody waits for changes,
// and every five seconds otherwise. A full list every minute is the safety net.
//
// An event can come before the CRI's own books are changed, so what it says is expected and asked for again, ever more rarely, until it is
// there. Of a container that was created its start is expected too: no event tells that it failed. What no event tells at all, as CRI-O of
// limits that are changed in place, is found within some minutes, when a status is asked for again.
//
// A status that the runtime does not tell in time, because a process hangs behind one container, delays the others by seconds at most; what
// is known of that container is told as a problem.
//
// # Security
//
// What a runtime says is bounded in size and time, and entries without the ids and names that they must have are left out. The path of a log is
// never used as a path: it only tells whether a container's log is where the kubelet puts it. The verbose status of a container
// holds its environment; of it only resources, process id and cgroup are decoded, and nothing else is kept.
package cri
