// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/noded/noded/journal"
)

// hintOf returns the next step that an error offers.
func hintOf(err error) string {
	var hint interface{ Hint() string }
	if errors.As(err, &hint) {
		return hint.Hint()
	}
	return ""
}

// advise adds the next step to errors that come from the journal itself.
func (c *journalCommand) advise(err error) error {
	if hintOf(err) != "" {
		return err
	}
	switch {
	case errors.Is(err, journal.ErrNoBoot):
		return &hintError{err: err, hint: "nodectl journal --list-boots"}
	case errors.Is(err, journal.ErrBadCursor):
		return &hintError{err: err, hint: "a cursor that --show-cursor printed"}
	case c.source != nil && errors.Is(err, fs.ErrPermission):
		return &hintError{err: err, hint: "sudo, or without --directory, --file and --root to ask noded"}
	case c.source != nil && errors.Is(err, fs.ErrNotExist):
		return &hintError{err: err, hint: "check the path; it holds *.journal files, or directories named by machine id that do"}
	case errors.Is(err, journal.ErrUnsupported):
		return &hintError{err: err, hint: "apt install libsystemd0, or ask noded without --directory, --file and --root"}
	}
	return err
}

// gapLine is the line that says what is missing.
func gapLine(g journal.Gap) string {
	count := "entries"
	switch {
	case g.Count == 1 && g.Exact:
		count = "1 entry"
	case g.Count > 0 && g.Exact:
		count = fmt.Sprintf("%d entries", g.Count)
	case g.Count > 0:
		count = fmt.Sprintf("up to %d entries", g.Count)
	}
	of := ""
	if g.Source != "" {
		of = " of " + visible(g.Source)
	}
	return fmt.Sprintf("-- Gap: %s%s not shown: %s --", count, of, g.Reason)
}
