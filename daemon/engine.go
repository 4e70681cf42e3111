// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"

	"github.com/noded/noded/daemon/config"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/sdjournal"
)

// newEngine returns the engine that journal.engine names. auto is libsystemd, the only one of this build.
func newEngine(name string) (journal.Engine, error) {
	switch name {
	case config.EngineAuto, config.EngineLibsystemd:
		return sdjournal.New(), nil
	case config.EngineNative:
		return nil, fmt.Errorf("journal.engine: the native engine is not part of this build; use auto or libsystemd: %w", journal.ErrUnsupported)
	default:
		return nil, fmt.Errorf("journal.engine: there is no engine %q", name)
	}
}
