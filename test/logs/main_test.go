// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var (
	long = flag.Bool("long", false, "follow noded through 1,000 rotations rather than a few")
	seed = flag.Uint64("seed", 1, "where the random numbers of the long run begin")
)

// built is the directory of the program that is built for all tests, if one needs it.
var built string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(built); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}))
}
