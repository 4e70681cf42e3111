// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/engines"
)

// localFiles returns the paths of the journal files of the source, sorted, and those that cannot be opened. That
// there is none it says on stderr.
func (c *journalCommand) localFiles(ctx context.Context) (paths []string, problems []journal.FileProblem, err error) {
	engine, err := parseEngine(c.engine, engines.HasLibsystemd)
	if err != nil {
		return nil, nil, err
	}
	r, err := engine.Open(ctx, *c.plan.source)
	if err != nil {
		return nil, nil, advise(fmt.Errorf("open journal: %w", err), c.source)
	}
	defer r.Close()
	files, err := r.Files()
	if err != nil {
		return nil, nil, advise(fmt.Errorf("list journal files: %w", err), c.source)
	}
	problems = r.Problems()
	if !c.quiet {
		c.tellNoFiles(journal.Usage{Files: files, Problems: problems}, c.source)
	}
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	return paths, problems, nil
}

// problemCause returns the error of a file that cannot be read, without its path.
func problemCause(p journal.FileProblem) error {
	if p.Reason == journal.GapDenied || errors.Is(p.Err, fs.ErrPermission) {
		return fs.ErrPermission
	}
	return errors.New(problemText(p))
}
