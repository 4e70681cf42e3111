// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package timespec_test

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/timespec"
)

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestParse(t *testing.T) {
	t.Parallel()
	berlin := location(t, "Europe/Berlin")
	now := time.Date(2026, 11, 23, 21, 34, 8, 123456789, berlin)
	for _, tt := range []struct{ in, want string }{
		{"now", "2026-11-23T21:34:08.123456+01:00"},
		{"today", "2026-11-23T00:00:00+01:00"},
		{"yesterday", "2026-11-22T00:00:00+01:00"},
		{"tomorrow", "2026-11-24T00:00:00+01:00"},
		{"today UTC", "2026-11-23T01:00:00+01:00"},
		{"18:42", "2026-11-23T18:42:00+01:00"},
		{"2012-10-15", "2012-10-15T00:00:00+02:00"},
		{"2012-10-15 18:42:59.123", "2012-10-15T18:42:59.123+02:00"},
		{"2012-10-15 18:42:59 UTC", "2012-10-15T20:42:59+02:00"},
		{"2012-10-15 18:42:59 utc", "2012-10-15T20:42:59+02:00"},
		{"2012-10-15 18:42:59 Asia/Kolkata", "2012-10-15T15:12:59+02:00"},
		{"2012-10-15 18:42:59 CEST", "2012-10-15T18:42:59+02:00"},
		{"Mon 2012-10-15", "2012-10-15T00:00:00+02:00"},
		{"2012-11-23T11:12:13Z", "2012-11-23T12:12:13+01:00"},
		{"2012-11-23T11:12:13.5+05:30", "2012-11-23T06:42:13.5+01:00"},
		{"2012-11-23T11:12:13", "2012-11-23T11:12:13+01:00"},
		{"2012-11-23 11:12:13Z", "2012-11-23T12:12:13+01:00"},
		{"1h", "2026-11-23T20:34:08.123456+01:00"},
		{"30m", "2026-11-23T21:04:08.123456+01:00"},
		{"10s", "2026-11-23T21:33:58.123456+01:00"},
		{"1h30m", "2026-11-23T20:04:08.123456+01:00"},
		{"-1h", "2026-11-23T20:34:08.123456+01:00"},
		{"+5min", "2026-11-23T21:39:08.123456+01:00"},
		{"11min ago", "2026-11-23T21:23:08.123456+01:00"},
		{"1h left", "2026-11-23T22:34:08.123456+01:00"},
		{"@1234567890.5", "2009-02-14T00:31:30.5+01:00"},
		{"500years ago", "1970-01-01T01:00:00+01:00"},
	} {
		got, err := timespec.Parse(tt.in, now, berlin)
		if err != nil || got.Format(time.RFC3339Nano) != tt.want {
			t.Errorf("Parse(%q) = %v, %v, want %s", tt.in, got.Format(time.RFC3339Nano), err, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", " ", "2012", "5", "today ", "TODAY", "Tue 2012-10-15", "2012-13-01", "24:00", "1969-12-31", "9999-12-31",
		"@-5", "infinity ago", "+", "-", "1x", "1h -30min ago", "2012-10-15 18:42 Mars/Olympus", "2012-10-15 18:42 Local",
		"2012-10-15 18:42:59.", "h", "1.h ago", "1.2.3h ago", "10000years left", "2012-10-15 ../UTC",
	} {
		got, err := timespec.Parse(in, time.Unix(1795000000, 0), time.UTC)
		var query *journal.QueryError
		if !errors.As(err, &query) {
			t.Errorf("Parse(%q) = %v, %v, want a QueryError", in, got, err)
		}
	}
}

// TestSystemd compares with systemd-analyze timestamp.
func TestSystemd(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("compares with systemd-analyze: %v", err)
	}
	seconds := regexp.MustCompile("UNIX seconds: @([0-9.]+)")
	for _, zone := range []string{"UTC", "Europe/Berlin"} {
		for _, in := range []string{
			"now", "today", "yesterday", "tomorrow", "+5min", "-1h", "11min ago", "1h left", "@1234567890.5", "@1h", "@0", "@-5",
			"2012-10-15", "2012-10-15 18:42", "2012-10-15 18:42:59.123", "2012-10-15 18:42:59.1234567", "2012-10-15 18:42:59.12345649",
			"12-10-15", "70-10-15", "69-10-15", "5-10-15", "2012-1-1", "2012-2-30", "2012-13-01", "2012-10-32", "2012-00-01", "2012-01-00",
			"18:42", "18:42:59.5", "1:2:3", "24:00", "00:60", "2012-10-15 18:42:60", "2012-10-15 18:42:61", "2012-10-15 18:42:62",
			"2012-10-15  18:42", "2012-10-15 18:42 ", "2012-10-15 18:42:59.", "2012-10-15 18:42:59.x", "2012-10-15x", "2012-10-15 x", "2012-10-1518:42",
			"Mon 2012-10-15", "monday 2012-10-15", "MON 2012-10-15", "Tue 2012-10-15", "Mon", "Mo 2012-10-15", "Monday  2012-10-15", "Mon, 2012-10-15",
			"2012-10-15 UTC", "2012-10-15 18:42 UTC", "Mon 2012-10-15 18:42 UTC", "2012-10-15 utc", "2012-10-15 CEST", "18:42 UTC",
			"1969-12-31", "1970-01-01", "9999-12-30", "9999-12-31", "10000-01-01", "212-10-15",
			"", " ", "5", "5 ago", "-5", "+ 5min", "+5 min", "-1h 30min", "1h30min ago", "1.5h ago", ".5h ago", "1.h ago", ". ago", "1h  30min  ago", " 1h ago",
			"1h ago ", "1 h ago", "5 6 ago", "5min 6 ago", "5mo ago", "1M ago", "1m ago", "1mon ago", "1month ago", "1y ago", "1w ago", "1d ago", "1ms ago", "1us ago",
			"1\u00b5s ago", "1\u03bcs ago", "1hr ago", "1hour ago", "1hours ago", "1sec ago", "1s ago", "1 ago", "ago", " ago", " left", "1H ago", "1S ago", "infinity ago", "+infinity",
			"-infinity", "+", "-", "@", "++5min", "+-5min", "-+5min", "1h+5min ago", "1h -5min ago", "today ", "Today", "NOW", "now ", "1e3 ago", "0x10 ago", "1_0 ago", "99999999999999999999 ago",
			"1,5h ago", "1.25.5h ago", "1.5 .5 ago", "\t5min ago", "5\tmin ago", "5\nmin ago", "5min\tago",
		} {
			t.Run(zone+"/"+in, func(t *testing.T) {
				t.Parallel()
				loc := location(t, zone)
				var before time.Time
				var out []byte
				var err error
				// Both mean the same day.
				for again := true; again; again = before.In(loc).Day() != time.Now().In(loc).Day() {
					cmd := exec.Command("systemd-analyze", "timestamp", "--", in)
					cmd.Env = append(os.Environ(), "TZ="+zone, "LC_ALL=C.UTF-8")
					before = time.Now()
					out, err = cmd.Output()
				}
				got, ourErr := timespec.Parse(in, before, loc)
				if (err == nil) != (ourErr == nil) {
					t.Fatalf("Parse = %v, %v; systemd-analyze: %v %s", got, ourErr, err, out)
				}
				if err != nil {
					return
				}
				match := seconds.FindStringSubmatch(string(out))
				if match == nil {
					t.Fatalf("no time in %q", out)
				}
				if want := usecOf(t, match[1]); want < got.UnixMicro() || want > got.UnixMicro()+time.Since(before).Microseconds() {
					t.Errorf("Parse = %d, systemd-analyze: %d", got.UnixMicro(), want)
				}
			})
		}
	}
}

// usecOf reads seconds with a fraction exactly.
func usecOf(t *testing.T, s string) int64 {
	t.Helper()
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole+(fraction + "000000")[:6], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestParseSpan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"1h 30min", 90 * time.Minute, true},
		{"2days", 48 * time.Hour, true},
		{"90", 90 * time.Second, true},
		{"1.5ms", 1500 * time.Microsecond, true},
		{"1M", 2629800 * time.Second, true},
		{"1m", time.Minute, true},
		{"", 0, false},
		{"x", 0, false},
		{"400y", 0, false},
		{"-1h", 0, false},
	} {
		got, err := timespec.ParseSpan(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseSpan(%q) = %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
}

// FuzzParse checks that what is understood lies in the range and reads the same when written as RFC 3339.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"now", "-1h", "Mon 2012-10-15 18:42:59.5 UTC", "1h 5min ago", "@1.5", "2012-11-23T11:12:13Z", "10s"} {
		f.Add(s)
	}
	now := time.Unix(1795000000, 0).UTC()
	f.Fuzz(func(t *testing.T, s string) {
		got, err := timespec.Parse(s, now, time.UTC)
		if err != nil {
			if !errors.Is(err, journal.ErrInvalidQuery) {
				t.Errorf("Parse(%q): %v is no ErrInvalidQuery", s, err)
			}
			return
		}
		again, err := timespec.Parse(got.Format(time.RFC3339Nano), now, time.UTC)
		if err != nil || !again.Equal(got) || got.Unix() < 0 {
			t.Errorf("Parse(%q) = %v, again %v, %v", s, got, again, err)
		}
	})
}
