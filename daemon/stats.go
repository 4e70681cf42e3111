// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/noded/noded/daemon/config"
	"github.com/noded/noded/daemon/service"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/cgroup"
	"github.com/noded/noded/runtime/stats/history"
	"github.com/noded/noded/runtime/stats/host"
	"github.com/noded/noded/runtime/stats/sources"
)

// usage is what noded knows of what the node uses.
type usage struct {
	log     *slog.Logger
	sampler *stats.Sampler
	// history is nil if none is kept, file where it is over a restart.
	history *history.Store
	file    historyFile
	health  service.StatsHealth
}

// newUsage puts together what the configuration names. name is that of the node, root the root directory of the machine, c knows who is who.
func newUsage(cfg *config.Config, name, root string, c *containers, logger *slog.Logger) *usage {
	u := &usage{log: logger}
	proc, sys := filepath.Join(root, "proc"), filepath.Join(root, "sys")
	tree, err := cgroup.Open(cgroup.Config{Root: cfg.Stats.CgroupRoot, Proc: proc, Sys: sys})
	if err != nil {
		logger.Warn("there are no cgroups: only the node itself has figures of what is used", "directory", cfg.Stats.CgroupRoot, "err", err)
		tree = nil
	}
	if cfg.Stats.History > 0 {
		u.history = history.New(history.Config{MaxBytes: int64(cfg.Stats.HistoryBytes), Retention: cfg.Stats.History})
		u.file = historyFile{log: logger, store: u.history, directory: cfg.State.Directory}
	}
	reader := host.New(host.Config{Proc: proc, Sys: sys, Logger: logger})
	u.sampler = stats.New(stats.Config{
		Node: name, Tree: sources.Tree(tree), Host: sources.Host(reader, proc), Inventory: c.inventory, History: sources.History(u.history),
		Interval: cfg.Stats.Interval, Layers: c.layers, LogBytes: c.logBytes, Images: c.images, Logger: logger,
	})
	u.health = service.StatsHealth{Stats: u.sampler, Location: cfg.Stats.CgroupRoot}
	if u.history != nil {
		u.health.Oldest = u.history.Oldest
	}
	if tree != nil {
		u.health.Engine = fmt.Sprintf("cgroup v%d", tree.Version())
	}
	return u
}

// run looks at the node until ctx ends. What was used before is there from the first look on, and is kept at the end.
func (u *usage) run(ctx context.Context) {
	u.file.load(ctx)
	if err := u.sampler.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		u.log.Error("what is used is not looked at any more", "err", err)
	}
	u.file.save()
}

// historyBytes is how much memory history takes.
func (u *usage) historyBytes() int64 {
	if u.history == nil {
		return 0
	}
	return u.history.Bytes()
}

// layers returns the writable layers of containers.
func (c *containers) layers(ctx context.Context) (map[string]stats.Layer, error) {
	known, err := c.inventory.WritableLayers(ctx)
	layers := make(map[string]stats.Layer, len(known))
	for id, layer := range known {
		layers[id] = stats.Layer{Bytes: layer.Bytes, Inodes: layer.Inodes}
	}
	return layers, err
}

// logBytes returns how large the logs of a container are.
func (c *containers) logBytes(_ context.Context, log inventory.Log) (uint64, error) {
	return c.logs.LogBytes(log.Layout, log.Dir)
}

// images returns the directories in which the runtimes keep images, each once.
func (c *containers) images(ctx context.Context) ([]string, error) {
	known, err := c.inventory.ImageFilesystems(ctx)
	var dirs []string
	for _, fs := range known {
		if filepath.IsAbs(fs.MountPoint) && !slices.Contains(dirs, fs.MountPoint) {
			dirs = append(dirs, fs.MountPoint)
		}
	}
	return dirs, err
}
