// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

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

const (
	runDirectory    = "/run/log/journal"
	varDirectory    = "/var/log/journal"
	remoteDirectory = "/var/log/journal/remote"
	machineIDFile   = "/etc/machine-id"
	// maxFiles bounds the number of files in a source.
	maxFiles = 100_000
)

// Set is the files of a source. It belongs to one goroutine at a time.
type Set struct {
	source  journal.Source
	search  search // not for source.Files
	tracked tracker
	listing listing
}

// New returns the files of the source. A directory that does not exist or cannot be read is an error, which wraps
// fs.ErrNotExist or fs.ErrPermission; one without files is not. Patterns in source.Files are first expanded by Paths.
func New(source journal.Source) (*Set, error) {
	s := &Set{source: source}
	given := 0
	for _, set := range []bool{source.Directory != "", source.Root != "", len(source.Files) > 0} {
		if set {
			given++
		}
	}
	if given > 1 {
		return nil, &journal.QueryError{Field: "source", Reason: "directory, files and root exclude each other"}
	}
	s.search = search{namespace: source.Namespace, system: source.System}
	if source.User {
		uid := uint32(os.Getuid())
		s.search.userUID = &uid
	}
	switch {
	case len(source.Files) > 0:
		return s, nil
	case source.Directory != "":
		s.search.roots = []string{source.Directory}
		return s, checkDirectory(source.Directory)
	case source.Root != "":
		for _, dir := range []string{runDirectory, varDirectory, remoteDirectory} {
			s.search.roots = append(s.search.roots, filepath.Join(source.Root, dir))
		}
		return s, checkDirectory(source.Root)
	}
	s.search.roots = []string{runDirectory, varDirectory}
	if source.AllMachines {
		s.search.roots = append(s.search.roots, remoteDirectory)
		return s, nil
	}
	s.search.runDir = "/run"
	if text, err := os.ReadFile(machineIDFile); err == nil {
		if id, err := journal.ParseID128(strings.TrimSpace(string(text))); err == nil {
			s.search.machineID = id
		}
	}
	return s, nil
}

// checkDirectory gives a missing or unreadable directory an error with its name.
func checkDirectory(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open journal directory: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open journal directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("open journal directory: %s is not a directory; read single files by their names", path)
	}
	return nil
}

// Name is what a person calls the source.
func (s *Set) Name() string {
	switch {
	case s.source.Directory != "":
		return s.source.Directory
	case s.source.Root != "":
		return s.source.Root
	case len(s.source.Files) > 0:
		return s.source.Files[0]
	default:
		return varDirectory
	}
}

// Paths lists the files that there are now, good and bad, each once. Of source.Files those that were listed before and have been
// renamed since stay in the list, as journald renames a file when it rotates it. first makes a name or pattern of
// source.Files without a match an error that wraps fs.ErrNotExist; later it is not, files come and go.
func (s *Set) Paths(first bool) ([]string, error) {
	found, err := s.find(first)
	return found.paths, err
}

func (s *Set) find(first bool) (found, error) {
	if len(s.source.Files) == 0 {
		f := s.search.find()
		return f, limit(f.paths)
	}
	var f found
	seen := map[string]bool{}
	for _, pattern := range s.source.Files {
		paths, err := expand(pattern)
		if err != nil && (first || !errors.Is(err, fs.ErrNotExist)) {
			return found{}, err
		}
		for _, path := range paths {
			if !seen[path] {
				seen[path] = true
				f.paths = append(f.paths, path)
			}
		}
		f.addDirectory(filepath.Dir(pattern))
	}
	f.paths = s.tracked.update(f.paths)
	for _, path := range f.paths {
		f.addDirectory(filepath.Dir(path))
	}
	return f, limit(f.paths)
}

func (f *found) addDirectory(dir string) {
	if n := len(f.directories); n > 0 && f.directories[n-1] == dir || slices.Contains(f.directories, dir) {
		return
	}
	f.directories = append(f.directories, dir)
}

func limit(paths []string) error {
	if len(paths) > maxFiles {
		return fmt.Errorf("open journal: more than %d files", maxFiles)
	}
	return nil
}

// DiskOrder lists the files as Paths does, but those of directories in the directory's own order, in which libsystemd goes
// through them when it lists fields.
func (s *Set) DiskOrder() []string {
	if len(s.source.Files) > 0 {
		paths, _ := s.Paths(false)
		return paths
	}
	search := s.search
	search.diskOrder = true
	return search.find().paths
}

// expand returns the files that a pattern of Source.Files names.
func expand(pattern string) ([]string, error) {
	// A name that exists is itself, whatever characters are in it.
	_, err := os.Lstat(pattern)
	if err == nil {
		return []string{pattern}, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("open journal file: %w", err)
	}
	found, globErr := filepath.Glob(pattern)
	if globErr != nil {
		return nil, &journal.QueryError{Field: "file", Value: pattern, Reason: "not a pattern of file names"}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("open journal file %q: %w", pattern, fs.ErrNotExist)
	}
	return found, nil
}
