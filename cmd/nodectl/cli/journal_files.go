// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// localFiles returns the paths of the journal files of the source, sorted, and reports those that cannot be
// opened as gaps.
func (c *journalCommand) localFiles(ctx context.Context) (paths []string, problems []journal.FileProblem, err error) {
	local, err := c.openFiles(*c.plan.source, c.engine)
	if err != nil {
		return nil, nil, err
	}
	usage, err := local.Usage(ctx)
	if err != nil {
		return nil, nil, c.advise(err)
	}
	for _, f := range usage.Files {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	return paths, usage.Problems, nil
}

// printHeaders prints the header of each file, as journalctl --header.
func (c *journalCommand) printHeaders(ctx context.Context) error {
	paths, problems, err := c.localFiles(ctx)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(c.out)
	for i, path := range paths {
		if i > 0 {
			_ = w.WriteByte('\n')
		}
		if err := journalfile.WriteHeader(w, path); err != nil {
			problems = append(problems, journal.FileProblem{Path: path, Reason: journalfile.GapReason(err), Err: err})
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range problems {
		if !c.quiet {
			fmt.Fprintf(c.Err, "cannot read %s: %v\n", visible(p.Path), p.Err)
		}
	}
	return nil
}

// verifyFiles checks each file and says on stderr, as journalctl --verify does, which of them pass.
func (c *journalCommand) verifyFiles(ctx context.Context) error {
	paths, problems, err := c.localFiles(ctx)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := journalfile.Verify(ctx, path); err != nil {
			problems = append(problems, journal.FileProblem{Path: path, Err: err})
			continue
		}
		if !c.quiet {
			fmt.Fprintf(c.Err, "PASS: %s\n", visible(path))
		}
	}
	for _, p := range problems {
		fmt.Fprintf(c.Err, "FAIL: %s (%s)\n", visible(p.Path), visible(p.Err.Error()))
	}
	if len(problems) > 0 {
		return &hintError{err: errors.New("journal files are damaged"), hint: "nodectl journal without --verify: what can be read is shown, and gaps are told"}
	}
	return nil
}
