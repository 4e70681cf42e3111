// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !cgo

package sdjournal

import (
	"context"
	"fmt"

	"github.com/noded/noded/journal"
)

// Engine reads journal files by libsystemd; not in this build.
type Engine struct{}

// New returns an engine whose Open always fails.
func New(...Option) *Engine { return &Engine{} }

// Name implements journal.Engine.
func (e *Engine) Name() string { return "libsystemd" }

// Open returns journal.ErrUnsupported.
func (e *Engine) Open(context.Context, journal.Source) (journal.Reader, error) {
	return nil, fmt.Errorf("%w: this program was built without libsystemd; use one built on Linux with cgo enabled", journal.ErrUnsupported)
}
