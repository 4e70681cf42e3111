// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"syscall"
	"testing"
)

func gidOf(t *testing.T, path string) uint32 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Gid
}
