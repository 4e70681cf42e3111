// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/sdjournal"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// origin knows where the files of a source are and how libsystemd opens them. libsystemd opens
// directories by itself and watches them, but it cannot select a namespace in a given directory, and it
// fails on a list of files when one of them is bad. Both are done here, with a list.
type origin struct {
	lib      *library
	maxEntry int
	source   journal.Source
	search   journalfile.Search // not for source.Files
	// list means that libsystemd gets a list of files.
	list bool
	// opened are the files of the list that libsystemd has open, by path.
	opened map[string]inode
	// tracked are the files that were in the list, to find them when they are renamed.
	tracked tracker
	listing listing
}

const (
	runDirectory     = "/run/log/journal"
	varDirectory     = "/var/log/journal"
	remoteDirectory  = "/var/log/journal/remote"
	machineIDFile    = "/etc/machine-id"
	maxFilesInSource = 100_000
	// maxFilesOpen is how many files libsystemd opens at a time.
	maxFilesOpen = 7168
)

func newOrigin(lib *library, maxEntry int, source journal.Source) (*origin, error) {
	o := &origin{lib: lib, maxEntry: maxEntry, source: source, list: len(source.Files) > 0}
	given := 0
	for _, set := range []bool{source.Directory != "", source.Root != "", len(source.Files) > 0} {
		if set {
			given++
		}
	}
	if given > 1 {
		return nil, &journal.QueryError{Field: "source", Reason: "directory, files and root exclude each other"}
	}
	o.search = journalfile.Search{Namespace: source.Namespace, System: source.System}
	if source.User {
		uid := uint32(os.Getuid())
		o.search.UserUID = &uid
	}
	switch {
	case o.list:
		return o, nil
	case source.Directory != "":
		o.list = source.Namespace != ""
		o.search.Roots = []string{source.Directory}
		return o, checkDirectory(source.Directory)
	case source.Root != "":
		o.list = source.Namespace != ""
		for _, dir := range []string{runDirectory, varDirectory, remoteDirectory} {
			o.search.Roots = append(o.search.Roots, filepath.Join(source.Root, dir))
		}
		return o, checkDirectory(source.Root)
	}
	o.search.Roots = []string{runDirectory, varDirectory}
	if source.AllMachines {
		o.search.Roots = append(o.search.Roots, remoteDirectory)
		return o, nil
	}
	o.search.RunDir = "/run"
	if text, err := os.ReadFile(machineIDFile); err == nil {
		if id, err := journal.ParseID128(strings.TrimSpace(string(text))); err == nil {
			o.search.MachineID = id
		}
	}
	return o, nil
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

// open opens the source. first makes a pattern without a match an error; later it is not, files
// come and go.
func (o *origin) open(first bool) (*handle, error) {
	if o.list {
		paths, err := o.paths(first)
		if err != nil {
			return nil, err
		}
		return o.openFiles(paths)
	}
	flags := 0
	if o.source.System {
		flags |= flagSystem
	}
	if o.source.User {
		flags |= flagCurrentUser
	}
	switch {
	case o.source.Directory != "" && flags == 0:
		j, err := sdjournal.NewJournalFromDir(o.source.Directory)
		if err != nil {
			return nil, fmt.Errorf("open journal directory %q: %w", o.source.Directory, errnoOf(err))
		}
		return newHandle(o.lib, o.maxEntry, j)
	case o.source.Directory != "":
		c, err := o.lib.openDirectory(o.source.Directory, flags)
		if err != nil {
			return nil, fmt.Errorf("open journal directory %q: %w", o.source.Directory, err)
		}
		return adopt(o.lib, o.maxEntry, c)
	case o.source.Root != "":
		c, err := o.lib.openDirectory(o.source.Root, flags|flagOSRoot)
		if err != nil {
			return nil, fmt.Errorf("open journals below %q: %w", o.source.Root, err)
		}
		return adopt(o.lib, o.maxEntry, c)
	}
	return o.openLocal(flags)
}

func (o *origin) openLocal(flags int) (*handle, error) {
	if !o.source.AllMachines {
		flags |= flagLocalOnly
	}
	namespace, orDefault := strings.CutPrefix(o.source.Namespace, "+")
	switch {
	case namespace == "*":
		namespace = ""
		flags |= flagAllNamespaces
	case orDefault:
		flags |= flagDefaultNamespace
	}
	c, err := o.lib.openNamespace(namespace, flags)
	if err != nil {
		return nil, fmt.Errorf("open the system's journal: %w", err)
	}
	return adopt(o.lib, o.maxEntry, c)
}

// openFiles opens those of the files whose headers are good: libsystemd fails as a
// whole on the first that is not.
func (o *origin) openFiles(paths []string) (*handle, error) {
	good := make([]string, 0, len(paths))
	o.opened = make(map[string]inode, len(paths))
	for _, path := range paths {
		if len(good) == maxFilesOpen {
			break
		}
		// The inode first: if the file is replaced meanwhile, isStale will tell.
		id, ok := inodeOf(path)
		if _, err := journalfile.ReadHeader(path); ok && err == nil {
			good = append(good, path)
			o.opened[path] = id
		}
	}
	for {
		j, err := sdjournal.NewJournalFromFiles(good...)
		if err == nil {
			return newHandle(o.lib, o.maxEntry, j)
		}
		// A file went away or was damaged after its header was read: find out which by
		// opening each alone.
		rest := slices.DeleteFunc(slices.Clone(good), func(path string) bool {
			j, err := sdjournal.NewJournalFromFiles(path)
			if err == nil {
				err = j.Close()
			}
			if err != nil {
				delete(o.opened, path)
			}
			return err != nil
		})
		if len(rest) == len(good) {
			return nil, fmt.Errorf("open journal files: %w", errnoOf(err))
		}
		good = rest
	}
}

// isStale reports whether paths, the list as it is now, has files that are not open or lacks
// some that are. Bad files count once they have become good: a new file is empty at first.
func (o *origin) isStale(paths []string) bool {
	seen := 0
	for _, path := range paths {
		id, ok := inodeOf(path)
		if !ok {
			continue
		}
		if was, open := o.opened[path]; open {
			if was != id {
				return true
			}
			seen++
			continue
		}
		if len(o.opened) == maxFilesOpen {
			continue
		}
		if _, err := journalfile.ReadHeader(path); err == nil {
			return true
		}
	}
	return seen != len(o.opened)
}

// paths lists the files of the source, good and bad, each once.
func (o *origin) paths(first bool) ([]string, error) {
	if len(o.source.Files) == 0 {
		paths, _ := o.search.Files()
		return o.limit(paths)
	}
	var paths []string
	seen := map[string]bool{}
	for _, pattern := range o.source.Files {
		found, err := expand(pattern)
		if err != nil && (first || !errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
		for _, path := range found {
			if !seen[path] {
				seen[path] = true
				paths = append(paths, path)
			}
		}
	}
	return o.limit(o.tracked.update(paths))
}

func (o *origin) limit(paths []string) ([]string, error) {
	if len(paths) > maxFilesInSource {
		return nil, fmt.Errorf("open journal: more than %d files", maxFilesInSource)
	}
	return paths, nil
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
