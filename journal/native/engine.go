// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"context"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/fileset"
)

// DefaultMaxEntryBytes is the limit without MaxEntryBytes.
const DefaultMaxEntryBytes = 64 << 20

// Option changes how an Engine reads.
type Option func(*Engine)

// MaxEntryBytes limits the size of an entry, all its fields together, and so the memory that a reader takes: anybody who may
// log can write fields of 768 MiB. Reading the fields of a larger entry gives journal.ErrTooLarge; a
// larger value is left out where values are listed. 0 is the default.
func MaxEntryBytes(n int) Option {
	return func(e *Engine) {
		if n > 0 {
			e.maxEntry = n
		}
	}
}

// Unmapped makes files be read instead of mapped, which is slower: for file systems that cannot map files it is
// done by itself.
func Unmapped() Option { return func(e *Engine) { e.unmapped = true } }

// Engine reads journal files in pure Go. It is safe for concurrent use.
type Engine struct {
	maxEntry int
	unmapped bool
}

// New returns the engine.
func New(options ...Option) *Engine {
	e := &Engine{maxEntry: DefaultMaxEntryBytes}
	for _, option := range options {
		option(e)
	}
	return e
}

// Name implements journal.Engine.
func (*Engine) Name() string { return "native" }

// Open implements journal.Engine. A directory that does not exist or cannot be read is an error, as is a pattern in
// source.Files without a match; they wrap fs.ErrNotExist and fs.ErrPermission. An empty directory is a
// journal without entries.
func (e *Engine) Open(ctx context.Context, source journal.Source) (journal.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	set, err := fileset.New(source)
	if err != nil {
		return nil, err
	}
	if len(source.Files) > 0 {
		if _, err := set.Paths(true); err != nil {
			return nil, err
		}
	}
	return newReader(set, e), nil
}
