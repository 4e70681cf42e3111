// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"slices"
	"strings"
)

// known returns why nodectl differs from journalctl on purpose for this command line and fixture, empty if it must
// not. The same list with the same reasons is in docs/journalctl.md.
func known(args, fixture string) string {
	has := func(words ...string) bool {
		for _, w := range words {
			if !strings.Contains(" "+args+" ", w) {
				return false
			}
		}
		return true
	}
	switch {
	case has(" -n ", "--since ") && !has(" -r"):
		return "journalctl before 253 shows the first lines after --since instead of the last"
	case has(" -n ", "--until ") && !has(" -r"):
		return "journalctl before 253 shows nothing for --lines with --until"
	case has("-o cat", "--output-fields=") && strings.Contains(args, ","):
		return "journalctl prints several fields of cat in the order of a hash table, nodectl in the order given"
	case fixture == "empty" && has("--show-cursor"):
		return "journalctl fails when there is no entry to show the cursor of"
	case slices.Contains([]string{"binary", "xz", "sealed", "all-compressed", "versions"}, fixture) && has("-F MESSAGE"):
		return "journalctl cuts values off at a NUL byte"
	case has("--until", "--show-cursor"), has("--since", " -r", "--show-cursor"):
		return "journalctl's cursor is that of the entry beyond the window, after which it would be skipped"
	case has("-u nosuchunit", "--show-cursor"):
		return "journalctl fails when there is no entry to show the cursor of"
	default:
		return ""
	}
}

// knownFailure returns why journalctl fails where nodectl does not.
func knownFailure(want result) string {
	if want.exit != 0 && bytes.Contains(want.stderr, []byte("Failed to add filter for units")) {
		return "journalctl fails when a pattern of unit names matches none; nodectl has no entries and says so"
	}
	return ""
}
