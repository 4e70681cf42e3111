// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package differential

import "strings"

// known returns why nodectl differs from journalctl on purpose for this command line, empty if it must not. The same list with
// the same reasons is in docs/journalctl.md.
func known(args string) string {
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
	default:
		return ""
	}
}
