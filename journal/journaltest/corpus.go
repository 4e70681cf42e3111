// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/noded/noded/journal/journalfile"
)

// corpusVersion names the content of the corpus; raise it with every change of it.
const corpusVersion = 3

// Fixture is a journal directory of the corpus. Tests read it and do not change it.
type Fixture struct {
	// Name is short and stable: several-files, clock-step, ...
	Name string
	// Description says what is special about it.
	Description string
	// Dir is the directory, as for journalctl --directory.
	Dir string
	// Files are the journal files in it and below, good and bad.
	Files []string
	// Bad are those of Files that cannot be read.
	Bad []string
}

// Corpus returns journals of all kinds, always with the same entries and cursors. They are built once and kept
// below os.TempDir.
func Corpus(t testing.TB) []Fixture {
	t.Helper()
	fixtures, err := corpus()
	Require(t, err)
	return fixtures
}

// Get returns one fixture of the corpus.
func Get(t testing.TB, name string) Fixture {
	t.Helper()
	for _, f := range Corpus(t) {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no fixture %q", name)
	return Fixture{}
}

func corpus() ([]Fixture, error) {
	root := filepath.Join(os.TempDir(), fmt.Sprintf("noded-journaltest-%d-v%d", os.Getuid(), corpusVersion))
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		if err := buildCorpus(root); err != nil {
			return nil, fmt.Errorf("build test journals: %w", err)
		}
	}
	fixtures := make([]Fixture, 0, 20)
	for _, r := range recipes() {
		f := Fixture{Name: r.name, Description: r.description, Dir: filepath.Join(root, r.name)}
		err := filepath.WalkDir(f.Dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && journalfile.IsFileName(d.Name()) && !d.IsDir() {
				f.Files = append(f.Files, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list test journals: %w", err)
		}
		for _, name := range r.bad {
			f.Bad = append(f.Bad, filepath.Join(f.Dir, name))
		}
		fixtures = append(fixtures, f)
	}
	return fixtures, nil
}

// buildCorpus builds beside root and renames, so that processes which build at the same time do
// not disturb each other.
func buildCorpus(root string) error {
	dir, err := os.MkdirTemp(filepath.Dir(root), filepath.Base(root)+".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var group errgroup.Group
	group.SetLimit(4)
	for _, r := range recipes() {
		group.Go(func() error {
			if err := r.build(filepath.Join(dir, r.name)); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if err := os.Rename(dir, root); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, statErr := os.Stat(root); statErr != nil {
			return err
		}
	}
	return nil
}
