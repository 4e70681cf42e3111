// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package journalfile

import "os"

// mapFile returns errNoMapping.
func mapFile(*os.File, int) ([]byte, error) { return nil, errNoMapping }

func unmap([]byte) error { return nil }
