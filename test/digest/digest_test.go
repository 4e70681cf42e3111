// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"flag"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/native"
	"github.com/noded/noded/journal/sdjournal"
)

var (
	entries = flag.Int("entries", 40_000, "how many entries to generate")
	size    = flag.Int("size", 0, "how many entries a journal has; 0 means a variety")
	seed    = flag.Uint64("seed", 1, "where the random numbers begin")
	only    = flag.String("engines", "native,libsystemd", "which engines to compare with the model")
)

// TestDigest: both engines read what was generated, however it is read.
func TestDigest(t *testing.T) {
	t.Parallel()
	var engines []journal.Engine
	for _, e := range []journal.Engine{native.New(), sdjournal.New()} {
		if strings.Contains(*only, e.Name()) {
			engines = append(engines, e)
		}
	}
	kinds := []func(dir string, seed uint64, n int) (*scenario, error){variantScenario, rotatedScenario, machinesScenario, clockScenario}
	var generated, files, read atomic.Int64
	t.Run("scenarios", func(t *testing.T) {
		left := *entries
		for i := uint64(0); left > 0; i++ {
			n := *size
			if n == 0 {
				n = []int{300, 3000, 1, 1000, max(1000, *entries/100)}[i%5]
			}
			left -= n
			t.Run("", func(t *testing.T) {
				t.Parallel()
				dir, err := os.MkdirTemp("", "digest")
				if err != nil {
					t.Fatal(err)
				}
				defer os.RemoveAll(dir)
				s, err := kinds[i%uint64(len(kinds))](dir, *seed*1_000_000+i/uint64(len(kinds)), n)
				if err != nil {
					t.Fatal(err)
				}
				compared, err := compare(t.Context(), s, engines, *seed+i)
				if err != nil {
					t.Errorf("seed %d, scenario %d of %d entries: %v", *seed, i, n, err)
				}
				generated.Add(int64(len(s.entries)))
				files.Add(int64(s.files))
				read.Add(int64(compared))
			})
		}
	})
	t.Logf("%d entries in %d files, %d entries compared", generated.Load(), files.Load(), read.Load())
}
