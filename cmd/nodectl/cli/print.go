// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// listFormats are the values of --output of the commands that print lists.
func listFormats() []string { return []string{"table", "wide", "name", "json", "yaml"} }

// listFlag adds --output to a command.
func listFlag(cmd *cobra.Command, format *string, formats []string) {
	cmd.Flags().StringVarP(format, "output", "o", "table", "print in this `FORMAT`: "+joinWords(formats))
	complete(cmd, "output", formats...)
}

func checkFormat(format string, formats []string) error {
	for _, f := range formats {
		if f == format {
			return nil
		}
	}
	return &usageError{err: fmt.Errorf("--output %q: want one of %s", format, joinWords(formats)), hint: "--output " + formats[0]}
}

func joinWords(words []string) string {
	var b bytes.Buffer
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(w)
	}
	return b.String()
}

// printValue prints a value as JSON or YAML, with the names that its json tags give.
func printValue(w io.Writer, format string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if format == "yaml" {
		// JSON is YAML, but for control characters: reading it keeps the order and the names.
		var node yaml.Node
		if err := yaml.Unmarshal(escapeUnseen(text, true), &node); err != nil {
			return err
		}
		blockStyle(&node)
		if text, err = yaml.Marshal(&node); err != nil {
			return err
		}
	}
	_, err = w.Write(escapeUnseen(text, format == "yaml"))
	return err
}

// jsonLine is a value on a line of its own.
func jsonLine(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(escapeUnseen(text, false)), err
}

// unseen: what a terminal could obey, or that makes text look like another one. JSON escapes what is below a blank itself.
func unseen(r rune) bool { return r >= 0x7f && r != utf8.RuneError && !strconv.IsPrint(r) }

// escapeUnseen writes what is unseen in strings of JSON, or in double quotes in YAML, as escapes of the same meaning.
func escapeUnseen(text []byte, isYAML bool) []byte {
	if bytes.IndexFunc(text, unseen) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	for _, r := range string(text) {
		switch {
		case !unseen(r):
			out = utf8.AppendRune(out, r)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		case isYAML:
			out = fmt.Appendf(out, `\U%08x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}

// blockStyle takes the braces and quotes of JSON away, but for strings that need escapes.
func blockStyle(node *yaml.Node) {
	node.Style = 0
	if strings.ContainsFunc(node.Value, unseen) {
		node.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range node.Content {
		blockStyle(child)
	}
}
