// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/noded/noded/daemon/metrics"
)

// severalDisks is the device of disk I/O where there is more than one disk: I/O is known of all together.
const severalDisks = "all"

// newMetrics returns what serves metrics, nil if that is not wanted. root is the root directory of the machine.
func (d *Daemon) newMetrics(root string, source metrics.Source, historyBytes func() int64) (*metrics.Server, error) {
	cfg := &d.loaded.Config.Metrics
	if cfg.Listen == "" {
		return nil, nil
	}
	return metrics.New(metrics.Config{
		Listen: cfg.Listen, WebConfigFile: cfg.WebConfigFile, PodLabels: cfg.PodLabels, Units: cfg.Units,
		Device: disk(root), Source: source, Version: d.options.Version, Logger: d.log,
		Values: func() []metrics.Value {
			return []metrics.Value{
				{Name: "noded_open_streams", Help: "Calls that read the journal or logs, or that last.", Value: float64(d.calls.Open())},
				{Name: "noded_stats_history_bytes", Help: "Memory that the history of figures takes.", Value: float64(historyBytes())},
			}
		},
	})
}

// listenMetrics returns the listener of the metrics; nil if none are served.
func (d *Daemon) listenMetrics(ctx context.Context) (net.Listener, error) {
	if d.metrics == nil {
		return nil, nil
	}
	return d.metrics.Listen(ctx)
}

// isDisk reports whether something in /sys/block is a disk of its own that things can be on.
func isDisk(dir string) bool {
	// Behind what is made of memory, files or other block devices there is no device.
	if _, err := os.Stat(filepath.Join(dir, "device")); err != nil {
		return false
	}
	name := filepath.Base(dir)
	if strings.HasPrefix(name, "sr") || strings.HasPrefix(name, "fd") {
		return false // CD-ROMs and floppies
	}
	if strings.HasPrefix(name, "mmcblk") && strings.Contains(name, "boot") {
		return false // a part of a disk that the firmware starts from
	}
	is := func(file, value string) bool {
		data, err := os.ReadFile(filepath.Join(dir, file))
		return err == nil && strings.TrimSpace(string(data)) == value
	}
	// Hidden are the paths of a disk with several. Without a medium the size is 0.
	return !is("hidden", "1") && !is("size", "0")
}

// disk returns the disk of the machine as /dev/vda, or severalDisks.
func disk(root string) string {
	const blocks = "sys/block"
	entries, err := os.ReadDir(filepath.Join(root, blocks))
	if err != nil {
		return severalDisks
	}
	found := ""
	for _, e := range entries {
		if !isDisk(filepath.Join(root, blocks, e.Name())) {
			continue
		}
		if found != "" {
			return severalDisks
		}
		// A slash in the name of a device is an exclamation mark there.
		found = "/dev/" + strings.ReplaceAll(e.Name(), "!", "/")
	}
	if found == "" {
		return severalDisks
	}
	return found
}
