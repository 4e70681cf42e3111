// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"

	"google.golang.org/grpc"

	"github.com/noded/noded/daemon/audit"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// Logs reads the logs of containers; *podlog.Logs is one. It is safe for concurrent use, and behaves as that.
type Logs interface {
	Read(ctx context.Context, set podlog.Set, q podlog.Query, sink podlog.Sink) error
}

// Inventory knows the pods and containers of the node; *inventory.Inventory is one. It is safe for concurrent use, and
// behaves as that.
type Inventory interface {
	Snapshot(ctx context.Context) (*inventory.Snapshot, error)
	Subscribe() (changed <-chan struct{}, stop func())
	Logs(ctx context.Context, sel inventory.LogSelector, follow bool) (inventory.LogSet, error)
}

// LogConfig is what a LogService needs.
type LogConfig struct {
	// Node is the name that every record carries.
	Node      string
	Inventory Inventory
	Logs      Logs
	// Limits is asked at the start of each call.
	Limits func() Limits
}

// maxLargeLogBytes and maxWaitingLogBytes are for logs what maxLargeBytes and maxWaitingBytes are for the journal.
const (
	maxLargeLogBytes   = 64 << 20
	maxWaitingLogBytes = 32 << 20
)

// LogService serves noded.v1.LogService. It is safe for concurrent use.
type LogService struct {
	nodedv1.UnimplementedLogServiceServer
	config LogConfig
	large  *large
}

// NewLog returns the service.
func NewLog(c LogConfig) *LogService {
	return &LogService{config: c, large: newLarge(maxLargeLogBytes, maxWaitingLogBytes)}
}

// Read implements nodedv1.LogServiceServer.
func (s *LogService) Read(req *nodedv1.LogServiceReadRequest, stream grpc.ServerStreamingServer[nodedv1.LogServiceReadResponse]) error {
	ctx := stream.Context()
	call := audit.FromContext(ctx)
	selector, query, err := wire.LogQueryFromProto(req)
	if err != nil {
		return wire.Status(err)
	}
	call.Select(logSelectors(&selector, &query))
	limits := s.config.Limits()
	if err := checkPatterns(query.Filter.Grep, query.Filter.Exclude, limits.MaxPatternBytes); err != nil {
		return wire.Status(err)
	}
	if err := checkLogSelector(&selector); err != nil {
		return wire.Status(err)
	}
	set, err := s.config.Inventory.Logs(ctx, selector, query.Follow)
	if err != nil {
		return wire.Status(err)
	}
	defer set.Close()
	// The headers tell the client that the read has begun: what breaks it now is not a refusal.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	b := &logBatcher{
		outlet: outlet[nodedv1.LogServiceReadResponse]{
			ctx: ctx, node: s.config.Node, limits: limits, call: call, large: s.large, send: stream.Send, due: newDue(),
		},
	}
	defer b.due.stop()
	if req.GetAcceptCompact() {
		b.compact = wire.NewLogCompactEncoder(s.config.Node)
	}
	err = s.config.Logs.Read(ctx, set, query, b)
	if flushErr := b.Flush(); err == nil {
		err = flushErr
	}
	return wire.Status(err)
}
