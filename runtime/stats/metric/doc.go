// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metric names the numbers that are known of a node, a pod, a container or a unit, and holds one set of them.
//
//	var s metric.Set
//	s.Put(metric.MemoryUsage, 200<<20)
//	if v, ok := s.Get(metric.MemoryUsage); ok { ... }
//
// It reads nothing.
package metric
