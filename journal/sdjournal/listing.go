// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// listing is what the files of a source are. It is kept for listPause, so that one query does not read all
// headers several times.
type listing struct {
	at       time.Time // zero: list anew
	headers  []journalfile.Header
	problems []journal.FileProblem

	// archived are the headers of files that do not change any more.
	archived map[string]archived
	// following makes files that are empty or truncated count only once they have been so for listPause: a file that
	// is being made is empty at first. torn tells since when they are, withheld whether some do not count yet.
	following bool
	torn      map[tornFile]time.Time
	withheld  bool
	// damaged are files in which something was found to be damaged while it was read.
	damaged map[string]error
}

// tornFile is a file of no length, or less than its header says. Numbers of inodes are used again, and so are paths.
type tornFile struct {
	path string
	id   inode
}

// archived is a header and what tells whether the file is still the same.
type archived struct {
	header   journalfile.Header
	id       inode
	size     int64
	modified time.Time
}

// inspect returns the headers of the files of the source, and what cannot be read.
func (o *origin) inspect() ([]journalfile.Header, []journal.FileProblem) {
	l := &o.listing
	if !l.at.IsZero() && time.Since(l.at) < listPause {
		return l.headers, l.problems
	}
	var paths []string
	var problems []journal.FileProblem
	if len(o.source.Files) == 0 {
		paths, problems = o.search.Files()
	} else {
		paths, _ = o.paths(false)
	}
	l.read(paths, problems)
	if n := len(l.headers); n > maxFilesOpen {
		l.problems = append(l.problems, journal.FileProblem{
			Path: o.name(), Reason: journal.GapUnsupported,
			Err: fmt.Errorf("%d journal files: libsystemd reads no more than %d at a time; read them in parts", n, maxFilesOpen),
		})
	}
	return l.headers, l.problems
}

// name is what a person calls the source.
func (o *origin) name() string {
	switch {
	case o.source.Directory != "":
		return o.source.Directory
	case o.source.Root != "":
		return o.source.Root
	case len(o.source.Files) > 0:
		return o.source.Files[0]
	default:
		return varDirectory
	}
}

// expire makes inspect look anew.
func (l *listing) expire() { l.at = time.Time{} }

// note remembers that the file was found to be damaged.
func (l *listing) note(path string, err error) {
	if l.damaged == nil {
		l.damaged = make(map[string]error)
	}
	l.damaged[path] = err
	l.expire()
}

// read reads the headers of these files.
func (l *listing) read(paths []string, problems []journal.FileProblem) {
	old, torn := l.archived, l.torn
	l.archived, l.torn, l.withheld = make(map[string]archived), make(map[tornFile]time.Time), false
	l.headers, l.problems = make([]journalfile.Header, 0, len(paths)), problems
	l.at = time.Now()
	for _, path := range paths {
		header, err := l.header(path, old)
		switch {
		case err == nil:
			l.headers = append(l.headers, header)
			if damage, ok := l.damaged[path]; ok {
				l.problems = append(l.problems, journal.FileProblem{Path: path, Reason: journal.GapCorrupt, Err: damage})
			}
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, journalfile.ErrTruncated) && l.isNew(path, torn):
			l.withheld = true
		default:
			l.problems = append(l.problems, journal.FileProblem{Path: path, Reason: journalfile.GapReason(err), Err: err})
		}
	}
	maps.DeleteFunc(l.damaged, func(path string, _ error) bool {
		_, err := os.Lstat(path)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// header reads the header of a file unless it is known.
func (l *listing) header(path string, old map[string]archived) (journalfile.Header, error) {
	info, err := os.Stat(path)
	if err != nil {
		return journalfile.Header{}, fmt.Errorf("open journal file: %w", err)
	}
	id, _ := inodeOfInfo(info)
	if a, ok := old[path]; ok && a.id == id && a.size == info.Size() && a.modified.Equal(info.ModTime()) {
		l.archived[path] = a
		return a.header, nil
	}
	h, err := journalfile.ReadHeader(path)
	if err == nil && h.State == journalfile.StateArchived {
		l.archived[path] = archived{header: h, id: id, size: info.Size(), modified: info.ModTime()}
	}
	return h, err
}

// isNew reports whether a truncated file may be one that is just being made. torn are those that the
// listing before found.
func (l *listing) isNew(path string, torn map[tornFile]time.Time) bool {
	id, ok := inodeOf(path)
	if !ok {
		return true
	}
	file := tornFile{path, id}
	since, seen := torn[file]
	if !seen && l.following {
		since = l.at
	}
	l.torn[file] = since
	return l.at.Sub(since) < listPause
}
