// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package safefs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS
	// pathFlags get hold of what a name stands for, and neither open nor follow it.
	pathFlags = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	dirFlags  = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	// readFlags: O_NONBLOCK is for leases, see fcntl(2); on a regular file it has no other effect.
	readFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	// tries is how often a name is looked up that is exchanged each time.
	tries = 16
)

// errChanged: the name went away while it was looked at. It may stand for another file now.
var errChanged = errors.New("it changed while it was opened")

// rootSystem is what was found out about the system.
type rootSystem struct {
	// walk: there is no openat2. noProc: there is no /proc/self/fd.
	walk, noProc atomic.Bool
}

// dirSystem is an open directory.
type dirSystem struct{ file *os.File }

func (r *Root) open(name string) (*os.File, error) {
	base := name
	var at int
	var err error
	if slash := strings.LastIndexByte(name, '/'); slash < 0 {
		at, err = openAt(unix.AT_FDCWD, r.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	} else {
		base = name[slash+1:]
		var root int
		if root, err = r.handle(); err != nil {
			return nil, err
		}
		at, err = r.lookup(root, name[:slash], dirFlags)
		closeFD(root)
	}
	if err != nil {
		return nil, err
	}
	defer closeFD(at)
	return r.openFile(at, base, name)
}

func (r *Root) openDir(name string) (*Dir, error) {
	root, err := r.handle()
	if err != nil {
		return nil, err
	}
	defer closeFD(root)
	return r.openDirAt(root, name, name)
}

func (d *Dir) open(name string) (*os.File, error) {
	defer runtime.KeepAlive(d.file)
	return d.root.openFile(int(d.file.Fd()), name, d.sub(name))
}

func (d *Dir) openDir(name string) (*Dir, error) {
	defer runtime.KeepAlive(d.file)
	return d.root.openDirAt(int(d.file.Fd()), name, d.sub(name))
}

func (d *Dir) stat(name string) (fs.FileInfo, error) {
	defer runtime.KeepAlive(d.file)
	var st unix.Stat_t
	err := again(func() error { return unix.Fstatat(int(d.file.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return nil, err
	}
	return newInfo(name, &st), nil
}

func (d *Dir) close() error { return d.file.Close() }

// handle opens the root. To open it each time costs less than a microsecond more than to find out whether an open one is still
// the right one, and keeps no file system busy.
func (r *Root) handle() (int, error) {
	return openAt(unix.AT_FDCWD, r.path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
}

// openDirAt opens a directory for reading its names. O_DIRECTORY opens nothing else.
func (r *Root) openDirAt(at int, name, whole string) (*Dir, error) {
	fd, err := r.lookup(at, name, dirFlags)
	if err != nil {
		return nil, err
	}
	return &Dir{root: r, name: whole, dirSystem: dirSystem{os.NewFile(uintptr(fd), r.full(whole))}}, nil
}

// openFile opens a file in a directory.
func (r *Root) openFile(at int, name, whole string) (*os.File, error) {
	for range tries {
		fd, err := r.openOnce(at, name)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), r.full(whole)), nil
		case !errors.Is(err, errChanged):
			return nil, err
		}
	}
	return nil, notPlain("it changes all the time")
}

func (r *Root) openOnce(at int, name string) (int, error) {
	path, err := openAt(at, name, pathFlags)
	if err != nil {
		return -1, err
	}
	defer closeFD(path)
	var before, after unix.Stat_t
	if err := checkFD(path, &before); err != nil {
		return -1, err
	}
	fd, err := r.reopen(path, at, name)
	if err != nil {
		return -1, err
	}
	if err = checkFD(fd, &after); err == nil && !sameFile(&before, &after) {
		err = errChanged
	}
	if err == nil {
		// The links have been counted; see the package comment for why the order matters.
		err = r.checkName(fd, at, name, &after)
	}
	if err != nil {
		closeFD(fd)
		return -1, err
	}
	return fd, nil
}

// reopen opens for reading what path is a handle of.
func (r *Root) reopen(path, at int, name string) (int, error) {
	if !r.sys.noProc.Load() {
		fd, err := openAt(unix.AT_FDCWD, procName(path), readFlags)
		if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			return fd, err
		}
		// What path is a handle of exists, with a name or without.
		r.sys.noProc.Store(true)
	}
	fd, err := openAt(at, name, readFlags|unix.O_NOFOLLOW)
	return fd, inTheWay(err)
}

// checkName says whether the name that led to an open file is still there, and still leads to it.
func (r *Root) checkName(fd, at int, name string, st *unix.Stat_t) error {
	if !r.sys.noProc.Load() {
		return checkNameOnce(fd, at, name, st)
	}
	for range tries {
		if err := checkNameOnce(-1, at, name, st); err != nil {
			return err
		}
	}
	return nil
}

// checkNameOnce does it. A negative fd is not looked at.
func checkNameOnce(fd, at int, name string, st *unix.Stat_t) error {
	if err := settle(at); err != nil {
		return err
	}
	if fd >= 0 {
		const deleted = " (deleted)"
		var buf [unix.PathMax + len(deleted)]byte
		n, err := unix.Readlink(procName(fd), buf[:])
		if err != nil {
			return err
		}
		if n == len(buf) || bytes.HasSuffix(buf[:n], []byte(deleted)) {
			return errChanged
		}
	}
	var now unix.Stat_t
	err := again(func() error { return unix.Fstatat(at, name, &now, unix.AT_SYMLINK_NOFOLLOW) })
	switch {
	case errors.Is(err, unix.ENOENT):
		return errChanged
	case err != nil:
		return err
	case now.Nlink != 1, !sameFile(st, &now):
		return errChanged
	}
	return nil
}

// settle waits until the removals and renames are over that go on in a directory. They count the links down before the
// name is gone, and hold the lock of the directory meanwhile, which reading names takes as well. There is no room for
// a name: nothing is read, and the place in the directory stays.
func settle(at int) error {
	var none [1]byte
	err := again(func() error {
		_, err := unix.Getdents(at, none[:])
		return err
	})
	switch {
	case err == nil, errors.Is(err, unix.EINVAL):
		return nil
	case errors.Is(err, unix.ENOENT): // the directory was removed
		return errChanged
	}
	return err
}

func sameFile(a, b *unix.Stat_t) bool { return a.Ino == b.Ino && a.Dev == b.Dev }

// lookup opens a name beneath a directory without following links.
func (r *Root) lookup(at int, name string, flags int) (int, error) {
	if r.sys.walk.Load() {
		return walk(at, name, flags)
	}
	how := unix.OpenHow{Flags: uint64(flags), Resolve: resolve}
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Openat2(at, name, &how)
		return err
	})
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		// An old kernel; or a filter of system calls, some of which say that it is not permitted.
		fd, err := walk(at, name, flags)
		if err == nil {
			r.sys.walk.Store(true)
		}
		return fd, err
	}
	return -1, inTheWay(err)
}

