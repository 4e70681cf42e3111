// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/safefs"
)

const (
	// maxKeptFiles is how many files of one container are kept for a follower that is behind.
	maxKeptFiles = 16
	// maxKeptBytes is how much disk space may not be free because followers that are behind keep files which have been
	// removed, over all followers of a Logs.
	maxKeptBytes = 256 << 20
)

// keeper keeps the files that a follower has yet to read, while it waits for a client that is slow: what is rotated and
// removed meanwhile is not lost, or when that would be too much is counted. Its methods are called by the follower; a goroutine of its own
// looks at directories in which names change.
type keeper struct {
	logs  *Logs
	group *dirwatch.Group
	// running is the goroutine.
	running sync.WaitGroup

	// mu guards the fields below.
	mu     sync.Mutex
	chains map[*reader]*chain
	byID   map[dirwatch.ID]*chain
}

// chain is the files of a container from the one that its reader reads.
type chain struct {
	target Target
	dir    *safefs.Dir
	id     dirwatch.ID
	links  []link
	// earlier is what is before the first link.
	earlier earlier
	// prints are the fingerprints of compressed files.
	prints map[printed]print
	// moved: names have changed since they were listed.
	moved bool
}

// printed names what was in a compressed file. Its inode alone does not: when it is removed that is soon another one's, and it may have the
// name that this one had.
type printed struct {
	inode, device uint64
	size          int64
	written       time.Time
}

// print is the fingerprint of a file. ok is false if it has none.
type print struct {
	fingerprint uint64
	ok          bool
}

// link is one file. The first one of a chain is the one that is read.
type link struct {
	entry entry
	// seg is the open file; nil for the first link, of which file is the identity, once it has one, and opened what its reader has open.
	seg    *segment
	file   *File
	opened *os.File
	// removed is the size of the file if it has been removed, counted as kept.
	removed int64
	// unsure: files between the link before and this one can have come and gone.
	unsure bool
	// lost is what was in files that were given up before this one.
	lost loss
	// earlier is what is before it, in a link that was taken out of its chain.
	earlier earlier
}

// loss is records that are gone.
type loss struct {
	records     uint64
	first, last int64
}

func newKeeper(l *Logs) *keeper {
	return &keeper{
		logs: l, group: l.config.Hub.GroupOf(dirwatch.Names),
		chains: make(map[*reader]*chain), byID: make(map[dirwatch.ID]*chain),
	}
}

// run looks at directories until the group is closed.
func (k *keeper) run(ctx context.Context) {
	for {
		changes, err := k.group.Wait(ctx, -1)
		if err != nil {
			return
		}
		k.mu.Lock()
		for _, c := range changes {
			if chain := k.byID[c.ID]; chain != nil {
				k.look(chain)
			}
		}
		k.mu.Unlock()
	}
}

// close ends the goroutine and releases all files.
func (k *keeper) close() {
	k.group.Close()
	k.running.Wait()
	for r := range k.chains {
		k.forget(r)
	}
}

// start begins to look at directories.
func (k *keeper) start(ctx context.Context) { k.running.Go(func() { k.run(ctx) }) }

// passed says that a reader now reads a file: those before it need not be kept.
func (k *keeper) passed(r *reader) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.chains[r]
	if c == nil {
		if c = k.begin(r); c == nil {
			return
		}
	}
	for i := range c.links {
		if c.links[i].entry.inode == r.seg.inode && c.links[i].entry.device == r.seg.device {
			k.drop(c, i)
			c.links[0].opened = r.seg.file
			return
		}
	}
	k.drop(c, len(c.links))
	e := r.seg.entry
	e.inode, e.device = r.seg.inode, r.seg.device
	c.links = append(c.links, link{entry: e, file: r.seg.identity(), opened: r.seg.file})
	k.look(c)
}

// begin begins the chain of a reader.
func (k *keeper) begin(r *reader) *chain {
	root := k.logs.root(r.target.Layout)
	dir, err := root.OpenDir(r.target.Dir)
	if err != nil {
		return nil
	}
	c := &chain{target: r.target, dir: dir}
	if c.id, err = k.group.Add(dir.File()); err != nil {
		_ = dir.Close() // read only
		return nil
	}
	k.chains[r], k.byID[c.id] = c, c
	return c
}

// forget releases what is kept for a reader. It may be called twice.
func (k *keeper) forget(r *reader) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.chains[r]
	if c == nil {
		return
	}
	k.drop(c, len(c.links))
	k.group.Remove(c.id)
	_ = c.dir.Close() // read only
	delete(k.chains, r)
	delete(k.byID, c.id)
}

