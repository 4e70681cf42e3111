// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Command docgen writes what is generated from the command trees and the configuration keys: man pages,
// shell completions and the default configuration file.
//
//	go run ./tools/docgen packaging
//
// The output depends on nothing but the sources.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/noded/noded/cmd/nodectl/cli"
	daemoncli "github.com/noded/noded/daemon/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docgen OUTDIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run(outdir string) error {
	nodectl := cli.NewCommand(cli.Streams{
		In: bytes.NewReader(nil), Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" },
	})
	noded := daemoncli.NewCommand(daemoncli.Options{Version: "0", Environ: []string{}})
	g := &generator{outdir: outdir}
	g.write("man/nodectl.1", commandPage(nodectl, 1, nodectlSections))
	g.write("man/noded.8", commandPage(noded, 8, nodedSections))
	g.write("man/noded.yaml.5", configPage())
	g.write("noded.yaml", configFile())
	g.completions(nodectl)
	g.completions(noded)
	return errors.Join(g.problems...)
}

// generator writes files and collects what goes wrong.
type generator struct {
	outdir   string
	problems []error
}

func (g *generator) write(name string, content []byte) {
	path := filepath.Join(g.outdir, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		g.problems = append(g.problems, fmt.Errorf("write %s: %w", name, err))
	}
}

func (g *generator) completions(root *cobra.Command) {
	name := root.Name()
	for file, generate := range map[string]func(io.Writer) error{
		name + ".bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"_" + name:     root.GenZshCompletion,
		name + ".fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			g.problems = append(g.problems, fmt.Errorf("complete %s: %w", name, err))
			continue
		}
		g.write("completions/"+file, b.Bytes())
	}
}
