// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package safefs

import (
	"io/fs"
	"time"
)

// Changed returns when a file was last written to.
func Changed(info fs.FileInfo) time.Time { return info.ModTime() }
