// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package docker is the source of an inventory that a Docker daemon is: its containers, and the pods that cri-dockerd or, formerly, the
// kubelet made of some of them.
//
//	source := docker.New(docker.Config{Socket: "/var/run/docker.sock", Root: "/var/lib/docker/containers", Logger: logger})
//	inv := inventory.New(inventory.Config{Sources: []inventory.Source{source}})
//
// It lists and inspects all containers when it connects and every minute, and in between those that the daemon tells events of. Those that
// wait for their start are inspected ever more rarely until they do, because no event tells that a start failed.
// It changes nothing, and only speaks to a unix socket.
//
// The log of a container can be read if its log driver is json-file. Of another one the container's Message says which it is.
//
// # Security
//
// Environment variables and command lines are in the daemon's answers, and are dropped as soon as these are read. Names, labels and messages
// of containers are attacker input. Answers are bounded in size and time: a daemon that hangs or answers nonsense is one that
// is away, and a container that it cannot tell about does not hide the others.
package docker
