// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/noded/noded/daemon/audit"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
)

// Stats knows what the node uses. It is safe for concurrent use.
type Stats interface {
	// Snapshot returns what is known now. It waits for the first look.
	Snapshot(ctx context.Context) (*stats.Snapshot, error)
	// Rated does so, too, and waits for rates, but not for long.
	Rated(ctx context.Context) (*stats.Snapshot, error)
	// Subscribe makes the node be looked at each interval at least, 0 for as often as it is anyway, until stop is called. changed has
	// something after each look; who takes nothing in time gets it once.
	Subscribe(interval time.Duration) (changed <-chan struct{}, stop func())
	// Query summarises what was used.
	Query(ctx context.Context, q stats.QueryRequest) (stats.QueryResult, error)
	// Machine tells what the machine has.
	Machine() (stats.Machine, error)
	// Filesystems returns the filesystems of the node. The error can join one for each that is left out.
	Filesystems(ctx context.Context) ([]stats.Filesystem, error)
	// Directories returns what the directories of the kubelet and of images are on.
	Directories(ctx context.Context) ([]stats.Directory, error)
}

// StatsConfig is what a StatsService needs.
type StatsConfig struct {
	Host  Host
	Stats Stats
	// Interval is how often the node is looked at while nobody wants it more often.
	Interval time.Duration
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
}

// StatsService serves noded.v1.StatsService. It is safe for concurrent use.
type StatsService struct {
	nodedv1.UnimplementedStatsServiceServer
	config  StatsConfig
	streams *statsStreams
	// queries has a value for each Query that is made up: more than so many wait, because each may need much memory.
	queries chan struct{}
}

// maxQueries is how many Query calls are made up at a time.
const maxQueries = 2

// NewStats returns the service.
func NewStats(c StatsConfig) *StatsService {
	return &StatsService{config: c, streams: newStatsStreams(), queries: make(chan struct{}, maxQueries)}
}

// Close forgets what is kept of streams that have ended. No call runs any more.
func (s *StatsService) Close() { s.streams.close() }

// GetNode implements nodedv1.StatsServiceServer.
func (s *StatsService) GetNode(ctx context.Context, req *nodedv1.StatsServiceGetNodeRequest) (*nodedv1.StatsServiceGetNodeResponse, error) {
	snapshot, err := s.config.Stats.Rated(ctx)
	if err != nil {
		return nil, wire.Status(err)
	}
	problems := slices.Clone(snapshot.Problems)
	machine, err := s.config.Stats.Machine()
	if err != nil {
		problems = append(problems, fmt.Sprintf("what the machine has is not known: %v", err))
	}
	audit.FromContext(ctx).AddRecords(1)
	m := &nodedv1.StatsServiceGetNodeResponse{
		Node: s.config.Host.Name, Machine: wire.MachineToProto(&machine), Usage: wire.StatsUsageToProto(&snapshot.Node),
		Interval: durationpb.New(snapshot.Interval),
	}
	if req.GetFilesystems() {
		filesystems, err := s.config.Stats.Filesystems(ctx)
		problems = append(problems, each("filesystems are not known", err)...)
		directories, err := s.config.Stats.Directories(ctx)
		problems = append(problems, each("what directories are on is not known", err)...)
		if ctx.Err() != nil {
			return nil, wire.Status(ctx.Err())
		}
		m.Filesystems, m.Directories = wire.FilesystemsToProto(filesystems), wire.DirectoriesToProto(directories)
	}
	m.Problems, m.CurrentTime = wire.TextsToProto(problems), timestamppb.New(now(s.config.Now))
	return m, nil
}

// each is a sentence for each of the errors that are joined in one; what says of what one is that is not.
func each(what string, err error) []string {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{fmt.Sprintf("%s: %v", what, err)}
	}
	var out []string
	for _, e := range joined.Unwrap() {
		out = append(out, e.Error())
	}
	return out
}

// List implements nodedv1.StatsServiceServer.
func (s *StatsService) List(ctx context.Context, req *nodedv1.StatsServiceListRequest) (*nodedv1.StatsServiceListResponse, error) {
	call := audit.FromContext(ctx)
	sel, err := wire.StatsListFromProto(req)
	if err != nil {
		return nil, wire.Status(err)
	}
	call.Select(statsSelectors(&sel))
	if err := checkStatsSelection(&sel); err != nil {
		return nil, wire.Status(err)
	}
	snapshot, err := s.config.Stats.Rated(ctx)
	if err != nil {
		return nil, wire.Status(err)
	}
	usages, err := snapshot.Select(sel)
	if err != nil {
		return nil, wire.Status(err)
	}
	call.AddRecords(len(usages))
	return &nodedv1.StatsServiceListResponse{
		Node: s.config.Host.Name, Usages: wire.StatsUsagesToProto(usages), Problems: wire.TextsToProto(snapshot.Problems),
		CurrentTime: timestamppb.New(now(s.config.Now)), Interval: durationpb.New(snapshot.Interval), Time: timestamppb.New(snapshot.Time),
	}, nil
}

