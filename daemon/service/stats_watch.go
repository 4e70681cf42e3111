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
)

// maxEarly is how much before its time a look may be told, so that one that comes a little early is not left out.
const maxEarly = 500 * time.Millisecond

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
	}
	p := pace{interval: cmp.Or(query.Interval, s.config.Interval)}
	for {
		snapshot, err := s.config.Stats.Snapshot(ctx)
		if err != nil {
			return watchStatus(ctx, err)
		}
		if p.due() {
			m, err := s.streams.next(reader, snapshot, p.interval)
			if err != nil {
				return watchStatus(ctx, err)
			}
			if m != nil {
				p.told()
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
	if errors.Is(err, errTakenOver) || errors.Is(context.Cause(ctx), errTakenOver) {
		return wire.Refusal(codes.FailedPrecondition, wire.ReasonTakenOver, errTakenOver.Error(), "read one stream with one program, or begin without resume_token")
	}
	return wire.Status(err)
}

// pace tells which looks are told to a caller who wants less of them than there are.
type pace struct {
	interval time.Duration
	last     time.Time
}

func (p *pace) due() bool {
	return p.last.IsZero() || time.Since(p.last) >= p.interval-min(p.interval/10, maxEarly)
}

func (p *pace) told() { p.last = time.Now() }
