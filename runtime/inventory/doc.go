// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inventory knows the pods and containers of a node: what its container runtimes say, joined with the log directories that
// are there, without the API server and the kubelet.
//
//	inv := inventory.New(inventory.Config{Sources: []inventory.Source{source}, Tree: logtree.New(root), Hub: hub, Logger: logger})
//	go inv.Run(ctx)
//	set, err := inv.Logs(ctx, inventory.LogSelector{Pods: &inventory.PodSelector{Names: []string{"deployment/web"}}}, true)
//	if err != nil {
//		return err
//	}
//	defer set.Close()
//	err = logs.Read(ctx, set, query, sink)
//
// A runtime that is away takes nothing away: pods that it had stay as they were last, pods that have a log directory are found by
// it, and Snapshot.Problems say so. Without sources and without Run an inventory is a listing of the log tree.
//
// # What the runtime does not say
//
// The CRI tells neither what made a pod nor which of its containers are init or ephemeral ones. Both are worked out from labels, names and
// the order of what happened; see OwnerOf and Classify. Of a pod that only the log tree knows there is nothing but names.
//
// # Security
//
// Names, labels and log paths are attacker input. What a container is called comes from the runtime's metadata or from the name of its
// log directory, never from text; a directory is named only by parts that can be no path.
package inventory
