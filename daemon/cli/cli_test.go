// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the golden files")

// run runs a command that ends by itself. Without an environment it has an empty one.
func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if environ == nil {
		environ = []string{}
	}
	var out, errOut bytes.Buffer
	code = Main(t.Context(), args, &out, &errOut, Options{Version: "1.2.3", Environ: environ})
	return code, out.String(), errOut.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test -update writes it:\n%s", name, diff)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file    string
		environ []string
		args    []string
	}{
		{"help.txt", nil, []string{"--help"}},
		{"help-config.txt", nil, []string{"config", "--help"}},
		{"help-config-check.txt", nil, []string{"config", "check", "--help"}},
		{"help-config-show.txt", nil, []string{"config", "show", "--help"}},
		{"version.txt", nil, []string{"version"}},
		{"show.txt", []string{"NODED_LOG_LEVEL=debug"}, []string{"config", "show", "--config=testdata/noded.yaml", "--engine=libsystemd"}},
		{"show.yaml", []string{"NODED_CONFIG=testdata/noded.yaml"}, []string{"config", "show", "-o", "yaml"}},
		{"show.json", nil, []string{"config", "show", "--config=testdata/noded.yaml", "-o", "json"}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, tt.environ, tt.args...)
			if code != ExitOK || stderr != "" {
				t.Errorf("exit code %d, stderr %q", code, stderr)
			}
			golden(t, tt.file, stdout)
		})
	}
}

func TestShownYAMLIsAConfiguration(t *testing.T) {
	t.Parallel()
	args := []string{"config", "show", "-o", "yaml", "--config", "testdata/noded.yaml"}
	_, first, _ := run(t, nil, args...)
	path := filepath.Join(t.TempDir(), "noded.yaml")
	if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	args[len(args)-1] = path
	code, second, stderr := run(t, nil, args...)
	if code != ExitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var a, b map[string]map[string]string
	for text, into := range map[string]*map[string]map[string]string{first: &a, second: &b} {
		if err := yaml.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("values change on the way (-first +second):\n%s", diff)
	}
}

func TestShownJSONIsJSON(t *testing.T) {
	t.Parallel()
	_, stdout, _ := run(t, nil, "config", "show", "-o", "json", "--config", "testdata/noded.yaml")
	var items []map[string]any
	if err := json.Unmarshal([]byte(stdout), &items); err != nil || len(items) < 20 {
		t.Errorf("%d items, %v", len(items), err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("log:\n  levle: info\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		environ []string
		args    []string
		code    int
		stdout  string
		stderr  string
	}{
		{"good", nil, []string{"testdata/noded.yaml"}, 0, "testdata/noded.yaml: ok\n", ""},
		{"bad", nil, []string{bad}, 2, "", "noded: configuration:\n" + bad + ":2: log.levle: unknown key; did you mean log.level?\n"},
		{"bad variable", []string{"NODED_LOG_FORMAT=xml"}, []string{"testdata/noded.yaml"}, 2, "", "noded: configuration:\nNODED_LOG_FORMAT: log.format: \"xml\": want one of auto, text, json, journald\n"},
		{"unknown variable", []string{"NODED_LOG_LEVLE=x"}, []string{"testdata/noded.yaml"}, 0, "testdata/noded.yaml: ok\n", "noded: warning: environment variable NODED_LOG_LEVLE is not known; did you mean NODED_LOG_LEVEL?\n"},
		{"missing", nil, []string{"/nowhere"}, 2, "", "noded: configuration:\n/nowhere: no such file or directory\n"},
		{"two files", nil, []string{"a", "b"}, 2, "", "noded: unknown argument \"b\"; see noded config check --help\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, tt.environ, append([]string{"config", "check"}, tt.args...)...)
			if code != tt.code || stdout != tt.stdout || stderr != tt.stderr {
				t.Errorf("config check = %d, %q, %q\nwant %d, %q, %q", code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"config", "shwo"}, `unknown argument "shwo"; see noded config --help`},
		{[]string{"config", "show", "-o", "xml"}, `output format "xml": want table, json or yaml`},
		{[]string{"version", "x"}, `unknown argument "x"; see noded version --help`},
		{[]string{"--nope"}, "unknown flag: --nope; see noded --help"},
	}
	for _, tt := range tests {
		if code, _, stderr := run(t, nil, tt.args...); code != ExitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("noded %q = %d, %q, want %q", tt.args, code, stderr, tt.want)
		}
	}
}
