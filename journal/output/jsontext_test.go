// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// plainlyPrintable is printable without any haste.
func plainlyPrintable(s []byte, newline bool) bool {
	for _, r := range string(s) {
		if r < ' ' && r != '\t' && (r != '\n' || !newline) || r >= 0x7f && r < 0xa0 || nonCharacter(r) {
			return false
		}
	}
	return utf8.Valid(s)
}

// plainJSONText is appendJSONText without any haste.
func plainJSONText(s []byte) (string, bool) {
	var b strings.Builder
	for _, r := range string(s) {
		switch {
		case r == '"' || r == '\\':
			b.WriteString("\\" + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case hiddenRune(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), plainlyPrintable(s, true)
}

func checkText(t *testing.T, s []byte) {
	t.Helper()
	for _, newline := range []bool{false, true} {
		if got, want := printable(s, newline), plainlyPrintable(s, newline); got != want {
			t.Fatalf("printable(%q, %v) = %v, want %v", s, newline, got, want)
		}
	}
	want, wantOK := plainJSONText(s)
	// Buffers of different room.
	for _, room := range []int{0, 1, 7, 8, 9, len(s), 2*len(s) + 64} {
		b := append(make([]byte, 0, room+1), '>')
		got, ok := appendJSONText(b, s)
		if ok != wantOK || ok && string(got) != ">"+want {
			t.Fatalf("appendJSONText(%q) = %q, %v, want %q, %v", s, got, ok, want, wantOK)
		}
	}
	if !wantOK {
		return
	}
	var value string
	if err := json.Unmarshal([]byte(`"`+want+`"`), &value); err != nil || value != string(s) {
		t.Fatalf("the JSON of %q is read as %q, %v", s, value, err)
	}
}

// TestTextBytes puts every byte at every place of a plain text.
func TestTextBytes(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 2, 7, 8, 9, 16, 19} {
		for place := range length {
			for c := range 256 {
				s := bytes.Repeat([]byte{'a'}, length)
				s[place] = byte(c)
				checkText(t, s)
			}
		}
	}
}

// TestTextRunes has every character of the basic plane, those around each border of the others, and what is not UTF-8.
func TestTextRunes(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if r > 0x10000 && r&0xffff > 3 && r&0xffff < 0xfffc {
			continue
		}
		checkText(t, []byte(string(r)+string(r)+" a"))
	}
	for first := 0xc0; first <= 0xff; first++ {
		for second := 0x70; second <= 0xff; second++ {
			for _, rest := range []string{"", "a", "\x80", "\xbf", "\x80\x80", "\xbf\xbf", "\xc0\x80"} {
				checkText(t, []byte(string([]byte{byte(first), byte(second)})+rest))
			}
		}
	}
}

// FuzzText compares what is found eight bytes at a time with what is found one character at a time.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"", "plain", `a "quoted" text with \`, "two\nlines\tand a tab", "служба запущена", "服务启动成功", "die größte Übung", "bidi \u202e\u061c", "\xd8\x9c\xd8", "\ufdd0", "cut \xe4\xb8", "\x00\x7f\u0085",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(checkText)
}
