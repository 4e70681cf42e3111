// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stats knows what the node, its pods and containers and its systemd units use, now and for a while back, without the API
// server, the kubelet and the container runtime.
//
//	sampler := stats.New(stats.Config{Inventory: pods, Interval: 10 * time.Second, Logger: logger})
//	go sampler.Run(ctx)
//	snapshot, err := sampler.Snapshot(ctx)
//	for i := range snapshot.Usages { ... }
//
// Numbers come from the files of cgroups and of /proc; see the packages below. Rates are differences of counters divided by the
// difference of the times at which the counters were read. Who a number is of is told by the path of the cgroup and by the runtime.
package stats
