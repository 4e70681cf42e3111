// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/noded/noded/journal"
)

// bootItem is a boot in JSON and YAML; the names are those of journalctl --list-boots -o json.
type bootItem struct {
	Index      int          `json:"index"`
	BootID     string       `json:"boot_id"`
	FirstEntry journal.Usec `json:"first_entry"`
	LastEntry  journal.Usec `json:"last_entry"`
}

func newGetBootsCommand(g *globals) *cobra.Command {
	f := &getFlags{}
	cmd := &cobra.Command{
		Use:     "boots",
		Aliases: []string{"boot"},
		Short:   "List the boots that the journal holds",
		Args:    requireNoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := f.open(g, cmd)
			if err != nil {
				return err
			}
			defer b.Close()
			boots, err := b.Boots(cmd.Context())
			if err != nil {
				return advise(err, f.source)
			}
			if err := printBoots(g, f, boots); err != nil {
				return err
			}
			g.tellSource(cmd.Context(), b, f.source)
			return nil
		},
	}
	f.define(cmd)
	cmd.Flags().BoolVar(&f.utc, "utc", false, "print times in UTC")
	return cmd
}

func printBoots(g *globals, f *getFlags, boots []journal.Boot) error {
	items := make([]bootItem, len(boots))
	var rows [][]string
	for i, b := range boots {
		items[i] = bootItem{Index: i - len(boots) + 1, BootID: b.ID.String(), FirstEntry: b.First, LastEntry: b.Last}
		row := []string{strconv.Itoa(items[i].Index), items[i].BootID, stamp(b.First, f.utc), stamp(b.Last, f.utc)}
		if f.format == "wide" {
			row = append(row, ago(b.Last.Time().Sub(b.First.Time())))
		}
		rows = append(rows, row)
	}
	switch f.format {
	case "json", "yaml":
		return printValue(g.Out, f.format, items)
	case "name":
		for _, item := range items {
			if err := printLines(g.Out, []string{item.BootID}); err != nil {
				return err
			}
		}
		return nil
	}
	header := []string{"IDX", "BOOT ID", "FIRST", "LAST"}
	if f.format == "wide" {
		header = append(header, "DURATION")
	}
	if f.noHeaders {
		header = nil
	}
	return writeTable(g.Out, tableStyle{rightFirst: true, separator: "   "}, header, rows)
}
