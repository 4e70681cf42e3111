// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cgroup makes cgroups for what tests start, and removes them with all that is below them.
//
//	dirs, err := cgroup.Make("test-1a2b")
//	defer cgroup.Remove(dirs)
//
// It needs root. It works with cgroup v1, v2 and both at once.
package cgroup
