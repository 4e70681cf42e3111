// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func newTestFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("journal", pflag.ContinueOnError)
	(&journalFlags{}).define(flags)
	return flags
}

func TestNormalizeArgs(t *testing.T) {
	t.Parallel()
	tests := []struct{ args, want string }{
		{"-n 5", "--lines=5"},
		{"-n5", "--lines=5"},
		{"-n=5", "--lines=5"},
		{"-nall", "--lines=all"},
		{"-n all", "--lines=all"},
		{"-n +3", "--lines=+3"},
		{"--lines 5", "--lines=5"},
		{"--lines=+5", "--lines=+5"},
		{"-n", "--lines=10"},
		{"-n kubelet", "--lines=10 kubelet"},
		{"-n -b", "--lines=10 --boot=0"},
		{"-b -1", "--boot=-1"},
		{"-b-1", "--boot=-1"},
		{"-b", "--boot=0"},
		{"-b 1 x", "--boot=1 x"},
		{"-b all", "--boot=all"},
		{"-b kubelet", "--boot=0 kubelet"},
		{"-b a0000000000000000000000000000000-1", "--boot=a0000000000000000000000000000000-1"},
		{"--boot -1", "--boot=-1"},
		{"-fu kubelet", "--follow --unit=kubelet"},
		{"-fukubelet -ojson", "--follow --unit=kubelet --output=json"},
		{"-en 40", "--pager-end --lines=40"},
		{"-g =x", "--grep==x"},
		{"-g=x", "--grep==x"},
		{"-I -u x", "--invocation=0 --unit=x"},
		{"--invocation -1", "--invocation=-1"},
		{"--foll --dir d", "--follow --directory=d"},
		{"--no x", "--no x"},
		{"-Z", "-Z"},
		{"-u", "-u"},
		{"a -- -n 5", "a -- -n 5"},
		{"-", "-"},
		{"--case-sensitive x", "--case-sensitive=true x"},
	}
	for _, tt := range tests {
		args, _ := normalizeArgs(newTestFlags(), strings.Fields(tt.args))
		if got := strings.Join(args, " "); got != tt.want {
			t.Errorf("normalizeArgs(%q) = %q, want %q", tt.args, got, tt.want)
		}
	}
}

// FuzzNormalizeArgs checks that normalizing twice is the same as once, and that pflag does not panic
// on what comes out.
func TestSeparatedWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args string
		want []separatedWord
	}{
		{"-b zzz", []separatedWord{{"zzz", "-bzzz"}}},
		{"--boot zzz", []separatedWord{{"zzz", "--boot=zzz"}}},
		{"-n abc", []separatedWord{{"abc", "-nabc"}}},
		{"-I zzz", []separatedWord{{"zzz", "--invocation=zzz"}}},
		{"-b -1 zzz -n 5 -f", nil},
		{"-n -5", nil},
		{"-b", nil},
	}
	for _, tt := range tests {
		_, got := normalizeArgs(newTestFlags(), strings.Fields(tt.args))
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(separatedWord{})); diff != "" {
			t.Errorf("normalizeArgs(%q) (-want +got):\n%s", tt.args, diff)
		}
	}
}

func FuzzNormalizeArgs(f *testing.F) {
	for _, seed := range []string{"-n 5 -b -1", "-fu x", "--lin=3 -- -b", "-I --invocation", "-b -", "- -- -", "-n -n -n", "-xeb-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		flags := newTestFlags()
		flags.SetOutput(io.Discard)
		once, _ := normalizeArgs(flags, args)
		twice, _ := normalizeArgs(flags, once)
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Errorf("normalizeArgs(%q) twice (-once +twice):\n%s", args, diff)
		}
		_ = flags.Parse(once)
	})
}
