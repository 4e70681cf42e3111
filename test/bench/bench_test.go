// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDigest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		form        form
		a, b        string
		entries     int
		equal, fail bool
	}{
		{"the same lines", lines, "a\nb\n", "a\nb\n", 2, true, false},
		{"another order of lines", lines, "a\nb\n", "b\na\n", 2, false, false},
		{"another line", lines, "a\nb\n", "a\nc\n", 2, false, false},
		{"export", export, "A=1\nB=2\n\nA=1\n\n", "A=1\nB=2\n\nA=1\n\n", 2, true, false},
		{"export in another order", export, "A=1\nB=2\n\n", "B=2\nA=1\n\n", 1, false, false},
		{"members in another order", objects, `{"A":"1","B":["2","3"],"C":null}` + "\n", `{ "C":null,"A":"1","B":["2","3"]}` + "\n", 1, false, false},
		{"members in another order, spaced alike", objects, `{"A":"1","B":["2","3"],"C":null}` + "\n", `{"C":null,"A":"1","B":["2","3"]}` + "\n", 1, true, false},
		{"another order in an array", objects, `{"B":["2","3"]}` + "\n", `{"B":["3","2"]}` + "\n", 1, false, false},
		{"values changed about", objects, `{"A":"1","B":"2"}` + "\n", `{"A":"2","B":"1"}` + "\n", 1, false, false},
		{"commas, quotation marks and braces in strings", objects, `{"A":"}\",\\","B":"{["}` + "\n", `{"B":"{[","A":"}\",\\"}` + "\n", 1, true, false},
		{"members on other lines", objects, `{"A":"1"}` + "\n" + `{"B":"2"}` + "\n", `{"B":"2"}` + "\n" + `{"A":"1"}` + "\n", 2, false, false},
		{"not JSON", objects, "-- Boot --\n", "", 0, false, true},
		{"a string that does not end", objects, `{"A":"1\"}` + "\n", "", 0, false, true},
		{"an array that does not end", objects, `{"A":[1}` + "\n", "", 0, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			seed := maphash.MakeSeed()
			sum := func(text string, size int) (*digest, error) {
				d := newDigest(test.form, seed)
				for chunk := range slices.Chunk([]byte(text), size) {
					if _, err := d.Write(chunk); err != nil {
						return d, err
					}
				}
				return d, nil
			}
			a, err := sum(test.a, 1000)
			if (err != nil) != test.fail {
				t.Fatalf("Write: %v, want an error: %v", err, test.fail)
			}
			if test.fail {
				return
			}
			b, err := sum(test.b, 3)
			if err != nil {
				t.Fatal(err)
			}
			if a.entries != test.entries {
				t.Errorf("%d entries, want %d", a.entries, test.entries)
			}
			if got := a.sum == b.sum; got != test.equal {
				t.Errorf("equal: %v, want %v", got, test.equal)
			}
		})
	}
}

func TestDayIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	const entries = 5000
	make := func() []byte {
		var all []byte
		d := newDay(entries)
		for i := range entries {
			all = append(all, d.entry(i)...)
		}
		return all
	}
	day := make()
	if !bytes.Equal(day, make()) {
		t.Error("two days differ")
	}
	var fields, kubelet int
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(day), "\n\n"), "\n\n") {
		fields += strings.Count(entry, "\n") - 1 // without the two times
		if strings.Contains(entry, "\n_SYSTEMD_UNIT=kubelet.service\n") {
			kubelet++
		}
	}
	if share := float64(kubelet) / entries; share < 0.37 || share > 0.43 {
		t.Errorf("the kubelet wrote %.2f of the entries, want 0.4", share)
	}
	if mean := float64(fields) / entries; mean < 18 || mean > 20.5 {
		t.Errorf("%.1f fields an entry, want about 19", mean)
	}
	shares := 0
	for _, s := range services() {
		shares += s.share
	}
	if shares != 1000 {
		t.Errorf("the services have %d of 1,000 entries", shares)
	}
}

func TestFollowerResult(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	f := &follower{delays: make([]time.Duration, 6)}
	for _, line := range []string{
		"warm\"", "1 1000000000000 text", "3 999999000000 text", "2 999990000000 text", "3 999999000000 text",
		"9 999999000000 not one of ours", "0 1 nor this", "5 1000000000001 before it was written",
	} {
		f.line([]byte(line), at)
	}
	want := tally{lost: 1, twice: 1, unordered: 1, p50: time.Millisecond, p99: 10 * time.Millisecond, longest: 10 * time.Millisecond}
	if diff := cmp.Diff(want, f.result(), cmp.AllowUnexported(tally{})); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if !f.isReady() {
		t.Error("not ready after the first line")
	}
	if got := (&follower{delays: make([]time.Duration, 4)}).result(); got.lost != 3 {
		t.Errorf("nothing arrived: %d lost, want 3", got.lost)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		times []time.Duration
		want  time.Duration
	}{
		{[]time.Duration{5}, 5},
		{[]time.Duration{9, 1, 5}, 5},
		{[]time.Duration{9, 1, 5, 7, 3}, 5},
	} {
		if got := median(test.times); got != test.want {
			t.Errorf("median(%v) = %v, want %v", test.times, got, test.want)
		}
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	took, err := command{"sh", "-c", "head -c 5000000 /dev/zero"}.time(t.Context())
	if err != nil || took <= 0 {
		t.Errorf("time = %v, %v", took, err)
	}
	if _, err := (command{"sh", "-c", "exit 1"}).time(t.Context()); err != nil {
		t.Errorf("nothing matched: %v, want no error", err)
	}
	if _, err := (command{"sh", "-c", "echo wrong >&2; exit 1"}).time(t.Context()); err == nil || !strings.Contains(err.Error(), "wrong") {
		t.Errorf("a command that fails: %v, want what it wrote", err)
	}
	d := newDigest(lines, maphash.MakeSeed())
	if err := (command{"printf", `a\nb\nc`}).read(t.Context(), d); err != nil || d.entries != 2 || string(d.rest) != "c" {
		t.Errorf("read: %d entries, rest %q, %v", d.entries, d.rest, err)
	}
}
