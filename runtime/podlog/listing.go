// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/noded/noded/runtime/safefs"
)

// maxNames bounds the names of one log directory that are looked at.
const maxNames = 10_000

// entry is a log file by its name.
type entry struct {
	name string
	run  uint32
	// live: it is the file that is written to.
	live bool
	gzip bool
	// rotation says when a file that is not live was rotated: a time, as text that sorts, or a number that is larger for
	// older files.
	rotation string
	number   int

	inode, device uint64
}

// is reports whether two entries are one file, which may have been renamed.
func (e *entry) is(other entry) bool { return e.inode == other.inode && e.device == other.device }

// earlier tells files that come before one from those after it, when that is gone: the run and the rotation of the newest one before. Inodes
// do not: those of removed files come again. Nor do numbers, which each rotation changes.
type earlier struct {
	run      uint32
	rotation string
}

// note takes in that a file is before.
func (p *earlier) note(e *entry) { p.join(earlier{e.run, e.rotation}) }

// join takes in what is known to be before elsewhere.
func (p *earlier) join(other earlier) {
	if other.run > p.run || other.run == p.run && other.rotation > p.rotation {
		*p = other
	}
}

// noteBefore takes in what is before one of some files.
func (p *earlier) noteBefore(entries []entry, e *entry) {
	if i := slices.IndexFunc(entries, e.is); i > 0 {
		p.note(&entries[i-1])
	}
}

// has reports whether a file is known to be before.
func (p *earlier) has(e entry) bool {
	return e.run < p.run || e.run == p.run && e.rotation != "" && e.rotation <= p.rotation
}

// before orders the entries of a container, oldest first.
func before(a, b entry) int {
	if c := cmp.Compare(a.run, b.run); c != 0 {
		return c
	}
	if a.live != b.live {
		if a.live {
			return 1
		}
		return -1
	}
	if c := cmp.Compare(b.number, a.number); c != 0 {
		return c
	}
	if c := cmp.Compare(a.rotation, b.rotation); c != 0 {
		return c
	}
	return cmp.Compare(a.name, b.name)
}

// maxLists is how often a directory is listed until two listings are alike.
const maxLists = 20

// directory is a safefs.Dir.
type directory interface {
	Names(most int) (names []string, more bool, err error)
	Stat(name string) (fs.FileInfo, error)
}

// list lists the log files in a directory as they were at one moment, oldest first. What is not a regular file is left out.
func list(dir directory, layout Layout, id string) ([]entry, error) {
	entries, err := listOnce(dir, layout, id)
	if err != nil {
		return nil, err
	}
	for range maxLists {
		// Names tell of a rotation only if it makes new ones: those with numbers stay, and are of other files.
		again, err := listOnce(dir, layout, id)
		if err != nil {
			return nil, err
		}
		if slices.Equal(entries, again) {
			break
		}
		entries = again
	}
	// A file with several names here cannot be opened, but would be taken for the one after itself.
	type identity struct{ inode, device uint64 }
	seen := make(map[identity]bool, len(entries))
	return slices.DeleteFunc(entries, func(e entry) bool {
		id := identity{e.inode, e.device}
		again := seen[id]
		seen[id] = true
		return again || e.inode == 0
	}), nil
}

// listOnce lists the log files in a directory by their names, oldest first, and then looks which files they are. What is not a regular
// file has no inode.
func listOnce(dir directory, layout Layout, id string) ([]entry, error) {
	entries, err := listNames(dir, layout, id)
	for i := range entries {
		e := &entries[i]
		if info, err := dir.Stat(e.name); err == nil && info.Mode().IsRegular() {
			e.inode, e.device = safefs.Inode(info)
		}
	}
	return entries, err
}

// listNames lists the log files in a directory by their names, oldest first. A file that is there compressed too is listed once, as
// it was.
func listNames(dir directory, layout Layout, id string) ([]entry, error) {
	names, more, err := dir.Names(maxNames)
	if err != nil {
		return nil, err
	}
	if more {
		return nil, fmt.Errorf("more than %d names in one log directory", maxNames)
	}
	entries := make([]entry, 0, len(names))
	for _, name := range names {
		e, ok := parseName(name, layout, id)
		if ok {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, before)
	// The compressed file comes when it is whole, and only then the other one goes.
	return slices.CompactFunc(entries, func(a, b entry) bool {
		return a.run == b.run && !a.live && !b.live && a.number == b.number && a.rotation == b.rotation
	}), nil
}

// parseName reads the name of a file. ok is false if it is none of a log, such as one that is being compressed.
func parseName(name string, layout Layout, id string) (e entry, ok bool) {
	e.name = name
	var rest string
	if layout == LayoutDocker {
		rest, ok = strings.CutPrefix(name, id+"-json.log")
		if !ok {
			return e, false
		}
	} else {
		number, after, found := strings.Cut(name, ".log")
		run, err := strconv.ParseUint(number, 10, 32)
		if !found || err != nil || strconv.FormatUint(run, 10) != number {
			return e, false
		}
		e.run, rest = uint32(run), after
	}
	if rest == "" {
		e.live = true
		return e, true
	}
	rest, ok = strings.CutPrefix(rest, ".")
	if !ok || strings.HasSuffix(rest, ".tmp") {
		return e, false
	}
	rest, e.gzip = strings.CutSuffix(rest, ".gz")
	if rest == "" {
		return e, false
	}
	if n, err := strconv.Atoi(rest); err == nil && n > 0 && len(rest) < 8 {
		e.number = n
		return e, true
	}
	e.rotation = rest
	return e, layout == LayoutCRI
}

// runsOf returns the runs that have files, ascending.
func runsOf(entries []entry) []uint32 {
	var runs []uint32
	for _, e := range entries {
		if len(runs) == 0 || runs[len(runs)-1] != e.run {
			runs = append(runs, e.run)
		}
	}
	return runs
}

// ofRun returns the entries of a run.
func ofRun(entries []entry, run uint32) []entry {
	from, _ := slices.BinarySearchFunc(entries, run, func(e entry, run uint32) int { return cmp.Compare(e.run, run) })
	to := from
	for to < len(entries) && entries[to].run == run {
		to++
	}
	return entries[from:to]
}
