// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/daemon/config"
)

// The file that the packages install sets nothing, and with every "#" removed it sets every key to its default.
func TestConfigFile(t *testing.T) {
	t.Parallel()
	installed := configFile()
	live := regexp.MustCompile(`(?m)^#( ? ?[a-z_]+:)`).ReplaceAll(installed, []byte("$1"))
	if bytes.Equal(installed, live) {
		t.Fatal("no key was found")
	}
	for name, content := range map[string][]byte{"installed": installed, "every key set": live} {
		file := filepath.Join(t.TempDir(), "noded.yaml")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		defaults, err := config.Load(config.Sources{})
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(config.Sources{File: file})
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, content)
			continue
		}
		for _, k := range config.Keys() {
			if want, got := k.Text(&defaults.Config), k.Text(&loaded.Config); got != want {
				t.Errorf("%s: %s = %q, want %q", name, k.Name, got, want)
			}
			if !bytes.Contains(installed, []byte("#  "+k.Name[strings.IndexByte(k.Name, '.')+1:]+":")) {
				t.Errorf("%s is missing", k.Name)
			}
		}
	}
}

func TestRoff(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"paragraphs", "one\ntwo\n\nthree", "one\ntwo\n.PP\nthree\n"},
		{"no requests", ".SH\n'br\na\\b -x", "\\&.SH\n\\&'br\na\\eb \\-x\n"},
		{"literal", "see:\n\n  a\n\n  b\n\nend", "see:\n.PP\n.RS 4\n.nf\na\n\nb\n.fi\n.RE\n.PP\nend\n"},
		{"literal first", "\n  a\n    b", ".PP\n.RS 4\n.nf\na\n  b\n.fi\n.RE\n"},
	}
	for _, tt := range tests {
		p := &page{}
		p.text(tt.text)
		if diff := cmp.Diff(tt.want, p.String()); diff != "" {
			t.Errorf("%s: text(%q) (-want +got):\n%s", tt.name, tt.text, diff)
		}
	}
}
