// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package unitname_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/noded/noded/journal/unitname"
)

func TestMangle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		glob bool
		want string
	}{
		{"kubelet", false, "kubelet.service"},
		{"/dev/sda", true, "dev-sda.device"},
		{"/home", true, "home.mount"},
		{"kube*", true, "kube*"},
		{"kube*", false, `kube\x2a.service`},
		{"foo.*", true, "foo.*"},
		{"foo bar*", true, `foo\x20bar*`},
		{"[a-c]?", true, "[a-c]?"},
		{"a b", true, `a\x20b.service`},
		{"@bar.service", false, ""},
		{"", true, ""},
		{strings.Repeat("x", 300), false, ""},
	} {
		got, err := unitname.Mangle(tt.in, tt.glob)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("Mangle(%q, %v) = %q, %v, want %q", tt.in, tt.glob, got, err, tt.want)
		}
	}
}

// TestSystemdEscape compares with systemd-escape --mangle.
func TestSystemdEscape(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-escape"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("compares with systemd-escape: %v", err)
	}
	for _, in := range []string{
		"kubelet", "/dev/sda", "/home", "/", "foo.bar", "a b", "foo@", "foo@bar", "@bar.service", "foo@.service", "fo/o", "/a-b/c.d",
		"/dev/disk/by-label/x y", "/home/../x", "foo@bar.timer", ".service", "x.mount", "/.hidden", "//a//b/", "/dev", "/dev/", "/sys", "/sys/x", "/devel/x",
		"\u00fc", `a\b`, "/./a", "/a/./b", "/..", "/a@b", `/a\b`, "a@b@c.service", "x.socket.", "-", "-.mount", "a:b_c-d.e.slice",
		strings.Repeat("x", 247), strings.Repeat("x", 248), "/" + strings.Repeat("x", 248), "a\tb", "a,b", "x.SERVICE",
	} {
		out, err := exec.Command("systemd-escape", "--mangle", "--", in).Output()
		want := strings.TrimSuffix(string(out), "\n")
		got, ourErr := unitname.Mangle(in, false)
		if got != want || (err == nil) != (ourErr == nil) {
			t.Errorf("Mangle(%q) = %q, %v; systemd-escape: %q, %v", in, got, ourErr, want, err)
		}
	}
}

// TestMatch compares with recorded answers of fnmatch.
func TestMatch(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/fnmatch.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(parts) != 3 {
			t.Fatalf("malformed line %q", line)
		}
		if got := unitname.Match(parts[1], parts[2]); got != (parts[0] == "yes") {
			t.Errorf("Match(%q, %q) = %v, fnmatch says %s", parts[1], parts[2], got, parts[0])
		}
	}
}

// TestMatchCost makes sure that stars do not multiply.
func TestMatchCost(t *testing.T) {
	t.Parallel()
	if unitname.Match(strings.Repeat("a*", 100)+"b", strings.Repeat("a", 10000)) {
		t.Error("Match = true, want false")
	}
}

// FuzzMangle checks that what Mangle makes is valid and stays as it is.
func FuzzMangle(f *testing.F) {
	for _, s := range []string{"kubelet", "/dev/sda", "a b", "x@y.timer", "/a/../b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := unitname.Mangle(s, false)
		if err != nil {
			return
		}
		if again, err := unitname.Mangle(name, false); err != nil || again != name || !unitname.Valid(name) {
			t.Errorf("Mangle(%q) = %q, again %q, %v", s, name, again, err)
		}
	})
}

// FuzzMatch checks that a pattern matches what it is made of.
func FuzzMatch(f *testing.F) {
	f.Add("kube*", "kubelet")
	f.Add("[!a-z]", "A")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		_ = unitname.Match(pattern, name)
		if !unitname.IsGlob(name) && (!unitname.Match(name, name) || !unitname.Match("*"+name+"*", name)) {
			t.Errorf("%q does not match itself", name)
		}
	})
}
