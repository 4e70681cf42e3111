// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "testing"

// TestPlainPrefix puts every byte at every place of a plain text.
func TestPlainPrefix(t *testing.T) {
	t.Parallel()
	const text = "The quick brown fox"
	for place := range len(text) {
		for c := range 256 {
			s := []byte(text)
			s[place] = byte(c)
			plain := c >= ' ' && c <= '~'
			n := plainPrefix(s)
			if plain && n != len(s) || !plain && n != place {
				t.Errorf("plainPrefix(%q) = %d", s, n)
			}
		}
	}
}

func TestAppendSize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n    uint64
		want string
	}{
		{0, "0B"},
		{1023, "1023B"},
		{1024, "1.0K"},
		{1126, "1.0K"},
		{1127, "1.1K"},
		{1<<20 - 1, "1023.9K"},
		{1 << 20, "1.0M"},
		{1<<20 + 1<<19, "1.5M"},
		{1 << 30, "1.0G"},
		{1 << 40, "1.0T"},
		{1 << 50, "1.0P"},
		{1<<64 - 1, "15.9E"},
	} {
		if got := string(appendSize(nil, tt.n)); got != tt.want {
			t.Errorf("appendSize(%d) = %q, want %q", tt.n, got, tt.want)
		}
	}
}
