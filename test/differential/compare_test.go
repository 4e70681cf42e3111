// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// isJSON reports whether the command line asks for a mode that is compared after parsing.
func isJSON(args string) bool { return strings.Contains(args, "-o json") }

// compare returns how the outputs differ, empty if they do not.
func compare(args string, want, got []byte) string {
	if bytes.Equal(want, got) {
		return ""
	}
	if !isJSON(args) {
		return firstDifference(want, got)
	}
	a, err := parseJSON(want)
	if err != nil {
		return "journalctl's output: " + err.Error()
	}
	b, err := parseJSON(got)
	if err != nil {
		return "nodectl's output: " + err.Error()
	}
	if len(a) != len(b) {
		return fmt.Sprintf("journalctl wrote %d objects, nodectl %d", len(a), len(b))
	}
	for i := range a {
		if diff := cmp.Diff(a[i], b[i]); diff != "" {
			return fmt.Sprintf("object %d (-journalctl +nodectl):\n%s", i, diff)
		}
	}
	return ""
}

// parseJSON reads the objects of the four JSON modes and the lines between them.
func parseJSON(text []byte) ([]any, error) {
	var out []any
	text = bytes.ReplaceAll(text, []byte("\x1e"), nil)
	text = bytes.TrimPrefix(bytes.ReplaceAll(text, []byte("\ndata: "), []byte("\n")), []byte("data: "))
	var objects bytes.Buffer
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("-- ")) {
			out = append(out, string(line))
			continue
		}
		objects.Write(line)
	}
	d := json.NewDecoder(&objects)
	d.UseNumber()
	for {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", len(out), err)
		}
		out = append(out, v)
	}
}

func firstDifference(want, got []byte) string {
	a, b := bytes.SplitAfter(want, []byte("\n")), bytes.SplitAfter(got, []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			return fmt.Sprintf("line %d of %d and %d:\n  journalctl %s\n  nodectl    %s", i+1, len(a), len(b), clip(a[i]), clip(b[i]))
		}
	}
	return fmt.Sprintf("journalctl wrote %d lines, nodectl %d; all that both have are equal", len(a), len(b))
}

func clip(line []byte) string {
	const most = 300
	if len(line) > most {
		return fmt.Sprintf("%q and %d bytes more", line[:most], len(line)-most)
	}
	return fmt.Sprintf("%q", line)
}
