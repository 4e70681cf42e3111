// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"cmp"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/noded/noded/daemon/audit"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
)

// WatchList implements nodedv1.StatsServiceServer.
func (s *StatsService) WatchList(req *nodedv1.StatsServiceWatchListRequest, stream grpc.ServerStreamingServer[nodedv1.StatsServiceWatchListResponse]) error {
	ctx := stream.Context()
	call := audit.FromContext(ctx)
	query, err := wire.StatsWatchListFromProto(req)
	if err != nil {
		return wire.Status(err)
	}
	call.Select(statsWatchListSelectors(&query))
	if err := checkStatsSelection(&query.Selection); err != nil {
		return wire.Status(err)
	}
	// What changes after the first snapshot is told here.
	changed, stop := s.config.Stats.Subscribe(query.Interval)
	defer stop()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	p := pace{wanted: cmp.Or(query.Interval, s.config.Interval)}
	var last *stats.Snapshot
	for {
		snapshot, err := s.config.Stats.Snapshot(ctx)
		if err != nil {
			return wire.Status(err)
		}
		if _, due := p.due(snapshot); due && (last == nil || last.Sequence != snapshot.Sequence) {
			m, err := s.list(snapshot, &query.Selection)
			if err != nil {
				return wire.Status(err)
			}
			// The first message can be of a look that is long past: the next look is not kept from the caller.
			if last != nil {
				p.told(snapshot)
			}
			last = snapshot
			if err := stream.Send(m); err != nil {
				return err
			}
			call.AddRecords(len(m.GetUsages()))
		}
		select {
		case <-ctx.Done():
			return wire.Status(ctx.Err())
		case <-changed:
		}
	}
}

// list is what a snapshot has of a selection.
func (s *StatsService) list(snapshot *stats.Snapshot, sel *stats.Selection) (*nodedv1.StatsServiceWatchListResponse, error) {
	usages, missing, err := snapshot.SelectPresent(*sel)
	if err != nil {
		return nil, err
	}
	problems := slices.Clone(snapshot.Problems)
	for _, err := range missing {
		problems = append(problems, err.Error())
	}
	return &nodedv1.StatsServiceWatchListResponse{
		Node: s.config.Host.Name, Usages: wire.StatsUsagesToProto(usages), Problems: wire.TextsToProto(problems),
		CurrentTime: timestamppb.New(now(s.config.Now)), Interval: durationpb.New(snapshot.Interval), Time: timestamppb.New(snapshot.Time),
	}, nil
}
