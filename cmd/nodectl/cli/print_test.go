// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// TestPrintValueUnseen: nothing that a terminal could obey is printed raw, and what is read again is the same.
func TestPrintValueUnseen(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"a\u202eb": "C1 \u0085\u009b31m DEL \x7f bidi \u2066x\u2069 tab \t line\nline \x1b[2J", "long": strings.Repeat("word \u200b ", 50), "tag": "\U000e0041", "plain": "é 日本 😀 \ufffd: #",
		"quoted": `\u202e`,
	}
	for format, read := range map[string]func([]byte, any) error{"json": json.Unmarshal, "yaml": yaml.Unmarshal} {
		var out bytes.Buffer
		if err := printValue(&out, format, []map[string]string{want}); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(out.String(), unseen); i >= 0 || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s has %q", format, out.String()[max(i, 0):])
		}
		if !strings.Contains(out.String(), "é 日本") {
			t.Errorf("%s escapes what can be seen:\n%s", format, out.String())
		}
		var got []map[string]string
		if err := read(out.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v\n%s", format, err, out.String())
		}
		if diff := cmp.Diff([]map[string]string{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
	line, err := jsonLine("\u009b")
	if err != nil || line != `"\u009b"` {
		t.Errorf("a line is %s, %v", line, err)
	}
}

// TestTableTabs: a tabulator in a name moves no column.
func TestTableTabs(t *testing.T) {
	t.Parallel()
	for _, write := range []func(*bytes.Buffer) error{
		func(out *bytes.Buffer) error { return writeColumns(out, []string{"A", "B"}, [][]string{{"x\ty", "z"}}) },
		func(out *bytes.Buffer) error {
			return writeTable(out, tableStyle{separator: "   "}, []string{"A", "B"}, [][]string{{"x\ty", "z"}})
		},
	} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		if strings.Index(lines[0], "B") != strings.Index(lines[1], "z") || !strings.Contains(lines[1], `x\ty`) {
			t.Errorf("%q", lines)
		}
	}
}

// TestReportHint: what to try can have a name of others in it.
func TestReportHint(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	report(&out, &hintError{err: errors.New("a\x1b"), hint: "nodectl top node \x1b[2J"})
	if want := "error: a\\x1b\nTry: nodectl top node \\x1b[2J\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
