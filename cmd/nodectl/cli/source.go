// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/noded/noded/journal"
)

// noFilesLine is what journalctl says, too, of a source that holds nothing at all.
const noFilesLine = "No journal files were found."

// checkSourceFlags refuses sources that were given as empty text, such as that of a variable that is not set:
// to read another journal in their place would answer another question.
func checkSourceFlags(flags *pflag.FlagSet, files []string) error {
	var given []string
	for _, name := range []string{"directory", "file", "root"} {
		if !flags.Changed(name) {
			continue
		}
		given = append(given, name)
		flag := flags.Lookup(name)
		if flag.Value.String() == "" || name == "file" && slices.Contains(files, "") {
			return &usageError{err: fmt.Errorf("--%s is empty: want a path", name), hint: "without --" + name + " to ask noded"}
		}
	}
	if len(given) > 1 {
		return &usageError{err: errors.New("--directory, --file and --root exclude each other: choose one source")}
	}
	return nil
}

// tellSource says on stderr what a list cannot show: the files that cannot be read, or that there is no file. It
// is only a note: an error leaves it out.
func (g *globals) tellSource(ctx context.Context, b backend, source *journal.Source) {
	usage, err := b.Usage(ctx)
	if err != nil {
		return
	}
	g.tellProblems(usage)
	g.tellNoFiles(usage, source)
}

// tellProblems says which files cannot be read.
func (g *globals) tellProblems(usage journal.Usage) {
	for _, p := range usage.Problems {
		fmt.Fprintln(g.Err, problemLine(p))
	}
}

// tellNoFiles says that there is no file, and reports whether that is so.
func (g *globals) tellNoFiles(usage journal.Usage, source *journal.Source) bool {
	if len(usage.Files) > 0 || len(usage.Problems) > 0 {
		return false
	}
	fmt.Fprintf(g.Err, "%s\nTry: %s\n", noFilesLine, noFilesHint(source))
	return true
}

// noFilesHint is the next step when a source holds nothing.
func noFilesHint(source *journal.Source) string {
	switch {
	case source == nil:
		return "nodectl status -o wide shows where noded looks"
	case source.Directory != "" || source.Root != "" || len(source.Files) > 0:
		return pathHint
	case source.Namespace != "":
		return "nodectl journal --list-namespaces"
	case source.System || source.User || source.AllMachines:
		return "without --system, --user and --merge to ask noded"
	default:
		return "--directory DIR with the directory that holds the journal"
	}
}

// problemLine is the line of a file that cannot be read, in the words of a gap.
func problemLine(p journal.FileProblem) string {
	if p.Reason == journal.GapUnknown && p.Err != nil {
		return fmt.Sprintf("-- Gap: entries of %s not shown: %s --", visible(p.Path), visible(problemText(p)))
	}
	return gapLine(journal.Gap{Source: p.Path, Reason: p.Reason})
}

// problemText says what is the matter with a file, without its path.
func problemText(p journal.FileProblem) string {
	if p.Err == nil || p.Reason == journal.GapDenied {
		return p.Reason.String()
	}
	text := strings.TrimPrefix(p.Err.Error(), fmt.Sprintf("journal file %q: ", p.Path))
	text = strings.TrimPrefix(text, "open "+p.Path+": ")
	return cmp.Or(text, p.Reason.String())
}
