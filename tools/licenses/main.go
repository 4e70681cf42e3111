// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Command licenses prints the licence texts of all modules that the named packages link, in a
// fixed order.
//
//	go run ./tools/licenses ./cmd/noded ./cmd/nodectl
//
// A module without a licence file is an error.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(packages []string, w io.Writer) error {
	const format = `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}`
	cmd := exec.Command("go", append([]string{"list", "-deps", "-f", format}, packages...)...)
	cmd.Stderr = os.Stderr
	list, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("list modules: %w", err)
	}
	modules := slices.Compact(slices.Sorted(strings.Lines(string(list))))
	out := bufio.NewWriter(w)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("find Go: %w", err)
	}
	if err := module(out, "The Go standard library", strings.TrimSpace(string(goroot))); err != nil {
		return err
	}
	for _, line := range modules {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		if err := module(out, f[0]+" "+f[1], f[2]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// module prints the licence files in the top directory of a module.
func module(w io.Writer, name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	found := false
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		license := strings.HasPrefix(upper, "LICENSE") || strings.HasPrefix(upper, "LICENCE") || strings.HasPrefix(upper, "COPYING")
		if !e.Type().IsRegular() || !license && !strings.HasPrefix(upper, "NOTICE") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		found = found || license
		fmt.Fprintf(w, "%s (%s)\n%s\n\n%s\n\n", name, e.Name(), strings.Repeat("=", len(name)), bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s: no licence file in %s", name, dir)
	}
	return nil
}
