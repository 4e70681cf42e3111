// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/catalog"
	"github.com/noded/noded/journal/sdjournal"
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
	if source == nil {
		c, err := g.dial()
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	return g.openFiles(*source, engine)
}

// engineHelp is the description of --engine.
const engineHelp = "read files with this `ENGINE`: auto or libsystemd (there is no native one in this build yet)"

// engines are the values of --engine.
func engines() []string { return []string{"auto", "libsystemd"} }

// parseEngine checks the value of --engine.
func parseEngine(name string) (journal.Engine, error) {
	switch name {
	case "auto", "libsystemd":
		return sdjournal.New(), nil
	case "native":
		return nil, &usageError{err: fmt.Errorf("--engine native: this build has no native engine"), hint: "--engine auto"}
	default:
		return nil, &usageError{err: fmt.Errorf("--engine %q: want auto or libsystemd", name), hint: "--engine auto"}
	}
}

func (g *globals) openFiles(source journal.Source, engine string) (*files, error) {
	e, err := parseEngine(engine)
	if err != nil {
		return nil, err
	}
	f := &files{
		Local:     &journal.Local{Engine: e, Source: source},
		openTexts: func() (*catalog.Catalog, error) { return catalog.Open(catalog.DefaultPath) },
		language:  language(g.Getenv),
	}
	if source.Directory == "" && source.Root == "" && len(source.Files) == 0 {
		f.CurrentBoot = currentBoot()
	}
	return f, nil
}