// drop removes the first n links. The one that is first then is not kept any more: its reader has it.
func (k *keeper) drop(c *chain, n int) {
	for i := range min(n+1, len(c.links)) {
		l := &c.links[i]
		k.logs.kept.Add(-l.removed)
		if l.seg != nil {
			l.file = l.seg.identity()
			l.seg.close()
		}
		l.seg, l.removed = nil, 0
		if i < n {
			c.earlier.note(&l.entry)
		}
	}
	c.links = c.links[n:]
}

// know says what file a reader reads, when it has its first record.
func (k *keeper) know(r *reader, f *File) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.chains[r]; c != nil && len(c.links) > 0 && c.links[0].entry.inode == r.seg.inode && f.Inode == r.seg.inode {
		c.links[0].file = f
	}
}

// peek returns the run of the file after the one that a reader reads. ok is false if the keeper knows of none.
func (k *keeper) peek(r *reader) (run uint32, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.chains[r]
	if c == nil || len(c.links) < 2 || c.links[0].entry.inode != r.seg.inode || c.links[0].entry.device != r.seg.device {
		return 0, false
	}
	return c.links[1].entry.run, true
}

// take returns the file that peek tells of, which becomes the reader's. Only the reader removes links, but a file may have
// been given up since.
func (k *keeper) take(r *reader) link {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.chains[r]
	next := &c.links[1]
	c.earlier.note(&c.links[0].entry)
	out := *next
	out.earlier = c.earlier
	k.logs.kept.Add(-next.removed)
	next.file, next.opened = next.seg.identity(), next.seg.file
	next.seg, next.removed, next.lost, next.unsure = nil, 0, loss{}, false
	c.links = c.links[1:]
	return out
}

// look finds files that are new. k.mu is held.
func (k *keeper) look(c *chain) {
	entries, err := list(c.dir, c.target.Layout, c.target.Source.ID)
	if err != nil || len(c.links) == 0 {
		return
	}
	c.moved = false
	entries, found := c.after(entries)
	places := make([]int, len(c.links))
	for i := range c.links[1:] {
		places[i+1] = slices.IndexFunc(entries, func(e entry) bool { return c.is(&c.links[i+1], &e) })
	}
	if c.moved {
		return // there will be word of that, too
	}
	// What is known stays in its order. What is new comes where it is listed, which is after all that was removed.
	opened := opening{chain: c, entries: entries, found: found}
	links := c.links[:1:1]
	for n, l := range c.links[1:] {
		if i := places[n+1]; i >= 0 {
			l.renamed(entries[i])
			links = opened.before(links, i)
			opened.found = true
			opened.next = max(opened.next, i+1)
		}
		links = append(links, l)
	}
	c.links = opened.before(links, len(entries))
	k.bound(c)
}

// opening opens the files of a chain that are new.
type opening struct {
	chain   *chain
	entries []entry
	// next is the first entry that has not been looked at.
	next int
	// found: the file before that entry is known. moved: names have changed since they were listed, or no more files can be open. That is
	// looked at next, and what is missing then is noticed.
	found, moved bool
}

// before opens the entries up to one and appends them.
func (o *opening) before(links []link, end int) []link {
	for ; o.next < end && !o.moved; o.next++ {
		e := o.entries[o.next]
		seg, err := openSegment(o.chain.dir, &o.chain.target.Source, e)
		if err == nil && (seg.inode != e.inode || seg.device != e.device) {
			seg.close()
			err = errMoved
		}
		if hasMoved(err) || isShortage(err) {
			o.moved = true
			return links
		}
		if err != nil {
			o.found = false
			continue
		}
		links = append(links, link{entry: e, seg: seg, unsure: !o.found})
		o.found = true
	}
	return links
}

// after returns the entries after the file that is read, and whether that is among them.
func (c *chain) after(entries []entry) (later []entry, found bool) {
	first := &c.links[0]
	// A compressed copy of a file that is still there is another one.
	i := slices.IndexFunc(entries, first.entry.is)
	if i < 0 {
		i = slices.IndexFunc(entries, func(e entry) bool { return c.is(first, &e) })
	}
	if i >= 0 {
		first.renamed(entries[i])
		c.earlier.noteBefore(entries, &entries[i])
		return entries[i+1:], true
	}
	return slices.DeleteFunc(entries, func(e entry) bool { return e.run < first.entry.run || c.earlier.has(e) }), false
}

