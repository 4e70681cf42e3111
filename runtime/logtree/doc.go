// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logtree lists the log directories of pods, laid out as the kubelet does:
//
//	/var/log/pods/NAMESPACE_NAME_UID/CONTAINER/RUN.log
//	/var/log/pods/NAMESPACE_NAME_UID/CONTAINER/RUN.log.20260102-150405.gz
//
// where RUN counts the restarts of the container, and UID is that of the pod, or for a static pod the hash of its configuration.
//
//	tree := logtree.New(safefs.NewRoot("/var/log/pods"))
//	pods, omitted, err := tree.Pods()
//
// It reads names only; package podlog reads the files.
//
// # Security
//
// Who can write to the tree can make any names in it. Names that Kubernetes would not give are left out, links are not followed,
// and the numbers of directories and files that are looked at are bounded: as a whole, and for each container, so
// that one directory full of rubbish hides no other pod.
package logtree
