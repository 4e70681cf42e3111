// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package native reads journal files in pure Go.
package native

import (
	"context"

	"github.com/noded/noded/journal"
)

// Engine reads journal files in pure Go. It is safe for concurrent use.
type Engine struct{}

// New returns the engine.
func New() *Engine { return &Engine{} }

// Name implements journal.Engine.
func (*Engine) Name() string { return "native" }

// Open implements journal.Engine.
func (*Engine) Open(context.Context, journal.Source) (journal.Reader, error) {
	return nil, journal.ErrUnsupported
}
