// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"
	"strings"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/catalog"
)

// bootIDPath is where the kernel tells the id of the running boot.
const bootIDPath = "/proc/sys/kernel/random/boot_id"

// files is the backend that reads journal files in this process.
type files struct {
	*journal.Local
	// openTexts opens the message catalog, when it is first asked for.
	openTexts func() (*catalog.Catalog, error)
	language  string
}

// Read implements backend.
func (f *files) Read(ctx context.Context, req client.ReadRequest, h client.Handler) error {
	sink := &recordSink{handler: h, mask: req.Query.Fields, language: f.language}
	if req.IncludeCatalog {
		texts, err := f.openTexts()
		if err != nil {
			return err
		}
		sink.texts = texts
		// The text is found and filled by fields that the output may not print.
		req.Query.Fields, sink.mask = nil, nil
	}
	return f.Local.Read(ctx, req.Query, sink)
}

// Close implements backend.
func (f *files) Close() error { return nil }

// recordSink makes records of entries. It uses one record for all.
type recordSink struct {
	handler  client.Handler
	mask     journal.Mask
	texts    *catalog.Catalog
	language string
	record   journal.Record
}

// Entry implements journal.Sink.
func (s *recordSink) Entry(e journal.Entry) error {
	var err error
	s.record.Header = e.Header()
	if s.record.Fields, err = e.AppendFields(s.record.Fields[:0], s.mask); err != nil {
		return err
	}
	s.record.Catalog = ""
	if s.texts != nil {
		s.record.Catalog = s.explain()
	}
	return s.handler.Record(&s.record)
}

func (s *recordSink) explain() string {
	return s.texts.Explain(s.language, func(field string) (string, bool) {
		value, ok := s.record.Get(field)
		return string(value), ok
	})
}

// Gap implements journal.Sink.
func (s *recordSink) Gap(g journal.Gap) error { return s.handler.Gap(g) }

// Progress implements journal.Sink.
func (s *recordSink) Progress(p journal.Progress) error { return s.handler.Progress(p) }

// currentBoot returns the running boot; zero where the kernel does not tell.
func currentBoot() journal.ID128 {
	text, err := os.ReadFile(bootIDPath)
	if err != nil {
		return journal.ID128{}
	}
	id, err := journal.ParseID128(strings.TrimSpace(string(text)))
	if err != nil {
		return journal.ID128{}
	}
	return id
}

// language returns the language of messages, see locale(7), without its character set.
func language(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			value, _, _ = strings.Cut(value, ".")
			return value
		}
	}
	return ""
}
