// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package cli

import (
	"errors"
	"syscall"
)

// isBrokenPipe reports whether whoever read our output has gone, which is no failure.
func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
