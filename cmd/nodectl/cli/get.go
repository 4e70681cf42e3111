// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/engines"
)

// getFlags are the options of nodectl get and what is beneath it.
type getFlags struct {
	directory, root string
	files           []string
	engine          string
	format          string
	utc, noHeaders  bool
	// source is what the options name; nil means noded. Set by open.
	source *journal.Source
}

func newGetCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get",
		Short: "List pods, containers, units or boots",
		Long:  "List what a node has: its pods and containers, and the units and boots of its journal.",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newGetPodsCommand(g), newGetContainersCommand(g), newGetUnitsCommand(g), newGetBootsCommand(g))
	return cmd
}

func (f *getFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	listFlag(cmd, &f.format, listFormats())
	flags.BoolVar(&f.noHeaders, "no-headers", false, "leave out the line of headings")
	flags.StringVarP(&f.directory, "directory", "D", "", "read the journal files in `DIR`, with no daemon")
	flags.StringArrayVarP(&f.files, "file", "i", nil, "read the journal file `PATH` (a pattern; may be repeated)")
	flags.StringVar(&f.root, "root", "", "read the journals of the system below `DIR`")
	flags.StringVar(&f.engine, "engine", "auto", engineHelp)
	complete(cmd, "engine", engines.Names()...)
}

// open opens the files that the options name, or noded.
func (f *getFlags) open(g *globals, cmd *cobra.Command) (backend, error) {
	if err := checkFormat(f.format, listFormats()); err != nil {
		return nil, err
	}
	if _, err := parseEngine(f.engine, engines.HasLibsystemd); err != nil {
		return nil, err
	}
	if err := checkSourceFlags(cmd.Flags(), f.files); err != nil {
		return nil, withHelpHint(err, cmd)
	}
	if f.directory != "" || f.root != "" || len(f.files) > 0 {
		f.source = &journal.Source{Directory: f.directory, Root: f.root, Files: f.files}
	}
	return g.openBackend(f.source, f.engine)
}
