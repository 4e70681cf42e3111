// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"path/filepath"
	"slices"
	"time"

	"github.com/noded/noded/runtime/stats"
)

const (
	// answerWithin is how long a filesystem may take to tell how full it is.
	answerWithin = 2 * time.Second
	// maxAsked is how many filesystems are asked at once, and how many can hang before no others are asked.
	maxAsked = 32
	// maxTried bounds the mounts of one filesystem that are tried.
	maxTried = 4
)

// ErrHidden: the node has a filesystem that cannot be reached in the mount namespace of this process.
var ErrHidden = errors.New("not to be seen in this mount namespace")

// ErrNoAnswer: a filesystem does not answer, as when its server is away.
var ErrNoAnswer = errors.New("no answer")

// usage is how full a filesystem is.
type usage struct {
	capacity, used, available uint64
	inodes, inodesFree        uint64
}

// newUsage converts what statfs(2) tells, in blocks.
func newUsage(size, blocks, free, available, inodes, inodesFree uint64) usage {
	free = min(free, blocks)
	return usage{
		capacity: times(blocks, size), used: times(blocks-free, size), available: times(min(available, free), size),
		inodes: inodes, inodesFree: min(inodesFree, inodes),
	}
}

// times multiplies, and stays at the greatest number there is.
func times(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	if high != 0 {
		return math.MaxUint64
	}
	return low
}

// Filesystems returns the filesystems of the node that store something, each once, by mount point. One that does not answer within two
// seconds is left out and is an ErrNoAnswer; it is not asked again before it has answered, so that no more than one
// goroutine for each is left behind. One that this process cannot reach is an ErrHidden. The error joins one for each filesystem
// that is left out; the others are returned with it.
func (r *Reader) Filesystems(ctx context.Context) ([]stats.Filesystem, error) {
	node, own, err := r.mounts()
	if err != nil {
		return nil, fmt.Errorf("list filesystems: %w", err)
	}
	looks := make([]look, 0, len(node))
	for _, m := range filesystems(node) {
		looks = append(looks, look{mount: m, at: reachable(m, own), err: ErrNoAnswer})
	}
	r.ask(ctx, looks)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var errs []error
	found := make([]stats.Filesystem, 0, len(looks))
	for i := range looks {
		l := &looks[i]
		switch {
		case l.err != nil:
			errs = append(errs, fmt.Errorf("filesystem %q (%s, %s): %w", l.point, l.kind, l.source, l.err))
		case l.usage.capacity > 0:
			found = append(found, l.filesystem())
		}
	}
	return found, errors.Join(errs...)
}

// mounts returns the mounts of the node, which are those of PID 1, and those of this process, covered ones too.
func (r *Reader) mounts() (node, own []mount, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := r.read(r.proc, "self", "mountinfo")
	if err != nil {
		return nil, nil, err
	}
	own = parseMountinfo(data)
	data, err = r.read(r.proc, "1", "mountinfo")
	if err != nil {
		return own, own, nil // where PID 1 is not to be seen this has to do
	}
	return parseMountinfo(data), own, nil
}

// reachable returns mounts of this process that are of the same filesystem, best ones first.
func reachable(m mount, own []mount) []mount {
	var same []mount
	for _, o := range uppermost(own) {
		if o.device == m.device {
			same = append(same, o)
		}
	}
	slices.SortFunc(same, func(a, b mount) int {
		switch {
		case a.point == b.point:
			return 0
		case a.point == m.point:
			return -1
		case b.point == m.point:
			return 1
		}
		return better(a, b)
	})
	return same[:min(len(same), maxTried)]
}

// look is one filesystem that is asked.
type look struct {
	mount
	// at are where it can be asked.
	at    []mount
	usage usage
	err   error
}

// filesystem is what is told of it; how full it is if that is known.
func (l *look) filesystem() stats.Filesystem {
	return stats.Filesystem{
		MountPoint: l.point, Device: l.source, Type: l.kind,
		CapacityBytes: l.usage.capacity, UsedBytes: l.usage.used, AvailableBytes: l.usage.available,
		Inodes: l.usage.inodes, InodesFree: l.usage.inodesFree,
	}
}

// question is what a filesystem was asked. The other fields are read when done is closed.
type question struct {
	began time.Time
	done  chan struct{}
	usage usage
	path  string
	err   error
}

// ask asks filesystems, and waits for them for a while. One that somebody else asks is waited for with them.
func (r *Reader) ask(ctx context.Context, looks []look) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	questions := make([]*question, len(looks))
	for i := range looks {
		l := &looks[i]
		questions[i] = r.begin(ctx, l.device, func(q *question) { q.usage, q.err = r.askOne(l.mount, l.at) })
	}
	for i, q := range questions {
		if q.wait(ctx) {
			looks[i].usage, looks[i].err = q.usage, q.err
		}
	}
}

// wait reports whether there is an answer before ctx ends. nil has none.
func (q *question) wait(ctx context.Context) bool {
	if q == nil {
		return false
	}
	select {
	case <-q.done:
		return true
	default:
	}
	select {
	case <-q.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// begin asks something that has a name, or joins who does. It returns nil if there is no answer: it is not asked again before there is.
func (r *Reader) begin(ctx context.Context, name string, ask func(*question)) *question {
	r.askedMu.Lock()
	q, asked := r.asked[name]
	if !asked {
		q = &question{began: r.now(), done: make(chan struct{})}
		r.asked[name] = q
	}
	r.askedMu.Unlock()
	if asked {
		if r.now().Sub(q.began) >= answerWithin {
			return nil
		}
		return q
	}
	end := func() {
		r.askedMu.Lock()
		defer r.askedMu.Unlock()
		delete(r.asked, name)
		close(q.done)
	}
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		q.err = ErrNoAnswer
		end()
		return q
	}
	go func() {
		defer end()
		ask(q)
		<-r.slots
	}()
	return q
}

// askOne asks a filesystem of the node at the first mount of this process that is reached, else where the node has it, which who has
// CAP_SYS_PTRACE can do.
func (r *Reader) askOne(m mount, at []mount) (usage, error) {
	err := error(ErrHidden)
	for i, own := range at {
		u, e := r.statfs(own.point, own.id)
		if e == nil {
			return u, nil
		}
		if i == 0 && !errors.Is(e, fs.ErrNotExist) { // that is one that is covered
			err = e
		}
	}
	if u, e := r.statfs(filepath.Join(r.proc, "1", "root", m.point), m.id); e == nil {
		return u, nil
	}
	return usage{}, err
}
