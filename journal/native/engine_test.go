// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"testing"

	"github.com/noded/noded/journal/journaltest"
	"github.com/noded/noded/journal/native"
)

func TestEngine(t *testing.T) { //nolint:paralleltest // it counts descriptors and mappings
	t.Run("mapped", func(t *testing.T) { journaltest.TestEngine(t, native.New()) })
	t.Run("unmapped", func(t *testing.T) { journaltest.TestEngine(t, native.New(native.Unmapped())) })
}
