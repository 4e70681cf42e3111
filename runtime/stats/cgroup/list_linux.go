// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// List returns the paths of all cgroups below the root: of version 1 those that any of the controllers cpuacct, memory, pids
// and blkio has, or the systemd of the node. They begin with "/", which is the root, and are sorted. The slice is the caller's. A name that is not
// UTF-8 is left out, with all below it.
//
// If there are too many or too deep ones, the rest is left out, and the error is ErrTooMany: first of what is below services, scopes and
// containers. Of a directory that may not be searched what is below it is left out. If nothing changed since the last call that costs one look at
// each directory.
func (t *Tree) List() ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.devicesAt) >= devicesEvery {
		t.findDevices()
	}
	changed := t.paths == nil
	var tooMany error
	for _, l := range t.lists {
		switch err := l.look(t.maxGroups); {
		case errors.Is(err, ErrTooMany):
			tooMany = err
		case err != nil:
			t.paths = nil
			return nil, fmt.Errorf("list cgroups in %q: %w", l.point, err)
		}
		changed = changed || l.changed
	}
	if changed {
		t.paths, t.cut = t.union()
	}
	if t.cut {
		tooMany = ErrTooMany
	}
	return slices.Clone(t.paths), tooMany
}

// union returns the cgroups of all hierarchies, and whether those below delegated ones had to be cut down.
func (t *Tree) union() (paths []string, cut bool) {
	of := func(nested bool) []string {
		paths := []string{"/"}
		for _, l := range t.lists {
			paths = l.root.paths(paths, nested)
		}
		slices.Sort(paths)
		return slices.Compact(paths)
	}
	paths = of(true)
	if len(paths) <= t.maxGroups {
		return paths, false
	}
	first := of(false)
	left := t.maxGroups - len(first)
	if left <= 0 {
		return first[:t.maxGroups], true
	}
	return slices.DeleteFunc(paths, func(p string) bool {
		if _, is := slices.BinarySearch(first, p); is {
			return false
		}
		left--
		return left < 0
	}), true
}

// lister finds the cgroups of one hierarchy.
type lister struct {
	point string
	root  node
	// number counts the looks. dir is the directory of the hierarchy, open during a look, left how many more cgroups may be found in it.
	number    uint64
	dir, left int
	// later are the delegated ones, which are entered when all else has been found. entering: they are being entered.
	later    []delegate
	entering bool
	// changed: the look found other cgroups than the one before. tooMany: it left some out.
	changed, tooMany bool
}

// node is a cgroup that was found.
type node struct {
	// path is relative to the point of the hierarchy, "." for the root.
	path string
	// children are those in it, by name.
	children []*node
	// look is the number of the look that came by last.
	look uint64
	// delegated: what is in it was not made by the node.
	delegated bool
}

// delegate is a delegated cgroup that was seen.
type delegate struct {
	*node
	links int64
	depth int
}

// paths appends the paths of what is below; what is in delegated cgroups if nested.
func (n *node) paths(to []string, nested bool) []string {
	if n.delegated && !nested {
		return to
	}
	for _, c := range n.children {
		to = c.paths(append(to, "/"+c.path), nested)
	}
	return to
}

// look finds out what changed. No more than most are found.
func (l *lister) look(most int) error {
	var err error
	if l.dir, err = openDir(l.point); err != nil {
		return err
	}
	defer unix.Close(l.dir)
	l.number++
	l.left, l.changed, l.tooMany = most, false, false
	clear(l.later)
	l.later, l.entering = l.later[:0], false
	l.root.path = "."
	exists, err := l.visit(&l.root, 0)
	switch {
	case err != nil:
		return err
	case !exists:
		return fs.ErrNotExist
	}
	l.entering = true
	for _, d := range l.later {
		exists, err := l.enter(d)
		if err != nil {
			return err
		}
		if !exists {
			l.forget(d.node) // it has just gone, which the next look will find
		}
	}
	if l.tooMany {
		return ErrTooMany
	}
	return nil
}

