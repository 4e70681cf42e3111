// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package host

import "errors"

func statfs(string, uint64) (usage, error) { return usage{}, errors.ErrUnsupported }
func inode(string) (uint64, error)         { return 0, errors.ErrUnsupported }
