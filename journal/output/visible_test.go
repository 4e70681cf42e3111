// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/output"
)

var update = flag.Bool("update", false, "write the golden files")

// hostileTexts are texts that would drive or deceive a terminal.
func hostileTexts() []string {
	return []string{
		"clipboard \x1b]52;c;ZXZpbA==\x07 done",
		"link \x1b]8;;http://evil.example\x1b\\text\x1b]8;;\x1b\\ done",
		"report \x1b[6n done",
		"colours \x1b[31mred\x1b[0m are dropped",
		"lone csi \x9b31m and c1 \u009b31m done",
		"visible text\roverwritten",
		"first half \x1b]52;c;",
		"ZXZpbA==\x07 second half",
		"bell \a backspace \b\b\b delete \x7f nul \x00 done",
		"right \u202eot tfel\u202c isolate \u2066x\u2069 marks \u200e\u200f\u061c done",
		"cut \xe4\xb8 overlong \xc0\x80 surrogate \xed\xa0\x80 done",
		"tab\tand\nnext line \u00e9\u4e16 stay",
		"escape at the end \x1b",
		strings.Repeat("\x01", 5000),
	}
}

// hostileRecord puts the text into every field that the modes print.
func hostileRecord(text string) *journal.Record {
	r := &journal.Record{
		Header:  journal.Header{Realtime: 1700000000000000, Monotonic: 5000000, Seqnum: 1},
		Catalog: "Subject: " + text,
	}
	for _, name := range []string{
		"_HOSTNAME", "SYSLOG_IDENTIFIER", "_COMM", "_PID", "SYSLOG_PID", "_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT", "MESSAGE", "OTHER", "PRIORITY",
	} {
		r.Fields = append(r.Fields, journal.Field{Name: name, Value: []byte(text)})
	}
	return r
}

func TestVisibleGolden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"short", "with-unit", "verbose", "cat", "json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mode, err := output.ParseMode(name)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			p := output.New(&got, output.Options{Mode: mode, Visible: true, Location: time.UTC})
			for _, text := range hostileTexts() {
				r := hostileRecord(text)
				r.Fields[0].Value = []byte("host")
				r.Fields[1].Value = []byte("a\nb\u202e")
				if err := p.Print(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "visible-"+name+".golden")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("output differs from %s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// forbidden returns the first byte or character in b that must not reach a terminal.
func forbidden(b []byte, mode output.Mode) (string, bool) {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		bad := r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError && n == 1 ||
			r == 0x61c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		if mode == output.JSONSeq && r == 0x1e && (i == 0 || b[i-1] == '\n') {
			bad = false
		}
		if bad {
			return string(b[max(0, i-10):min(len(b), i+10)]), true
		}
		i += n
	}
	return "", false
}

// FuzzVisible checks that no text gets a forbidden character to a terminal in any mode but export, and that one
// record of a JSON mode is one object with that text.
func FuzzVisible(f *testing.F) {
	for i, text := range hostileTexts() {
		f.Add([]byte(text), i%2 == 0, i%3 == 0, uint8(i*9))
	}
	f.Fuzz(func(t *testing.T, text []byte, all, noFull bool, width uint8) {
		for _, name := range output.Modes() {
			mode, _ := output.ParseMode(name)
			if mode == output.Export {
				continue
			}
			var got bytes.Buffer
			p := output.New(&got, output.Options{
				Mode: mode, Visible: true, All: all, NoFull: noFull, Width: int(width), Catalog: true, Location: time.UTC,
			})
			if err := errors.Join(p.Print(hostileRecord(string(text))), p.Flush()); err != nil {
				t.Fatal(err)
			}
			if context, bad := forbidden(got.Bytes(), mode); bad {
				t.Fatalf("mode %s: forbidden character in %q", name, context)
			}
			if mode == output.JSON {
				checkJSON(t, got.Bytes(), text, all)
			}
		}
	})
}

func checkJSON(t *testing.T, line, text []byte, all bool) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(line, &object); err != nil {
		t.Fatalf("decode %q: %v", line, err)
	}
	switch got := object["MESSAGE"].(type) {
	case string:
		if got != string(text) {
			t.Errorf("MESSAGE is %q, want %q", got, text)
		}
	case []any:
		if len(got) != len(text) {
			t.Errorf("MESSAGE has %d bytes, want %d", len(got), len(text))
		}
	case nil:
		if all {
			t.Error("MESSAGE is null although all is shown")
		}
	}
}
