// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendTerminal(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", ""},
		{"plain text", "plain text"},
		{"tab\tand ä ✓ 日本", "tab\tand ä ✓ 日本"},
		{"\x1b[31mred\x1b[0m and \x1b[1;38;5;9mmore", "red and more"},
		{"progress\r", "progress"},
		{"over\rwritten", `over\x0dwritten`},
		{"\x1b]52;c;aGk=\x07", `\x1b]52;c;aGk=\x07`},
		{"\x1b]8;;http://x\x1b\\", `\x1b]8;;http://x\x1b\`},
		{"\x1b[6n", `\x1b[6n`},
		{"lone \x9b31m", `lone \x9b31m`},
		{"c1 \u009b31m", `c1 \u009b31m`},
		{"bidi \u202e end", `bidi \u202e end`},
		{"two\nlines", `two\x0alines`},
		{"del \x7f nul \x00", `del \x7f nul \x00`},
		{"cut \xe2\x9c", `cut \xe2\x9c`},
	}
	for _, tt := range tests {
		if got := string(AppendTerminal([]byte("> "), []byte(tt.text))); got != "> "+tt.want {
			t.Errorf("AppendTerminal(%q) = %q, want %q", tt.text, got, "> "+tt.want)
		}
	}
}

func TestAppendJSONString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, want string
		exact      bool
	}{
		{"", `""`, true},
		{`say "hi" \ there`, `"say \"hi\" \\ there"`, true},
		{"\x1b[31mred\r\n\t", `"\u001b[31mred\r\n\t"`, true},
		{"ä \u202e \u0085 \x7f", `"ä \u202e \u0085 \u007f"`, true},
		{"bad \xff\xfe end", `"bad \ufffd\ufffd end"`, false},
		{"honest \ufffd \x00", "\"honest \ufffd \\u0000\"", true},
	}
	for _, tt := range tests {
		got, exact := AppendJSONString(nil, []byte(tt.text))
		if string(got) != tt.want || exact != tt.exact {
			t.Errorf("AppendJSONString(%q) = %s, %v, want %s, %v", tt.text, got, exact, tt.want, tt.exact)
		}
	}
}

// FuzzForeign wants that no byte that drives a terminal gets through, and that JSON gives the text back.
func FuzzForeign(f *testing.F) {
	f.Add([]byte("a\x1b[31mb\x1b]0;t\x07\u202e\x9b\xff"))
	f.Add([]byte("plain"))
	f.Fuzz(func(t *testing.T, text []byte) {
		shown := AppendTerminal(nil, text)
		if !utf8.Valid(shown) {
			t.Errorf("AppendTerminal(%q) = %q is not UTF-8", text, shown)
		}
		for _, r := range string(shown) {
			if r < ' ' && r != '\t' || r == 0x7f || hiddenRune(r) {
				t.Errorf("AppendTerminal(%q) = %q has %U", text, shown, r)
			}
		}
		got, exact := AppendJSONString(nil, text)
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("AppendJSONString(%q) = %s: %v", text, got, err)
		}
		if exact != utf8.Valid(text) {
			t.Errorf("AppendJSONString(%q): exact = %v", text, exact)
		}
		if exact && back != string(text) {
			t.Errorf("AppendJSONString(%q) gives back %q", text, back)
		}
		if bytes.ContainsAny(got, "\x1b\n\r") || strings.ContainsRune(string(got), 0x202e) {
			t.Errorf("AppendJSONString(%q) = %q is not safe", text, got)
		}
	})
}
