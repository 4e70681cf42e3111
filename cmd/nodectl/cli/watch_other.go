// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cli

import "context"

// watchOutput does nothing: the next write finds out.
func (g *globals) watchOutput(context.Context, func()) func() { return func() {} }
