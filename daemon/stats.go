// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
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

const (
	// historyFile is the file in state.directory with what was used, and damagedFile one that could not be read.
	historyFile = "stats-history"
	damagedFile = historyFile + ".damaged"
	// historyBuffer is how much of the file is written at once.
	historyBuffer = 64 << 10
)

// usage is what noded knows of what the node uses.
type usage struct {
	log     *slog.Logger
	sampler *stats.Sampler
	// history is nil if none is kept. directory is where it is over a restart; empty for nowhere.
	history   *history.Store
	directory string
	health    service.StatsHealth
}

// newUsage puts together what the configuration names. name is that of the node, root the root directory of the machine, c knows who is who.
func newUsage(cfg *config.Config, name, root string, c *containers, logger *slog.Logger) *usage {
	u := &usage{log: logger, directory: cfg.State.Directory}
	proc, sys := filepath.Join(root, "proc"), filepath.Join(root, "sys")
	tree, err := cgroup.Open(cgroup.Config{Root: cfg.Stats.CgroupRoot, Proc: proc, Sys: sys})
	if err != nil {
		logger.Warn("there are no cgroups: only the node itself has figures of what is used", "directory", cfg.Stats.CgroupRoot, "err", err)
		tree = nil
	}
	if cfg.Stats.History > 0 {
		u.history = history.New(history.Config{MaxBytes: int64(cfg.Stats.HistoryBytes), Retention: cfg.Stats.History})
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
	u.load()
	if err := u.sampler.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		u.log.Error("what is used is not looked at any more", "err", err)
	}
	u.save()
}

// historyBytes is how much memory history takes.
func (u *usage) historyBytes() int64 {
	if u.history == nil {
		return 0
	}
	return u.history.Bytes()
}

// load reads what an earlier noded has kept. A file that cannot be read is put aside, so that it is told of once.
func (u *usage) load() {
	if u.history == nil || u.directory == "" {
		return
	}
	path := filepath.Join(u.directory, historyFile)
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		u.log.Warn("what was used before cannot be read", "err", err)
		return
	}
	defer f.Close()
	if err := u.history.Load(bufio.NewReaderSize(f, historyBuffer)); err != nil {
		u.log.Warn("what was used before cannot be read, or not all of it", "file", path, "err", err)
		if err := os.Rename(path, filepath.Join(u.directory, damagedFile)); err != nil {
			u.log.Warn("a damaged file stays where it is", "err", err)
		}
	}
}

// save keeps what was used for the next noded. Either the whole file is there, or the one before.
func (u *usage) save() {
	if u.history == nil || u.directory == "" {
		return
	}
	if err := u.write(filepath.Join(u.directory, historyFile)); err != nil {
		u.log.Warn("what was used is lost with this restart", "err", err)
	}
}

func (u *usage) write(path string) (err error) {
	// One that a crash has left is written over.
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keep history: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep history: %w", errors.Join(err, f.Close(), os.Remove(f.Name())))
		}
	}()
	w := bufio.NewWriterSize(f, historyBuffer)
	if err := u.history.Save(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	// A file without contents must not take the place of the one before when the machine goes down.
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		u.log.Warn("close the file of history", "err", err)
	}
	return nil
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
