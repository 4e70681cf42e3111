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
