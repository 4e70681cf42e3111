// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of nodectl",
		Long:  "Print the version of nodectl. That of noded is in \"nodectl status\".",
		Args:  requireNoArgs,
		RunE: func(*cobra.Command, []string) error {
			return printLines(g.Out, []string{g.versionLine()})
		},
	}
}

// versionLine is the version of the program and of what built it.
func (g *globals) versionLine() string {
	return fmt.Sprintf("nodectl %s (%s, %s/%s)", g.version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// version returns the version that the linker or the go command put into the program.
func (g *globals) version() string {
	if g.Version != "" {
		return g.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
