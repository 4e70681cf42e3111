// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package rfc3339_test

import (
	"math"
	"testing"
	"time"

	"github.com/noded/noded/runtime/podlog/rfc3339"
)

// reference is what Parse must return.
func reference(text string) (ns int64, zone int16, ok bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Before(time.Unix(0, math.MinInt64)) || t.After(time.Unix(0, math.MaxInt64)) {
		return 0, 0, false
	}
	_, east := t.Zone()
	return t.UnixNano(), int16(east / 60), true
}

// check compares with the reference.
func check(t *testing.T, p *rfc3339.Parser, text string) {
	t.Helper()
	wantNS, wantZone, wantOK := reference(text)
	ns, zone, ok := p.Parse([]byte(text))
	if ns != wantNS || zone != wantZone || ok != wantOK {
		t.Errorf("Parse(%q) = %d, %d, %v; time.Parse says %d, %d, %v", text, ns, zone, ok, wantNS, wantZone, wantOK)
	}
}

var samples = []string{
	"2026-11-23T20:34:05.123456789Z",
	"2026-11-23T20:34:05.123456789+01:00",
	"2026-11-23T20:34:05.123456789-05:30",
	"2026-11-23T20:34:05Z",
	"2026-11-23T20:34:05+00:00",
	"2026-11-23T20:34:05-00:00",
	"2026-11-23T20:34:59.9Z",
	"2026-11-23T20:34:00.000000001Z",
	"2026-11-23T20:34:00.12345678Z",
	"2026-11-23T20:34:00.1234567890123456789Z",
	"2026-11-23T20:34:05,5Z",
	"2026-11-23T20:34:05,123456789+02:00",
	"2026-11-23T5:34:05Z",
	"2026-11-23T5:34:05.5+02:00",
	"2026-11-23T20:34:60Z",
	"2026-11-23T20:34:5Z",
	"2026-11-23T20:60:05Z",
	"2026-11-23T24:00:05Z",
	"2026-02-29T00:00:00Z",
	"2024-02-29T00:00:00Z",
	"2026-11-23T20:34:05.Z",
	"2026-11-23T20:34:05.123456789",
	"2026-11-23T20:34:05.12345678/Z",
	"2026-11-23T20:34:05.12345678:Z",
	"2026-11-23T20:34:05.1234567:9Z",
	"2026-11-23T20:34:05.123456789ZZ",
	"2026-11-23T20:34:05.123456789Z ",
	"2026-11-23T20:34:05z",
	"2026-11-23t20:34:05Z",
	"2026-11-23 20:34:05Z",
	"2026-11-23T20:34:05+23:59",
	"2026-11-23T20:34:05+24:00",
	"2026-11-23T20:34:05+24:60",
	"2026-11-23T20:34:05-24:60",
	"2026-11-23T20:34:05+25:00",
	"2026-11-23T20:34:05+00:61",
	"2026-11-23T20:34:05+0100",
	"2026-11-23T20:34:05+01:0",
	"2026-11-23T20:34:05 01:00",
	"2026-11-23T20:34:05+1:000",
	"0000-01-01T00:00:00Z",
	"0001-01-01T00:00:00Z",
	"1677-09-21T00:12:43.145224191Z",
	"1677-09-21T00:12:43.145224192Z",
	"1677-09-21T00:12:43.145224193Z",
	"1969-12-31T23:59:59.999999999Z",
	"1678-12-31T23:59:59+23:59",
	"1679-01-01T00:00:00+24:00",
	"2260-12-31T23:59:59-24:60",
	"2262-04-11T23:47:16.854775806Z",
	"2262-04-11T23:47:16.854775807Z",
	"2262-04-11T23:47:16.854775808Z",
	"2262-04-12T00:47:16.854775807+01:00",
	"9999-12-31T23:59:59Z",
	"10000-01-01T00:00:00Z",
	"",
	"Z",
	"2026-11-23T20:34:",
	"2026-11-23T20:34:05",
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0005Z",
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, text := range samples {
		var fresh rfc3339.Parser
		check(t, &fresh, text)
		check(t, &fresh, text)
		// The minute of every other sample before it.
		for _, before := range samples {
			var p rfc3339.Parser
			p.Parse([]byte(before))
			check(t, &p, text)
		}
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	var p rfc3339.Parser
	line := []byte("2026-11-23T20:34:05.123456789+01:00")
	p.Parse(line)
	if n := testing.AllocsPerRun(100, func() { p.Parse(line) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse: every text has the value that time.Parse gives it, whatever was parsed before.
func FuzzParse(f *testing.F) {
	for i, text := range samples {
		f.Add(samples[(i+1)%len(samples)], text)
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, before, text string) {
		var p rfc3339.Parser
		check(t, &p, before)
		check(t, &p, text)
		// The same minute with another rest.
		if len(before) >= 17 && len(text) >= 17 {
			check(t, &p, before[:17]+text[17:])
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"nine digits": "2026-11-23T20:34:05.123456789Z", "seven digits": "2026-11-23T20:34:05.1234567Z",
		"zone": "2026-11-23T20:34:05.123456789+01:00",
	} {
		b.Run(name, func(b *testing.B) {
			var p rfc3339.Parser
			line := []byte(text)
			for b.Loop() {
				p.Parse(line)
			}
		})
		b.Run(name+"/time.Parse", func(b *testing.B) {
			for b.Loop() {
				if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
