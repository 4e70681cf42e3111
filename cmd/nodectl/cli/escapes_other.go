// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package cli

import "os"

// enableEscapes reports whether a terminal obeys escape sequences: all do.
func enableEscapes(*os.File) bool { return true }
