// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podlog reads the logs of containers from their files, whole: rotated, compressed, and of earlier runs, in the formats of
// the CRI (https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md) and of Docker's json-file.
//
//	logs := podlog.New(podlog.Config{Pods: safefs.NewRoot("/var/log/pods"), Logger: logger})
//	query := podlog.NewQuery()
//	query.Tail = 100
//	err := logs.Read(ctx, podlog.Fixed{target}, query, sink)
//
// # Security
//
// Names and contents of log directories are attacker input. Files are opened beneath a directory handle, without
// following links, and only if they are regular files with one name; lines, decompressed sizes and numbers of
// files are bounded. Who a record is from is told by its path and by the runtime, never by its text.
package podlog
