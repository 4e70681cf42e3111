// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package docker runs a private Docker daemon, with real containers, for tests.
//
//	d := docker.Start(t)
//	id, err := d.Run(ctx, docker.Container{Name: "web", Args: []string{"lines:100", "exit:3"}})
//	err = d.Wait(ctx, id)
//	messages, err := d.Logs(ctx, id)
//
// The program in every container is package test/containerd/workload; its arguments say what it does. Containers have no network.
//
// The daemon, its containerd and the containers live in mount, network and process namespaces of their own and in cgroups of
// their own, and end with the test, also when the test is killed. Its files are seen by the test as the daemon sees them. A
// start takes about two seconds.
//
// It needs Linux, root, overlayfs and Debian's package docker.io. Where they are missing Start skips the test, but with CI=true it
// fails it. Only tests import this package.
//
// # Security
//
// The namespaces are there to clean up, not to confine: containers run as root of this machine.
package docker
