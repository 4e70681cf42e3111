// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/runtime/stats/kernel"
	"github.com/noded/noded/runtime/stats/metric"
)

const (
	// seldomEvery is after what time what changes seldom is read again.
	seldomEvery = 5 * time.Second
	// youngReads is in how many readings a cgroup is looked for in the hierarchies that it was not in: a runtime makes it in one
	// after the other. After that it is looked for as often as what changes seldom is read.
	youngReads = 4
	// often is how soon one reading must follow the other for files to stay open. Not to open them saves more than half of the time, but the
	// kernel holds a page for each.
	often = 3 * time.Second
)

// Group is a cgroup. It must be used by one goroutine at a time.
type Group struct {
	tree  *Tree
	path  string
	parts []part
	inode uint64
	// kept is how many directories may stay open; 0 if they are opened for each reading.
	kept  int64
	reads int
	// readAt is when it was read last.
	readAt time.Duration
	// seldom is what changes seldom, as it was at seldomAt.
	seldom   few
	seldomAt time.Duration
	// rest is what stays as it is until the CPU time is not usage any more; hasRest is false if it was never read.
	rest    few
	usage   uint64
	hasRest bool
}

// few are the numbers of a set, of which there are few: a node has hundreds of groups.
type few []number

type number struct {
	id    metric.ID
	value uint64
}

// fewOf returns the numbers of a set, in the place of others.
func fewOf(instead few, s *metric.Set) few {
	out := instead[:0]
	for id := range metric.Count {
		if v, ok := s.Get(id); ok {
			out = append(out, number{id, v})
		}
	}
	return out
}

func (f few) putInto(s *metric.Set) {
	for _, n := range f {
		s.Put(n.id, n.value)
	}
}

// part is a cgroup in one hierarchy.
type part struct {
	*hierarchy
	// dir is its directory; -1 if it is not open.
	dir   int
	inode uint64
	// missing has a bit for each source that is not there.
	missing uint64
	// files has a descriptor for each source, -1 if it is not open; nil if none is.
	files []int
}

// Read adds what is known of the cgroup to a set. What else is in the set stays there. The error is an fs.ErrNotExist if the cgroup is
// gone, also if another one has its path by now; then, and after any other error, nothing was added.
func (g *Group) Read(to *metric.Set) (Reading, error) {
	if g.kept == 0 {
		defer g.closeDirs()
		if err := g.open(); err != nil {
			return Reading{}, g.wrap(err)
		}
	}
	buf := g.tree.buffers.Get().(*[]byte)
	defer g.tree.buffers.Put(buf)
	r := run{group: g, buf: buf}
	r.numbers.devices = g.tree.devices.Load()
	if err := r.read(); err != nil {
		return Reading{}, g.wrap(err)
	}
	to.Merge(&r.numbers.Set)
	return r.reading, nil
}

// Close releases what the Group holds. The Group must not be used any more.
func (g *Group) Close() {
	g.tree.kept.Add(-g.kept)
	g.kept = 0
	g.closeFiles()
	g.closeDirs()
}

func (g *Group) wrap(err error) error {
	return &fs.PathError{Op: "read cgroup", Path: g.path, Err: err}
}

// open opens the directories that are not open. The first one in which the cgroup is gives the inode for good.
func (g *Group) open() error {
	var found bool
	for i := range g.parts {
		p := &g.parts[i]
		if p.dir >= 0 {
			found = true
			continue
		}
		if err := p.open(g.path); err != nil {
			if errors.Is(err, fs.ErrNotExist) && p.inode == 0 {
				continue
			}
			return err
		}
		if g.inode == 0 {
			g.inode = p.inode
		}
		found = true
	}
	if !found {
		return fs.ErrNotExist
	}
	return nil
}

// open opens the directory. Once it has been open, only the same one is.
func (p *part) open(path string) error {
	fd, err := openDir(p.point + path)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return err
	}
	if p.inode != 0 && p.inode != st.Ino {
		_ = unix.Close(fd)
		return fs.ErrNotExist
	}
	p.dir, p.inode = fd, st.Ino
	return nil
}

