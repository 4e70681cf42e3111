// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/fileset"
)

// journald tells of new entries by inotify at most every 250 ms. A wait therefore ends early
// too: soon after an entry was seen, later when the journal is quiet.
const (
	busyPause = 5 * time.Millisecond
	idlePause = 50 * time.Millisecond
	// busyFor is how long the journal counts as busy after an entry.
	busyFor = time.Second
	// listPause is how often the files of the source are listed, to find files that inotify did not tell
	// of. manyListPause is for sources of more than manyFiles.
	listPause     = fileset.Fresh
	manyListPause = time.Second
	manyFiles     = 100
)

// watcher is the state of Wait between its calls.
type watcher struct {
	// file is a duplicate of libsystemd's inotify descriptor; nil when there is none.
	file    *os.File
	started bool
	// err says why changes are found by polling alone.
	err error
	// known are the paths of the source when they were listed last, at listed.
	known  []string
	listed time.Time
	// suspects counts the listings since a change whose files are not those that libsystemd has open.
	suspects int
	// tried is the difference of space for which the journal was opened anew already, if hasTried; once is enough,
	// libsystemd may refuse a file for reasons of its own.
	tried    uint64
	hasTried bool
	timer    *time.Timer
}

// stop releases the descriptor. Wait begins anew after it.
func (w *watcher) stop() {
	if w.file != nil {
		w.file.Close() // a duplicate: nothing is lost if that fails
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	*w = watcher{known: w.known, listed: w.listed, tried: w.tried, hasTried: w.hasTried, err: w.err}
}

// WatchError returns why new entries are found by polling alone, which costs more and takes up to
// 50 ms: usually that inotify instances or watches are exhausted. It is nil when all is well.
func (r *reader) WatchError() error { return r.watch.err }

// Wait implements journal.Reader. No thread is blocked while it waits.
func (r *reader) Wait(ctx context.Context) (journal.Change, error) {
	if r.h == nil {
		return journal.ChangeNone, errClosed
	}
	if err := ctx.Err(); err != nil {
		return journal.ChangeNone, err
	}
	if !r.watch.started {
		// What happened before the watch began is not known.
		if err := r.startWatch(); err != nil {
			return journal.ChangeNone, err
		}
		if r.reopened {
			r.reopened = false
			return journal.ChangeFiles, nil
		}
		return journal.ChangeAppended, nil
	}
	pause := idlePause
	if time.Since(r.lastMove) < busyFor {
		pause = busyPause
	}
	woken, err := r.watch.pause(ctx, pause)
	if err != nil {
		return journal.ChangeNone, err
	}
	change := journal.ChangeNone
	if woken {
		if change, err = r.process(); err != nil {
			return journal.ChangeNone, err
		}
	}
	changed, err := r.checkFiles()
	if err != nil {
		return journal.ChangeNone, err
	}
	if changed || r.reopened {
		r.reopened = false
		change = journal.ChangeFiles
	}
	return change, nil
}

// startWatch lets libsystemd watch its directories. A list of files is not watched: on
// a rename libsystemd would drop the file with entries in it that were not read yet.
func (r *reader) startWatch() error {
	r.watch.started, r.watch.err = true, nil
	r.origin.set.Follow()
	if r.origin.list {
		return nil
	}
	// Files may have come since the journal was opened.
	r.watch.suspects = 1
	// sd_journal_wait begins the watch, and drops files that were removed before it.
	if result := r.h.journal.Wait(0); result < 0 {
		r.watch.err = fmt.Errorf("watch journal directories, polling instead: %w", syscall.Errno(-result))
		return nil
	}
	fd, err := r.h.watchFD()
	if err != nil {
		r.watch.err = fmt.Errorf("watch journal directories, polling instead: %w", err)
		return nil
	}
	if !hasWatches(fd) {
		r.watch.err = fmt.Errorf("watch journal directories, polling instead: no inotify watches left: %w", syscall.ENOSPC)
	}
	duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("watch journal directories: %w", err)
	}
	r.watch.file = os.NewFile(uintptr(duplicate), "inotify")
	return nil
}

