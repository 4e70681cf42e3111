// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"

	"github.com/noded/noded/journal"
)

func TestCheckPlatform(t *testing.T) {
	t.Parallel()
	local := &journal.Source{AllMachines: true}
	files := []*journal.Source{{Directory: "/j"}, {Root: "/r"}, {Files: []string{"f"}}}
	tests := []struct {
		os, address string
		source      *journal.Source
		want        string // of the error; empty for none
	}{
		{"linux", "", nil, ""},
		{"linux", "", local, ""},
		{"darwin", "", nil, "there is no noded on this machine: it runs darwin"},
		{"darwin", "unix:///tmp/s", nil, ""},
		{"darwin", "", local, "this machine has no systemd journal of its own: it runs darwin"},
		{"windows", "", nil, "noded listens on a unix socket"},
		{"windows", "unix:///tmp/s", nil, "noded listens on a unix socket"},
		{"windows", "", local, "this machine has no systemd journal of its own: it runs windows"},
	}
	for _, tt := range tests {
		g := &globals{Streams: Streams{Getenv: func(string) string { return "" }}, address: tt.address, os: tt.os}
		err := g.checkPlatform(tt.source)
		if tt.want == "" && err == nil {
			continue
		}
		if err == nil || tt.want == "" || !strings.HasPrefix(err.Error(), tt.want) || ExitCode(err) != ExitUsage || !strings.Contains(hintOf(err), "--directory") {
			t.Errorf("%s, address %q, source %+v: %v (%s), want %q", tt.os, tt.address, tt.source, err, hintOf(err), tt.want)
		}
		for _, source := range files {
			if err := g.checkPlatform(source); err != nil {
				t.Errorf("%s, source %+v: %v", tt.os, source, err)
			}
		}
	}
}

func TestParseEngine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		has  bool
		want string
	}{
		{"auto", false, ""},
		{"native", false, ""},
		{"libsystemd", true, ""},
		{"libsystemd", false, "--engine libsystemd: this nodectl is a static program, which cannot load libsystemd"},
		{"perl", true, `--engine "perl": want one of auto, native, libsystemd`},
	}
	for _, tt := range tests {
		engine, err := parseEngine(tt.name, tt.has)
		switch {
		case tt.want == "" && (err != nil || engine.Name() != tt.name):
			t.Errorf("parseEngine(%q, %v) = %v, %v", tt.name, tt.has, engine, err)
		case tt.want != "" && (err == nil || err.Error() != tt.want || ExitCode(err) != ExitUsage):
			t.Errorf("parseEngine(%q, %v): %v, want %s", tt.name, tt.has, err, tt.want)
		}
	}
}

// TestLogsPlatform: what logs there are where there is no noded.
func TestLogsPlatform(t *testing.T) {
	t.Parallel()
	g := &globals{os: "darwin", Streams: Streams{Getenv: func(string) string { return "" }}}
	_, err := g.openLogs("", false)
	if ExitCode(err) != ExitUsage || hintOf(err) != "--root DIR with a copy of /var/log/pods of a node" {
		t.Errorf("openLogs = %v, hint %q", err, hintOf(err))
	}
	b, err := g.openLogs(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
