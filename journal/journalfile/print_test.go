// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"testing"

	"github.com/noded/noded/journal"
)

func TestFormatSpan(t *testing.T) {
	t.Parallel()
	for us, want := range map[journal.Usec]string{
		0:                 "0",
		7:                 "7us",
		1500:              "1ms",
		3_733_000:         "3.733s",
		9_000_000:         "9s",
		60_000_000:        "1min",
		1_013_805_000:     "16min 53.805s",
		684_166_824_000:   "1w 22h 2min 46.824s",
		3_600_000_000 * 2: "2h",
	} {
		if got := formatSpan(us); got != want {
			t.Errorf("formatSpan(%d) = %q, want %q", us, got, want)
		}
	}
}

func TestFormatBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{
		0: "0B", 1023: "1023B", 1024: "1.0K", 1536: "1.5K", 8 << 20: "8.0M", 3_600_000: "3.4M", 5 << 30: "5.0G",
	} {
		if got := formatBytes(n); got != want {
			t.Errorf("formatBytes(%d) = %q, want %q", n, got, want)
		}
	}
}
