// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// shells are those for which there is completion.
func shells() []string { return []string{"bash", "zsh", "fish"} }

func newCompletionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the completion script of a shell",
		Long: `Print the completion script of a shell. Pods, containers, units, boots, fields and
their values are completed from noded.

  bash:  nodectl completion bash > /etc/bash_completion.d/nodectl
  zsh:   nodectl completion zsh > "${fpath[1]}/_nodectl"
  fish:  nodectl completion fish > ~/.config/fish/completions/nodectl.fish`,
		ValidArgs: shells(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{err: fmt.Errorf("completion wants one shell: %s", joinWords(shells())), hint: "nodectl completion bash"}
			}
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(g.Out, true)
			case "zsh":
				return root.GenZshCompletion(g.Out)
			case "fish":
				return root.GenFishCompletion(g.Out, true)
			}
			return &usageError{err: fmt.Errorf("no completion for shell %q: want one of %s", args[0], joinWords(shells())), hint: "nodectl completion bash"}
		},
	}
}
