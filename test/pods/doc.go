// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pods tests the inventory of pods and the reader of their logs together with a real containerd: what the runtime
// says, what it writes, and what is left of it when it is away.
package pods
