// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/noded/noded/client"
)

// globals are the options of every command.
type globals struct {
	Streams
	address string
	timeout time.Duration
	color   string
	// os is runtime.GOOS.
	os string
	// separated are the words that came after an option whose value must be attached.
	separated []separatedWord
	// stats opens what tells of usage; nil for the noded of the options. Tests set it.
	stats func() (nodeSource, error)
}

// NewCommand returns the command tree.
func NewCommand(s Streams) *cobra.Command { return newCommand(newGlobals(s)) }

func newGlobals(s Streams) *globals { return &globals{Streams: s, os: runtime.GOOS} }

func newCommand(g *globals) *cobra.Command {
	root := &cobra.Command{
		Use:   "nodectl",
		Short: "Read the journal, the logs of the pods and the usage of a node",
		Long: `nodectl reads the systemd journal of a node, the logs of its pods and containers, and what they
use: from noded over its socket, or the journal and logs from files with no daemon.

` + exitCodesHead + exitCodePartial + exitCodesTail,
		Example: `  nodectl journal kubelet --since 1h
  nodectl journal -u 'ssh*' -p err -f
  nodectl journal -D /mnt/var/log/journal --list-boots
  nodectl logs web-5c9d8f6b7-4qk2n --previous
  nodectl logs deployment/web -f --level error
  nodectl get pods
  nodectl top pod --watch
  nodectl status`,
		Args:                       unknownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(g.In)
	root.SetOut(g.Out)
	root.SetErr(g.Err)
	root.SetHelpCommand(newHelpCommand())
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.StringVar(&g.address, "address", "", "`ADDRESS` of noded (NODECTL_ADDRESS; default "+client.DefaultAddress+")")
	flags.DurationVar(&g.timeout, "timeout", client.DefaultTimeout, "give up after this `TIME` without contact to noded")
	flags.StringVar(&g.color, "color", "auto", "use colours: auto, always or never (`WHEN`)")
	addVersionFlag(root, g)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(printUsage)
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return g.validate() }
	root.AddCommand(newJournalCommand(g), newLogsCommand(g), newTopCommand(g), newGetCommand(g), newDescribeCommand(g), newStatusCommand(g), newCompletionCommand(g), newVersionCommand(g))
	complete(root, "color", "auto", "always", "never")
	complete(root, "address")
	complete(root, "timeout")
	return root
}

// flagError makes a mistake in the options of a command a usage error.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if errors.As(err, &value) && value.GetFlag() != nil && value.GetFlag().Name == "timeout" {
		return &usageError{err: fmt.Errorf("--timeout %q: want a time such as 30s or 2m", value.GetValue()), hint: "--timeout 30s"}
	}
	if name := unknownFlag(err); len(name) > 1 {
		if near := nearFlag(cmd.Flags(), name); near != "" {
			err = fmt.Errorf("%w, did you mean --%s?", err, near)
		}
	}
	return &usageError{err: err, hint: cmd.CommandPath() + " --help"}
}

// unknownFlag returns the name of the option that does not exist, a letter if it was a short one; empty for other errors.
func unknownFlag(err error) string {
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return ""
	}
	return missing.GetSpecifiedName()
}

// unknownCommand refuses what is not a command, with the names that are near.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help"
	if familiar := familiarCommand(cmd.CommandPath(), args[0]); familiar != "" {
		hint = familiar
	} else if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = cmd.CommandPath() + " " + strings.Join(near, ", "+cmd.CommandPath()+" ")
	}
	return &usageError{err: fmt.Errorf("unknown command %q", args[0]), hint: hint}
}

func (g *globals) validate() error {
	switch g.color {
	case "auto", "always", "never":
	default:
		return &usageError{err: fmt.Errorf("--color %q: want auto, always or never", g.color), hint: "--color auto"}
	}
	if g.timeout < 0 {
		return &usageError{err: fmt.Errorf("--timeout %v: must not be negative", g.timeout), hint: "--timeout 30s"}
	}
	return nil
}

// givenAddress returns the address that the options or the environment name.
func (g *globals) givenAddress() string {
	if g.address != "" {
		return g.address
	}
	return g.Getenv("NODECTL_ADDRESS")
}

// dial returns a client of the noded that the options name.
func (g *globals) dial() (*client.Client, error) {
	if err := g.checkPlatform(nil); err != nil {
		return nil, err
	}
	timeout := g.timeout
	if timeout == 0 {
		timeout = -1
	}
	return client.Dial(client.Config{Address: g.givenAddress(), Timeout: timeout})
}

// complete gives a flag its fixed values for completion; none means no completion by file names.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// The only error is a flag that does not exist or has a function already: the test of the
	// tree sees it.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
