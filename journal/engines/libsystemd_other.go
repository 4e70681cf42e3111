// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !cgo

package engines

// HasLibsystemd tells whether this build can load libsystemd.
const HasLibsystemd = false
