// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package need says what tests do on a machine that lacks something.
package need

import (
	"os"
	"testing"
)

// Missing skips a test for want of something, but fails it in CI, whose machines lack nothing.
func Missing(t testing.TB, why ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why...)
	}
	t.Skip(why...)
}
