// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseUint compares with strconv.
func FuzzParseUint(f *testing.F) {
	for _, s := range []string{"0", "18446744073709551615", "18446744073709551616", "184467440737095516150", "-1", "+1", "1_0", "", " 1", "007"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := ParseUint(b)
		want, err := strconv.ParseUint(string(b), 10, 64)
		if wantOK := err == nil && len(b) <= 20; ok != wantOK || ok && got != want {
			t.Errorf("ParseUint(%q) = %d, %v, want %d, %v", b, got, ok, want, err)
		}
	})
}

func TestParseMount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		want Mount
		ok   bool
	}{
		{`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`,
			Mount{36, 35, "98:0", "/mnt1", "/mnt2", "ext3", "/dev/root", "rw,errors=continue"}, true},
		{`1 0 0:5 / /a\040b\134c\777\08 rw - tmpfs a\011b rw`, Mount{1, 0, "0:5", "/", `/a b\c\777\08`, "tmpfs", "a\tb", "rw"}, true},
		{`1 0 0:5 / /a rw - tmpfs  rw`, Mount{1, 0, "0:5", "/", "/a", "tmpfs", "", "rw"}, true}, // nothing is mounted
		{`1 0 0:5 / /a rw - tmpfs tmpfs`, Mount{1, 0, "0:5", "/", "/a", "tmpfs", "tmpfs", ""}, true},
		{`36 35 0:9 / /a\040b\011c\012d\134e\043 rw - nfs s:\040x rw`, Mount{36, 35, "0:9", "/", "/a b\tc\nd\\e#", "nfs", "s: x", "rw"}, true},
		{`36 35 0:9 / /a\9\08 rw a b c - tmpfs  rw`, Mount{36, 35, "0:9", "/", `/a\9\08`, "tmpfs", "", "rw"}, true},
		{`36 35 x:y / /mnt2 rw - ext4 /dev/root rw`, Mount{}, false},
		{`36 x 98:0 / /mnt2 rw - ext4 /dev/root rw`, Mount{}, false},
		{`1 0 0:5 / relative rw - tmpfs tmpfs rw`, Mount{}, false},
		{`1 0 0:5 / /a rw tmpfs tmpfs rw`, Mount{}, false},
		{`1 0 0 / /a rw - tmpfs tmpfs rw`, Mount{}, false},
		{`x 0 0:5 / /a rw - tmpfs tmpfs rw`, Mount{}, false},
		{`1 0 0:5 / /a rw - tmpfs`, Mount{}, false},
		{``, Mount{}, false},
	} {
		got, ok := ParseMount(tt.line)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("ParseMount(%q) = %+v, %v, want %+v, %v", tt.line, got, ok, tt.want, tt.ok)
		}
	}
}

func TestParsePressure(t *testing.T) {
	t.Parallel()
	type waited struct {
		Full        bool
		Nanoseconds uint64
	}
	for text, want := range map[string][]waited{
		"some avg10=1.00 avg60=0.50 avg300=0.10 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n": {{false, 12000}, {true, 3000}},
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=0":                                                    {{false, 0}},
		"some avg10=0.00 total=18446744073709551\nfull x total=18446744073709552":                           {{false, 18446744073709551000}},
		"some total=1\nsome avg10=0 total=\nhalf avg10=0 total=7\n\ntotal=1":                                nil,
		"": nil,
	} {
		var got []waited
		ParsePressure([]byte(text), func(full bool, nanoseconds uint64) { got = append(got, waited{full, nanoseconds}) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
