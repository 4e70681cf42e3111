// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"log/slog"

	"github.com/noded/noded/runtime/podlog"
)

const (
	podDir        = "default_web-0_0a1b2c3d-0000-4000-8000-000000000001"
	containerName = "app"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// target is the container whose directory is dir.
func target(dir string, layout podlog.Layout) podlog.Target {
	return podlog.Target{
		Source: podlog.Source{Namespace: "default", Pod: "web-0", UID: "0a1b2c3d-0000-4000-8000-000000000001", Container: containerName},
		Layout: layout, Dir: dir,
	}
}
