// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/noded/noded/journal"
)

// listNamespaces prints the journal namespaces of this machine, or of the tree that --root names: the
// journal directories MACHINE.NAMESPACE.
func (c *journalCommand) listNamespaces() error {
	dirs := []string{"/var/log/journal", "/run/log/journal"}
	switch {
	case c.root != "":
		for i := range dirs {
			dirs[i] = filepath.Join(c.root, dirs[i])
		}
	case c.directory != "":
		dirs = []string{c.directory}
	}
	var names []string
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) && c.directory == "" {
			continue
		}
		if err != nil {
			return advise(fmt.Errorf("list namespaces: %w", err), c.source)
		}
		for _, entry := range entries {
			machine, name, ok := strings.Cut(entry.Name(), ".")
			if _, err := journal.ParseID128(machine); ok && err == nil && entry.IsDir() && name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		if !c.quiet {
			fmt.Fprintln(c.Err, "No journal namespaces were found.")
		}
		return nil
	}
	slices.Sort(names)
	rows := make([][]string, len(names))
	for i, name := range names {
		rows[i] = []string{visible(name)}
	}
	header := []string{"NAMESPACE"}
	if c.quiet {
		header = nil
	}
	return writeTable(c.out, tableStyle{separator: " "}, header, rows)
}
