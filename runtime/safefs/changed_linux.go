// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package safefs

import (
	"io/fs"
	"syscall"
	"time"
)

// Changed returns when a file was last written to, renamed or removed; where the system does not tell the latter two, when it was
// written to.
func Changed(info fs.FileInfo) time.Time {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.ModTime()
	}
	return time.Unix(st.Ctim.Unix())
}
