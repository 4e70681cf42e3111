// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// section is a part of a page that no command tree knows.
type section struct{ title, text string }

// commandPage describes a program and all its commands on one page.
func commandPage(root *cobra.Command, number int, more []section) []byte {
	root.InitDefaultHelpFlag()
	p := newPage(root.Name(), number, strings.ToLower(root.Short[:1])+root.Short[1:])
	p.section("SYNOPSIS")
	for _, cmd := range commands(root) {
		// A command with commands below it only prints its help, but for a daemon.
		if cmd.Runnable() && (!cmd.HasAvailableSubCommands() || cmd == root && number == 8) {
			p.WriteString(".PP\n" + synopsis(cmd) + "\n")
		}
	}
	p.section("DESCRIPTION")
	p.text(description(root))
	if root.HasAvailableLocalFlags() {
		p.section("OPTIONS")
		options(p, root.LocalFlags())
	}
	if root.HasAvailableSubCommands() {
		p.section("COMMANDS")
		for _, cmd := range commands(root) {
			if cmd == root || !cmd.Runnable() || cmd.HasAvailableSubCommands() {
				continue
			}
			p.subsection(cmd.CommandPath())
			p.WriteString(synopsis(cmd) + "\n.PP\n")
			p.text(description(cmd))
			options(p, cmd.NonInheritedFlags())
			if cmd.Example != "" {
				p.WriteString(".PP\nExamples:\n")
				p.example(cmd.Example)
			}
		}
	}
	if root.Example != "" {
		p.section("EXAMPLES")
		p.example(root.Example)
	}
	for _, s := range more {
		p.section(s.title)
		if s.title == "SEE ALSO" {
			p.WriteString(s.text + "\n")
			continue
		}
		p.text(s.text)
	}
	return p.Bytes()
}

func description(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// commands returns a command and those below it that are shown.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			all = append(all, commands(c)...)
		}
	}
	return all
}

func synopsis(cmd *cobra.Command) string {
	rest := strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())
	rest = strings.ReplaceAll(rest, "[flags]", "[OPTION]...")
	return bold(cmd.CommandPath()) + inline(rest)
}

func options(p *page, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		tag := bold("--" + f.Name)
		if f.Shorthand != "" {
			tag = bold("-"+f.Shorthand) + ", " + tag
		}
		switch {
		case value == "":
		case f.NoOptDefVal != "" && f.Value.Type() != "bool":
			tag += "[=" + italic(value) + "]"
		case f.NoOptDefVal == "":
			tag += "=" + italic(value)
		}
		p.item(tag)
		p.WriteString(escape(sentence(usage)) + "\n")
	})
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
