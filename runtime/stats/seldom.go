// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
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
	layers map[string]Layer
	// asked is when layers were told, for as long as time goes on; zero for never.
	asked time.Time
	logs  map[string]uint64
}

// put adds what is known of a container.
func (f *seldomFacts) put(id string, to *metric.Set) {
	if f == nil {
		return
	}
	if layer, ok := f.layers[id]; ok {
		to.Put(metric.FilesystemWritableBytes, layer.Bytes)
		to.Put(metric.FilesystemWritableInodes, layer.Inodes)
	}
	if n, ok := f.logs[id]; ok {
		to.Put(metric.FilesystemLogBytes, n)
	}
}

// lookSeldom keeps the slow facts up to date until ctx ends: a runtime that takes long must not delay the looks.
func (s *Sampler) lookSeldom(ctx context.Context) {
	ticker := time.NewTicker(seldomInterval)
	defer ticker.Stop()
	for {
		s.countCPUs()
		s.seldom.Store(s.askSeldom(ctx))
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

func (s *Sampler) askSeldom(ctx context.Context) *seldomFacts {
	facts := &seldomFacts{}
	if before := s.seldom.Load(); before != nil && time.Since(before.asked) < seldomAge {
		facts.layers, facts.asked = before.layers, before.asked
	}
	ctx, cancel := context.WithTimeout(ctx, seldomTimeout)
	defer cancel()
	if s.config.Layers != nil {
		if layers, err := s.config.Layers(ctx); err == nil {
			facts.layers, facts.asked = layers, time.Now()
		} else if ctx.Err() == nil {
			s.logger.Debug("the writable layers of containers are not known", "err", err)
		}
	}
	if s.config.LogBytes != nil && s.config.Inventory != nil {
		if names, err := s.config.Inventory.Snapshot(ctx); err == nil {
			facts.logs = s.measureLogs(ctx, names)
		}
	}
	return facts
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
