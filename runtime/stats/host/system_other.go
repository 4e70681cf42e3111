// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package host

import (
	"errors"
	"time"
)

func bootTime() (time.Duration, error)     { return 0, errors.ErrUnsupported }
func statfs(string, uint64) (usage, error) { return usage{}, errors.ErrUnsupported }
func inode(string) (uint64, error)         { return 0, errors.ErrUnsupported }
