// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/engines"
	"github.com/noded/noded/journal/journalfile"
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

// printHeaders prints the header of each file, as journalctl --header.
func (c *journalCommand) printHeaders(ctx context.Context) error {
	paths, problems, err := c.localFiles(ctx)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(c.out)
	printed := 0
	for _, path := range paths {
		if printed > 0 {
			_ = w.WriteByte('\n')
		}
		if err := journalfile.WriteHeader(w, path); err != nil {
			problems = append(problems, journal.FileProblem{Path: path, Reason: journalfile.GapReason(err), Err: err})
			continue
		}
		printed++
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if printed == 0 && len(problems) > 0 {
		return advise(fmt.Errorf("read header of %s: %w", problems[0].Path, problemCause(problems[0])), c.source)
	}
	for _, p := range problems {
		if !c.quiet {
			fmt.Fprintf(c.Err, "cannot read %s: %s\n", visible(p.Path), visible(problemText(p)))
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
	if len(paths)+len(problems) == 0 {
		return &silentError{code: ExitNotFound}
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
	damaged, denied := 0, 0
	for _, p := range problems {
		if errors.Is(problemCause(p), fs.ErrPermission) {
			denied++
			fmt.Fprintf(c.Err, "SKIP: %s (permission denied)\n", visible(p.Path))
			continue
		}
		damaged++
		fmt.Fprintf(c.Err, "FAIL: %s (%s)\n", visible(p.Path), visible(problemText(p)))
	}
	switch {
	case damaged > 0:
		return &hintError{err: errors.New("journal files are damaged"), hint: "nodectl journal without --verify: what can be read is shown, and gaps are told"}
	case denied > 0:
		return &hintError{err: fmt.Errorf("journal files were not checked: %w", fs.ErrPermission), hint: "sudo"}
	}
	return nil
}

// problemCause returns the error of a file that cannot be read, without its path.
func problemCause(p journal.FileProblem) error {
	if p.Reason == journal.GapDenied || errors.Is(p.Err, fs.ErrPermission) {
		return fs.ErrPermission
	}
	return errors.New(problemText(p))
}
