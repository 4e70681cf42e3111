// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package kernel

import (
	"errors"
	"time"
)

// BootTime returns errors.ErrUnsupported.
func BootTime() (time.Duration, error) { return 0, errors.ErrUnsupported }
