// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

const (
	// Fresh is how long what Inspect found counts as known. A follower that looks this often finds what the watch does
	// not tell.
	Fresh = 200 * time.Millisecond
	// wholePause is how often Inspect looks at all files although their directories have not changed.
	wholePause = 5 * time.Second
	// settled is the age from which a time of modification tells changes apart: file systems count in coarse steps.
	settled = 2 * time.Second
)

// File is a journal file with a good header.
type File struct {
	journalfile.Header
	// ID tells the file from another of the same name, and finds it under a new name.
	ID ID
}

// listing is what the files of a source are. It is kept for a while, so that one query does not read all headers several times.
type listing struct {
	// at is when the files were looked at, whole when all of them were; zero: look anew.
	at, whole time.Time
	found     found
	// finds counts how often found was made, version the changes of files and problems.
	finds, version uint64
	// directories are what those of found were like when the files were listed.
	directories []directory
	files       []File
	problems    []journal.FileProblem

	// known are the headers of files that have not changed since.
	known map[string]known
	// following makes files that are truncated or no journal count only once they have been so for Fresh: a file that
	// is being made is empty at first, and one that is being copied may be anything. torn tells since when they are, withheld whether some do not count yet.
	following bool
	torn      map[tornFile]time.Time
	withheld  bool
	// accept tells of files with unknown features whether they can be read nevertheless; nil accepts none.
	accept func(path string) bool
	// damaged are files in which something was found to be damaged while it was read.
	damaged map[string]error
}

// directory is what tells whether files came or went.
type directory struct {
	id       ID
	modified time.Time // zero: does not exist
}

// tornFile is a bad file. Numbers of inodes are used again, and so are paths.
type tornFile struct {
	path string
	id   ID
}

// known is a header and what tells whether the file is still the same.
type known struct {
	file     File
	size     int64
	modified time.Time
	// closed: nobody writes to it any more.
	closed bool
}

// Inspect returns the files of the source whose headers are good, sorted by name within each directory, and what cannot be read:
// files with the reason, directories, and what Note was told. Both belong to the Set and are not to be changed; they stay
// as they are. What was found is good for Fresh; after that headers are read again where the file may have changed.
func (s *Set) Inspect() ([]File, []journal.FileProblem) {
	l := &s.listing
	now := time.Now()
	if !l.at.IsZero() && now.Sub(l.at) < Fresh {
		return l.files, l.problems
	}
	whole := l.at.IsZero() || now.Sub(l.whole) >= wholePause || len(s.source.Files) > 0 || !l.sameDirectories()
	if whole {
		// An error here is one of a pattern, which Open tells.
		l.found, _ = s.find(false)
		l.directories = look(l.found.directories)
		l.whole = now
		l.finds++
	}
	l.at = now
	l.read(whole)
	return l.files, l.problems
}

// Version counts the changes that Inspect found: files that came, went or were renamed, and problems. What is written to a
// file is none.
func (s *Set) Version() uint64 { return s.listing.version }

// Expire makes the next Inspect look at all files anew.
func (s *Set) Expire() { s.listing.at = time.Time{} }

// Follow says that files may be found while they are made: one that is empty, shorter than its header says, or has no
// good header is a problem only when it stays so for Fresh.
func (s *Set) Follow() { s.listing.following = true }

// Accept makes files with features that package journalfile does not know count as good where accept says that the
// engine can read them. It is called by each Inspect.
func (s *Set) Accept(accept func(path string) bool) { s.listing.accept = accept }

// Withheld reports whether Inspect found files that may still be being made, so that it is worth looking again soon.
func (s *Set) Withheld() bool { return s.listing.withheld }

// Note remembers that the file, whose header is good, was found to be damaged inside. It is a problem as long as it exists.
func (s *Set) Note(path string, err error) {
	if s.listing.damaged == nil {
		s.listing.damaged = make(map[string]error)
	}
	s.listing.damaged[path] = err
	s.Expire()
}

