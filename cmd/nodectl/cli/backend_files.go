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

// Read implements backend. The files are read in a goroutine of its own, while this one hands out what was read before.
func (f *files) Read(ctx context.Context, req client.ReadRequest, h client.Handler) error {
	var explain func(journal.Entry) string
	if req.IncludeCatalog {
		texts, err := f.openTexts()
		if err != nil {
			return err
		}
		explain = func(e journal.Entry) string {
			return texts.Explain(f.language, func(name string) (string, bool) {
				field, err := e.Lookup(name)
				return string(field.Value), err == nil
			})
		}
	}
	read := func(ctx context.Context, sink journal.Sink) error { return f.Local.Read(ctx, req.Query, sink) }
	return readAhead(ctx, read, &pipe{mask: req.Query.Fields, explain: explain}, h)
}

// Close implements backend.
func (f *files) Close() error { return nil }

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
