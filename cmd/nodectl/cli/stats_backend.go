// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/noded/noded/client"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/stats"
)

// statsBackend is where figures of what is used come from: a client.Client, whose methods these are. It is safe for concurrent use and closed by
// the command that opened it. What it returns belongs to the caller.
type statsBackend interface {
	NodeStats(ctx context.Context) (*client.NodeStats, error)
	ListStats(ctx context.Context, sel stats.Selection) (*client.StatsList, error)
	QueryStats(ctx context.Context, q stats.QueryRequest) (*client.StatsHistory, error)
	// WatchStatsList calls yield with what ListStats returns, at once and after each look at the node, and makes noded look as often as the
	// request says for as long as the call lasts.
	WatchStatsList(ctx context.Context, req client.StatsListWatchRequest, yield func(*client.StatsList) error) error
	Close() error
}

// nodeSource is where a description of a node comes from: a client.Client, too.
type nodeSource interface {
	statsBackend
	NodeStatsWithFilesystems(ctx context.Context) (*client.NodeStats, error)
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
