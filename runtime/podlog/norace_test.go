// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package podlog_test

// raceEnabled: the tests run under the race detector.
const raceEnabled = false
