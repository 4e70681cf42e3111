// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"

	"google.golang.org/grpc"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// StatsWatchRequest says what WatchStats tells, and who is told of breaks.
type StatsWatchRequest struct {
	wire.StatsWatchQuery
	// OnResume and OnBreak are as those of ReadRequest. Delivered counts looks.
	OnResume func(Resume)
	OnBreak  func(Break)
}

// WatchStats calls yield for each look at the node, until ctx ends or yield returns an error, which is returned. A look has everything that
// is there, and is valid during the call. After a break it goes on: looks that noded had sent come late, and counters go on as if
// nothing had been, unless noded itself was restarted; keys of what is still there remain the same even then.
func (c *Client) WatchStats(ctx context.Context, req StatsWatchRequest, yield func(*wire.StatsLook) error) error {
	w := statsWatching{attempts: attempts{client: c, onResume: req.OnResume, onBreak: req.OnBreak}, query: req.StatsWatchQuery, yield: yield}
	return w.run(ctx, w.attempt)
}

// statsWatching is the state of one WatchStats across its attempts. It belongs to one goroutine.
type statsWatching struct {
	attempts
	query wire.StatsWatchQuery
	yield func(*wire.StatsLook) error

	message nodedv1.StatsServiceWatchResponse
	decoder wire.StatsWatchDecoder
}

// attempt watches with one stream until it ends.
func (w *statsWatching) attempt(ctx context.Context) error {
	req := wire.StatsWatchToProto(&w.query)
	req.ResumeToken, req.ResumeSequence = w.decoder.Position()
	start := func(ctx context.Context) (grpc.ClientStream, error) { return w.client.stats.Watch(ctx, req) }
	return w.stream(ctx, start, &w.message, w.deliver, endedStream())
}

func (w *statsWatching) deliver() error {
	look, err := w.decoder.Decode(&w.message)
	if err != nil {
		return decodeError(err)
	}
	w.backOff.reset()
	w.delivered++
	return w.yield(look)
}

// StatsListWatchRequest says what WatchStatsList tells, and who is told of breaks.
type StatsListWatchRequest struct {
	wire.StatsListWatch
	// OnResume and OnBreak are as those of ReadRequest. Delivered counts lists.
	OnResume func(Resume)
	OnBreak  func(Break)
}

// WatchStatsList calls yield with what ListStats returns: at once, and anew after each look at the node, until ctx ends or yield returns an
// error, which is returned. A list belongs to yield. A name that nothing has is one of its problems. After a break it goes on with the newest list.
func (c *Client) WatchStatsList(ctx context.Context, req StatsListWatchRequest, yield func(*StatsList) error) error {
	w := attempts{client: c, onResume: req.OnResume, onBreak: req.OnBreak}
	start := func(ctx context.Context) (grpc.ClientStream, error) {
		return c.stats.WatchList(ctx, wire.StatsWatchListToProto(&req.StatsListWatch))
	}
	return w.run(ctx, func(ctx context.Context) error {
		var message nodedv1.StatsServiceWatchListResponse
		return w.stream(ctx, start, &message, func() error {
			w.backOff.reset()
			w.delivered++
			return yield(statsListOf(&message))
		}, endedStream())
	})
}
