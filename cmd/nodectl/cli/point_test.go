// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"
	"time"
)

// TestParsePoint: what nodectl prints can be given back to it.
func TestParsePoint(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, zone)
	for _, tt := range []struct{ value, want string }{
		{"Jan  2 02:59:58", "2026-01-02T02:59:58+01:00"},
		{"Jan 2 02:59:58.250000", "2026-01-02T02:59:58.25+01:00"},
		// A clock may be a little wrong.
		{"Jan  2 03:00:01", "2026-01-02T03:00:01+01:00"},
		{"Dec 31 23:59:59", "2025-12-31T23:59:59+01:00"},
		{"Jan  4 00:00:00", "2025-01-04T00:00:00+01:00"},
		{"Feb 29 12:00:00", "2024-02-29T12:00:00+01:00"},
		{"Fri, 02 Jan 2026 01:00:00 +0000", "2026-01-02T01:00:00Z"},
		{"1h", "2026-01-02T02:00:00+01:00"},
		{"Fri 2026-01-02 02:00:00", "2026-01-02T02:00:00+01:00"},
		{"Feb 30 12:00:00", ""},
		{"Jan 2", ""},
		{"jam tomorrow", ""},
		{"", ""},
	} {
		got, err := parsePoint(tt.value, now, zone)
		text := ""
		if err == nil {
			text = got.Format(time.RFC3339Nano)
		}
		if text != tt.want {
			t.Errorf("parsePoint(%q) = %s, %v, want %s", tt.value, text, err, tt.want)
		}
	}
}
