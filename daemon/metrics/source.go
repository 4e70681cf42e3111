// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"

	"github.com/noded/noded/runtime/stats"
)

// Source is where the numbers come from: a *stats.Sampler. Its methods are called from several goroutines, at each scrape.
type Source interface {
	// Snapshot returns what is known now. What it returns is changed by neither side.
	Snapshot(ctx context.Context) (*stats.Snapshot, error)
	// Machine tells what the machine has.
	Machine() (stats.Machine, error)
	// Filesystems returns the filesystems of the node. Those that do not answer may be missing.
	Filesystems(ctx context.Context) ([]stats.Filesystem, error)
}

// Value is a number of noded itself.
type Value struct {
	// Name is that of the metric, Help a sentence about it.
	Name, Help string
	// Counter: it only grows. The name ends in _total then.
	Counter bool
	Value   float64
}
