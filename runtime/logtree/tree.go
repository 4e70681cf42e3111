// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logtree

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/runtime/safefs"
)

const (
	// maxPods bounds the names looked at in the tree.
	maxPods = 20_000
	// maxContainers bounds the names looked at in the directory of a pod.
	maxContainers = 1_000
	// maxFiles bounds the names looked at in the directory of a container.
	maxFiles = 10_000
	// maxNames bounds the names looked at in the directories of all pods and containers.
	maxNames = 200_000
)

// Pod is a pod that has a log directory: NAMESPACE_NAME_UID.
type Pod struct {
	Namespace, Name, UID string
	// Dir is the name of its directory.
	Dir string
	// Containers are sorted by name.
	Containers []Container
}

// Container is a container that has a log directory.
type Container struct {
	Name string
	// Runs are the numbers of the runs that have a file, ascending.
	Runs []uint32
}

// Tree is a directory laid out like /var/log/pods. It is safe for concurrent use.
type Tree struct{ root *safefs.Root }

// New returns a tree. The directory need not exist.
func New(root *safefs.Root) *Tree { return &Tree{root: root} }

// Omitted counts what a list of pods leaves out.
type Omitted struct {
	// Names are not those of pods or containers, or not of directories.
	Names int
	// Unreadable are directories that could not be read, as the user may not.
	Unreadable int
	// Full are directories with more in them than is looked at.
	Full int
}

// Pods lists the pods by namespace, name and UID. What is left out is counted. A tree that does not exist is an fs.ErrNotExist.
func (t *Tree) Pods() (pods []Pod, omitted Omitted, err error) {
	root, err := t.root.OpenDir(".")
	if err != nil {
		return nil, Omitted{}, fmt.Errorf("list pod logs: %w", err)
	}
	defer root.Close()
	names, more, err := root.Names(maxPods)
	if err != nil {
		return nil, Omitted{}, fmt.Errorf("list pod logs in %s: %w", t.root.Path(), err)
	}
	l := lister{left: maxNames}
	if more {
		l.omitted.Full++
	}
	slices.Sort(names)
	pods = make([]Pod, 0, len(names))
	for _, name := range names {
		p, ok := parsePod(name)
		if !ok {
			l.omitted.Names++
			continue
		}
		if p.Containers, err = l.containers(root, name); err != nil {
			l.omit(err)
			continue
		}
		pods = append(pods, p)
	}
	// The order of names is another one: '_' comes after '-' and digits.
	slices.SortFunc(pods, func(a, b Pod) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.UID, b.UID))
	})
	return pods, l.omitted, nil
}

// lister counts what Pods looks at.
type lister struct {
	// left is how many names can still be looked at.
	left    int
	omitted Omitted
}

// omit counts what could not be looked at. What has just been removed is not missing.
func (l *lister) omit(err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, safefs.ErrUnsafe):
		l.omitted.Names++
	default:
		l.omitted.Unreadable++
	}
}

// names returns the names in a directory, as many as are left.
func (l *lister) names(d *safefs.Dir, most int) ([]string, error) {
	names, more, err := d.Names(min(most, l.left))
	if more {
		l.omitted.Full++
	}
	l.left -= len(names)
	return names, err
}

// containers lists the containers of a pod. A directory that has just been removed may be empty.
func (l *lister) containers(root *safefs.Dir, pod string) ([]Container, error) {
	dir, err := root.OpenDir(pod)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := l.names(dir, maxContainers)
	if err != nil {
		return nil, err
	}
	containers := make([]Container, 0, len(names))
	for _, name := range names {
		if !isLabel(name) {
			l.omitted.Names++
			continue
		}
		runs, err := l.runs(dir, name)
		if err != nil {
			l.omit(err)
			continue
		}
		containers = append(containers, Container{Name: name, Runs: runs})
	}
	slices.SortFunc(containers, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
	return containers, nil
}

// runs lists the runs of a container that have a file.
func (l *lister) runs(pod *safefs.Dir, container string) ([]uint32, error) {
	dir, err := pod.OpenDir(container)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := l.names(dir, maxFiles)
	if err != nil {
		return nil, err
	}
	var runs []uint32
	for _, name := range names {
		run, ok := parseRun(name)
		if !ok {
			continue
		}
		// There are few runs and many rotations, so that it is mostly the run before.
		if len(runs) > 0 && runs[len(runs)-1] == run {
			continue
		}
		if info, err := dir.Stat(name); err == nil && info.Mode().IsRegular() {
			runs = append(runs, run)
		}
	}
	slices.Sort(runs)
	return slices.Clip(slices.Compact(runs)), nil
}

// LastWrite returns when something was last written to a log of a pod, whose directory is dir, or made or renamed there. It is
// zero if there is nothing.
func (t *Tree) LastWrite(dir string) (time.Time, error) {
	var newest time.Time
	if _, ok := parsePod(dir); !ok {
		return newest, fmt.Errorf("look at pod logs: not the name of a pod's directory: %q", dir)
	}
	pod, err := t.root.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return newest, nil
	}
	if err != nil {
		return newest, fmt.Errorf("look at pod logs: %w", err)
	}
	defer pod.Close()
	l := lister{left: maxNames}
	containers, _ := l.names(pod, maxContainers)
	for _, container := range containers {
		c, err := pod.OpenDir(container)
		if err != nil {
			continue
		}
		names, _ := l.names(c, maxFiles)
		for _, name := range names {
			if _, ok := parseRun(name); !ok {
				continue
			}
			if info, err := c.Stat(name); err == nil && info.Mode().IsRegular() && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
		_ = c.Close() // read only
	}
	return newest, nil
}
