// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cgroup

import (
	"errors"

	"github.com/noded/noded/runtime/stats/metric"
)

// Tree is the cgroups of a machine. There are none on this system.
type Tree struct{}

// Open returns errors.ErrUnsupported.
func Open(Config) (*Tree, error) { return nil, errors.ErrUnsupported }

// Version returns 0.
func (*Tree) Version() int { return 0 }

// List returns errors.ErrUnsupported.
func (*Tree) List() ([]string, error) { return nil, errors.ErrUnsupported }

// Open returns errors.ErrUnsupported.
func (*Tree) Open(string) (*Group, error) { return nil, errors.ErrUnsupported }

// Group is a cgroup. There is none on this system.
type Group struct{}

// Read returns errors.ErrUnsupported.
func (*Group) Read(*metric.Set) (Reading, error) { return Reading{}, errors.ErrUnsupported }

// Close does nothing.
func (*Group) Close() {}
