// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"cmp"
	"log/slog"
	"sync/atomic"

	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/safefs"
)

// DefaultMaxRecordBytes is Config.MaxRecordBytes when it is zero.
const DefaultMaxRecordBytes = 1 << 20

// Config says where logs are and how they are read.
type Config struct {
	// Pods is the log tree, usually /var/log/pods; Docker the directory of Docker's containers, usually
	// /var/lib/docker/containers. A nil root has no logs.
	Pods, Docker *safefs.Root
	// Hub watches directories for followers. nil: they look for new records now and then.
	Hub *dirwatch.Hub
	// MaxRecordBytes is the length over which a line is given in several records, each but the last one partial; it is at
	// least 32 KiB. nil, or a result of zero, means DefaultMaxRecordBytes.
	MaxRecordBytes func() int
	Logger         *slog.Logger
}

// Logs reads the logs of containers. It is safe for concurrent use.
type Logs struct {
	config Config
	// kept is how many bytes of files that have been removed followers keep.
	kept atomic.Int64
}

// New returns a reader of logs. It opens nothing yet.
func New(c Config) *Logs { return &Logs{config: c} }

func (l *Logs) maxRecordBytes() int {
	if l.config.MaxRecordBytes == nil {
		return DefaultMaxRecordBytes
	}
	return max(cmp.Or(max(0, l.config.MaxRecordBytes()), DefaultMaxRecordBytes), minBuffer)
}

// root returns where the logs of a layout are; nil if there are none.
func (l *Logs) root(layout Layout) *safefs.Root {
	if layout == LayoutDocker {
		return l.config.Docker
	}
	return l.config.Pods
}
