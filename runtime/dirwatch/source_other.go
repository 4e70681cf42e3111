// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package dirwatch

import (
	"errors"
	"fmt"
	"os"
)

// source is nothing: directories are looked at now and then.
type source struct{}

func openSource() (*source, error) {
	return nil, fmt.Errorf("watch directories on this system: %w", errors.ErrUnsupported)
}

func (*source) close() error                { return nil }
func (*source) add(*os.File) (int32, error) { return 0, errors.ErrUnsupported }
func (*source) remove(int32) bool           { return false }

func exhausted(error) bool { return true }

func duplicate(*os.File) *os.File { return nil }

func (h *Hub) read(*source) {}
