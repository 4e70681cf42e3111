// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"log/slog"

	"github.com/noded/noded/daemon/config"
	"github.com/noded/noded/daemon/service"
	"github.com/noded/noded/runtime/cri"
	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/docker"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

// containers is what noded knows of pods and containers: the runtimes, and the log tree. Runtimes and directories may come and
// go.
type containers struct {
	log       *slog.Logger
	hub       *dirwatch.Hub
	inventory *inventory.Inventory
	logs      *podlog.Logs
	health    service.ContainerHealth
}

// newContainers puts together what the configuration names. It opens nothing yet. root is the root directory of the machine,
// maxRecordBytes limits.max_record_bytes.
func newContainers(cfg *config.Config, root string, maxRecordBytes func() int, logger *slog.Logger) *containers {
	c := &containers{log: logger, hub: dirwatch.NewHub(logger)}
	pods, dockers := rootOf(cfg.Logs.PodsDirectory), rootOf(cfg.Logs.DockerDirectory)
	c.logs = podlog.New(podlog.Config{
		Pods: pods, Docker: dockers, Hub: c.hub, Logger: logger,
		// A longer line comes in several records, so that none is too large to be sent.
		MaxRecordBytes: func() int { return min(maxRecordBytes(), podlog.DefaultMaxRecordBytes) },
	})
	var tree *logtree.Tree
	if pods != nil {
		tree = logtree.New(pods)
	}
	var sources []inventory.Source
	if len(cfg.Runtime.Sockets) == 0 {
		// They look for the usual sockets, again and again while there are none.
		sources = append(sources, cri.Usual(root, cri.Config{Logger: logger})...)
	}
	for _, socket := range cfg.Runtime.Sockets {
		sources = append(sources, cri.New(cri.Config{Socket: socket, Logger: logger}))
	}
	if socket := cfg.Runtime.DockerSocket; socket != "" {
		sources = append(sources, docker.New(docker.Config{Socket: socket, Root: cfg.Logs.DockerDirectory, Logger: logger}))
	}
	c.inventory = inventory.New(inventory.Config{Sources: sources, Tree: tree, Hub: c.hub, Logger: logger})
	c.health = service.ContainerHealth{
		Inventory: c.inventory, PodsDirectory: cfg.Logs.PodsDirectory, Watching: c.hub.Err,
		Named: named(cfg),
	}
	return c
}

// named returns the paths of the configuration that somebody has set: what is there must exist.
func named(cfg *config.Config) map[string]bool {
	paths := make(map[string]bool)
	for _, socket := range cfg.Runtime.Sockets {
		paths[socket] = true
	}
	if socket := cfg.Runtime.DockerSocket; socket != "" && socket != config.DefaultDockerSocket {
		paths[socket] = true
	}
	if directory := cfg.Logs.PodsDirectory; directory != "" && directory != config.DefaultPodsDirectory {
		paths[directory] = true
	}
	return paths
}

// rootOf returns the root of a directory; nil for none.
func rootOf(directory string) *safefs.Root {
	if directory == "" {
		return nil
	}
	return safefs.NewRoot(directory)
}

// run keeps the inventory up to date until ctx ends.
func (c *containers) run(ctx context.Context) {
	if err := c.inventory.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		c.log.Error("pods and containers are not looked at any more", "err", err)
	}
}

// close releases what watches directories, when nobody reads logs any more.
func (c *containers) close() {
	if err := c.hub.Close(); err != nil {
		c.log.Warn("close the watches of directories", "err", err)
	}
}
