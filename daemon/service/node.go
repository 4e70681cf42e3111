// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// maxUnreadable is the number of unreadable files that health names; it counts the others.
const maxUnreadable = 100

// NodeConfig is what a NodeService needs.
type NodeConfig struct {
	Host    Host
	Version string
	// Started is when noded started.
	Started time.Time
	Journal Journal
	// Engine and Location describe the source: auto, /var/log/journal. What health tells is Journal's own word for the
	// engine, if it has one.
	Engine, Location string
	// Containers tells of pods and their logs; nil for a noded that does not serve them.
	Containers *ContainerHealth
	// Stats tells of what the node uses; nil for a noded that does not serve that.
	Stats *StatsHealth
	// OpenStreams counts the calls that read.
	OpenStreams func() int
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
}

// NodeService serves noded.v1.NodeService. It is safe for concurrent use.
type NodeService struct {
	nodedv1.UnimplementedNodeServiceServer
	config NodeConfig
	usage  *usageCache
}

// NewNode returns the service.
func NewNode(c NodeConfig) *NodeService {
	return &NodeService{config: c, usage: newUsageCache(c.Journal.Usage)}
}

// GetNode implements nodedv1.NodeServiceServer.
func (s *NodeService) GetNode(context.Context, *nodedv1.GetNodeRequest) (*nodedv1.GetNodeResponse, error) {
	h := s.config.Host
	return &nodedv1.GetNodeResponse{Node: &nodedv1.Node{
		Name:            h.Name,
		MachineId:       wire.IDBytes(h.MachineID),
		BootId:          wire.IDBytes(h.BootID),
		KernelRelease:   h.KernelRelease,
		Architecture:    h.Architecture,
		OperatingSystem: h.OperatingSystem,
		Version:         s.config.Version,
		StartTime:       timestamppb.New(s.config.Started),
		CurrentTime:     timestamppb.New(now(s.config.Now)),
	}}, nil
}

// GetHealth implements nodedv1.NodeServiceServer.
func (s *NodeService) GetHealth(ctx context.Context, _ *nodedv1.GetHealthRequest) (*nodedv1.GetHealthResponse, error) {
	usage, err := s.usage.get(ctx)
	if ctx.Err() != nil {
		return nil, wire.Status(ctx.Err())
	}
	sources := []*nodedv1.SourceHealth{s.journalHealth(usage, err)}
	if s.config.Containers != nil {
		sources = append(sources, s.config.Containers.sources(ctx)...)
	}
	if s.config.Stats != nil {
		sources = append(sources, s.config.Stats.source(ctx))
	}
	open := min(max(s.config.OpenStreams(), 0), math.MaxInt32)
	return &nodedv1.GetHealthResponse{
		Node:        s.config.Host.Name,
		Sources:     sources,
		OpenStreams: uint32(open),
	}, nil
}

func (s *NodeService) journalHealth(usage journal.Usage, err error) *nodedv1.SourceHealth {
	m := &nodedv1.SourceHealth{
		Name:     "journal",
		Location: wire.Text(s.config.Location),
		Engine:   cmp.Or(usage.Engine, s.config.Engine),
		State:    nodedv1.SourceState_SOURCE_STATE_OK,
	}
	if err != nil {
		m.State, m.Message = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE, wire.Text(s.advice(err))
		return m
	}
	m.Files = uint32(min(len(usage.Files), math.MaxInt32))
	for i, p := range usage.Problems {
		if i == maxUnreadable {
			m.UnreadableFiles = append(m.UnreadableFiles, fmt.Sprintf("and %d more", len(usage.Problems)-maxUnreadable))
			break
		}
		m.UnreadableFiles = append(m.UnreadableFiles, wire.Text(fmt.Sprintf("%s: %v", p.Path, p.Err)))
	}
	s.judge(m, usage)
	s.stamp(m, usage.Files)
	return m
}

func (s *NodeService) judge(m *nodedv1.SourceHealth, usage journal.Usage) {
	switch bad, good := len(usage.Problems), len(usage.Files); {
	case bad > 0 && good == 0:
		m.State = nodedv1.SourceState_SOURCE_STATE_UNAVAILABLE
		m.Message = fmt.Sprintf("none of %d journal files can be read", bad)
	case bad > 0:
		m.State = nodedv1.SourceState_SOURCE_STATE_DEGRADED
		m.Message = fmt.Sprintf("%d of %d journal files cannot be read", bad, bad+good)
	case good == 0:
		m.State = nodedv1.SourceState_SOURCE_STATE_DEGRADED
		m.Message = fmt.Sprintf("there are no journal files in %s: is systemd-journald running?", m.GetLocation())
	}
}

// stamp fills in the times of the oldest and the newest record.
func (s *NodeService) stamp(m *nodedv1.SourceHealth, files []journal.File) {
	var oldest, newest journal.Usec
	for _, f := range files {
		if f.HeadRealtime > 0 && (oldest == 0 || f.HeadRealtime < oldest) {
			oldest = f.HeadRealtime
		}
		newest = max(newest, f.TailRealtime)
	}
	if oldest > 0 {
		m.OldestRecordTime = timestamppb.New(oldest.Time())
	}
	if newest > 0 {
		m.NewestRecordTime = timestamppb.New(newest.Time())
		m.Lag = durationpb.New(max(0, now(s.config.Now).Sub(newest.Time())))
	}
}

// advice is a sentence about why the journal cannot be opened and what to do.
func (s *NodeService) advice(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%s does not exist: check journal.directory, or whether systemd-journald has written anything yet", s.config.Location)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s may not be read by noded: run it as root or in group systemd-journal", s.config.Location)
	case errors.Is(err, journal.ErrUnsupported):
		return err.Error()
	default:
		return fmt.Sprintf("%s: %v", s.config.Location, err)
	}
}
