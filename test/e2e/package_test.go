// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// output runs a tool of this machine.
func output(t *testing.T, command ...string) string {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", command, err, out, stderr.String())
	}
	return string(out)
}

// commonFiles are in both packages.
var commonFiles = []string{
	"/etc/noded/noded.yaml",
	"/usr/bin/noded",
	"/usr/bin/nodectl",
	"/usr/lib/sysusers.d/noded.conf",
	"/usr/lib/tmpfiles.d/noded.conf",
	"/usr/share/bash-completion/completions/nodectl",
	"/usr/share/bash-completion/completions/noded",
	"/usr/share/doc/noded/THIRD_PARTY_LICENSES.gz",
	"/usr/share/doc/noded/grafana-dashboard.json",
	"/usr/share/fish/vendor_completions.d/nodectl.fish",
	"/usr/share/fish/vendor_completions.d/noded.fish",
	"/usr/share/man/man1/nodectl.1.gz",
	"/usr/share/man/man5/noded.yaml.5.gz",
	"/usr/share/man/man8/noded.8.gz",
}

func TestDebContents(t *testing.T) {
	t.Parallel()
	deb := packageFile(t, "noded_*.deb")
	var got []string
	for line := range strings.Lines(output(t, "dpkg-deb", "--contents", deb)) {
		f := strings.Fields(line)
		if !strings.HasPrefix(f[0], "d") {
			got = append(got, strings.TrimPrefix(f[5], "."))
		}
		if f[1] != "root/root" {
			t.Errorf("%s belongs to %s, want root/root", f[5], f[1])
		}
	}
	want := slices.Concat(commonFiles, []string{
		"/lib/systemd/system/noded.service",
		"/lib/systemd/system/noded.socket",
		"/usr/share/doc/noded/changelog.Debian.gz",
		"/usr/share/doc/noded/copyright",
		"/usr/share/lintian/overrides/noded",
		"/usr/share/zsh/vendor-completions/_nodectl",
		"/usr/share/zsh/vendor-completions/_noded",
	})
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files of %s (-want +got):\n%s", deb, diff)
	}
	if got := output(t, "dpkg-deb", "--field", deb, "Depends"); !strings.Contains(got, "libsystemd0") {
		t.Errorf("Depends = %q, want libsystemd0, which noded loads at run time", got)
	}
	if got := output(t, "dpkg-deb", "--info", deb, "conffiles"); got != "/etc/noded/noded.yaml\n" {
		t.Errorf("conffiles = %q", got)
	}
}

// TestStaticNodectl: the packaged nodectl runs without any library of the system.
func TestStaticNodectl(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	output(t, "dpkg-deb", "--extract", packageFile(t, "noded_*.deb"), dir)
	file, err := elf.Open(filepath.Join(dir, "usr/bin/nodectl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("nodectl has a segment %v: it is not static", p.Type)
		}
	}
}

func TestLintian(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("lintian", "--fail-on", "error,warning", "--allow-root", packageFile(t, "noded_*.deb")).CombinedOutput()
	if err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

func TestRPMContents(t *testing.T) {
	t.Parallel()
	rpm := packageFile(t, "noded-*.rpm")
	got := strings.Fields(output(t, "rpm", "--query", "--package", "--list", rpm))
	want := slices.Concat(commonFiles, []string{
		"/usr/lib/systemd/system/noded.service",
		"/usr/lib/systemd/system/noded.socket",
		"/usr/lib/systemd/system-preset/50-noded.preset",
		"/etc/noded",
		"/usr/share/doc/noded",
		"/usr/share/licenses/noded",
		"/usr/share/licenses/noded/LICENSE",
		"/usr/share/zsh/site-functions/_nodectl",
		"/usr/share/zsh/site-functions/_noded",
	})
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files of %s (-want +got):\n%s", rpm, diff)
	}
	requires := output(t, "rpm", "--query", "--package", "--requires", rpm)
	for _, want := range []string{"(systemd-libs or libsystemd0)", "systemd >= 247", "glibc >= 2.34"} {
		if !strings.Contains(requires, want+"\n") {
			t.Errorf("requires = %q, want %q", requires, want)
		}
	}
	if got := output(t, "rpm", "--query", "--package", "--configfiles", rpm); got != "/etc/noded/noded.yaml\n" {
		t.Errorf("config files = %q", got)
	}
	flags := output(t, "rpm", "--query", "--package", "--queryformat", "[%{FILEFLAGS:fflags} %{FILENAMES}\n]", rpm)
	if !strings.Contains(flags, "cn /etc/noded/noded.yaml\n") {
		t.Errorf("the configuration is not %%config(noreplace):\n%s", flags)
	}
}

