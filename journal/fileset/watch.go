// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// watchRetry is how often a watch that was refused is tried again.
	watchRetry = 10 * time.Second
	// toldPause is the least time between two reports of a change, so that a directory in which much happens does not
	// keep its readers busy with looking at it.
	toldPause = 20 * time.Millisecond
)

// Watcher waits for files of a Set to come, to go and to be renamed. It does not tell of entries: journald writes them
// through a mapping, of which inotify knows nothing. It belongs to the goroutine of its Set; Close releases its descriptor.
//
// Not all changes are told: a directory that does not exist cannot be watched, nor one of a network file system. Inspect finds
// these, so call it from time to time.
type Watcher struct {
	set *Set
	// notifier is nil while changes are found by looking alone, which err explains.
	notifier *notifier
	err      error
	tried    time.Time
	// finds is the number of the listing whose directories are watched.
	finds uint64
	// told is when a change was reported last; pending says that another one waits until toldPause has passed.
	told    time.Time
	pending bool
	timer   *time.Timer
}

// Watch begins to watch the directories of the source, also those that Inspect finds later. What happened before is for the
// next Inspect.
func (s *Set) Watch() *Watcher {
	s.Follow()
	s.Inspect()
	w := &Watcher{set: s}
	w.update()
	return w
}

// Err returns why changes are found by looking alone, which takes up to Fresh: usually that inotify instances or watches are
// exhausted. It is nil when all is well. A watch that was refused is tried again now and then.
func (w *Watcher) Err() error { return w.err }

// Close ends the watch. Closing again does nothing.
func (w *Watcher) Close() error {
	if w.timer != nil {
		w.timer.Stop()
	}
	n := w.notifier
	w.notifier, w.set = nil, nil
	if n == nil {
		return nil
	}
	if err := n.close(); err != nil {
		return fmt.Errorf("end watch of journal directories: %w", err)
	}
	return nil
}

// Wait waits until files have come or gone, the time d has passed, or ctx ends, which is the error then. It reports whether there
// was a change; the next Inspect then looks anew.
func (w *Watcher) Wait(ctx context.Context, d time.Duration) (changed bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if w.set == nil {
		return false, fmt.Errorf("watch journal directories: %w", errClosed)
	}
	w.update()
	if w.pending {
		d = min(d, max(0, toldPause-time.Since(w.told)))
	}
	if w.notifier != nil {
		changed, err = w.notifier.wait(ctx, d)
	} else {
		err = w.pause(ctx, d)
	}
	if err != nil {
		return false, err
	}
	w.pending = w.pending || changed
	if !w.pending || time.Since(w.told) < toldPause {
		return false, nil
	}
	w.pending, w.told = false, time.Now()
	w.set.Expire()
	return true, nil
}

var errClosed = errors.New("closed")

// pause is wait without a notifier.
func (w *Watcher) pause(ctx context.Context, d time.Duration) error {
	if w.timer == nil {
		w.timer = time.NewTimer(d)
	} else {
		w.timer.Reset(d)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.timer.C:
		return nil
	}
}

// update watches the directories that there are now.
func (w *Watcher) update() {
	l := &w.set.listing
	if w.finds == l.finds && (w.err == nil || time.Since(w.tried) < watchRetry) {
		return
	}
	w.finds = l.finds
	w.err = w.watch(l.found.directories)
	if w.err != nil {
		w.err = fmt.Errorf("watch journal directories, polling instead: %w", w.err)
		w.tried = time.Now()
	}
}

func (w *Watcher) watch(directories []string) error {
	if w.notifier == nil {
		if w.err != nil && time.Since(w.tried) < watchRetry {
			return errors.Unwrap(w.err)
		}
		n, err := openNotifier()
		if err != nil {
			return err
		}
		w.notifier = n
	}
	return w.notifier.watch(directories)
}