// renamed notes the name that a file has now. Compressed it is another file, with another inode.
func (l *link) renamed(e entry) {
	inode, device := l.entry.inode, l.entry.device
	l.entry = e
	l.entry.inode, l.entry.device = inode, device
}

// is reports whether an entry is the file of a link, perhaps compressed.
func (c *chain) is(l *link, e *entry) bool {
	if l.entry.inode == e.inode && l.entry.device == e.device {
		return true
	}
	if !e.gzip || l.entry.run != e.run {
		return false
	}
	if !l.entry.live && l.entry.rotation != "" {
		return l.entry.rotation == e.rotation
	}
	// It has been renamed and compressed since it was seen.
	file := l.identity(&c.target.Source)
	if file == nil {
		return false
	}
	p := c.print(e)
	return p.ok && p.fingerprint == file.Fingerprint
}

// identity returns the identity of the file; nil if it has no whole line yet.
func (l *link) identity(source *Source) *File {
	switch {
	case l.seg != nil:
		return l.seg.identity()
	case l.file == nil && l.opened != nil:
		// Its reader has yet to read a record of it. What that has open can be closed meanwhile, and then nothing is read.
		l.file = (&segment{source: source, entry: l.entry, file: l.opened, inode: l.entry.inode, device: l.entry.device}).identity()
	}
	return l.file
}

// print returns the fingerprint of a compressed file.
func (c *chain) print(e *entry) print {
	info, err := c.dir.Stat(e.name)
	if err != nil {
		c.moved = true
		return print{}
	}
	key := printed{size: info.Size(), written: info.ModTime()}
	if key.inode, key.device = safefs.Inode(info); key.inode != e.inode || key.device != e.device {
		c.moved = true
		return print{}
	}
	if p, have := c.prints[key]; have {
		return p
	}
	seg, err := openSegment(c.dir, &c.target.Source, *e)
	if err != nil {
		c.moved = c.moved || hasMoved(err) || isShortage(err)
		return print{}
	}
	defer seg.close()
	if seg.inode != e.inode || seg.device != e.device {
		c.moved = true
		return print{}
	}
	var p print
	if id := seg.identity(); id != nil {
		p = print{id.Fingerprint, true}
	}
	if c.prints == nil || len(c.prints) > 4*maxKeptFiles {
		c.prints = make(map[printed]print)
	}
	c.prints[key] = p
	return p
}

// bound gives files up that are too many, or have been removed and are too large, and counts what is in them.
func (k *keeper) bound(c *chain) {
	for i := 1; i < len(c.links); i++ {
		l := &c.links[i]
		if l.removed > 0 || l.seg == nil || !l.seg.unlinked() {
			continue
		}
		if size, err := l.seg.size(); err == nil {
			l.removed = max(size, 1)
			k.logs.kept.Add(l.removed)
		}
	}
	for len(c.links) > 2 && (len(c.links)-1 > maxKeptFiles || c.links[1].removed > 0 && k.logs.kept.Load() > maxKeptBytes) {
		gone := &c.links[1]
		lost := gone.lost
		lost.add(gone.seg.count(c.links[2].entry.run != gone.entry.run))
		unsure := gone.unsure
		k.logs.kept.Add(-gone.removed)
		gone.seg.close()
		c.links = append(c.links[:1], c.links[2:]...)
		next := &c.links[1]
		next.lost, next.unsure = lost, next.unsure || unsure
	}
}

func (l *loss) add(other loss) {
	l.records += other.records
	l.within(other.first)
	l.within(other.last)
}

// within makes the bounds include a time. Lines that took long to write are not in the order of their times.
func (l *loss) within(t int64) {
	if t == 0 {
		return
	}
	if l.first == 0 || t < l.first {
		l.first = t
	}
	l.last = max(l.last, t)
}

// count counts the records that end in a file. last: it is the last one of its run, so that what has no newline ends in it.
func (s *segment) count(last bool) loss {
	var out loss
	scan := scanner{max: DefaultMaxRecordBytes}
	scan.use(s, 0, -1)
	var r Record
	for scan.next(&r) == nil || last && scan.rest(&r) {
		out.records++
		out.within(r.Time)
	}
	scan.pos = scan.end
	scan.idle()
	return out
}

// unlinked reports whether the file has been removed.
func (s *segment) unlinked() bool {
	info, err := s.file.Stat()
	return err == nil && safefs.Links(info) == 0
}
