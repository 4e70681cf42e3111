// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

const (
	// watchSpan is how long looks are watched, with a break in the middle that lasts watchBreak.
	watchSpan  = 30 * time.Second
	watchBreak = 3 * time.Second
	// busyEach: each so manieth container uses the processor.
	busyEach = 3
	// burn uses a little of it about once a second.
	burn = `while :; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; sleep 0.9; done`
)

// watched is what was seen of a stream.
type watched struct {
	decoder wire.StatsWatchDecoder
	// first is the size of the first message; keyframes, and looks with all their bytes and rows, are without it.
	first, keyframes, keyframeBytes int
	looks, bytes, rows              int
	// resets are messages that began anew, jumps are counters that went back, or on faster than the machine can.
	resets, jumps int
	known         int
	counters      map[stats.Key]counter
}

type counter struct {
	value uint64
	boot  time.Duration
}

// measureWatch measures what StatsService.Watch sends of a full node that is looked at each second, a third of whose containers do something.
func (s *settings) measureWatch(ctx context.Context, stdout, stderr io.Writer) (err error) {
	fmt.Fprintf(stderr, "making cgroups of %d pods that do something ...\n", idlePods)
	node, err := makeFullNode(ctx, busyEach)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.remove()) }()
	d, err := node.start(ctx, s, "10s")
	if err != nil {
		return err
	}
	defer d.stop()
	conn, err := grpc.NewClient(d.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	w := &watched{counters: make(map[stats.Key]counter)}
	service := nodedv1.NewStatsServiceClient(conn)
	if err := w.watch(ctx, service, watchSpan/2); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(watchBreak):
	}
	if err := w.watch(ctx, service, watchSpan/2); err != nil {
		return err
	}
	return w.report(stdout)
}

// watch receives messages for so long, and goes on where it was before if it was called before.
func (w *watched) watch(ctx context.Context, service nodedv1.StatsServiceClient, span time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	token, sequence := w.decoder.Position()
	stream, err := service.Watch(ctx, &nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(time.Second), ResumeToken: token, ResumeSequence: sequence})
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			// noded knows the time, too, and can be the first to notice.
			if status.Code(err) == codes.DeadlineExceeded {
				return nil
			}
			return err
		}
		if err := w.take(m); err != nil {
			return err
		}
	}
}

func (w *watched) take(m *nodedv1.StatsServiceWatchResponse) error {
	size := proto.Size(m)
	switch {
	case m.GetReset_():
		w.resets++
		w.first = size
	case m.GetKeyframe():
		w.keyframes++
		w.keyframeBytes += size
	default:
		w.looks++
		w.bytes += size
		w.rows += len(m.GetIdDeltas())
	}
	look, err := w.decoder.Decode(m)
	if err != nil {
		return err
	}
	w.known = len(look.Rows)
	for _, row := range look.Rows {
		v, ok := row.Get(metric.CPUUsage)
		if !ok {
			continue
		}
		before, known := w.counters[row.Entity.Key]
		if known && (v < before.value || float64(v-before.value) > 1.5*float64(row.Boot-before.boot)*float64(runtime.NumCPU())) {
			w.jumps++
		}
		w.counters[row.Entity.Key] = counter{v, row.Boot}
	}
	return nil
}

func (w *watched) report(stdout io.Writer) error {
	if w.looks == 0 || w.rows == 0 {
		return errors.New("there were no looks, or nothing changed")
	}
	perRow := float64(w.bytes) / float64(w.rows)
	fmt.Fprintf(stdout, "\nWatch each second of %d pods, a third of whose containers use the processor, for %v with a break of %v\n\n", idlePods, watchSpan, watchBreak)
	fmt.Fprintf(stdout, "| rows | first message | a look | rows that changed | for each | aim | | keyframe | begun anew | jumps |\n|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|\n")
	keyframe := 0
	if w.keyframes > 0 {
		keyframe = w.keyframeBytes / w.keyframes
	}
	fmt.Fprintf(stdout, "| %d | %d B | %d B | %.0f | %.1f B | 12 B | %s | %d B | %d | %d |\n", w.known, w.first, w.bytes/w.looks, float64(w.rows)/float64(w.looks),
		perRow, verdict(perRow <= 12), keyframe, w.resets-1, w.jumps)
	if w.resets != 1 || w.jumps > 0 {
		return fmt.Errorf("the stream began anew %d times, and counters jumped %d times", w.resets-1, w.jumps)
	}
	return nil
}