// visit looks at a cgroup and those below it.
func (l *lister) visit(n *node, depth int) (exists bool, err error) {
	n.look = l.number
	var st unix.Stat_t
	err = unix.Fstatat(l.dir, n.path, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == nil:
	case depth > 0 && errors.Is(err, fs.ErrPermission):
		// Whoever it is delegated to can forbid to search the one that it is in. Its name has been read.
		l.forget(n)
		return true, nil
	default:
		return false, notGone(err)
	}
	d := delegate{n, int64(st.Nlink), depth}
	switch {
	case !n.delegated:
		return l.below(d)
	case l.entering:
		return l.enter(d)
	}
	l.later = append(l.later, d)
	return true, nil
}

// forget forgets what is in a cgroup.
func (l *lister) forget(n *node) {
	l.changed = l.changed || len(n.children) > 0
	n.children = nil
}

// enter looks at what is in a cgroup that others may make some in, of which there is a bound of its own.
func (l *lister) enter(d delegate) (exists bool, err error) {
	rest := max(l.left-maxDelegated, 0)
	l.left -= rest
	exists, err = l.below(d)
	l.left += rest
	return exists, err
}

// below looks at what is in a cgroup. A directory of cgroups has two links and one for each directory in it. So if it has as many as were in it
// before, and all those are still there, there are no others, and it need not be read.
func (l *lister) below(d delegate) (exists bool, err error) {
	n, links, depth := d.node, d.links, d.depth
	if depth == maxDepth {
		l.tooMany = l.tooMany || links > 2
		return true, nil
	}
	if links == int64(len(n.children))+2 {
		if gone, err := l.descend(n, depth); err != nil || !gone {
			return true, err
		}
	}
	if err := l.read(n); err != nil {
		return false, notGone(err)
	}
	_, err = l.descend(n, depth)
	return true, err
}

// notGone returns the error unless it says that the cgroup is gone.
func notGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// descend visits those in a cgroup that this look did not visit yet.
func (l *lister) descend(n *node, depth int) (gone bool, err error) {
	before := len(n.children)
	kept := n.children[:0]
	for _, c := range n.children {
		exists := true
		switch {
		case err != nil || c.look == l.number:
		case l.left <= 0:
			exists, l.tooMany = false, true
		default:
			l.left--
			exists, err = l.visit(c, depth+1)
			gone = gone || !exists
		}
		if exists {
			kept = append(kept, c)
		}
	}
	clear(n.children[len(kept):])
	n.children = kept
	l.changed = l.changed || len(kept) < before
	return gone, err
}

// read reads which cgroups are in one.
func (l *lister) read(n *node) error {
	names, err := l.names(n)
	if err != nil {
		return err
	}
	known := make(map[string]*node, len(n.children))
	for _, c := range n.children {
		known[path.Base(c.path)] = c
	}
	children := make([]*node, len(names))
	for i, name := range names {
		c := known[name]
		if c == nil {
			c = &node{path: path.Join(n.path, name), delegated: delegated(name)}
			l.changed = true
		}
		children[i] = c
	}
	l.changed = l.changed || len(children) < len(n.children)
	n.children = children
	return nil
}

// names returns the names of the cgroups in one, sorted. One that may not be read has none.
func (l *lister) names(n *node) ([]string, error) {
	fd, err := unix.Openat(l.dir, n.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, nil
		}
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), path.Join(l.point, n.path))
	defer dir.Close()
	var names []string
	for {
		const some = 256
		entries, err := dir.ReadDir(some)
		for _, e := range entries {
			if !e.IsDir() || !utf8.ValidString(e.Name()) {
				continue
			}
			if len(names) >= l.left+len(n.children) {
				l.tooMany = true
				return sorted(names), nil
			}
			names = append(names, e.Name())
		}
		if errors.Is(err, io.EOF) {
			return sorted(names), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
