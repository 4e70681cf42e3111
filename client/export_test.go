// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

// DialError is dialError for tests.
var DialError = dialError
