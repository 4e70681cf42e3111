// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/noded/noded/daemon/audit"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// Journal answers questions about the journal; *journal.Local is one. It is safe for
// concurrent use. Its methods behave as those of journal.Local.
type Journal interface {
	Read(ctx context.Context, q journal.Query, sink journal.Sink) error
	Boots(ctx context.Context) ([]journal.Boot, error)
	Units(ctx context.Context, patterns []string, user bool) ([]string, error)
	FieldNames(ctx context.Context) ([]string, error)
	FieldValues(ctx context.Context, name string, yield func(value []byte) error) error
	Usage(ctx context.Context) (journal.Usage, error)
}

// Catalog finds the explanation of an entry; *catalog.Catalog is one. It is safe for concurrent use.
type Catalog interface {
	Explain(lang string, lookup func(field string) (string, bool)) string
}

// JournalConfig is what a JournalService needs.
type JournalConfig struct {
	// Node is the name that every record carries.
	Node    string
	Journal Journal
	// Catalog may be nil: then records have no catalog text.
	Catalog Catalog
	// Language is that of catalog texts, such as de_DE, where the caller names none; empty for the default.
	Language string
	Logger   *slog.Logger
	// Limits is asked at the start of each call.
	Limits func() Limits
}

// JournalService serves noded.v1.JournalService. It is safe for concurrent use.
type JournalService struct {
	nodedv1.UnimplementedJournalServiceServer
	config JournalConfig
	large  *large
}

// NewJournal returns the service.
func NewJournal(c JournalConfig) *JournalService {
	return &JournalService{config: c, large: newLarge(maxLargeBytes, maxWaitingBytes)}
}

// Read implements nodedv1.JournalServiceServer.
func (s *JournalService) Read(req *nodedv1.JournalServiceReadRequest, stream grpc.ServerStreamingServer[nodedv1.JournalServiceReadResponse]) error {
	ctx := stream.Context()
	call := audit.FromContext(ctx)
	query, err := wire.QueryFromProto(req)
	if err != nil {
		return wire.Status(err)
	}
	call.Select(selectors(&query))
	limits := s.config.Limits()
	if err := checkPatterns(query.Filter.Grep, query.Filter.Exclude, limits.MaxPatternBytes); err != nil {
		return wire.Status(err)
	}
	// The headers tell the client that the read has begun: what breaks it now is not a refusal.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	b := &batcher{
		outlet: outlet[nodedv1.JournalServiceReadResponse]{
			ctx: ctx, node: s.config.Node, limits: limits, call: call, large: s.large, send: stream.Send, due: newDue(),
		},
		mask:        query.Fields,
		omitCursors: req.GetOmitCursors(),
		reverse:     query.Reverse,
	}
	defer b.due.stop()
	if req.GetAcceptCompact() {
		b.compact = wire.NewCompactEncoder(s.config.Node)
	}
	if req.GetIncludeCatalog() {
		b.catalog, b.language = s.config.Catalog, cmp.Or(req.GetCatalogLanguage(), s.config.Language)
	}
	err = s.config.Journal.Read(ctx, query, b)
	if flushErr := b.flush(); err == nil {
		err = flushErr
	}
	return wire.Status(err)
}

// checkPatterns refuses patterns that are longer than maxBytes.
func checkPatterns(grep, exclude string, maxBytes int) error {
	for _, p := range []struct{ field, pattern string }{{"grep", grep}, {"exclude", exclude}} {
		if len(p.pattern) > maxBytes {
			return &journal.QueryError{Field: p.field, Reason: fmt.Sprintf("the pattern has %d bytes; this node allows %d", len(p.pattern), maxBytes)}
		}
	}
	return nil
}

// ListUnits implements nodedv1.JournalServiceServer.
func (s *JournalService) ListUnits(ctx context.Context, req *nodedv1.ListUnitsRequest) (*nodedv1.ListUnitsResponse, error) {
	call := audit.FromContext(ctx)
	call.Select(listSelectors(req))
	names, err := s.config.Journal.Units(ctx, req.GetPatterns(), req.GetUser())
	if err != nil {
		return nil, wire.Status(err)
	}
	call.AddRecords(len(names))
	return &nodedv1.ListUnitsResponse{Node: s.config.Node, Units: wire.UnitsToProto(names)}, nil
}

// ListBoots implements nodedv1.JournalServiceServer.
func (s *JournalService) ListBoots(ctx context.Context, _ *nodedv1.ListBootsRequest) (*nodedv1.ListBootsResponse, error) {
	boots, err := s.config.Journal.Boots(ctx)
	if err != nil {
		return nil, wire.Status(err)
	}
	audit.FromContext(ctx).AddRecords(len(boots))
	return &nodedv1.ListBootsResponse{Node: s.config.Node, Boots: wire.BootsToProto(boots)}, nil
}

// ListFields implements nodedv1.JournalServiceServer.
func (s *JournalService) ListFields(ctx context.Context, _ *nodedv1.ListFieldsRequest) (*nodedv1.ListFieldsResponse, error) {
	names, err := s.config.Journal.FieldNames(ctx)
	if err != nil {
		return nil, wire.Status(err)
	}
	audit.FromContext(ctx).AddRecords(len(names))
	return &nodedv1.ListFieldsResponse{Node: s.config.Node, Names: wire.TextsToProto(names)}, nil
}

// ListFieldValues implements nodedv1.JournalServiceServer.
func (s *JournalService) ListFieldValues(req *nodedv1.ListFieldValuesRequest, stream grpc.ServerStreamingServer[nodedv1.ListFieldValuesResponse]) error {
	ctx := stream.Context()
	call := audit.FromContext(ctx)
	call.Select("field=" + req.GetField())
	if !journal.ValidFieldName(req.GetField()) {
		return wire.Status(&journal.QueryError{Field: "field", Value: req.GetField(), Reason: "field names are upper-case letters, digits and underscores"})
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	v := &valueBatcher{ctx: ctx, node: s.config.Node, limits: s.config.Limits(), call: call, large: s.large, send: stream.Send}
	err := s.config.Journal.FieldValues(ctx, req.GetField(), v.add)
	if flushErr := v.flush(); err == nil {
		err = flushErr
	}
	if v.omitted > 0 {
		stream.SetTrailer(metadata.Pairs(omittedValues, strconv.Itoa(v.omitted)))
		s.config.Logger.Warn("values larger than limits.max_record_bytes were left out of a listing", "field", req.GetField(), "count", v.omitted)
	}
	return wire.Status(err)
}

// GetUsage implements nodedv1.JournalServiceServer.
func (s *JournalService) GetUsage(ctx context.Context, _ *nodedv1.GetUsageRequest) (*nodedv1.GetUsageResponse, error) {
	usage, err := s.config.Journal.Usage(ctx)
	if err != nil {
		return nil, wire.Status(err)
	}
	audit.FromContext(ctx).AddRecords(len(usage.Files))
	return wire.UsageToProto(s.config.Node, usage), nil
}
