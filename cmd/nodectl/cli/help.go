// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

// newHelpCommand is "nodectl help [COMMAND]", which shows what COMMAND --help shows.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Show the help of a command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			at, _, err := cmd.Root().Find(args)
			if err != nil || len(args) > 0 && at == cmd.Root() {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, sub := range at.Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, sub.Name())
				}
			}
			return withPrefix(names, prefix), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for _, arg := range args {
				sub, rest, err := at.Find([]string{arg})
				if err != nil || len(rest) > 0 || sub == at {
					return unknownCommand(at, []string{arg})
				}
				at = sub
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// addVersionFlag gives a command --version.
func addVersionFlag(cmd *cobra.Command, g *globals) {
	cmd.Version = g.versionLine()
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.Flags().Bool("version", false, "print the version of nodectl")
}
