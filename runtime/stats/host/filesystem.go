// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
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
			found = append(found, stats.Filesystem{
				MountPoint: l.point, Device: l.source, Type: l.kind,
				CapacityBytes: l.usage.capacity, UsedBytes: l.usage.used, AvailableBytes: l.usage.available,
				Inodes: l.usage.inodes, InodesFree: l.usage.inodesFree,
			})
		}
	}
	return found, errors.Join(errs...)
}

// mounts returns the mounts of the node, which are those of PID 1, and those of this process.
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
	for _, o := range own {
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

// answer is what was told of a look.
type answer struct {
	index int
	usage usage
	err   error
}

// ask asks filesystems, and waits for them for a while.
func (r *Reader) ask(ctx context.Context, looks []look) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	// There is room for every answer, so that one that comes too late is not waited for.
	answers := make(chan answer, len(looks))
	asked := 0
	for i := range looks {
		device, at := looks[i].device, looks[i].at
		if !r.begin(ctx, device) {
			continue
		}
		asked++
		go func() {
			u, err := r.askOne(at)
			r.end(device)
			answers <- answer{i, u, err}
		}()
	}
	for range asked {
		select {
		case a := <-answers:
			looks[a.index].usage, looks[a.index].err = a.usage, a.err
		case <-ctx.Done():
			return
		}
	}
}

// askOne asks at the first mount that is reached.
func (r *Reader) askOne(at []mount) (usage, error) {
	err := error(ErrHidden)
	for _, m := range at {
		u, e := r.statfs(m.point, m.id)
		if e == nil {
			return u, nil
		}
		err = e
	}
	return usage{}, err
}

// begin reports whether a filesystem can be asked: not while it is asked already.
func (r *Reader) begin(ctx context.Context, device string) bool {
	r.askedMu.Lock()
	if r.asked[device] {
		r.askedMu.Unlock()
		return false
	}
	r.asked[device] = true
	r.askedMu.Unlock()
	select {
	case r.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		r.askedMu.Lock()
		defer r.askedMu.Unlock()
		delete(r.asked, device)
		return false
	}
}

func (r *Reader) end(device string) {
	<-r.slots
	r.askedMu.Lock()
	defer r.askedMu.Unlock()
	delete(r.asked, device)
}