// look returns what the directories are like now.
func look(paths []string) []directory {
	list := make([]directory, len(paths))
	for i, path := range paths {
		if info, id, err := stat(path); err == nil {
			list[i] = directory{id: id, modified: info.ModTime()}
		}
	}
	return list
}

// sameDirectories reports whether no file can have come or gone since the files were listed.
func (l *listing) sameDirectories() bool {
	now := look(l.found.directories)
	return slices.EqualFunc(now, l.directories, func(now, was directory) bool {
		return now.id == was.id && now.modified.Equal(was.modified) && was.modified.Before(l.whole.Add(-settled))
	})
}

// read reads the headers of the files that were found, of all or only of those that may be written to.
func (l *listing) read(whole bool) {
	old, torn := l.known, l.torn
	l.known, l.torn, l.withheld = make(map[string]known, len(old)), make(map[tornFile]time.Time), false
	files, problems := l.files, l.problems
	l.files, l.problems = make([]File, 0, len(l.found.paths)), slices.Clone(l.found.problems)
	for _, path := range l.found.paths {
		file, err := l.header(path, old, whole)
		if errors.Is(err, journalfile.ErrUnknownFlags) && l.accept != nil && l.accept(path) {
			err = nil
		}
		switch {
		case err == nil:
			l.files = append(l.files, file)
			if damage, ok := l.damaged[path]; ok {
				l.problems = append(l.problems, journal.FileProblem{Path: path, Reason: journal.GapCorrupt, Err: damage})
			}
		case errors.Is(err, fs.ErrNotExist):
		case (errors.Is(err, journalfile.ErrTruncated) || errors.Is(err, journalfile.ErrCorrupt)) && l.isNew(path, torn):
			l.withheld = true
		default:
			l.problems = append(l.problems, journal.FileProblem{Path: path, Reason: journalfile.GapReason(err), Err: err})
		}
	}
	maps.DeleteFunc(l.damaged, func(path string, _ error) bool {
		_, err := os.Lstat(path)
		return errors.Is(err, fs.ErrNotExist)
	})
	if !slices.EqualFunc(files, l.files, sameFile) || !slices.EqualFunc(problems, l.problems, sameProblem) {
		l.version++
	}
}

func sameFile(a, b File) bool { return a.ID == b.ID && a.Path == b.Path }

func sameProblem(a, b journal.FileProblem) bool { return a.Path == b.Path && a.Reason == b.Reason }

// header reads the header of a file unless it is known.
func (l *listing) header(path string, old map[string]known, whole bool) (File, error) {
	was, ok := old[path]
	if ok && was.closed && !whole {
		l.known[path] = was
		return was.file, nil
	}
	info, id, err := stat(path)
	if err != nil {
		return File{}, fmt.Errorf("open journal file: %w", err)
	}
	if ok && was.file.ID == id && was.size == info.Size() && was.modified.Equal(info.ModTime()) {
		l.known[path] = was
		return was.file, nil
	}
	h, err := journalfile.ReadHeader(path)
	file := File{Header: h, ID: id}
	// A file that a crash left over says for ever that it is being written to.
	closed := h.State == journalfile.StateArchived || strings.HasSuffix(path, "~")
	resting := h.State == journalfile.StateOffline && info.ModTime().Before(l.at.Add(-settled))
	if err == nil && (closed || resting) {
		l.known[path] = known{file: file, size: info.Size(), modified: info.ModTime(), closed: closed}
	}
	return file, err
}

// isNew reports whether a bad file may be one that is just being made. torn are those that the
// listing before found.
func (l *listing) isNew(path string, torn map[tornFile]time.Time) bool {
	id, ok := IDOf(path)
	if !ok {
		return true
	}
	file := tornFile{path, id}
	since, seen := torn[file]
	if !seen && l.following {
		since = l.at
	}
	l.torn[file] = since
	return l.at.Sub(since) < Fresh
}
