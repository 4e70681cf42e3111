// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package dirwatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	watchMask = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	namesMask = unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF |
		unix.IN_UNMOUNT | unix.IN_IGNORED
	// eventBytes is room for a thousand events.
	eventBytes = 64 << 10
)

// source is an inotify descriptor.
type source struct {
	file *os.File
	// fd is its number, valid until file is closed.
	fd int
}

func openSource() (*source, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	switch {
	case errors.Is(err, unix.EMFILE):
		return nil, fmt.Errorf("no inotify instances left (sysctl fs.inotify.max_user_instances), or no descriptors: %w", err)
	case err != nil:
		return nil, fmt.Errorf("inotify: %w", err)
	}
	return &source{file: os.NewFile(uintptr(fd), "inotify"), fd: fd}, nil
}

func (s *source) close() error { return s.file.Close() }

// add watches a directory. The number is the same for the same directory.
func (s *source) add(dir *os.File) (int32, error) {
	conn, err := dir.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("inotify: %w", err)
	}
	var number int
	var failed error
	err = conn.Control(func(fd uintptr) {
		number, failed = unix.InotifyAddWatch(s.fd, "/proc/self/fd/"+strconv.Itoa(int(fd)), watchMask)
	})
	if err = errors.Join(err, failed); err != nil {
		if errors.Is(err, unix.ENOSPC) {
			return 0, fmt.Errorf("no inotify watches left (sysctl fs.inotify.max_user_watches): %w", err)
		}
		return 0, fmt.Errorf("inotify: %w", err)
	}
	return int32(number), nil
}

// remove ends a watch. It reports whether the kernel will send word of that; it will not have to if the directory is gone.
func (s *source) remove(number int32) bool {
	_, err := unix.InotifyRmWatch(s.fd, uint32(number))
	return err == nil
}

// exhausted tells the errors that the next directory will have too.
func exhausted(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// duplicate returns another handle of a directory; nil if there can be none.
func duplicate(dir *os.File) *os.File {
	conn, err := dir.SyscallConn()
	if err != nil {
		return nil
	}
	handle := -1
	err = conn.Control(func(fd uintptr) {
		if n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			handle = n
		}
	})
	if err != nil || handle < 0 {
		return nil
	}
	return os.NewFile(uintptr(handle), dir.Name())
}

// read marks what happens, until the source is closed.
func (h *Hub) read(s *source) {
	buf := make([]byte, eventBytes)
	for {
		n, err := s.file.Read(buf)
		h.mu.Lock()
		if h.source != s { // closed
			h.mu.Unlock()
			return
		}
		if err != nil {
			h.broken(fmt.Errorf("inotify: %w", err))
			h.mu.Unlock()
			return
		}
		h.take(buf[:n])
		h.mu.Unlock()
	}
}

// take marks what events tell. h.mu is held.
func (h *Hub) take(b []byte) {
	for len(b) >= unix.SizeofInotifyEvent {
		number, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
		name := binary.NativeEndian.Uint32(b[12:])
		b = b[unix.SizeofInotifyEvent:]
		b = b[min(uint64(name), uint64(len(b))):]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			h.lost()
			continue
		}
		if mask&unix.IN_IGNORED != 0 {
			if n := h.stale[number]; n > 1 {
				h.stale[number] = n - 1
				continue
			} else if n == 1 {
				delete(h.stale, number)
				continue
			}
		}
		w := h.watches[number]
		if w == nil { // left over from a watch that was removed
			continue
		}
		if kind := kindOf(mask); kind != 0 {
			for _, e := range w.entries {
				e.group.mark(e, kind)
			}
		}
		if mask&unix.IN_IGNORED != 0 { // the directory is gone, and the watch with it
			for _, e := range w.entries {
				e.watch = nil
			}
			delete(h.watches, number)
		}
	}
}

func kindOf(mask uint32) Kind {
	var kind Kind
	if mask&unix.IN_MODIFY != 0 {
		kind |= Written
	}
	if mask&unix.IN_CLOSE_WRITE != 0 {
		kind |= Closed
	}
	if mask&namesMask != 0 {
		kind |= Names
	}
	return kind
}
