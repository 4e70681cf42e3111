// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
)

// NodeStats is what a node has and uses.
type NodeStats struct {
	Node    string
	Machine stats.Machine
	Usage   stats.Usage
	// Filesystems and Directories are there if they were asked for.
	Filesystems []stats.Filesystem
	Directories []stats.Directory
	// Problems say what is known only in part, and why: a sentence each.
	Problems []string
	// Now is the wall clock of the node when it answered, Interval how often it is looked at.
	Now      time.Time
	Interval time.Duration
}

// NodeStats returns what the node has and uses, without its filesystems.
func (c *Client) NodeStats(ctx context.Context) (*NodeStats, error) {
	return c.nodeStats(ctx, &nodedv1.StatsServiceGetNodeRequest{})
}

// NodeStatsWithFilesystems is NodeStats with how full the filesystems of the node are. That takes up to two seconds if one does not answer.
func (c *Client) NodeStatsWithFilesystems(ctx context.Context) (*NodeStats, error) {
	return c.nodeStats(ctx, &nodedv1.StatsServiceGetNodeRequest{Filesystems: true})
}

func (c *Client) nodeStats(ctx context.Context, req *nodedv1.StatsServiceGetNodeRequest) (*NodeStats, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.stats.GetNode(ctx, req)
	if err != nil {
		return nil, c.callError(err)
	}
	return &NodeStats{
		Node: resp.GetNode(), Machine: wire.MachineFromProto(resp.GetMachine()), Usage: wire.StatsUsageFromProto(resp.GetUsage()),
		Filesystems: wire.FilesystemsFromProto(resp.GetFilesystems()), Directories: wire.DirectoriesFromProto(resp.GetDirectories()), Problems: resp.GetProblems(),
		Now: timeOf(resp.GetCurrentTime()), Interval: resp.GetInterval().AsDuration(),
	}, nil
}

// StatsList is what pods, containers or units of a node use.
type StatsList struct {
	Node   string
	Usages []stats.Usage
	// Problems say what is known only in part, and why: a sentence each.
	Problems []string
	// Now is the wall clock of the node when it answered, Interval how often it is looked at.
	Now      time.Time
	Interval time.Duration
	// Time is the wall clock of the node when the look began that the figures are of: the same in answers that are of one look.
	Time time.Time
}

// statsLister is what has a StatsList.
type statsLister interface {
	GetNode() string
	GetUsages() []*nodedv1.Usage
	GetProblems() []string
	GetCurrentTime() *timestamppb.Timestamp
	GetInterval() *durationpb.Duration
	GetTime() *timestamppb.Timestamp
}

func statsListOf(m statsLister) *StatsList {
	return &StatsList{
		Node: m.GetNode(), Usages: wire.StatsUsagesFromProto(m.GetUsages()), Problems: m.GetProblems(),
		Now: timeOf(m.GetCurrentTime()), Interval: m.GetInterval().AsDuration(), Time: timeOf(m.GetTime()),
	}
}

// ListStats returns what those use that a selection names. A name that no pod has is an inventory.ErrNotFound.
func (c *Client) ListStats(ctx context.Context, sel stats.Selection) (*StatsList, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.stats.List(ctx, wire.StatsListToProto(&sel))
	if err != nil {
		return nil, c.callError(err)
	}
	return statsListOf(resp), nil
}

// StatsHistory is what was used.
type StatsHistory struct {
	Node string
	stats.QueryResult
	// Since is from when to Until it is told; zero if it was not asked for and nothing is known.
	Since time.Time
}

// QueryStats summarises what was used.
func (c *Client) QueryStats(ctx context.Context, q stats.QueryRequest) (*StatsHistory, error) {
	ctx, cancel := c.call(ctx)
	defer cancel()
	resp, err := c.stats.Query(ctx, wire.StatsQueryToProto(&q))
	if err != nil {
		return nil, c.callError(err)
	}
	return &StatsHistory{
		Node:  resp.GetNode(),
		Since: timeOf(resp.GetSince()),
		QueryResult: stats.QueryResult{
			Series: wire.StatsSeriesFromProto(resp.GetSeries()), Problems: resp.GetProblems(), Oldest: timeOf(resp.GetOldestTime()), Until: timeOf(resp.GetUntil()),
		},
	}, nil
}

// timeOf converts a time; none is the zero one.
func timeOf(m *timestamppb.Timestamp) time.Time {
	if m == nil {
		return time.Time{}
	}
	return m.AsTime()
}