func openDir(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func (g *Group) closeDirs() {
	for i := range g.parts {
		if p := &g.parts[i]; p.dir >= 0 {
			_ = unix.Close(p.dir)
			p.dir = -1
		}
	}
}

func (g *Group) closeFiles() {
	for i := range g.parts {
		p := &g.parts[i]
		for j := range p.files {
			g.closeFile(p, j)
		}
		p.files = nil
	}
}

// closeFile closes the file of a source if it is open.
func (g *Group) closeFile(p *part, i int) {
	if p.files != nil && p.files[i] >= 0 {
		_ = unix.Close(p.files[i])
		p.files[i] = -1
		g.tree.files.Add(-1)
	}
}

// alive reports whether the cgroup is still the one that was opened: in all hierarchies that it was in.
func (g *Group) alive() bool {
	for i := range g.parts {
		p := &g.parts[i]
		if p.dir < 0 {
			continue
		}
		var st unix.Stat_t
		if err := unix.Lstat(p.point+g.path, &st); err != nil || st.Ino != p.inode {
			return false
		}
	}
	return true
}

// run is one reading of a group.
type run struct {
	group   *Group
	buf     *[]byte
	numbers numbers
	// seldom and rest are of the sources of which it is said.
	seldom, rest numbers
	reading      Reading
	// all: what changes seldom is read too. keep: files stay open.
	all, keep bool
	// timed: the time of the reading is known. got: there was a file. lost: one was not there that had been, or was not looked for before.
	timed, got, lost bool
}

func (r *run) read() error {
	g := r.group
	now, err := kernel.BootTime()
	if err != nil {
		return err
	}
	r.reading = Reading{Time: time.Now().Round(0), Boot: now, Inode: g.inode}
	r.all = g.reads == 0 || now-g.seldomAt >= seldomEvery
	if r.keep = g.kept > 0 && g.reads > 0 && now-g.readAt < often; !r.keep {
		g.closeFiles()
	}
	if g.kept > 0 && (r.all || g.reads < youngReads) {
		if err := g.open(); err != nil {
			return err
		}
	}
	for i := range g.parts {
		if p := &g.parts[i]; p.dir >= 0 {
			if err := r.part(p); err != nil {
				return err
			}
		}
	}
	if (r.lost || !r.got) && !g.alive() {
		return fs.ErrNotExist
	}
	if r.all {
		g.seldom, g.seldomAt = fewOf(g.seldom, &r.seldom.Set), now
	}
	if !r.resting() {
		g.rest = fewOf(g.rest, &r.rest.Set)
		g.usage, g.hasRest = r.numbers.Get(metric.CPUUsage)
	}
	g.readAt = now
	g.reads++
	g.seldom.putInto(&r.numbers.Set)
	g.rest.putInto(&r.numbers.Set)
	r.numbers.finish()
	return nil
}

// resting reports whether no task in the cgroup has run since the last reading that found one that had.
func (r *run) resting() bool {
	usage, ok := r.numbers.Get(metric.CPUUsage)
	return ok && !r.all && r.group.hasRest && usage == r.group.usage
}

// part reads the files of one hierarchy.
func (r *run) part(p *part) error {
	for i := range p.sources {
		s, bit := &p.sources[i], uint64(1)<<i
		switch {
		case !r.all && (s.seldom || p.missing&bit != 0):
			continue
		case s.instead && p.missing&(bit>>1) == 0:
			continue
		case s.rests && r.resting():
			continue
		}
		text, err := r.source(p, i)
		switch {
		case err == nil:
			p.missing &^= bit
			r.got = true
			switch {
			case s.seldom:
				s.parse(&r.seldom, text)
			case s.rests:
				s.parse(&r.rest, text)
			default:
				s.parse(&r.numbers, text)
			}
		case errors.Is(err, fs.ErrNotExist):
			r.lost = r.lost || p.missing&bit == 0
			p.missing |= bit
		case errors.Is(err, unix.ENODEV): // what a file says that is still open when its cgroup is gone, or its controller
			r.lost = true
			p.missing |= bit
			r.group.closeFile(p, i)
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM):
			return err
		default: // pressure may be switched off, a file may be longer than is read
			p.missing |= bit
		}
	}
	return nil
}

// source reads a file. The first one has the CPU time: when it is read is the time of the reading.
func (r *run) source(p *part, i int) ([]byte, error) {
	fd, kept, err := r.open(p, i)
	if err != nil {
		return nil, err
	}
	if !kept {
		defer unix.Close(fd)
	}
	if r.timed {
		return readFile(fd, r.buf)
	}
	r.timed = true
	before, err := kernel.BootTime()
	if err != nil {
		return nil, err
	}
	text, err := readFile(fd, r.buf)
	if err != nil {
		return nil, err
	}
	after, err := kernel.BootTime()
	if err != nil {
		return nil, err
	}
	// The kernel looked at the counter somewhere in between.
	half := (after - before) / 2
	r.reading.Boot, r.reading.Time = before+half, time.Now().Add(-half).Round(0)
	return text, nil
}

// open returns the descriptor of a file, and whether it stays open.
func (r *run) open(p *part, i int) (fd int, kept bool, err error) {
	if p.files != nil && p.files[i] >= 0 {
		return p.files[i], true, nil
	}
	if fd, err = openFile(p.dir, p.sources[i].name); err != nil {
		return -1, false, err
	}
	t, s := r.group.tree, &p.sources[i]
	// Who rests needs no more than what is read each time.
	if !r.keep || !p.kernel || s.seldom || s.rests && r.all {
		return fd, false, nil
	}
	if t.files.Add(1) > t.maxFiles.Load() {
		t.files.Add(-1)
		return fd, false, nil
	}
	if p.files == nil {
		p.files = slices.Repeat([]int{-1}, len(p.sources))
	}
	p.files[i] = fd
	return fd, true, nil
}

// errTooLong is of a file that is longer than is read.
var errTooLong = errors.New("file too long")

// readFile returns a file, in a buffer that it makes longer if need be. It is valid until the buffer is used again.
func readFile(fd int, buf *[]byte) ([]byte, error) {
	for {
		n, err := unix.Pread(fd, *buf, 0)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n < len(*buf): // a file of a cgroup comes whole if it fits
			return (*buf)[:n], nil
		case n >= maxFile:
			return nil, errTooLong
		default:
			*buf = make([]byte, 2*len(*buf))
		}
	}
}

func openFile(dir int, name string) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
