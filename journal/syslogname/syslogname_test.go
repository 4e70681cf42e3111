// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package syslogname_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/syslogname"
)

func TestParsePriorities(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want journal.PrioritySet
		ok   bool
	}{
		{"err", 0b1111, true},
		{"3", 0b1111, true},
		{"emerg", 0b1, true},
		{"debug", 0xff, true},
		{"emerg..err", 0b1111, true},
		{"warning..err", 0b11000, true},
		{"3..3", 0b1000, true},
		{"0..notice", 0b111111, true},
		{"8", 0, false},
		{"-1", 0, false},
		{"Err", 0, false},
		{"error", 0, false},
		{"", 0, false},
		{"err..", 0, false},
		{"..err", 0, false},
		{"1..2..3", 0, false},
	} {
		got, err := syslogname.ParsePriorities(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParsePriorities(%q) = %b, %v, want %b", tt.in, got, err, tt.want)
		}
	}
}

func TestParseFacilities(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   []string
		want []int
		ok   bool
	}{
		{[]string{"kern"}, []int{0}, true},
		{[]string{"local7,user", "user"}, []int{1, 23}, true},
		{[]string{"12", "127"}, []int{12, 127}, true},
		{[]string{""}, nil, true},
		{[]string{"kern,,user"}, []int{0, 1}, true},
		{[]string{"128"}, nil, false},
		{[]string{"KERN"}, nil, false},
		{[]string{"-1"}, nil, false},
	} {
		got, err := syslogname.ParseFacilities(tt.in)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != tt.ok {
			t.Errorf("ParseFacilities(%q): %v, differs (-want +got):\n%s", tt.in, err, diff)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for i, name := range syslogname.PriorityNames() {
		if got, err := syslogname.ParsePriorities(name + ".." + name); err != nil || got != 1<<i {
			t.Errorf("ParsePriorities(%q) = %b, %v", name, got, err)
		}
	}
	for i, name := range syslogname.FacilityNames() {
		if got, err := syslogname.ParseFacilities([]string{name}); err != nil || !cmp.Equal(got, []int{i}) {
			t.Errorf("ParseFacilities(%q) = %v, %v", name, got, err)
		}
	}
}
