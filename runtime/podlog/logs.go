// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"errors"
	"log/slog"

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
	// MaxRecordBytes is the length over which a line is given in several records, each but the last one partial. nil, or a
	// result of zero, means DefaultMaxRecordBytes.
	MaxRecordBytes func() int
	Logger         *slog.Logger
}

// Logs reads the logs of containers. It is safe for concurrent use.
type Logs struct {
	config Config
}

// New returns a reader of logs. It opens nothing yet.
func New(c Config) *Logs { return &Logs{config: c} }

// Read hands the records that q selects of the containers of set to sink. Files that cannot be read are gaps, not errors.
// The error is a *journal.QueryError for a malformed query, ErrBadCursor, ErrNoPrevious, what sink returned, or that of ctx.
func (l *Logs) Read(ctx context.Context, set Set, q Query, sink Sink) error {
	return errors.ErrUnsupported
}
