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

// New returns the engine of that name. Whether libsystemd is there shows when the engine opens a source: without it
// that is a journal.ErrUnsupported.
func New(name string) (journal.Engine, error) {
	switch name {
	case Auto:
		return &auto{native: native.New(), libsystemd: sdjournal.New()}, nil
	case Native:
		return native.New(), nil
	case Libsystemd:
		return sdjournal.New(), nil
	default:
		return nil, fmt.Errorf("no journal engine %q: want one of %s", name, strings.Join(Names(), ", "))
	}
}
