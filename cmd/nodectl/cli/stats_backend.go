// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"time"

	"github.com/noded/noded/client"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// statsBackend is where figures of what is used come from: a client.Client, whose methods these are. It is safe for concurrent use and closed by
// the command that opened it. What it returns belongs to the caller.
type statsBackend interface {
	NodeStats(ctx context.Context) (*client.NodeStats, error)
	ListStats(ctx context.Context, sel stats.Selection) (*client.StatsList, error)
	QueryStats(ctx context.Context, q stats.QueryRequest) (*client.StatsHistory, error)
	// WatchStats makes noded look at the node as often as the request says for as long as the call lasts.
	WatchStats(ctx context.Context, req client.StatsWatchRequest, yield func(*wire.StatsLook) error) error
	Close() error
}

// nodeSource is where a description of a node comes from: a client.Client, too.
type nodeSource interface {
	statsBackend
	Node(ctx context.Context) (*nodedv1.Node, error)
	Health(ctx context.Context) (*nodedv1.GetHealthResponse, error)
}

// openStats opens the noded that the options name.
func (g *globals) openStats() (nodeSource, error) {
	if g.stats != nil {
		return g.stats()
	}
	return g.dial()
}

// watchLooks calls yield after each look at the node, of which there is one each interval at least while the call lasts. As little as can be
// is sent of what was seen: the caller asks for what it shows.
func watchLooks(ctx context.Context, b statsBackend, interval time.Duration, yield func() error) error {
	req := client.StatsWatchRequest{StatsWatchQuery: wire.StatsWatchQuery{
		Kinds: []stats.Kind{stats.KindNode}, Metrics: []metric.ID{metric.CPUUsage}, Interval: interval,
	}}
	return b.WatchStats(ctx, req, func(*wire.StatsLook) error { return yield() })
}
