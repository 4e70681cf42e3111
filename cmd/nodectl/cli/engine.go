// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/engines"
)

// engineHelp is the description of --engine.
const engineHelp = "read files with this `ENGINE`: auto, native or libsystemd"

// engineHint is the next step after an engine that cannot be had.
const engineHint = "--engine auto"

// parseEngine checks the value of --engine. has tells whether this build can load libsystemd.
func parseEngine(name string, has bool) (journal.Engine, error) {
	if !slices.Contains(engines.Names(), name) {
		return nil, &usageError{err: fmt.Errorf("--engine %q: want one of %s", name, joinWords(engines.Names())), hint: engineHint}
	}
	if name == engines.Libsystemd && !has {
		return nil, &usageError{
			err:  fmt.Errorf("--engine %s: this nodectl is a static program, which cannot load libsystemd", name),
			hint: engineHint + "; noded can: journal.engine in noded.yaml",
		}
	}
	return engines.New(name)
}
