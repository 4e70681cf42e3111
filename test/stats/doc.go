// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stats compares usage figures of real containers, of both releases of containerd, with what the containers know that they use.
package stats
