// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/noded/noded/client"
)

// globals are the options of every command.
type globals struct {
	Streams
	address string
	timeout time.Duration
	color   string
}

// NewCommand returns the command tree.
func NewCommand(s Streams) *cobra.Command {
	g := &globals{Streams: s}
	root := &cobra.Command{
		Use:   "nodectl",
		Short: "Read the journal of a node",
		Long: `nodectl reads the systemd journal of a node: from noded over its socket, or from
journal files with no daemon.

` + exitCodesHelp,
		Example: `  nodectl journal kubelet --since 1h
  nodectl journal -u 'ssh*' -p err -f
  nodectl journal -D /mnt/var/log/journal --list-boots
  nodectl status`,
		Args:                       unknownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetHelpCommand(&cobra.Command{Hidden: true, Use: "no-help", Args: cobra.NoArgs})
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.StringVar(&g.address, "address", "", "`ADDRESS` of noded (NODECTL_ADDRESS; default "+client.DefaultAddress+")")
	flags.DurationVar(&g.timeout, "timeout", client.DefaultTimeout, "give up after this `TIME` without contact to noded")
	flags.StringVar(&g.color, "color", "auto", "use colours: auto, always or never (`WHEN`)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{err: err, hint: cmd.CommandPath() + " --help"}
	})
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return g.validate() }
	root.AddCommand(newJournalCommand(g), newGetCommand(g), newStatusCommand(g), newCompletionCommand(g), newVersionCommand(g))
	complete(root, "color", "auto", "always", "never")
	complete(root, "address")
	complete(root, "timeout")
	return root
}

// unknownCommand refuses what is not a command, with the names that are near.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = cmd.CommandPath() + " " + strings.Join(near, ", "+cmd.CommandPath()+" ")
	}
	return &usageError{err: fmt.Errorf("unknown command %q", args[0]), hint: hint}
}

func (g *globals) validate() error {
	switch g.color {
	case "auto", "always", "never":
	default:
		return &usageError{err: fmt.Errorf("--color %q: want auto, always or never", g.color)}
	}
	if g.timeout < 0 {
		return &usageError{err: fmt.Errorf("--timeout %v: must not be negative", g.timeout)}
	}
	return nil
}

// dial returns a client of the noded that the options name.
func (g *globals) dial() (*client.Client, error) {
	address := g.address
	if address == "" {
		address = g.Getenv("NODECTL_ADDRESS")
	}
	timeout := g.timeout
	if timeout == 0 {
		timeout = -1
	}
	return client.Dial(client.Config{Address: address, Timeout: timeout})
}

// complete gives a flag its fixed values for completion; none means no completion by file names.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// The only error is a flag that does not exist or has a function already: the test of the
	// tree sees it.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
