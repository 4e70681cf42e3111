// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"log/slog"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// readStream is the stream of a Read in memory.
type readStream struct {
	grpc.ServerStreamingServer[nodedv1.JournalServiceReadResponse]
	ctx     context.Context
	headers int
	catalog []string
}

func (s *readStream) Context() context.Context { return s.ctx }

func (s *readStream) SendHeader(metadata.MD) error { s.headers++; return nil }

func (s *readStream) Send(m *nodedv1.JournalServiceReadResponse) error {
	for _, e := range m.GetBatch().GetEntries() {
		s.catalog = append(s.catalog, e.GetCatalog())
	}
	return nil
}

// oneEntry is a journal of one entry, which has a catalog text.
type oneEntry struct{ Journal }

func (oneEntry) Read(_ context.Context, _ journal.Query, sink journal.Sink) error {
	e := newEntry(1, 5)
	e.fields = append(e.fields, journal.Field{Name: "MESSAGE_ID", Value: []byte("ab000000000000000000000000000000")})
	return sink.Entry(e)
}

func TestLanguageOfCatalogTexts(t *testing.T) {
	t.Parallel()
	s := NewJournal(JournalConfig{
		Journal:  oneEntry{},
		Language: "de_DE",
		Logger:   slog.New(slog.DiscardHandler),
		Limits:   func() Limits { return Limits{MaxRecordBytes: 1 << 20, MaxBatchBytes: 4096, MaxPatternBytes: 100} },
		Catalog:  explainer(func(lang string, _ func(string) (string, bool)) string { return lang }),
	})
	for _, tt := range []struct {
		request *nodedv1.JournalServiceReadRequest
		want    string
	}{
		{&nodedv1.JournalServiceReadRequest{}, ""},
		{&nodedv1.JournalServiceReadRequest{IncludeCatalog: true}, "de_DE"},
		{&nodedv1.JournalServiceReadRequest{IncludeCatalog: true, CatalogLanguage: "fr"}, "fr"},
		{&nodedv1.JournalServiceReadRequest{CatalogLanguage: "fr"}, ""},
	} {
		stream := &readStream{ctx: t.Context()}
		if err := s.Read(tt.request, stream); err != nil {
			t.Fatal(err)
		}
		if len(stream.catalog) != 1 || stream.catalog[0] != tt.want || stream.headers != 1 {
			t.Errorf("Read(%v): texts %q, headers %d, want %q", tt.request, stream.catalog, stream.headers, tt.want)
		}
	}
}
