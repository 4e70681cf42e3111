// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/noded/noded/journal/unitname"
)

// unitItem is a unit in JSON and YAML.
type unitItem struct {
	Name string `json:"name"`
}

func newGetUnitsCommand(g *globals) *cobra.Command {
	f := &getFlags{}
	var user bool
	cmd := &cobra.Command{
		Use:     "units [PATTERN]...",
		Aliases: []string{"unit"},
		Short:   "List the units that have logged",
		Example: "  nodectl get units\n  nodectl get units 'kube*' -o name",
		RunE: func(cmd *cobra.Command, args []string) error {
			var patterns []string
			for _, arg := range args {
				pattern, err := unitname.Mangle(arg, true)
				if err != nil {
					return err
				}
				patterns = append(patterns, pattern)
			}
			b, err := f.open(g, cmd)
			if err != nil {
				return err
			}
			defer b.Close()
			names, err := b.Units(cmd.Context(), patterns, user)
			if err != nil {
				return advise(err, f.source)
			}
			if err := printUnits(g, f, names); err != nil {
				return err
			}
			g.tellSource(cmd.Context(), b, f.source)
			return g.tellUnmatched(cmd.Context(), b, patterns, user, names)
		},
	}
	f.define(cmd)
	cmd.Flags().BoolVar(&user, "user", false, "list units of user managers")
	return cmd
}

// tellUnmatched says on stderr which patterns none of names matches, and what is near them.
func (g *globals) tellUnmatched(ctx context.Context, b backend, patterns []string, user bool, names []string) error {
	patterns = slices.DeleteFunc(patterns, func(p string) bool { return unknownUnit(p, names) == "" })
	if len(patterns) == 0 {
		return nil
	}
	known, err := b.Units(ctx, nil, user)
	if err != nil {
		return err
	}
	for _, p := range patterns {
		if line := unknownUnit(p, known); line != "" {
			fmt.Fprintln(g.Err, line)
		}
	}
	return nil
}

func printUnits(g *globals, f *getFlags, names []string) error {
	switch f.format {
	case "json", "yaml":
		items := make([]unitItem, len(names))
		for i, name := range names {
			items[i].Name = name
		}
		return printValue(g.Out, f.format, items)
	case "name":
		if len(names) == 0 {
			return nil
		}
		return printLines(g.Out, strings.Split(visible(strings.Join(names, "\t")), "\t"))
	}
	rows := make([][]string, len(names))
	for i, name := range names {
		rows[i] = []string{visible(name)}
	}
	header := []string{"NAME"}
	if f.noHeaders {
		header = nil
	}
	return writeTable(g.Out, tableStyle{separator: "   "}, header, rows)
}
