// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// TestUnmapped: a file that is read in chunks gives the same as one that is mapped, and good ones have no damage.
func TestUnmapped(t *testing.T) {
	t.Parallel()
	for _, f := range journaltest.Corpus(t) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			for _, path := range f.Files {
				mapped := walk(t, path, journalfile.Options{})
				if diff := cmp.Diff(mapped, walk(t, path, journalfile.Options{Unmapped: true})); diff != "" {
					t.Errorf("%s (-mapped +unmapped):\n%s", path, diff)
				}
				slices.Reverse(mapped.Backward)
				if slices.Contains(f.Bad, path) {
					continue
				}
				if !slices.Equal(mapped.Forward, mapped.Backward) {
					t.Errorf("%s: backwards is not the reverse of forwards", path)
				}
				if mapped.Failed > 0 {
					t.Errorf("%s: %d failures, the first %s", path, mapped.Failed, mapped.First)
				}
			}
		})
	}
}
