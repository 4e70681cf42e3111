// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"context"
	"sync"

	"github.com/noded/noded/journal"
)

// Engine reads journal files by libsystemd. It is safe for concurrent use.
type Engine struct {
	load     func() (*library, error)
	maxEntry int
}

// New returns the engine. libsystemd is loaded by the first Open.
func New(options ...Option) *Engine {
	s := settings{maxEntry: DefaultMaxEntryBytes}
	for _, option := range options {
		option(&s)
	}
	return &Engine{load: sync.OnceValues(loadLibrary), maxEntry: s.maxEntry}
}

// Name implements journal.Engine.
func (e *Engine) Name() string { return "libsystemd" }

// Open implements journal.Engine. A directory that does not exist or cannot be read is an error, as is a pattern in
// source.Files without a match; they wrap fs.ErrNotExist and fs.ErrPermission. An empty directory is a
// journal without entries. Without libsystemd the error is journal.ErrUnsupported.
func (e *Engine) Open(ctx context.Context, source journal.Source) (journal.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lib, err := e.load()
	if err != nil {
		return nil, err
	}
	origin, err := newOrigin(lib, e.maxEntry, source)
	if err != nil {
		return nil, err
	}
	r := &reader{origin: origin, names: map[string]string{}}
	r.entry.r = r
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}