// The scriptlets do on installation, upgrade and removal what they should; systemctl and the others are replaced by
// a program that writes down how it was called.
func TestRPMScripts(t *testing.T) {
	t.Parallel()
	rpm := packageFile(t, "noded-*.rpm")
	tests := []struct {
		name, tag, count string
		want, not        []string
	}{
		{"install", "POSTIN", "1", []string{"systemd-sysusers noded.conf", "systemd-tmpfiles --create noded.conf", "preset noded.socket noded.service"}, []string{"restart"}},
		{"upgrade, new package", "POSTIN", "2", []string{"systemd-sysusers noded.conf"}, []string{"preset", "start"}},
		{"upgrade, old package leaves", "PREUN", "1", nil, []string{"disable", "stop"}},
		{"upgrade, old package gone", "POSTUN", "1", []string{"systemctl try-restart noded.service"}, []string{"stop"}},
		{"removal begins", "PREUN", "0", []string{"disable --now noded.socket noded.service"}, nil},
		{"removal ends", "POSTUN", "0", nil, []string{"restart"}},
	}
	for _, tt := range tests {
		script := output(t, "rpm", "--query", "--package", "--queryformat", "%{"+tt.tag+"}", rpm)
		dir := t.TempDir()
		record := filepath.Join(dir, "record")
		for _, tool := range []string{"systemctl", "systemd-sysusers", "systemd-tmpfiles", "rm", "rmdir"} {
			fake := "#!/bin/sh\necho \"${0##*/} $*\" >>" + record + "\n"
			if err := os.WriteFile(filepath.Join(dir, tool), []byte(fake), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		// As on a machine that runs systemd.
		script = strings.ReplaceAll(script, "/run/systemd/system", dir)
		cmd := exec.Command("/bin/sh", "-e", "-c", script, "scriptlet", tt.count)
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", tt.name, err, out)
		}
		calls, err := os.ReadFile(record)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			if !strings.Contains(string(calls), want) {
				t.Errorf("%s: want a call %q, got:\n%s", tt.name, want, calls)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(string(calls), not) {
				t.Errorf("%s: want no call with %q, got:\n%s", tt.name, not, calls)
			}
		}
	}
}

func TestReproducible(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"noded_*.deb", "noded-*.rpm"} {
		first, err := os.ReadFile(packageFile(t, pattern))
		if err != nil {
			t.Fatal(err)
		}
		second, err := os.ReadFile(packageFile(t, filepath.Join("again", pattern)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s: built twice, the bytes differ", pattern)
		}
	}
}

func TestManPages(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../packaging/man/*.[158]")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		cmd := exec.Command("man", "--warnings", "--encoding=UTF-8", "--local-file", page)
		cmd.Env = append(os.Environ(), "MANWIDTH=100", "MANROFFSEQ=", "LC_ALL=C.UTF-8")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil || stderr.Len() > 0 {
			t.Errorf("man %s: %v\n%s", page, err, stderr.String())
		}
		if stdout.Len() < 500 {
			t.Errorf("man %s shows %d bytes only", page, stdout.Len())
		}
	}
}
