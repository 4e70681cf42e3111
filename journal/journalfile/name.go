// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import "strings"

// IsFileName reports whether the name is that of a journal file: *.journal, or *.journal~
// for one that was left over by a crash.
func IsFileName(name string) bool {
	return strings.HasSuffix(name, ".journal") || strings.HasSuffix(name, ".journal~")
}
