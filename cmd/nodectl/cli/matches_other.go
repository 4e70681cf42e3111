// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/noded/noded/journal"
)

// termsForDevice returns errors.ErrUnsupported: devices are found in the sysfs of Linux.
func termsForDevice(info fs.FileInfo, _ string, _ journal.ID128) ([]journal.Term, error) {
	return nil, fmt.Errorf("match device %s: %w", info.Name(), errors.ErrUnsupported)
}