// walk does what lookup does, one component at a time.
func walk(at int, name string, flags int) (int, error) {
	dir := at
	defer func() {
		if dir != at {
			closeFD(dir)
		}
	}()
	for {
		first, rest, more := strings.Cut(name, "/")
		if !more {
			fd, err := openAt(dir, first, flags|unix.O_NOFOLLOW)
			return fd, inTheWay(err)
		}
		// With O_NOFOLLOW a link is not a directory.
		next, err := openAt(dir, first, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
		if err != nil {
			return -1, inTheWay(err)
		}
		if dir != at {
			closeFD(dir)
		}
		dir, name = next, rest
	}
}

// inTheWay tells the errors of what is not as it must be.
func inTheWay(err error) error {
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return notPlain("a link, or no directory, in the way")
	case errors.Is(err, unix.EXDEV):
		return notPlain("it leads elsewhere")
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return notPlain("a special file")
	}
	return err
}

// checkFD says whether an open file is a regular one with one name, and fills st.
func checkFD(fd int, st *unix.Stat_t) error {
	if err := again(func() error { return unix.Fstat(fd, st) }); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		switch st.Nlink {
		case 0:
			return errChanged
		case 1:
			return nil
		}
	}
	return checkFile(fileMode(st.Mode), uint64(st.Nlink))
}

func openAt(at int, name string, flags int) (int, error) {
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Openat(at, name, flags, 0)
		return err
	})
	return fd, err
}

// again repeats what a signal interrupted.
func again(f func() error) error {
	var err error
	for range tries {
		err = f()
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return err
}

func closeFD(fd int) { _ = unix.Close(fd) } // read only: nothing can be lost

func procName(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
