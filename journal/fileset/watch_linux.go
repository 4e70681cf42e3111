// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

const (
	// watchMask is what happens to files that come and go, are complete after a copy, or become readable.
	watchMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR | unix.IN_EXCL_UNLINK
	// watchLost are events after which the directory of that name is another one, or none.
	watchLost = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_IGNORED | unix.IN_UNMOUNT
	// maxWatches bounds the number of directories that one Watcher watches.
	maxWatches = 1024
	// eventBytes is room for many events; a name has at most 255 bytes.
	eventBytes = 16 << 10
)

// notifier is an inotify descriptor.
type notifier struct {
	file *os.File
	// paths are the directories watched, by descriptor of the watch, watches the reverse.
	paths   map[int32]string
	watches map[string]int32
	buf     []byte
}

// openNotifier makes the descriptor. Each user has a limited number of them.
func openNotifier() (*notifier, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	switch {
	case errors.Is(err, unix.EMFILE):
		return nil, fmt.Errorf("no inotify instances left (sysctl fs.inotify.max_user_instances), or no descriptors: %w", err)
	case err != nil:
		return nil, fmt.Errorf("inotify: %w", err)
	}
	return &notifier{
		file:  os.NewFile(uintptr(fd), "inotify"),
		paths: make(map[int32]string), watches: make(map[string]int32),
		buf: make([]byte, eventBytes),
	}, nil
}

func (n *notifier) close() error { return n.file.Close() }

// watch watches those of the directories that exist and are not watched yet, and no others.
func (n *notifier) watch(directories []string) error {
	conn, err := n.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = n.watchAll(int(fd), directories) })
	if err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	return failed
}

func (n *notifier) watchAll(fd int, directories []string) error {
	wanted := make(map[string]bool, len(directories))
	for _, path := range directories {
		wanted[path] = true
	}
	for path, watch := range n.watches {
		if !wanted[path] {
			_, _ = unix.InotifyRmWatch(fd, uint32(watch)) // it may have gone by itself
			n.forget(watch)
		}
	}
	var failed error
	for _, path := range directories {
		if _, ok := n.watches[path]; ok {
			continue
		}
		if len(n.watches) >= maxWatches {
			return fmt.Errorf("more than %d directories", maxWatches)
		}
		watch, err := unix.InotifyAddWatch(fd, path, watchMask)
		switch {
		case err == nil:
			// The same directory under two names has one watch.
			delete(n.watches, n.paths[int32(watch)])
			n.paths[int32(watch)], n.watches[path] = path, int32(watch)
		case errors.Is(err, unix.ENOSPC):
			return fmt.Errorf("no inotify watches left (sysctl fs.inotify.max_user_watches): %w", err)
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			// Not there, or a problem that Inspect tells.
		default:
			failed = fmt.Errorf("inotify of %s: %w", path, err)
		}
	}
	return failed
}

func (n *notifier) forget(watch int32) {
	path := n.paths[watch]
	delete(n.paths, watch)
	if n.watches[path] == watch {
		delete(n.watches, path)
	}
}

// wait waits for an event about a journal file or a directory, which it reports, for the time d, or until ctx ends.
func (n *notifier) wait(ctx context.Context, d time.Duration) (bool, error) {
	file, done := n.file, make(chan struct{})
	// Nothing is read once the deadline has passed.
	if err := file.SetReadDeadline(time.Now().Add(max(d, time.Millisecond))); err != nil {
		return false, fmt.Errorf("wait for journal directories: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		_ = file.SetReadDeadline(time.Unix(1, 0))
		close(done)
	})
	defer func() {
		if !stop() {
			<-done
		}
	}()
	for {
		length, err := file.Read(n.buf)
		switch {
		case err == nil:
			if n.take(n.buf[:length]) {
				return true, nil
			}
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false, nil
		default:
			return false, fmt.Errorf("wait for journal directories: %w", err)
		}
	}
}

// take reads events and reports whether one matters.
func (n *notifier) take(b []byte) (matters bool) {
	for len(b) >= unix.SizeofInotifyEvent {
		watch, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
		length := int(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		if length > len(b) {
			return true
		}
		name, _, _ := bytes.Cut(b[:length], []byte{0})
		b = b[length:]
		_, known := n.paths[watch]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			matters = true
		case !known: // left over from a watch that was removed
		case mask&watchLost != 0:
			if mask&unix.IN_MOVE_SELF != 0 {
				n.remove(watch)
			}
			n.forget(watch)
			matters = true
		case mask&unix.IN_ISDIR != 0:
			machine, _, _ := bytes.Cut(name, []byte("."))
			_, err := journal.ParseID128(string(machine))
			matters = matters || err == nil
		default:
			matters = matters || journalfile.IsFileName(string(name))
		}
	}
	return matters
}

// remove ends a watch that goes with its directory to another name.
func (n *notifier) remove(watch int32) {
	conn, err := n.file.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(watch)) })
}
