// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"maps"
	"time"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

const (
	// seldomInterval is how often that is asked for which is dear and changes slowly, seldomTimeout how long an answer may take.
	seldomInterval = time.Minute
	seldomTimeout  = 30 * time.Second
	// seldomAge is how old an answer may get when no other one comes.
	seldomAge = 3 * seldomInterval
)

// seldomFacts is what is looked at seldom, by the ids of containers. It is not changed any more.
type seldomFacts struct {
	layers told[Layer]
	logs   told[uint64]
}

// told is what was told of containers, by their ids.
type told[T any] struct {
	of map[string]T
	// whole is when all was told, for as long as time goes on; zero for never.
	whole time.Time
}

// updated takes an answer in. Of one that is not whole, what is missing stays as it was, but not for longer than seldomAge.
func (t told[T]) updated(answer map[string]T, whole bool) told[T] {
	if whole {
		return told[T]{answer, time.Now()}
	}
	out := told[T]{of: make(map[string]T, len(t.of)+len(answer))}
	if time.Since(t.whole) < seldomAge {
		out.whole = t.whole
		maps.Copy(out.of, t.of)
	}
	maps.Copy(out.of, answer)
	return out
}

// put adds what is known of a container.
func (f *seldomFacts) put(id string, to *metric.Set) {
	if f == nil {
		return
	}
	if layer, ok := f.layers.of[id]; ok {
		to.Put(metric.FilesystemWritableBytes, layer.Bytes)
		to.Put(metric.FilesystemWritableInodes, layer.Inodes)
	}
	if n, ok := f.logs.of[id]; ok {
		to.Put(metric.FilesystemLogBytes, n)
	}
}

// lookSeldom keeps the slow facts up to date until ctx ends: a runtime that takes long must not delay the looks.
func (s *Sampler) lookSeldom(ctx context.Context) {
	ticker := time.NewTicker(seldomInterval)
	defer ticker.Stop()
	for {
		s.countCPUs()
		s.askSeldom(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Sampler) countCPUs() {
	if s.config.Host == nil {
		return
	}
	machine, err := s.config.Host.Machine()
	if err != nil {
		s.logger.Debug("the machine cannot be looked at", "err", err)
		return
	}
	s.cpus.Store(int64(machine.CPUs))
}

// askSeldom asks for everything. Each has its own time, so that what takes long is missed alone.
func (s *Sampler) askSeldom(ctx context.Context) {
	var facts seldomFacts
	if before := s.seldom.Load(); before != nil {
		facts = *before
	}
	for _, ask := range []func(context.Context, *seldomFacts){s.askLogs, s.askLayers} {
		next := facts
		within, cancel := context.WithTimeout(ctx, seldomTimeout)
		ask(within, &next)
		cancel()
		s.seldom.Store(&next)
		facts = next
	}
}

func (s *Sampler) askLayers(ctx context.Context, facts *seldomFacts) {
	if s.config.Layers == nil {
		return
	}
	layers, err := s.config.Layers(ctx)
	facts.layers = facts.layers.updated(layers, err == nil)
	if err != nil {
		s.logger.Debug("the writable layers of containers are not all known", "err", err)
	}
}

func (s *Sampler) askLogs(ctx context.Context, facts *seldomFacts) {
	if s.config.LogBytes == nil || s.config.Inventory == nil {
		return
	}
	var logs map[string]uint64
	names, err := s.config.Inventory.Snapshot(ctx)
	if err == nil {
		logs = s.measureLogs(ctx, names)
		err = ctx.Err()
	}
	facts.logs = facts.logs.updated(logs, err == nil)
}

func (s *Sampler) measureLogs(ctx context.Context, names *inventory.Snapshot) map[string]uint64 {
	logs := map[string]uint64{}
	measure := func(c *inventory.Container) {
		if c.ID == "" || c.Log == nil || ctx.Err() != nil {
			return
		}
		if n, err := s.config.LogBytes(ctx, *c.Log); err == nil {
			logs[c.ID] = n
		}
	}
	for i := range names.Pods {
		for j := range names.Pods[i].Containers {
			measure(&names.Pods[i].Containers[j])
		}
	}
	for i := range names.Containers {
		measure(&names.Containers[i])
	}
	return logs
}
