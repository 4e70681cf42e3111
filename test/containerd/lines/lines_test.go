// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package lines_test

import (
	"testing"

	"github.com/noded/noded/test/containerd/lines"
)

func TestNumber(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, lines.Least, lines.Least + 1, 200, 40_000} {
		line := lines.Make(7, length)
		if want := max(length, lines.Least); len(line) != want {
			t.Errorf("Make(7, %d) has %d bytes, want %d", length, len(line), want)
		}
		if n, ok := lines.Number(line); !ok || n != 7 {
			t.Errorf("Number(Make(7, %d)) = %d, %v", length, n, ok)
		}
		for _, bad := range []string{line[1:], line[:len(line)-1], line + "x", "line 0000000008" + line[15:], ""} {
			if _, ok := lines.Number(bad); ok {
				t.Errorf("Number(%.60q) accepts a damaged line", bad)
			}
		}
	}
}
