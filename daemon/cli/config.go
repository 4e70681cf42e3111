// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/noded/noded/daemon/config"
)

func newConfigCommand(o Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the configuration",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCheckCommand(o), newShowCommand(o))
	return cmd
}

func newCheckCommand(o Options) *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration file",
		Long: `Check a configuration file, together with flags and environment as noded would use it. Every
problem is printed with its line. Exit status 2 means that noded would refuse the file.`,
		Example: `  noded config check
  noded config check ./noded.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			return noArgs(cmd, args[min(1, len(args)):])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s := sources(cmd, o)
			if len(args) > 0 {
				s.File, s.FileRequired = args[0], true
			}
			loaded, err := config.Load(s)
			if err != nil {
				return usageError{fmt.Errorf("configuration:\n%w", err)}
			}
			for _, warning := range loaded.Warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "noded: warning: %s\n", warning)
			}
			if loaded.File == "" {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s does not exist; the defaults are ok\n", s.File)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", loaded.File)
			}
			return err
		},
	}
}

func newShowCommand(o Options) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print every value and where it comes from",
		Long: `Print the effective value of every key and where it comes from: a flag, an environment variable, FILE:LINE, or
the default. The yaml form can be used as a configuration file.`,
		Example: `  noded config show
  noded config show -o yaml
  NODED_LOG_LEVEL=debug noded config show -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := config.Load(sources(cmd, o))
			if err != nil {
				return usageError{fmt.Errorf("configuration:\n%w", err)}
			}
			return show(cmd.OutOrStdout(), format, loaded.Values)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "output format: table, json or yaml")
	return cmd
}

func show(w io.Writer, format string, values []config.Value) error {
	switch format {
	case "table":
		return showTable(w, values)
	case "json":
		return showJSON(w, values)
	case "yaml":
		return showYAML(w, values)
	default:
		return usageError{fmt.Errorf("output format %q: want table, json or yaml", format)}
	}
}

func showTable(w io.Writer, values []config.Value) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "KEY\tVALUE\tORIGIN")
	for _, v := range values {
		text := v.Text
		if text == "" {
			text = `""`
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", v.Key.Name, text, v.Origin)
	}
	return t.Flush()
}

func showJSON(w io.Writer, values []config.Value) error {
	type item struct {
		Key        string `json:"key"`
		Value      string `json:"value"`
		Origin     string `json:"origin"`
		Default    string `json:"default"`
		Variable   string `json:"variable"`
		Reloadable bool   `json:"reloadable"`
	}
	items := make([]item, len(values))
	for i, v := range values {
		items[i] = item{v.Key.Name, v.Text, v.Origin.String(), v.Key.Default, v.Key.Variable(), v.Key.Reloadable}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(items)
}

func showYAML(w io.Writer, values []config.Value) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	sections := make(map[string]*yaml.Node)
	for _, v := range values {
		section, name, _ := strings.Cut(v.Key.Name, ".")
		node := sections[section]
		if node == nil {
			node = &yaml.Node{Kind: yaml.MappingNode}
			sections[section] = node
			root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: section}, node)
		}
		text := &yaml.Node{Kind: yaml.ScalarNode, Value: v.Text, LineComment: v.Origin.String()}
		if v.Text == "" {
			text.Style = yaml.DoubleQuotedStyle
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, text)
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return err
	}
	return e.Close()
}
