// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// listFormats are the values of --output of the commands that print lists.
func listFormats() []string { return []string{"table", "wide", "name", "json", "yaml"} }

// listFlag adds --output to a command.
func listFlag(cmd *cobra.Command, format *string, formats []string) {
	cmd.Flags().StringVarP(format, "output", "o", "table", "print as one of: "+joinWords(formats))
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
		// JSON is YAML: reading it keeps the order and the names.
		var node yaml.Node
		if err := yaml.Unmarshal(text, &node); err != nil {
			return err
		}
		blockStyle(&node)
		if text, err = yaml.Marshal(&node); err != nil {
			return err
		}
	}
	_, err = w.Write(text)
	return err
}

// blockStyle takes the braces and quotes of JSON away.
func blockStyle(node *yaml.Node) {
	node.Style = 0
	for _, child := range node.Content {
		blockStyle(child)
	}
}
