// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"fmt"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/native"
	"github.com/noded/noded/journal/sdjournal"
)

// The names of the engines.
const (
	Auto       = "auto"
	Native     = "native"
	Libsystemd = "libsystemd"
)

// Names returns the names that New takes.
func Names() []string { return []string{Auto, Native, Libsystemd} }

// Option changes how an engine reads.
type Option func(*settings)

type settings struct{ maxEntryBytes int }

// MaxEntryBytes limits the size of an entry, as native.MaxEntryBytes does for that engine. 0 is the default.
func MaxEntryBytes(n int) Option { return func(s *settings) { s.maxEntryBytes = n } }

// New returns the engine of that name. Whether libsystemd is there shows when the engine opens a source: without it
// that is a journal.ErrUnsupported.
func New(name string, options ...Option) (journal.Engine, error) {
	var s settings
	for _, option := range options {
		option(&s)
	}
	ours, theirs := native.New(native.MaxEntryBytes(s.maxEntryBytes)), sdjournal.New(sdjournal.MaxEntryBytes(s.maxEntryBytes))
	switch name {
	case Auto:
		return &auto{native: ours, libsystemd: theirs}, nil
	case Native:
		return ours, nil
	case Libsystemd:
		return theirs, nil
	default:
		return nil, fmt.Errorf("no journal engine %q: want one of %s", name, strings.Join(Names(), ", "))
	}
}
