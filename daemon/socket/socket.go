// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/daemon/authz"
)

const (
	// lockWait is how long another noded that starts at the same time is waited for.
	lockWait = 2 * time.Second
	// probeTimeout bounds the test whether somebody listens on a socket that is in the way.
	probeTimeout = 2 * time.Second
)

// ErrInUse: somebody listens on the path already.
var ErrInUse = errors.New("in use")

// Config says which socket to make.
type Config struct {
	Path string
	// Mode and Group are those of the socket. A group that does not exist is passed over.
	Mode  fs.FileMode
	Group string
}

// Listen makes the socket. Its directory is made too, if only that is missing. Closing
// the listener removes the socket.
func Listen(c Config, logger *slog.Logger) (*Listener, error) {
	group, err := authz.LookupGroup(c.Group)
	if err != nil {
		return nil, err
	}
	directory := filepath.Dir(c.Path)
	if err := makeDirectory(directory, group); err != nil {
		return nil, err
	}
	unlock, err := lock(directory)
	if err != nil {
		return nil, fmt.Errorf("lock directory %s: %w", directory, err)
	}
	defer unlock()
	if err := checkDirectory(directory); err != nil {
		return nil, err
	}
	if err := clearPath(c.Path, logger); err != nil {
		return nil, err
	}
	return bind(c, group, logger)
}

// makeDirectory makes the directory like the one that the package ships: 0750 with the socket's group.
func makeDirectory(directory string, group authz.Group) error {
	err := os.Mkdir(directory, 0o750)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrPermission):
		// It may be there, only its parent is closed; if it is not, the next step says so.
		return nil
	case err != nil:
		return fmt.Errorf("make directory for the socket: %w", err)
	}
	// The mode is independent of the umask.
	if err := os.Chmod(directory, 0o750); err != nil {
		return fmt.Errorf("make directory for the socket: %w", err)
	}
	if group.Exists && os.Geteuid() == 0 {
		if err := os.Chown(directory, -1, int(group.GID)); err != nil {
			return fmt.Errorf("make directory for the socket: %w", err)
		}
	}
	return nil
}

// lock takes a lock on the directory, so that of two that start at a time only one checks and makes the socket.
func lock(directory string) (unlock func(), err error) {
	fd, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockWait); ; time.Sleep(10 * time.Millisecond) {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = unix.Close(fd) }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			return nil, errors.Join(err, unix.Close(fd))
		}
	}
}

// checkDirectory refuses a directory in which others could put a socket of their own in the place of ours.
func checkDirectory(directory string) error {
	var st unix.Stat_t
	if err := unix.Stat(directory, &st); err != nil {
		return fmt.Errorf("directory of the socket: stat %s: %w", directory, err)
	}
	// The owner can do everything, also where the sticky bit keeps others from it.
	if owner := int(st.Uid); owner != 0 && owner != os.Geteuid() {
		return fmt.Errorf("directory %s of the socket belongs to user %d, who could replace the socket; use a directory of root or of user %d", directory, owner, os.Geteuid())
	}
	groupWrites, othersWrite := st.Mode&unix.S_IWGRP != 0, st.Mode&unix.S_IWOTH != 0
	// A user's own directories are writable for the user's own group on many systems (umask 0002).
	privateGroup := os.Geteuid() != 0 && int(st.Uid) == os.Geteuid() && int(st.Gid) == os.Getegid()
	sticky := st.Mode&unix.S_ISVTX != 0
	if !sticky && (othersWrite || groupWrites && !privateGroup) {
		return fmt.Errorf("directory %s of the socket has mode %04o: others could replace the socket; chmod go-w %s", directory, st.Mode&0o7777, directory)
	}
	return nil
}

// clearPath removes a socket that is left over at the path. It refuses whatever else is there.
func clearPath(path string, logger *slog.Logger) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("socket: %w", err)
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("socket %s: there is a symbolic link; noded does not follow it: remove it", path)
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("socket %s: there is something that is not a socket; remove it or choose another path", path)
	}
	conn, err := net.DialTimeout("unix", path, probeTimeout)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("socket %s: %w: another process listens on it; stop it, or choose another path with --socket", path, ErrInUse)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("socket %s: cannot tell whether somebody listens on it: %w", path, err)
	}
	logger.Info("removing the socket of a noded that has ended", "path", path)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove left-over socket: %w", err)
	}
	return nil
}

// bind makes the socket without permissions for others, and opens it to its group when it is ready.
func bind(c Config, group authz.Group, logger *slog.Logger) (*Listener, error) {
	inner, err := bindPrivate(c.Path)
	if err != nil {
		return nil, fmt.Errorf("make socket: %w", err)
	}
	inner.SetUnlinkOnClose(false)
	l := &Listener{UnixListener: inner, path: c.Path, remove: true}
	if err := l.open(c, group, logger); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// bindPrivate makes a socket of mode 0600. Linux gives the file the mode that the unbound socket has, less the
// umask; so the umask of the process, which all goroutines share, need not change.
func bindPrivate(path string) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var chmodErr error
		err := raw.Control(func(fd uintptr) { chmodErr = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, chmodErr)
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	inner, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listener is a %T", l), l.Close())
	}
	return inner, nil
}

func (l *Listener) open(c Config, group authz.Group, logger *slog.Logger) error {
	info, err := os.Lstat(c.Path)
	if err != nil {
		return fmt.Errorf("make socket: %w", err)
	}
	l.identity = info
	switch {
	case !group.Exists && c.Group != "":
		logger.Warn("the group of the socket does not exist; the socket keeps the group of noded", "group", c.Group)
	case group.Exists:
		if err := os.Lchown(c.Path, -1, int(group.GID)); err != nil {
			// Only root and members of a group can give it a file.
			logger.Warn("the socket keeps its group", "group", c.Group, "err", err)
		}
	}
	if err := os.Chmod(c.Path, c.Mode); err != nil {
		return fmt.Errorf("make socket: %w", err)
	}
	return nil
}

// Listener is a unix listener that removes its socket when it is closed, if it made it.
type Listener struct {
	*net.UnixListener
	path     string
	identity fs.FileInfo
	remove   bool
	once     sync.Once
	closeErr error
}

// Close implements net.Listener. It can be called more than once.
func (l *Listener) Close() error {
	l.once.Do(func() {
		// Removed first, so that who finds the path finds a listener.
		if l.remove && l.identity != nil {
			if info, err := os.Lstat(l.path); err == nil && os.SameFile(info, l.identity) {
				l.closeErr = os.Remove(l.path)
			}
		}
		l.closeErr = errors.Join(l.closeErr, l.UnixListener.Close())
	})
	return l.closeErr
}
