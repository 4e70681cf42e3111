// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"github.com/noded/noded/runtime/inventory"
)

// Selection says whose figures are wanted, and in which order.
type Selection struct {
	// Kinds are what is wanted; none: pods.
	Kinds []Kind
	// Pods are the pods that are wanted, and whose containers are; nil: all, and containers that are in no pod.
	Pods *inventory.PodSelector
	// Containers are ids of containers, beginnings of ids, or names; none: all.
	Containers []string
	// Units are names of units or shell patterns; .service is added where the type is missing. None: all.
	Units []string
	Sort  Sort
	// Limit is how many of each kind are wanted at most; 0: all.
	Limit int
}

// Sort is an order. All but the first have the greatest first, and what is equal or not known by name.
type Sort uint8

// The orders.
const (
	// SortName is by namespace, pod and name; units by path.
	SortName Sort = iota
	// SortCPU, SortMemory and SortSwap are by rate of CPU time, working set and swapped out memory, of pods by the sums over their containers.
	SortCPU
	SortMemory
	// SortNetwork and SortDisk are by bytes a second in both directions. Containers in pods have no network of their own.
	SortNetwork
	SortDisk
	SortSwap
)
