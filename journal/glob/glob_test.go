// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package glob_test

import (
	"os"
	"strings"
	"testing"

	"github.com/noded/noded/journal/glob"
)

// TestMatch compares with recorded answers of fnmatch.
func TestMatch(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/fnmatch.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(parts) != 3 {
			t.Fatalf("malformed line %q", line)
		}
		if got := glob.Match(parts[1], parts[2]); got != (parts[0] == "yes") {
			t.Errorf("Match(%q, %q) = %v, fnmatch says %s", parts[1], parts[2], got, parts[0])
		}
	}
}

// TestMatchCost makes sure that stars do not multiply.
func TestMatchCost(t *testing.T) {
	t.Parallel()
	if glob.Match(strings.Repeat("a*", 100)+"b", strings.Repeat("a", 10000)) {
		t.Error("Match = true, want false")
	}
}

// FuzzMatch checks that a pattern matches what it is made of.
func FuzzMatch(f *testing.F) {
	f.Add("kube*", "kubelet")
	f.Add("[!a-z]", "A")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		_ = glob.Match(pattern, name)
		if !glob.IsPattern(name) && (!glob.Match(name, name) || !glob.Match("*"+name+"*", name)) {
			t.Errorf("%q does not match itself", name)
		}
	})
}
