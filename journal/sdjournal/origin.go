// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/sdjournal"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/fileset"
	"github.com/noded/noded/journal/journalfile"
)

// origin knows how libsystemd opens the files of a source. libsystemd opens directories by itself and watches them,
// but it cannot select a namespace in a given directory, and it fails on a list of files when one of them is bad.
// Both are done here, with a list.
type origin struct {
	lib      *library
	maxEntry int
	source   journal.Source
	set      *fileset.Set
	// list means that libsystemd gets a list of files.
	list bool
	// opened are the files of the list that libsystemd has open, by path.
	opened map[string]fileset.ID
	// probed tells of files with features that package journalfile does not know whether libsystemd opens them.
	probed map[fileset.ID]bool
}

// maxFilesOpen is how many files libsystemd opens at a time.
const maxFilesOpen = 7168

func newOrigin(lib *library, maxEntry int, source journal.Source) (*origin, error) {
	set, err := fileset.New(source)
	if err != nil {
		return nil, err
	}
	given := source.Directory != "" || source.Root != ""
	o := &origin{
		lib: lib, maxEntry: maxEntry, source: source, set: set,
		list:   len(source.Files) > 0 || given && source.Namespace != "",
		probed: make(map[fileset.ID]bool),
	}
	set.Accept(o.opens)
	return o, nil
}

// opens reports whether libsystemd opens the file alone: of features that package journalfile does not know, a newer libsystemd
// may know some.
func (o *origin) opens(path string) bool {
	id, ok := fileset.IDOf(path)
	if !ok {
		return false
	}
	if opens, ok := o.probed[id]; ok {
		return opens
	}
	j, err := sdjournal.NewJournalFromFiles(path)
	if err == nil {
		err = j.Close()
	}
	o.probed[id] = err == nil
	return err == nil
}

// good reports whether libsystemd can be given the file.
func (o *origin) good(path string) bool {
	_, err := journalfile.ReadHeader(path)
	return err == nil || errors.Is(err, journalfile.ErrUnknownFlags) && o.opens(path)
}

// inspect returns the files of the source whose headers are good, and what cannot be read.
func (o *origin) inspect() ([]fileset.File, []journal.FileProblem) {
	files, problems := o.set.Inspect()
	if n := len(files); n > maxFilesOpen {
		problems = append(slices.Clip(problems), journal.FileProblem{
			Path: o.set.Name(), Reason: journal.GapUnsupported,
			Err: fmt.Errorf("%d journal files: libsystemd reads no more than %d at a time; read them in parts", n, maxFilesOpen),
		})
	}
	return files, problems
}

// open opens the source. first makes a pattern without a match an error; later it is not, files
// come and go.
func (o *origin) open(first bool) (*handle, error) {
	if o.list {
		paths, err := o.set.Paths(first)
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
	o.opened = make(map[string]fileset.ID, len(paths))
	for _, path := range paths {
		if len(good) == maxFilesOpen {
			break
		}
		// The inode first: if the file is replaced meanwhile, isStale will tell.
		id, ok := fileset.IDOf(path)
		if ok && o.good(path) {
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
		id, ok := fileset.IDOf(path)
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
		if o.good(path) {
			return true
		}
	}
	return seen != len(o.opened)
}
