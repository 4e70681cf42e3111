// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var (
	long = flag.Bool("long", false, "follow noded through 1,000 rotations rather than a few")
	seed = flag.Uint64("seed", 1, "where the random numbers of the long run begin")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