// Query implements nodedv1.StatsServiceServer.
func (s *StatsService) Query(ctx context.Context, req *nodedv1.StatsServiceQueryRequest) (*nodedv1.StatsServiceQueryResponse, error) {
	call := audit.FromContext(ctx)
	q, err := wire.StatsQueryFromProto(req)
	if err != nil {
		return nil, wire.Status(err)
	}
	call.Select(statsQuerySelectors(&q))
	if err := checkStatsSelection(&q.Selection); err != nil {
		return nil, wire.Status(err)
	}
	select {
	case s.queries <- struct{}{}:
		defer func() { <-s.queries }()
	case <-ctx.Done():
		return nil, wire.Status(ctx.Err())
	}
	result, err := s.config.Stats.Query(ctx, q)
	if err != nil {
		return nil, wire.Status(err)
	}
	call.AddRecords(len(result.Series))
	m := &nodedv1.StatsServiceQueryResponse{
		Node: s.config.Host.Name, Series: wire.StatsSeriesToProto(result.Series), Problems: wire.TextsToProto(result.Problems),
		Since: req.GetSince(), Until: req.GetUntil(),
	}
	if !result.Oldest.IsZero() {
		m.OldestTime = timestamppb.New(result.Oldest)
	}
	// The caller is told what bounds stand for that were not set.
	if m.Since == nil {
		m.Since = m.OldestTime
	}
	if m.Until == nil && !result.Until.IsZero() {
		m.Until = timestamppb.New(result.Until)
	}
	return m, nil
}

// maxStatsNames is how many containers, units or pods a selection can name: each is looked for among all that there are.
const maxStatsNames = 256

// podNames are the names and UIDs that a selector has.
func podNames(sel *inventory.PodSelector) []string {
	if sel == nil {
		return nil
	}
	return slices.Concat(sel.Names, sel.UIDs)
}

// checkStatsKinds refuses names of what is not asked for: whoever gives them does not mean what the kinds say.
func checkStatsKinds(sel *stats.Selection) error {
	of := func(kind stats.Kind) bool {
		return slices.Contains(sel.Kinds, kind) || len(sel.Kinds) == 0 && kind == stats.KindPod
	}
	switch {
	case len(sel.Containers) > 0 && !of(stats.KindContainer):
		return badName("container", "", "containers are named, but not asked for: want the kind container, too")
	case len(sel.Units) > 0 && !of(stats.KindUnit):
		return badName("unit", "", "units are named, but not asked for: want the kind unit, too")
	case sel.Pods != nil && !of(stats.KindPod) && !of(stats.KindContainer):
		return badName("pod", "", "pods are selected, but not asked for: want the kind pod or container, too")
	}
	return nil
}

// maxUnitPatternBytes is the longest pattern for units: a name of systemd has 255 bytes at most.
const maxUnitPatternBytes = 255

// checkStatsSelection refuses names that nothing can have, before anything is looked up by them. The error is a
// journal.ErrInvalidQuery.
func checkStatsSelection(sel *stats.Selection) error {
	if err := checkStatsKinds(sel); err != nil {
		return err
	}
	for _, list := range []struct {
		field string
		names []string
	}{{"container", sel.Containers}, {"unit", sel.Units}, {"pod", podNames(sel.Pods)}} {
		if len(list.names) > maxStatsNames {
			return badName(list.field, "", fmt.Sprintf("%d are named, want %d at most: name what many have in common, or none for all", len(list.names), maxStatsNames))
		}
	}
	if sel.Pods != nil {
		if err := checkPodSelector(sel.Pods); err != nil {
			return err
		}
	}
	if err := checkContainerIDs(sel.Containers); err != nil {
		return err
	}
	for _, pattern := range sel.Units {
		if pattern == "" || len(pattern) > maxUnitPatternBytes || strings.ContainsFunc(pattern, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return badName("unit", pattern, fmt.Sprintf("want the name of a unit or a pattern of at most %d bytes", maxUnitPatternBytes))
		}
	}
	return nil
}

// statsSelectors summarises a selection for the audit line, in the words of nodectl.
func statsSelectors(sel *stats.Selection) string {
	var s summary
	s.stats(sel)
	return s.String()
}

func (s *summary) stats(sel *stats.Selection) {
	for _, kind := range sel.Kinds {
		s.value("kind", kind.String())
	}
	if sel.Pods != nil {
		s.pods(sel.Pods)
	}
	s.list("container", sel.Containers)
	s.list("unit", sel.Units)
}

func statsQuerySelectors(q *stats.QueryRequest) string {
	var s summary
	s.stats(&q.Selection)
	for _, id := range q.Metrics {
		s.value("metric", id.String())
	}
	if !q.Since.IsZero() {
		s.value("since", fmt.Sprintf("@%d", q.Since.Unix()))
	}
	if !q.Until.IsZero() {
		s.value("until", fmt.Sprintf("@%d", q.Until.Unix()))
	}
	return s.String()
}

func statsWatchSelectors(q *wire.StatsWatchQuery) string {
	var s summary
	for _, kind := range q.Kinds {
		s.value("kind", kind.String())
	}
	for _, id := range q.Metrics {
		s.value("metric", id.String())
	}
	s.interval(q.Interval)
	return s.String()
}

func statsWatchListSelectors(w *wire.StatsListWatch) string {
	var s summary
	s.stats(&w.Selection)
	s.interval(w.Interval)
	return s.String()
}

func (s *summary) interval(d time.Duration) {
	if d > 0 {
		s.value("interval", d.String())
	}
}
