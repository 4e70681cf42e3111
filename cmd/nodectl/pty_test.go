// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

// runInTerminal runs nodectl with a terminal as its stdout and returns what the terminal received. keys are
// typed once the first output is there.
func runInTerminal(t *testing.T, env []string, keys string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("nodectl")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, args...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TERM=xterm", "TZ=UTC", "LANG=C.UTF-8"}, env...)
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 10, Cols: 60})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	timer := time.AfterFunc(2*time.Minute, func() { _ = command.Process.Kill() })
	defer timer.Stop()
	var out bytes.Buffer
	first := make([]byte, 4096)
	n, _ := terminal.Read(first)
	out.Write(first[:n])
	if _, err := io.WriteString(terminal, keys); err != nil {
		t.Fatal(err)
	}
	// A terminal whose other end is closed gives EIO, which is its end of file.
	_, _ = io.Copy(&out, terminal)
	if err := command.Wait(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out.String())
	}
	return out.String()
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	entries := []journaltest.Entry{
		entryOf(0, 0, "a.service", "a", "red \x1b[31m alert, \x1b]52;c;aGk=\x07 lone \u009b31m, bidi \u202e end"),
		entryOf(0, 1, "a.service", "a", "an error"),
	}
	journaltest.Write(t, filepath.Join(dir, "a.journal"), journaltest.Options{SeqnumID: journal.ID128{1}}, entries)
	tests := []struct {
		name       string
		env, args  []string
		keys       string
		has, hasNo []string
	}{
		{name: "control characters are visible, priorities coloured", args: []string{"--no-pager", "-a"},
			has: []string{`\x1b[31m`, `\x1b]52;c;aGk=\x07`, `\u009b31m`, `\u202e`, "\x1b[0;1;31m", "an error"}, hasNo: []string{"\x1b[31m alert", "\x1b]52", "\x07", "\u202e", "\u009b"}},
		{name: "NO_COLOR", env: []string{"NO_COLOR=1"}, args: []string{"--no-pager"}, has: []string{"an error"}, hasNo: []string{"\x1b"}},
		{name: "raw", args: []string{"--no-pager", "-a", "--raw", "--color=never"}, has: []string{"\x1b[31m alert"}},
		{name: "pager", env: []string{"SYSTEMD_PAGER=sed s/^/paged:/"}, args: nil, has: []string{"paged:"}},
		{name: "no pager for PAGER=cat", env: []string{"PAGER=cat"}, has: []string{"an error"}},
		{name: "PAGER that is not there", env: []string{"PAGER=no-such-pager"}, has: []string{"no pager no-such-pager; going on without one", "an error"}},
		{name: "less", env: []string{"SYSTEMD_PAGER=less"}, keys: "q", has: []string{"an error"}, hasNo: []string{"\x07", "\x1b]52"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runInTerminal(t, tt.env, tt.keys, append([]string{"journal", "-D", dir}, tt.args...)...)
			for _, want := range tt.has {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in %q", want, got)
				}
			}
			for _, bad := range tt.hasNo {
				if strings.Contains(got, bad) {
					t.Errorf("%q in %q", bad, got)
				}
			}
		})
	}
}

// TestPagerEnd wants that -e begins with the last page, and that leaving the pager early is no failure.
func TestPagerEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var entries []journaltest.Entry
	for i := range 300 {
		entries = append(entries, entryOf(0, i, "a.service", "a", "line"))
	}
	journaltest.Write(t, filepath.Join(dir, "a.journal"), journaltest.Options{}, entries)
	got := runInTerminal(t, []string{"SYSTEMD_PAGER=less"}, "q", "journal", "-D", dir, "-e")
	if !strings.Contains(got, "a[399]") || strings.Contains(got, "a[105]") {
		t.Errorf("-e does not begin at the end: %q", got)
	}
	runInTerminal(t, []string{"SYSTEMD_PAGER=head -n 1"}, "", "journal", "-D", dir)
}

// TestLogsTerminal: on a terminal lines are made safe, and named where there can be several containers.
func TestLogsTerminal(t *testing.T) {
	t.Parallel()
	dir := writeLogTree(t)
	tests := []struct {
		name       string
		env, args  []string
		has, hasNo []string
	}{
		{name: "control characters are visible", args: []string{"db-0"},
			has: []string{`red \x1b]52;c;aGk=\x07 bidi \u202e`, `bad \xff utf-8`, "begins, ends\r\n"}, hasNo: []string{"\x1b", "\x07", "\u202e", "[pod/"}},
		{name: "an unfinished line ends", args: []string{"db-0", "--tail", "1"}, has: []string{"no newline\r\n"}},
		{name: "an unfinished line stays so", args: []string{"db-0", "--tail", "1", "-o", "raw"}, has: []string{"no newline"}, hasNo: []string{"no newline\r\n"}},
		{name: "raw", args: []string{"db-0", "-o", "raw"}, has: []string{"\x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07"}},
		{name: "JSON", args: []string{"db-0", "-o", "json"}, has: []string{`\u001b[31mred`}, hasNo: []string{"\x1b", "\x07"}},
		{name: "several containers", args: []string{"deployment/web", "-c", "app"}, has: []string{"[pod/\x1b[", "web-5c9d8f6b7-x7x7x\x1b[0m/\x1b["}},
		{name: "NO_COLOR", env: []string{"NO_COLOR=1"}, args: []string{"deployment/web", "-c", "app"}, has: []string{"[pod/web-5c9d8f6b7-x7x7x/app] last"}, hasNo: []string{"\x1b"}},
		{name: "no prefix", args: []string{"deployment/web", "-c", "app", "--prefix=false"}, hasNo: []string{"[pod/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runInTerminal(t, tt.env, "", append([]string{"logs", "--root", dir}, tt.args...)...)
			for _, want := range tt.has {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in %q", want, got)
				}
			}
			for _, bad := range tt.hasNo {
				if strings.Contains(got, bad) {
					t.Errorf("%q in %q", bad, got)
				}
			}
		})
	}
}
