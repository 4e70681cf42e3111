// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/noded/noded/journal/output"
)

// randomEntries makes entries of pieces that the modes treat specially. Values stay under 512 bytes, from which
// they would be compressed: journalctl cuts compressed ones differently without full width.
func randomEntries(n int) []sampleEntry {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		"a", "bc", "word", " ", "  ", "\n", "\n", "\t", "\r", "\r\n", "\x1b", "\x1b[", "\x1b[0;1m", "\x1b]", "\x1b]0;x\a", "m", ";", "\a", "\x00", "\x7f",
		"\u0085", "\u00e9", "e\u0301", "\u4e16", "\uff21", "\uac00", "\U0001f600", "\u200b", "\u202e", "\ufdd0", "\ufffe", "\ufffd", "\xff", "\xc3", "\xed\xa0\x80",
		"\"", "\\", "=", strings.Repeat("x", 40), strings.Repeat("\u754c", 20), strings.Repeat("\u00fc", 20), "/", "%s", "\U0010ffff", "\u2028",
	}
	text := func(clean bool, limit int) string {
		var b strings.Builder
		for range random.IntN(limit) {
			piece := pieces[random.IntN(len(pieces))]
			if clean && (!utf8.ValidString(piece) || strings.ContainsAny(piece, "\x00\x1b\a\x7f\u0085\ufdd0\ufffe\U0010ffff\r")) {
				continue
			}
			if b.Len()+len(piece) > 450 {
				break
			}
			b.WriteString(piece)
		}
		return b.String()
	}
	entries := make([]sampleEntry, n)
	for i := range entries {
		e := &entries[i]
		e.boot = "ab"[i/(n/2+1)]
		for _, name := range []string{
			"_HOSTNAME", "SYSLOG_IDENTIFIER", "_COMM", "_PID", "SYSLOG_PID", "_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT", "PRIORITY", "_TRANSPORT", "FOO",
		} {
			switch random.IntN(4) {
			case 0:
				e.fields = append(e.fields, name, text(random.IntN(4) > 0, 5))
			case 1, 2:
				e.fields = append(e.fields, name, fmt.Sprint(random.IntN(9)))
			}
		}
		e.fields = append(e.fields, "MESSAGE", text(random.IntN(4) > 0, 1+1<<random.IntN(8)))
	}
	return entries
}

// TestJournalctlRandom compares random entries with the real journalctl.
func TestJournalctlRandom(t *testing.T) {
	t.Parallel()
	file, records := writeJournal(t, randomEntries(600))
	for _, variant := range []string{"plain", "all", "color", "narrow", "wide"} {
		for _, name := range []string{"short", "short-iso-precise", "short-delta", "with-unit", "verbose", "export", "json", "cat"} {
			t.Run(variant+"/"+name, func(t *testing.T) {
				t.Parallel()
				mode, _ := output.ParseMode(name)
				o := output.Options{Mode: mode, Location: location(t, "UTC")}
				args, env := []string{"--file", file, "-o", name}, []string{"TZ=UTC", "COLUMNS=80", "SYSTEMD_URLIFY=0"}
				switch variant {
				case "all":
					o.All, args = true, append(args, "-a")
				case "color":
					o.Color, env = true, append(env, "SYSTEMD_COLORS=1")
				case "narrow":
					o.NoFull, o.Width, args, env = true, 47, append(args, "--no-full"), append(env, "COLUMNS=47")
				case "wide":
					o.NoFull, o.Width, args, env = true, 150, append(args, "--no-full"), append(env, "COLUMNS=150")
				}
				want, err := journalctl(env, args...)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, mode, render(t, o, masked(records, o.Fields())), want)
			})
		}
	}
}
