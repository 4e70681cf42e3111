// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// printUsage prints what --help shows beneath the description: as cobra does, but for the options, which journalctl and kubectl write
// without "[=true|false]" at each switch, and with a value that may be left out as --lines[=N].
func printUsage(cmd *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if cmd.Runnable() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s [command]\n", cmd.CommandPath())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAliases:\n  %s\n", cmd.NameAndAliases())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nAvailable Commands:\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if cmd.HasAvailableLocalFlags() {
		b.WriteString("\nFlags:\n")
		writeOptions(&b, cmd.LocalFlags())
	}
	if cmd.HasAvailableInheritedFlags() {
		b.WriteString("\nGlobal Flags:\n")
		writeOptions(&b, cmd.InheritedFlags())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nUse \"%s [command] --help\" for more information about a command.\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}

// writeOptions writes a line for each option, with its meaning in a column of its own.
func writeOptions(b *strings.Builder, flags *pflag.FlagSet) {
	var options, meanings []string
	width := 0
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		value, meaning := pflag.UnquoteUsage(flag)
		option := "      --" + flag.Name
		if flag.Shorthand != "" {
			option = "  -" + flag.Shorthand + ", --" + flag.Name
		}
		// A switch has no value.
		if flag.Value.Type() != "bool" && value != "" {
			if flag.NoOptDefVal != "" {
				value = "[=" + value + "]"
			} else {
				value = " " + value
			}
			option += value
		}
		if shown := shownDefault(flag); shown != "" {
			meaning += " (default " + shown + ")"
		}
		options, meanings = append(options, option), append(meanings, meaning)
		width = max(width, len(option))
	})
	for i, option := range options {
		fmt.Fprintf(b, "%-*s   %s\n", width, option, meanings[i])
	}
}

// shownDefault is the default of an option, empty if it is none or nothing.
func shownDefault(flag *pflag.Flag) string {
	switch flag.DefValue {
	case "", "0", "false", "[]", "0s":
		return ""
	}
	if flag.Value.Type() == "string" {
		return fmt.Sprintf("%q", flag.DefValue)
	}
	return flag.DefValue
}
