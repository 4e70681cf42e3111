// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLanguage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		environ map[string]string
		want    string
	}{
		{nil, ""},
		{map[string]string{"LANG": "de_DE.UTF-8"}, "de_DE"},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_MESSAGES": "fr_FR@euro"}, "fr_FR"},
		{map[string]string{"LC_ALL": "C", "LANG": "de_DE"}, "C"},
	}
	for _, tt := range tests {
		if got := language(func(name string) string { return tt.environ[name] }); got != tt.want {
			t.Errorf("language(%v) = %q, want %q", tt.environ, got, tt.want)
		}
	}
}

func TestSystemJournal(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	expect := func(want string) {
		t.Helper()
		if got := systemJournal(root); got != want {
			t.Errorf("systemJournal = %q, want %q", got, want)
		}
	}
	expect("/var/log/journal")
	for _, directory := range []string{"/run/log/journal", "/var/log/journal"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
		expect(directory)
	}
}
