// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/output"
)

func record(fields ...string) *journal.Record {
	r := &journal.Record{Header: journal.Header{
		Realtime: 1700000000123456, Monotonic: 5000000, Seqnum: 7, XorHash: 0xabc,
		BootID: journal.ID128{1}, SeqnumID: journal.ID128{2},
	}}
	for i := 0; i < len(fields); i += 2 {
		r.Fields = append(r.Fields, journal.Field{Name: fields[i], Value: []byte(fields[i+1])})
	}
	return r
}

func printed(t *testing.T, o output.Options, r *journal.Record) string {
	t.Helper()
	o.Location = time.UTC
	return string(render(t, o, []*journal.Record{r}))
}

func TestParseMode(t *testing.T) {
	t.Parallel()
	if n := len(output.Modes()); n != 16 {
		t.Errorf("%d modes, want 16", n)
	}
	for _, name := range output.Modes() {
		if m, err := output.ParseMode(name); err != nil || m.String() != name {
			t.Errorf("ParseMode(%q) = %v, %v", name, m, err)
		}
	}
	_, err := output.ParseMode("yaml")
	if !errors.Is(err, journal.ErrInvalidQuery) || !strings.Contains(err.Error(), "json-pretty") {
		t.Errorf("ParseMode(yaml): %v, want an ErrInvalidQuery that names the modes", err)
	}
}

func TestHighlight(t *testing.T) {
	t.Parallel()
	find := func(message []byte) (int, int, bool) {
		i := bytes.Index(message, []byte("needle"))
		return i, i + 6, i >= 0
	}
	const on, match, off = "\x1b[0;1;31m", "\x1b[0;1;39m", "\x1b[0m"
	for _, tt := range []struct{ mode, message, want string }{
		{"cat", "a needle b", on + "a " + match + "needle" + on + " b" + off + "\n"},
		{"cat", "none", on + match + on + "none" + off + "\n"},
		{"short", "a needle", "Nov 14 22:13:20 unknown: " + on + "a " + match + "needle" + off + "\n"},
		{"short", "first\nneedle b", "Nov 14 22:13:20 unknown: " + on + "first" + off + "\n                 " + on + match + "needle" + on + " b" + off + "\n"},
		{"short", "\ta needle b", "Nov 14 22:13:20 unknown: " + on + "        a " + match + "needle" + on + " b" + off + "\n"},
	} {
		mode, _ := output.ParseMode(tt.mode)
		got := printed(t, output.Options{Mode: mode, Color: true, Highlight: find}, record("MESSAGE", tt.message, "PRIORITY", "3"))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %q differs (-want +got):\n%s", tt.mode, tt.message, diff)
		}
	}
}

func TestTruncateNewline(t *testing.T) {
	t.Parallel()
	got := printed(t, output.Options{TruncateNewline: true}, record("MESSAGE", "one\ntwo"))
	if want := "Nov 14 22:13:20 unknown: one\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCatFields(t *testing.T) {
	t.Parallel()
	got := printed(t, output.Options{Mode: output.Cat, OutputFields: []string{"B", "MISSING", "A"}}, record("A", "1", "B", "2", "MESSAGE", "m"))
	if want := "2\n1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestForgedFields: names that only the header may have, and names that are none, are not printed.
func TestForgedFields(t *testing.T) {
	t.Parallel()
	r := record("__REALTIME_TIMESTAMP", "0", "__CURSOR", "x", "_BOOT_ID", "x", "bad\"name", "x", "A=B", "x", "MESSAGE", "m")
	for _, mode := range []output.Mode{output.JSON, output.Export} {
		got := printed(t, output.Options{Mode: mode}, r)
		for _, bad := range []string{`"x"`, "=x\n", "bad", "A=B"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s prints %q in %q", mode, bad, got)
			}
		}
	}
}

// TestRepeatedFields covers the ways in which repeated fields are found.
func TestRepeatedFields(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 63, 64, 65, 300} {
		var fields []string
		want := map[string][]string{}
		for i := range n {
			name, value := fmt.Sprintf("F%d", i*i%7), fmt.Sprint(i)
			fields = append(fields, name, value)
			want[name] = append(want[name], value)
		}
		for _, mode := range []output.Mode{output.JSON, output.JSONPretty} {
			var object map[string]any
			if err := json.Unmarshal([]byte(printed(t, output.Options{Mode: mode}, record(fields...))), &object); err != nil {
				t.Fatal(err)
			}
			got := map[string][]string{}
			for name := range want {
				switch v := object[name].(type) {
				case string:
					got[name] = []string{v}
				case []any:
					for _, item := range v {
						got[name] = append(got[name], item.(string))
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d fields in %s differ (-want +got):\n%s", n, mode, diff)
			}
		}
	}
}

func TestBoot(t *testing.T) {
	t.Parallel()
	for _, name := range output.Modes() {
		mode, _ := output.ParseMode(name)
		var b bytes.Buffer
		p := output.New(&b, output.Options{Mode: mode})
		if err := errors.Join(p.Boot(journal.ID128{0xab}), p.Flush()); err != nil {
			t.Fatal(err)
		}
		want := "-- Boot ab000000000000000000000000000000 --\n"
		if mode.Machine() {
			want = ""
		}
		if b.String() != want {
			t.Errorf("%s: Boot prints %q, want %q", name, b.String(), want)
		}
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteError(t *testing.T) {
	t.Parallel()
	p := output.New(failingWriter{}, output.Options{})
	if err := p.Print(record("MESSAGE", "m")); err != nil {
		t.Errorf("Print before anything is written: %v", err)
	}
	if err := p.Flush(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Flush: %v, want the error of the writer", err)
	}
	if err := p.Print(record("MESSAGE", "m")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Print after an error: %v, want it again", err)
	}
}
