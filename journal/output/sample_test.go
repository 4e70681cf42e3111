// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"strings"
	"testing"
	"time"
)

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sampleEntries are entries that between them have every oddity that the modes treat specially.
func sampleEntries() []sampleEntry {
	var entries []sampleEntry
	base := []string{
		"_MACHINE_ID", strings.Repeat("c", 32), "_HOSTNAME", "host1", "_COMM", "comm1", "_PID", "42", "_SYSTEMD_UNIT", "foo.service",
	}
	bare := func(fields ...string) {
		entries = append(entries, sampleEntry{boot: 'a', fields: fields})
	}
	add := func(fields ...string) {
		bare(append(append([]string(nil), base...), fields...)...)
	}
	for _, p := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "10", "x", ""} {
		add("PRIORITY", p, "SYSLOG_IDENTIFIER", "ident", "MESSAGE", "priority "+p)
	}
	add("MESSAGE", "no identifier")
	bare("MESSAGE", "nothing at all\nand more")
	bare("MESSAGE", "its own pid", "SYSLOG_PID", "77", "_HOSTNAME", "h")
	add("PRIORITY", "6") // no MESSAGE
	add("MESSAGE", "line1\nline2\n\nline4\n", "PRIORITY", "3")
	add("MESSAGE", "line1\nline2\n\nline4", "PRIORITY", "5", "_TRANSPORT", "audit")
	add("MESSAGE", "\nafter an empty line", "PRIORITY", "5")
	add("MESSAGE", "\n\n\n\n", "PRIORITY", "4")
	add("MESSAGE", "bin\x00\x01\xff", "PRIORITY", "4")
	add("MESSAGE", "\x00", "PRIORITY", "3")
	add("MESSAGE", "nul\x00after\nline\x00two", "X", "a\nb")
	add("MESSAGE", "tab\there \x1b[31mred\x1b[0m \x1b]8;;x\x07 end\r")
	add("MESSAGE", "osc \x1b]8;;http://x\x07link\x1b]8;;\x07 \x1b[2Jclear \x1b[1")
	add("MESSAGE", "\x1b[1;3m\x1b[m\x1b]0;t\x07plain\ttext", "PRIORITY", "3")
	add("MESSAGE", "esc \x1b\t \x1b\r\n x\x1b", "Y", "y")
	add("MESSAGE", "cut osc \x1b]0;\u00e9\x07 and nul \x1b[\x001m.", "Y", "y")
	add("MESSAGE", "cr\r\nlf\r\r\nxx yy\r")
	add("MESSAGE", "cr\r\nlf\r\r\nxx\ryy\r")
	add("MESSAGE", strings.Repeat("x", 250)+" long "+strings.Repeat("y", 200))
	add("MESSAGE", strings.Repeat("x", 5000))
	add("MESSAGE", strings.Repeat("A line of text.\n", 30))
	add("MESSAGE", strings.Repeat("x", 299))
	add("MESSAGE", strings.Repeat("x", 298)+"\nmore")
	add("MESSAGE", "")
	add("MESSAGE", "\n", "PRIORITY", "0")
	add("MESSAGE", "", "PRIORITY", "0")
	add("MESSAGE", "first", "MESSAGE", "second", "FOO", "1", "FOO", "2", "FOO", "3", "BAR", "b", "BAR", "\x01", "BAR", strings.Repeat("B", 4100))
	add("MESSAGE", "source", "_SOURCE_REALTIME_TIMESTAMP", "1600000000123456", "_SOURCE_MONOTONIC_TIMESTAMP", "777")
	for _, s := range []string{"abc", "-1", "0", "0x10", "010", "0b11", "0o17", " 5", "+5", "5 ", "08", "1_0", "", "36028797018963967", "36028797018963968", "18446744073709551615", "18446744073709551616", "12\x00x"} {
		add("MESSAGE", "odd source", "_SOURCE_REALTIME_TIMESTAMP", s, "_SOURCE_MONOTONIC_TIMESTAMP", s)
	}
	add("MESSAGE", "two sources", "_SOURCE_REALTIME_TIMESTAMP", "1600000000123456", "_SOURCE_REALTIME_TIMESTAMP", "1500000000123456")
	add("MESSAGE", "a third after both", "_SOURCE_REALTIME_TIMESTAMP", "1600000000123457", "_SOURCE_MONOTONIC_TIMESTAMP", "778", "_SOURCE_REALTIME_TIMESTAMP", "1500000000123457")
	add("MESSAGE", "two of each", "_SOURCE_REALTIME_TIMESTAMP", "1600000000123458", "_SOURCE_MONOTONIC_TIMESTAMP", "779", "_SOURCE_MONOTONIC_TIMESTAMP", "780", "_SOURCE_REALTIME_TIMESTAMP", "1500000000123458")
	add("MESSAGE", "audit", "_TRANSPORT", "audit", "PRIORITY", "6")
	for _, p := range []string{"0", "3", "4", "5", "7"} {
		add("MESSAGE", "audit "+p+"\nmore", "_TRANSPORT", "audit", "PRIORITY", p)
	}
	add("MESSAGE", "kernel", "_TRANSPORT", "kernel", "SYSLOG_IDENTIFIER", "kernel", "PRIORITY", "4")
	add("MESSAGE", "user unit\nsecond line", "_SYSTEMD_USER_UNIT", "bar.service", "SYSLOG_IDENTIFIER", "i")
	bare("_HOSTNAME", "h", "MESSAGE", "only user unit\nsecond line", "_SYSTEMD_USER_UNIT", "bar.service", "SYSLOG_IDENTIFIER", "i", "_PID", "9")
	bare("_HOSTNAME", "h", "MESSAGE", "odd user unit", "_SYSTEMD_USER_UNIT", "bar\xff", "_SYSTEMD_UNIT", "u")
	bare("_HOSTNAME", strings.Repeat("h", 310), "MESSAGE", "long\nhost", "_COMM", strings.Repeat("c", 305))
	bare("_HOSTNAME", "h\xff\x01", "MESSAGE", "bin host", "_COMM", "c\x00d", "_PID", "p\n1")
	bare("_HOSTNAME", "", "MESSAGE", "empty\nfields", "_COMM", "", "_PID", "", "SYSLOG_IDENTIFIER", "")
	bare("_HOSTNAME", "h\u00f6st", "MESSAGE", "umlaut\nhost", "_COMM", "c")
	add("MESSAGE", strings.Repeat("\u00fcml\u00e4ut \u4e16\u754c ", 15), "U", "\ufdd0", "V", "\u0085", "W", "\u202e", "DEL", "\x7f", "SUR", "\uffff", "TOP", "\U0010fffd\U0010ffff")
	add("MESSAGE", "\u4e16\u754c\u4e16\u754c\u4e16\u754c\u4e16\u754c\u4e16\u754c e\u0301 \u00e9", "OVER", "\xc0\x80", "SURR", "\xed\xa0\x80", "CUT", "\xe4\xb8", "BIG", "\xf4\x90\x80\x80")
	add("MESSAGE", "d\u00e9j\u00e0", "BIG", strings.Repeat("z", 4091), "BIG2", strings.Repeat("z", 4090), "BIGB", strings.Repeat("\x00", 4092))
	for _, n := range []int{299, 300, 301, 1023, 1024, 1025, 1126, 1127, 10240} {
		add("MESSAGE", "sizes", "BLOB", strings.Repeat("\x01", n))
	}
	add("MESSAGE", "Started unit", "MESSAGE_ID", "39f53479d3a045ac8e11786248231fbf", "UNIT", "x.service", "JOB_ID", "5", "JOB_RESULT", "done", "PRIORITY", "6", "CONFIG_FILE", "/etc/x")
	add("MESSAGE", "Failed", "MESSAGE_ID", "be02cf6855d2428ba40df7e9d022f03d", "JOB_ID", "7")
	add("MESSAGE", "quote \" back \\ slash / <>& \u2028 \x08")
	add("MESSAGE", "quote \" back \\ slash / <>& \u2028 \t.")
	entries = append(entries,
		sampleEntry{boot: 'b', monotonic: 1000, fields: append([]string{"MESSAGE", "boot 2", "PRIORITY", "9"}, base...)},
		sampleEntry{boot: 'b', fields: append([]string{"MESSAGE", "boot 2 b", "EMPTY", ""}, base...)},
		sampleEntry{boot: 'b', fields: append([]string{"MESSAGE", "back", "_SOURCE_MONOTONIC_TIMESTAMP", "5"}, base...)},
		sampleEntry{boot: 'b', monotonic: 123456789012345, fields: append([]string{"MESSAGE", "a big stamp"}, base...)},
		sampleEntry{boot: 'd', monotonic: 1, fields: append([]string{"PRIORITY", "1"}, base...)},
		sampleEntry{boot: 'd', monotonic: 5, fields: append([]string{"MESSAGE", "after one without message"}, base...)},
	)
	return entries
}
