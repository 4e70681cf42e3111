// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// separatedWord is a word that was written after an option whose value must be attached to it, and that cannot
// be the value: by the rules of getopt_long(3) it is an argument.
type separatedWord struct {
	word string
	// attached is the option with the word as its value.
	attached string
}

// normalizeCommandLine rewrites the arguments of "nodectl journal" as journalctl reads its own, and of others those that
// kubectlOrder does.
func normalizeCommandLine(root *cobra.Command, args []string) ([]string, []separatedWord) {
	at := 0
	completing := len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
	if completing {
		at = 1
	}
	for ; at < len(args) && strings.HasPrefix(args[at], "-"); at++ {
		flag := root.PersistentFlags().Lookup(strings.TrimPrefix(args[at], "--"))
		if flag != nil && flag.NoOptDefVal == "" {
			at++
		}
	}
	if at >= len(args) || args[at] != "journal" {
		if completing {
			return args, nil
		}
		return kubectlOrder(root.PersistentFlags(), args), nil
	}
	journal, _, err := root.Find([]string{"journal"})
	if err != nil {
		return args, nil
	}
	// Find the flags of the parents too.
	journal.InheritedFlags()
	rest := args[at+1:]
	var last []string
	if completing && len(rest) > 0 {
		rest, last = rest[:len(rest)-1], rest[len(rest)-1:]
		if n := len(rest); n > 0 && (rest[n-1] == "-b" || rest[n-1] == "--boot") && !strings.HasPrefix(last[0], "-") {
			rest, last = rest[:n-1], []string{"--boot=" + last[0]}
		}
	}
	out := append([]string{}, args[:at+1]...)
	normal, separated := normalizeArgs(journal.Flags(), rest)
	return append(append(out, normal...), last...), separated
}

// normalizeArgs gives every option the form --name=value, by the rules of getopt_long(3) and
// journalctl, which pflag does not share: long options may be abbreviated, -n5 and -b-1 are an
// option with its optional value, and so are "-n 5" and "-b -1" when the word can be one. What it does not
// understand it leaves for pflag to refuse. Normalizing twice gives the same.
func normalizeArgs(flags *pflag.FlagSet, args []string) ([]string, []separatedWord) {
	n := normalizer{flags: flags, rest: args}
	for len(n.rest) > 0 {
		arg := n.rest[0]
		n.rest = n.rest[1:]
		switch {
		case arg == "--":
			n.out = append(append(n.out, arg), n.rest...)
			return n.out, n.separated
		case strings.HasPrefix(arg, "--"):
			n.long(arg)
		case len(arg) > 1 && arg[0] == '-':
			n.short(arg)
		default:
			n.out = append(n.out, arg)
		}
	}
	return n.out, n.separated
}

type normalizer struct {
	flags     *pflag.FlagSet
	rest      []string
	out       []string
	separated []separatedWord
}

func (n *normalizer) long(arg string) {
	name, value, hasValue := strings.Cut(arg[2:], "=")
	flag := lookupAbbreviated(n.flags, name)
	switch {
	case flag == nil:
		n.out = append(n.out, arg)
	case hasValue:
		n.add(flag, value)
	case flag.Value.Type() == "bool":
		n.out = append(n.out, "--"+flag.Name)
	case flag.NoOptDefVal == "", flag.Name == "invocation":
		n.required(flag, "--"+flag.Name)
	default:
		n.optional(flag, "--"+flag.Name+"=")
	}
}

func (n *normalizer) short(arg string) {
	before := len(n.out)
	for at := 1; at < len(arg); at++ {
		flag := n.flags.ShorthandLookup(arg[at : at+1])
		rest := arg[at+1:]
		switch {
		case flag == nil:
			// pflag says which letter it does not know.
			n.out = append(n.out[:before], arg)
			return
		case flag.Value.Type() == "bool":
			n.out = append(n.out, "--"+flag.Name)
			continue
		case flag.Name == "invocation":
			// -I has no value: it is --invocation=0.
			n.add(flag, flag.NoOptDefVal)
			if rest == "" {
				n.separate("--invocation=")
			}
			continue
		case rest != "":
			n.add(flag, attachedValue(flag, rest))
		case flag.NoOptDefVal == "":
			n.required(flag, "-"+flag.Shorthand)
		default:
			n.optional(flag, "-"+flag.Shorthand)
		}
		return
	}
}

// attachedValue takes the equals sign off a value such as that of -n=5, which getopt would keep; free
// text may begin with one.
func attachedValue(flag *pflag.Flag, value string) string {
	switch flag.Name {
	case "grep", "exclude", "identifier", "exclude-identifier":
		return value
	default:
		return strings.TrimPrefix(value, "=")
	}
}

func (n *normalizer) add(flag *pflag.Flag, value string) {
	n.out = append(n.out, "--"+flag.Name+"="+value)
}

// required takes the next word as the value. Without one pflag says so.
func (n *normalizer) required(flag *pflag.Flag, written string) {
	if len(n.rest) == 0 {
		n.out = append(n.out, written)
		if flag.NoOptDefVal != "" {
			n.out[len(n.out)-1] = "--" + flag.Name + "="
		}
		return
	}
	n.add(flag, n.rest[0])
	n.rest = n.rest[1:]
}

// separate notes that the next word, if there is one, is none of the option.
func (n *normalizer) separate(written string) {
	if len(n.rest) > 0 && !strings.HasPrefix(n.rest[0], "-") {
		n.separated = append(n.separated, separatedWord{word: n.rest[0], attached: written + n.rest[0]})
	}
}

// optional takes the next word as the value if it can be one. written is the option as it was written, up to where
// a value would be attached.
func (n *normalizer) optional(flag *pflag.Flag, written string) {
	var fits func(string) bool
	switch flag.Name {
	case "lines":
		// A negative number is no number of lines, but no other option either.
		fits = func(word string) bool { _, _, err := parseLines(strings.TrimPrefix(word, "-")); return err == nil }
	case "boot":
		fits = func(word string) bool { _, err := parseBoot(word); return err == nil }
	}
	if fits != nil && len(n.rest) > 0 && fits(n.rest[0]) {
		n.add(flag, n.rest[0])
		n.rest = n.rest[1:]
		return
	}
	n.add(flag, flag.NoOptDefVal)
	n.separate(written)
}

// lookupAbbreviated returns the flag of that name, or the only one whose name begins so.
func lookupAbbreviated(flags *pflag.FlagSet, name string) *pflag.Flag {
	if flag := flags.Lookup(name); flag != nil || name == "" {
		return flag
	}
	var found *pflag.Flag
	ambiguous := false
	flags.VisitAll(func(flag *pflag.Flag) {
		if strings.HasPrefix(flag.Name, name) {
			ambiguous = ambiguous || found != nil
			found = flag
		}
	})
	if ambiguous {
		return nil
	}
	return found
}

// atoi reads an integer as journalctl does: 32 bits, with a sign.
func atoi(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err
}
