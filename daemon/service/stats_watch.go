// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"cmp"
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/noded/noded/daemon/audit"
	"github.com/noded/noded/daemon/peercred"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
)

// Watch implements nodedv1.StatsServiceServer.
func (s *StatsService) Watch(req *nodedv1.StatsServiceWatchRequest, stream grpc.ServerStreamingServer[nodedv1.StatsServiceWatchResponse]) error {
	call := audit.FromContext(stream.Context())
	query, err := wire.StatsWatchFromProto(req)
	if err != nil {
		return wire.Status(err)
	}
	call.Select(statsWatchSelectors(&query))
	// What changes after the first snapshot is told here.
	changed, stop := s.config.Stats.Subscribe(query.Interval)
	defer stop()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	reader, missed := s.openStream(ctx, req, query, cancel)
	defer s.streams.end(reader)
	for _, data := range missed {
		m := new(nodedv1.StatsServiceWatchResponse)
		if err := proto.Unmarshal(data, m); err != nil {
			return wire.Status(err)
		}
		if err := stream.Send(m); err != nil {
			return err
		}
		call.AddRecords(len(m.GetIdDeltas()))
	}
	p := pace{wanted: cmp.Or(query.Interval, s.config.Interval)}
	for {
		snapshot, err := s.config.Stats.Snapshot(ctx)
		if err != nil {
			return watchStatus(ctx, err)
		}
		if interval, due := p.due(snapshot); due {
			m, err := s.streams.next(reader, snapshot, interval)
			if err != nil {
				return watchStatus(ctx, err)
			}
			if m != nil {
				p.told(snapshot)
				if err := stream.Send(m); err != nil {
					return err
				}
				call.AddRecords(len(m.GetIdDeltas()))
			}
		}
		select {
		case <-ctx.Done():
			return watchStatus(ctx, ctx.Err())
		case <-changed:
		}
	}
}

// openStream goes on with the stream that a request names, or begins one. missed are the messages that the caller does not have.
func (s *StatsService) openStream(ctx context.Context, req *nodedv1.StatsServiceWatchRequest, q wire.StatsWatchQuery, cancel context.CancelCauseFunc) (reader *statsReader, missed [][]byte) {
	var uid uint32
	if caller, ok := peercred.FromContext(ctx); ok {
		uid = caller.UID
	}
	if token := req.GetResumeToken(); token != "" {
		if reader, missed := s.streams.resume(token, req.GetResumeSequence(), uid, q, cancel); reader != nil {
			return reader, missed
		}
	}
	host := &s.config.Host
	return s.streams.begin(wire.StatsWatchConfig{Node: host.Name, BootID: host.BootID, Kinds: q.Kinds, Metrics: q.Metrics}, uid, q, cancel), nil
}

// watchStatus is the status of a stream that ends with err.
func watchStatus(ctx context.Context, err error) error {
	if errors.Is(err, errNoRoom) {
		return wire.Refusal(codes.ResourceExhausted, wire.ReasonExhausted, errNoRoom.Error(), "end streams that are not needed, or ask for fewer kinds and metrics")
	}
	if errors.Is(err, errTakenOver) || errors.Is(context.Cause(ctx), errTakenOver) {
		return wire.Refusal(codes.FailedPrecondition, wire.ReasonTakenOver, errTakenOver.Error(), "read one stream with one program, or begin without resume_token")
	}
	return wire.Status(err)
}

// pace tells which looks are told to a caller who wants less of them than there are. It goes by the times of looks, not by when they come to be
// known, so that one that is late leaves out none.
type pace struct {
	wanted time.Duration
	begun  bool
	// last is the time since the boot of the look that was told last.
	last time.Duration
}

// due reports whether a look is told, and how often one is: looks are not made for a caller who wants less than there are, so that it is a
// multiple of the time between two.
func (p *pace) due(s *stats.Snapshot) (interval time.Duration, due bool) {
	interval = p.wanted
	if between := s.Interval; between > 0 && between < interval {
		if over := interval % between; over > 0 {
			interval += between - over
		}
	}
	_, boot := wire.StatsLookTime(s)
	// The look that is nearest to the time that is due.
	return interval, !p.begun || boot < p.last || boot-p.last >= interval-min(s.Interval, interval)/2
}

func (p *pace) told(s *stats.Snapshot) {
	p.begun = true
	_, p.last = wire.StatsLookTime(s)
}
