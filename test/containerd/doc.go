// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package containerd runs a private containerd, with real containers, for tests.
//
//	cd := containerd.Start(t, containerd.Current)
//	pod, err := cd.RunPod(ctx, containerd.Pod{Namespace: "shop", Name: "web-0", Labels: map[string]string{"app": "web"}})
//	c, err := pod.Start(ctx, containerd.Container{Name: "server", Args: []string{"lines:100", "exit:3"}})
//	exit, err := c.Wait(ctx)
//	err = c.Rotate(ctx, containerd.Rotation{MaxFiles: 5})
//
// It does with the runtime what the kubelet does: directories and names of logs, labels and annotations, restarts as
// new containers with the next attempt, rotation with compression. Pods get addresses from a bridge of their own.
// The program in every container is package workload; its arguments say what it does. The lines that it writes are those
// of package lines.
//
// Everything lives in mount, process and network namespaces of its own and in cgroups of its own; it ends with
// the test, also when the test is killed. A start takes about a second, a pod a third of one.
//
// It needs Linux, root, overlayfs and Debian's packages runc and containernetworking-plugins; for Debian the package
// containerd, for Current what "make containerd" builds. Where they are missing Start skips the test, but with CI=true
// it fails it. Only tests and benchmarks import this package.
//
// # Security
//
// The namespaces are there to clean up, not to confine: containers run as root of this machine.
package containerd
