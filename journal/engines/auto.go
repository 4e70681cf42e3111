// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"context"
	"errors"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// auto is the engine Auto. It is safe for concurrent use.
type auto struct{ native, libsystemd journal.Engine }

// Name implements journal.Engine.
func (*auto) Name() string { return Auto }

// Open implements journal.Engine. The Reader has a method EngineName, see journal.Usage.
func (a *auto) Open(ctx context.Context, source journal.Source) (journal.Reader, error) {
	first, err := a.native.Open(ctx, source)
	if errors.Is(err, journal.ErrUnsupported) {
		second, other := a.libsystemd.Open(ctx, source)
		switch {
		case other == nil:
			return &reader{Reader: second, engine: a.libsystemd.Name()}, nil
		case !errors.Is(other, journal.ErrUnsupported):
			return nil, other
		}
	}
	if err != nil {
		return nil, err
	}
	r := &reader{Reader: first, engine: a.native.Name(), source: source, fallback: a.libsystemd}
	if err := r.choose(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// unknown returns the paths of the files with a feature that the engine of r does not know.
func unknown(r journal.Reader) map[string]bool {
	var paths map[string]bool
	for _, p := range r.Problems() {
		if !errors.Is(p.Err, journalfile.ErrUnknownFlags) {
			continue
		}
		if paths == nil {
			paths = make(map[string]bool)
		}
		paths[p.Path] = true
	}
	return paths
}
