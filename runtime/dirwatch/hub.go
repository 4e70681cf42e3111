// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package dirwatch

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// pollEvery is how often a directory that is not watched is reported, retryEvery how often to watch it is tried again.
	pollEvery  = 250 * time.Millisecond
	retryEvery = 10 * time.Second
	// maxHandles bounds the directories that are held open for trying again. Those beyond are looked at until they are
	// removed.
	maxHandles = 1024
)

// Hub watches directories for any number of goroutines with one inotify descriptor and one watch for each directory.
// Where inotify cannot be had it makes them look now and then. It is safe for concurrent use.
type Hub struct {
	logger *slog.Logger
	// mu guards the fields below. It is taken before that of a group.
	mu sync.Mutex
	// groups are those that are not closed.
	groups map[*Group]struct{}
	// source is nil before the first watch and after it broke.
	source *source
	// watches are the directories watched, by the number that the kernel gave them.
	watches map[int32]*watch
	// stale are the watches removed of which the kernel has yet to say so. Its word must not be taken for one about a
	// newer watch of that number.
	stale map[int32]int
	// polled are the directories that are not watched, handles how many of them are held open.
	polled  map[*entry]struct{}
	handles int
	// err is why, tried when watching was tried last.
	err    error
	tried  time.Time
	closed bool
	// running is the goroutines that read.
	running sync.WaitGroup
}

// watch is a directory that is watched, for at least one entry.
type watch struct {
	number  int32
	entries []*entry
}

// entry is a directory of a group.
type entry struct {
	group *Group
	id    ID
	// watch is nil if the directory is not watched; at is the place in its entries.
	watch *watch
	at    int
	// handle is for trying again; it may be nil.
	handle *os.File
	// pending is what Wait will report, polled whether it reports it now and then. The group's mu guards both.
	pending Kind
	polled  bool
}

// NewHub returns a hub. It opens nothing before the first watch.
func NewHub(logger *slog.Logger) *Hub {
	return &Hub{
		logger: logger, groups: make(map[*Group]struct{}),
		watches: make(map[int32]*watch), stale: make(map[int32]int), polled: make(map[*entry]struct{}),
	}
}

// Close ends all watches and waits for the hub's goroutine. Waits return os.ErrClosed from then on.
func (h *Hub) Close() error {
	h.mu.Lock()
	h.closed = true
	var err error
	if h.source != nil {
		err = h.source.close()
		h.source = nil
	}
	for e := range h.polled {
		h.dropHandle(e)
	}
	for g := range h.groups {
		g.end()
	}
	clear(h.watches)
	clear(h.polled)
	clear(h.groups)
	h.mu.Unlock()
	h.running.Wait()
	if err != nil {
		return fmt.Errorf("close the watch of directories: %w", err)
	}
	return nil
}

// Err returns why directories are looked at now and then instead of watched: usually that inotify instances or watches are
// exhausted. nil when all is well.
func (h *Hub) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.polled) == 0 {
		return nil
	}
	return h.err
}

// Group returns a group of directories that one goroutine waits for.
func (h *Hub) Group() *Group { return h.GroupOf(Written | Closed | Names) }

// GroupOf returns a group of directories of which only changes of some kinds, and Unknown ones, are reported.
func (h *Hub) GroupOf(kinds Kind) *Group {
	g := &Group{hub: h, only: kinds, entries: make(map[ID]*entry), signal: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		g.closed = true
		return g
	}
	h.groups[g] = struct{}{}
	return g
}

// add begins to watch a directory for an entry, or else to report it now and then.
func (h *Hub) add(e *entry, dir *os.File) error {
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return syscall.ENOTDIR
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return os.ErrClosed
	}
	if err = h.watch(e, dir); err == nil {
		return nil
	}
	if h.handles < maxHandles {
		if e.handle = duplicate(dir); e.handle != nil {
			h.handles++
		}
	}
	h.poll(e, err)
	return nil
}

// watch begins to watch a directory. h.mu is held.
func (h *Hub) watch(e *entry, dir *os.File) error {
	if h.source == nil {
		source, err := openSource()
		if err != nil {
			return err
		}
		h.source = source
		h.running.Go(func() { h.read(source) })
	}
	number, err := h.source.add(dir)
	if err != nil {
		return err
	}
	w := h.watches[number]
	if w == nil {
		w = &watch{number: number}
		h.watches[number] = w
	}
	e.watch, e.at = w, len(w.entries)
	w.entries = append(w.entries, e)
	return nil
}

// poll has an entry reported now and then. h.mu is held.
func (h *Hub) poll(e *entry, why error) {
	if len(h.polled) == 0 {
		h.logger.Warn("directories are looked at now and then, as they cannot be watched", "err", why)
		h.tried = time.Now()
	}
	h.err = why
	h.polled[e] = struct{}{}
	e.group.setPolled(e, true)
}

// remove ends what add began. An entry can be removed twice.
func (h *Hub) remove(e *entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.polled[e]; ok {
		delete(h.polled, e)
		h.dropHandle(e)
		e.group.setPolled(e, false)
		return
	}
	w := e.watch
	if w == nil || h.closed {
		return
	}
	e.watch = nil
	last := len(w.entries) - 1
	w.entries[e.at] = w.entries[last]
	w.entries[e.at].at = e.at
	w.entries[last] = nil
	w.entries = w.entries[:last]
	if last > 0 {
		return
	}
	delete(h.watches, w.number)
	if h.source != nil && h.source.remove(w.number) {
		h.stale[w.number]++
	}
}

// forget ends a group without entries.
func (h *Hub) forget(g *Group) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.groups, g)
}

func (h *Hub) dropHandle(e *entry) {
	if e.handle != nil {
		_ = e.handle.Close() // read only
		e.handle = nil
		h.handles--
	}
}

// retry tries to watch what is not watched, if it is time.
func (h *Hub) retry() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.closed || len(h.polled) == 0 || now.Sub(h.tried) < retryEvery {
		return
	}
	h.tried = now
	for e := range h.polled {
		if e.handle == nil {
			continue
		}
		err := h.watch(e, e.handle)
		if err != nil {
			h.err = err
			if exhausted(err) {
				return
			}
			continue
		}
		delete(h.polled, e)
		h.dropHandle(e)
		e.group.setPolled(e, false)
		// Something may have happened since it was looked at last.
		e.group.mark(e, Unknown)
	}
	if len(h.polled) == 0 {
		h.logger.Info("all directories are watched again")
	}
}

// lost says that events were lost. h.mu is held.
func (h *Hub) lost() {
	clear(h.stale)
	for _, w := range h.watches {
		for _, e := range w.entries {
			e.group.mark(e, Unknown)
		}
	}
}

// broken has everything polled, because the source can be read no more. h.mu is held.
func (h *Hub) broken(why error) {
	_ = h.source.close() // it is of no use
	h.source = nil
	clear(h.stale)
	for _, w := range h.watches {
		for _, e := range w.entries {
			e.watch = nil
			h.poll(e, why)
		}
	}
	clear(h.watches)
}
