// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

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

// pathHint is the next step when there is nothing at a path.
const pathHint = "check the path; it holds *.journal files, or directories named by machine id that do"

// advise adds the next step to errors that come from the journal itself. source is that of the command.
func advise(err error, source *journal.Source) error {
	if hintOf(err) != "" {
		return err
	}
	switch {
	case errors.Is(err, journal.ErrNoBoot):
		return &hintError{err: err, hint: "nodectl journal --list-boots"}
	case errors.Is(err, journal.ErrBadCursor):
		return &hintError{err: err, hint: "a cursor that --show-cursor printed"}
	case source != nil && errors.Is(err, fs.ErrPermission):
		return &hintError{err: err, hint: "sudo, or without --directory, --file, --root, --system and --user to ask noded"}
	case source != nil && errors.Is(err, fs.ErrNotExist):
		return &hintError{err: err, hint: pathHint}
	case source != nil && isRegular(source.Directory):
		return &hintError{err: err, hint: "-i " + source.Directory}
	case source != nil && len(source.Files) > 0 && isDirectory(source.Files[0]):
		return &hintError{err: err, hint: "-D " + source.Files[0]}
	case errors.Is(err, journal.ErrUnsupported):
		return &hintError{err: err, hint: "apt install libsystemd0, or ask noded without --directory, --file and --root"}
	}
	return err
}

// podFilesOption has the commands about pods read what is on this machine with no daemon.
const podFilesOption = "--root /var/log/pods"

// withFilesHint adds to an error about a noded of this machine that is not there how to do without: with the option that reads files.
func (g *globals) withFilesHint(err error, option string) error {
	if g.os != "linux" || g.givenAddress() != "" || ExitCode(err) != ExitUnreachable || hintOf(err) == "" {
		return err
	}
	return &hintError{err: err, hint: hintOf(err) + "; or " + option + ", which reads the files with no daemon"}
}

// isDirectory reports whether there is a directory at path.
func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isRegular reports whether there is a regular file at path.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// gapLine is the line that says what is missing.
func gapLine(g journal.Gap) string {
	if g.Reason == journal.GapCursorLost {
		missing := ""
		if g.Count > 0 {
			missing = ", " + countOf(g) + " not shown"
		}
		return "-- Gap: the cursor's entry is gone" + missing + "; reading goes on at the nearest --"
	}
	of := ""
	if g.Source != "" {
		of = " of " + visible(g.Source)
	}
	return fmt.Sprintf("-- Gap: %s%s not shown: %s --", countOf(g), of, g.Reason)
}

// countOf says how many entries are missing.
func countOf(g journal.Gap) string { return countOfWhat(g, "entry", "entries") }

// countOfWhat says how many are missing of what is called one and many.
func countOfWhat(g journal.Gap, one, many string) string {
	switch {
	case g.Count == 1 && g.Exact:
		return "1 " + one
	case g.Count > 0 && g.Exact:
		return fmt.Sprintf("%d %s", g.Count, many)
	case g.Count > 0:
		return fmt.Sprintf("up to %d %s", g.Count, many)
	}
	return many
}
