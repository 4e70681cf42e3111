// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logtree

import (
	"context"
	"time"

	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/safefs"
)

const (
	// appearEvery is how often a tree is looked for that does not exist.
	appearEvery = time.Second
	// unknownEvery is how often Wait returns at most because directories cannot be watched.
	unknownEvery = 2 * time.Second
	// maxWatched bounds the pods that are watched. When there are more, Wait returns every unwatchedEvery.
	maxWatched     = 8192
	unwatchedEvery = 10 * time.Second
)

// Watcher tells when pods or containers come and go in a tree. It belongs to one goroutine.
type Watcher struct {
	tree  *Tree
	group *dirwatch.Group
	// root is the tree, if it is there; pods are by name of the directory.
	root *watched
	pods map[string]watched
	// unwatched: there are pods that are not watched.
	unwatched bool
	// returned is when Wait returned last because of what cannot be watched.
	returned time.Time
}

// watched is a directory that is watched.
type watched struct {
	id            dirwatch.ID
	inode, device uint64
}

// Watch begins to watch the tree. What is listed after Watch or Wait returned, and changes later, makes the next Wait return.
func (t *Tree) Watch(hub *dirwatch.Hub) *Watcher {
	w := &Watcher{tree: t, group: hub.Group(), pods: make(map[string]watched)}
	w.sync()
	return w
}

// Close ends it. It can be called by another goroutine, and makes Wait return an os.ErrClosed.
func (w *Watcher) Close() { w.group.Close() }

// Wait waits until pods, or containers of pods, may have come or gone, for the time d, if it is not negative, or for the end of
// ctx, which is the error then. New runs of a container are not told. A tree that cannot be watched, or has no end of pods, makes it
// return every few seconds.
func (w *Watcher) Wait(ctx context.Context, d time.Duration) error {
	var until time.Time
	if d >= 0 {
		until = time.Now().Add(d)
	}
	var unknown bool
	for {
		wait := w.pause(until, unknown)
		changes, err := w.group.Wait(ctx, wait)
		if err != nil {
			return err
		}
		var names, now bool
		for _, c := range changes {
			names = names || c.Kind&dirwatch.Names != 0
			unknown = unknown || c.Kind&dirwatch.Unknown != 0
		}
		if w.root == nil {
			now = w.sync()
		}
		elapsed := time.Since(w.returned)
		switch {
		case names:
		case unknown && elapsed >= unknownEvery, w.unwatched && elapsed >= unwatchedEvery:
			w.returned = time.Now()
		case now, !until.IsZero() && !time.Now().Before(until):
			return nil
		default:
			continue
		}
		w.sync()
		return nil
	}
}

// pause is how long to wait for changes.
func (w *Watcher) pause(until time.Time, unknown bool) time.Duration {
	wait := time.Duration(-1)
	at := func(d time.Duration) {
		if d = max(d, 0); wait < 0 || d < wait {
			wait = d
		}
	}
	if !until.IsZero() {
		at(time.Until(until))
	}
	if w.root == nil {
		at(appearEvery)
	}
	if unknown {
		at(time.Until(w.returned.Add(unknownEvery)))
	}
	if w.unwatched {
		at(time.Until(w.returned.Add(unwatchedEvery)))
	}
	return wait
}

// sync watches the directories that are there now, and reports whether there is a tree.
func (w *Watcher) sync() bool {
	dir, err := w.tree.root.OpenDir(".")
	if err != nil {
		w.forget()
		return false
	}
	defer dir.Close()
	info, err := dir.File().Stat()
	if err != nil {
		w.forget()
		return false
	}
	inode, device := safefs.Inode(info)
	if w.root != nil && (w.root.inode != inode || w.root.device != device) {
		w.forget()
	}
	// The tree is watched before its names are read, so that none is missed.
	if w.root == nil {
		id, err := w.group.Add(dir.File())
		if err != nil {
			return false
		}
		w.root = &watched{id: id, inode: inode, device: device}
	}
	names, more, err := dir.Names(maxPods)
	if err != nil {
		w.forget()
		return false
	}
	w.unwatched = more
	w.syncPods(dir, names)
	return true
}

// syncPods watches the directories of pods.
func (w *Watcher) syncPods(dir *safefs.Dir, names []string) {
	there := make(map[string]bool, len(names))
	for _, name := range names {
		if _, ok := parsePod(name); !ok {
			continue
		}
		info, err := dir.Stat(name)
		if err != nil || !info.IsDir() {
			continue
		}
		inode, device := safefs.Inode(info)
		old, ok := w.pods[name]
		if ok && (old.inode != inode || old.device != device) {
			w.group.Remove(old.id)
			delete(w.pods, name)
			ok = false
		}
		there[name] = true
		switch {
		case ok:
		case len(w.pods) >= maxWatched:
			w.unwatched = true
		default:
			w.add(dir, name)
		}
	}
	for name, old := range w.pods {
		if !there[name] {
			w.group.Remove(old.id)
			delete(w.pods, name)
		}
	}
}

// add watches the directory of a pod.
func (w *Watcher) add(root *safefs.Dir, name string) {
	dir, err := root.OpenDir(name)
	if err != nil {
		return // it went; the tree tells
	}
	defer dir.Close()
	info, err := dir.File().Stat()
	if err != nil {
		return
	}
	id, err := w.group.Add(dir.File())
	if err != nil {
		return // the group was closed, which Wait tells
	}
	inode, device := safefs.Inode(info)
	w.pods[name] = watched{id: id, inode: inode, device: device}
}

// forget ends the watch of all directories.
func (w *Watcher) forget() {
	if w.root != nil {
		w.group.Remove(w.root.id)
		w.root = nil
	}
	for _, old := range w.pods {
		w.group.Remove(old.id)
	}
	clear(w.pods)
	w.unwatched = false
}