// hasWatches reports whether the inotify descriptor watches anything: libsystemd does not tell
// when the kernel refused.
func hasWatches(fd int) bool {
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	return err != nil || slices.ContainsFunc(splitLines(info), func(line string) bool { return len(line) > 8 && line[:8] == "inotify " })
}

// pause waits until the descriptor has something to read, which it reports, for
// the time d, or until ctx ends.
func (w *watcher) pause(ctx context.Context, d time.Duration) (bool, error) {
	if w.file == nil {
		if w.timer == nil {
			w.timer = time.NewTimer(d)
		} else {
			w.timer.Reset(d)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-w.timer.C:
			return false, nil
		}
	}
	if err := w.file.SetReadDeadline(time.Now().Add(d)); err != nil {
		return false, fmt.Errorf("wait for journal: %w", err)
	}
	file, done := w.file, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = file.SetReadDeadline(time.Unix(1, 0))
		close(done)
	})
	defer func() {
		if !stop() {
			<-done
		}
	}()
	conn, err := file.SyscallConn()
	if err != nil {
		return false, fmt.Errorf("wait for journal: %w", err)
	}
	ready := false
	err = conn.Read(func(fd uintptr) bool {
		ready = readable(fd)
		return ready
	})
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("wait for journal: %w", err)
	}
	return ready, nil
}

func readable(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// process lets libsystemd take in what inotify told.
func (r *reader) process() (journal.Change, error) {
	r.entry.forget()
	switch result := r.h.journal.Wait(0); {
	case result == changeNop:
		return journal.ChangeNone, nil
	case result == changeSome:
		return journal.ChangeAppended, nil
	case result == changeFiles:
		r.tails.Close()
		r.origin.set.Expire()
		return journal.ChangeFiles, nil
	default:
		return journal.ChangeFiles, r.reopen()
	}
}

// checkFiles lists the source now and then and opens the journal anew if libsystemd does not have the files open
// that it should have.
func (r *reader) checkFiles() (bool, error) {
	pause := listPause
	if len(r.watch.known) > manyFiles {
		pause = manyListPause
	}
	if time.Since(r.watch.listed) < pause {
		return false, nil
	}
	paths, err := r.origin.set.Paths(false)
	if err != nil {
		return false, err
	}
	r.watch.listed = time.Now()
	changed := r.checkTorn()
	same := slices.Equal(paths, r.watch.known)
	r.watch.known = paths
	if r.origin.list {
		if r.origin.isStale(paths) {
			return true, r.reopen()
		}
		return changed, nil
	}
	if !same {
		r.watch.suspects = 1
		return changed, nil
	}
	if r.watch.suspects == 0 {
		return changed, nil
	}
	missing := r.missing()
	if missing == 0 || r.watch.hasTried && missing == r.watch.tried {
		r.watch.suspects = 0
		return changed, nil
	}
	if r.watch.suspects++; r.watch.suspects <= 3 {
		return changed, nil
	}
	r.watch.suspects, r.watch.tried, r.watch.hasTried = 0, missing, true
	return true, r.reopen()
}

// checkTorn looks again at files that were empty or truncated when they appeared. It reports whether they count now, as
// good or as bad.
func (r *reader) checkTorn() bool {
	if !r.origin.set.Withheld() {
		return false
	}
	r.origin.set.Expire()
	r.origin.inspect()
	return !r.origin.set.Withheld()
}

// missing compares the space that libsystemd's open files use with that of the files that it should have open. The
// difference is 0 when all is well, and stays the same while it does not open one that does not grow.
func (r *reader) missing() uint64 {
	used, err := r.h.journal.GetUsage()
	if err != nil {
		return ^uint64(0)
	}
	r.origin.set.Expire()
	files, _ := r.origin.inspect()
	var want uint64
	for i := range files {
		want += files[i].DiskBytes
	}
	return want - used
}

func splitLines(text []byte) []string { return strings.Split(string(text), "\n") }
