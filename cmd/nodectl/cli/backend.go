// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/catalog"
	"github.com/noded/noded/journal/engines"
)

// backend is where the journal comes from. Commands cannot tell which one they have. A backend is used
// by one goroutine and closed by the command that opened it.
type backend interface {
	// Read is client.Client.Read. A record is valid during the call of the handler only.
	Read(ctx context.Context, req client.ReadRequest, h client.Handler) error
	Boots(ctx context.Context) ([]journal.Boot, error)
	Units(ctx context.Context, patterns []string, user bool) ([]string, error)
	Invocations(ctx context.Context, unit string, user bool) ([]journal.Invocation, error)
	FieldNames(ctx context.Context) ([]string, error)
	FieldValues(ctx context.Context, name string, yield func(value []byte) error) error
	Usage(ctx context.Context) (journal.Usage, error)
	Close() error
}

// openBackend opens the files that source names, or without a source the noded of the options.
func (g *globals) openBackend(source *journal.Source, engine string) (backend, error) {
	if err := g.checkPlatform(source); err != nil {
		return nil, err
	}
	if source == nil {
		c, err := g.dial()
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	return g.openFiles(*source, engine)
}

func (g *globals) openFiles(source journal.Source, engine string) (*files, error) {
	e, err := parseEngine(engine, engines.HasLibsystemd)
	if err != nil {
		return nil, err
	}
	f := &files{
		Local:     &journal.Local{Engine: e, Source: source, OnWatchError: g.cannotWatch},
		openTexts: func() (*catalog.Catalog, error) { return catalog.Open(catalog.DefaultPath) },
		language:  language(g.Getenv),
	}
	if source.Directory == "" && source.Root == "" && len(source.Files) == 0 {
		f.CurrentBoot = currentBoot()
	}
	return f, nil
}

// cannotWatch tells that following goes on by looking.
func (g *globals) cannotWatch(err error) {
	fmt.Fprintf(g.Err, "-- %s; looking now and then instead --\n", visible(err.Error()))
}
