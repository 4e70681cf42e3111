// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

const (
	// maxVerifiers is how many files are checked at a time; each is in memory while it is.
	maxVerifiers = 4
	// progressPause is how often a terminal is told how far it is.
	progressPause = 100 * time.Millisecond
)

// verifyFiles checks each file and says on stderr, as journalctl --verify does, which of them pass.
func (c *journalCommand) verifyFiles(ctx context.Context) error {
	paths, problems, err := c.localFiles(ctx)
	if err != nil {
		return err
	}
	if len(paths)+len(problems) == 0 {
		return &silentError{code: ExitNotFound}
	}
	failed, err := c.verifyAll(ctx, paths)
	if err != nil {
		return err
	}
	damaged, denied := 0, 0
	for _, p := range append(problems, failed...) {
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

// verifyAll checks the files, several at a time, says which pass, and returns those that do not.
func (c *journalCommand) verifyAll(ctx context.Context, paths []string) ([]journal.FileProblem, error) {
	results := make([]chan error, len(paths))
	for i := range results {
		results[i] = make(chan error, 1)
	}
	progress := newVerifyProgress(c, len(paths))
	defer progress.clear()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(maxVerifiers, runtime.GOMAXPROCS(0)) + 1) // one is the loop that starts the others
	group.Go(func() error {
		for i, path := range paths {
			group.Go(func() error {
				v := journalfile.Verifier{Progress: func(done float64) { progress.set(i, done) }}
				results[i] <- v.Verify(ctx, path)
				return ctx.Err()
			})
		}
		return nil
	})
	var failed []journal.FileProblem
	for i, path := range paths {
		err := progress.wait(results[i])
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, group.Wait()
		case err != nil:
			failed = append(failed, journal.FileProblem{Path: path, Err: err})
		case !c.quiet:
			progress.clear()
			fmt.Fprintf(c.Err, "PASS: %s\n", visible(path))
		}
	}
	return failed, group.Wait()
}

// verifyProgress shows on a terminal how much of the files has been checked.
type verifyProgress struct {
	c     *journalCommand
	show  bool
	shown bool
	done  []atomic.Uint64 // bits of the part of each file, from 0 to 1
}

func newVerifyProgress(c *journalCommand, files int) *verifyProgress {
	return &verifyProgress{c: c, show: !c.quiet && isTerminal(c.Err), done: make([]atomic.Uint64, files)}
}

// set notes how much of a file is done. It may be called by any goroutine.
func (p *verifyProgress) set(file int, done float64) { p.done[file].Store(math.Float64bits(done)) }

// wait waits for the result of a file and shows the progress of all meanwhile.
func (p *verifyProgress) wait(result <-chan error) error {
	if !p.show {
		return <-result
	}
	ticker := time.NewTicker(progressPause)
	defer ticker.Stop()
	for {
		select {
		case err := <-result:
			return err
		case <-ticker.C:
			sum := 0.0
			for i := range p.done {
				sum += math.Float64frombits(p.done[i].Load())
			}
			fmt.Fprintf(p.c.Err, "\r%3.0f%% of %d files", 100*sum/float64(len(p.done)), len(p.done))
			p.shown = true
		}
	}
}

// clear removes the line of the progress.
func (p *verifyProgress) clear() {
	if p.shown {
		fmt.Fprint(p.c.Err, "\r\x1b[K")
		p.shown = false
	}
}
