// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/safefs"
)

const (
	// settle is how long a rotated file must not have been written to, and have been renamed, before the next one is read: the runtime may
	// have a line in hand when it opens the next file. lateFor is how long after that it is looked at all the same.
	settle  = 50 * time.Millisecond
	lateFor = 5 * time.Second
	// maxLate bounds the rotated files that are looked at.
	maxLate = 4
)

// state is what reader.advance found.
type state uint8

const (
	// hasRecord: reader.head is the next record.
	hasRecord state = iota
	// waits: there is nothing now.
	waits
	// ended: nothing more will come.
	ended
)

// reader reads the log of one container forwards. It belongs to one goroutine.
type reader struct {
	logs   *Logs
	plan   *plan
	target Target
	// index is the place of the container in the set.
	index int
	// keeper keeps what this follower has yet to read; nil for other reads.
	keeper *keeper

	// dir is the directory of the log, once it is there, and dirs counts how often it was opened.
	dir   *safefs.Dir
	dirs  uint64
	scan  scanner
	seg   *segment
	begun bool
	over  bool
	// stopRun is the last run that is wanted, if hasStop. oldRun: it is not the newest one, so nobody writes to it.
	stopRun uint32
	hasStop bool
	oldRun  bool
	// noPrevious: the query asks for the previous run and there is none.
	noPrevious bool
	// earlier is what is before the file that is read.
	earlier earlier
	// drop is the offset in seg before which everything has been delivered. Where that is not known, given is the time up to which
	// what ends before the offset givenTo has.
	drop, given, givenTo int64
	// ordered: the times in the files grow, so that the first one after Until is the end.
	ordered bool

	// head is the next record, if ready.
	head  Record
	ready bool
	// at is the time of the record that was looked at last, and reached the place after it. started is where reading began.
	at               int64
	reached, started Position
	// file is that of the record that was looked at last.
	file *File
	// gaps come before the next record. told is what the last one was about that a file cannot be read.
	gaps []journal.Gap
	told told
	// isShort: it was told that files cannot be opened now.
	isShort bool
	// late are rotated files that may still be written to, and lateIn how many records are given before they are looked at.
	late   []*lateFile
	lateIn int
	// moved: names have changed since they were listed.
	moved bool
	// changed: the directory is to be listed before it is said that there is nothing.
	changed bool
	// settling is when to look again; zero if no rotation is under way.
	settling time.Time
	// waited: there was nothing, and the file may have been emptied since. unread: nor was there a line in the file that is written to when it
	// was opened.
	waited, unread bool
	looked         int
	// listed: it is in merge.look.
	listed bool
}

// lateFile is a file that was read to its end and has been followed by another.
type lateFile struct {
	seg   *segment
	scan  scanner
	until time.Time
}

func newReader(l *Logs, p *plan, t Target, index int) *reader {
	r := &reader{logs: l, plan: p, target: t, index: index, changed: true}
	r.scan.max = l.maxRecordBytes()
	return r
}

func (r *reader) close() {
	if r.keeper != nil {
		r.keeper.forget(r)
	}
	r.seg.close()
	r.seg = nil
	for _, l := range r.late {
		l.seg.close()
	}
	r.late = nil
	r.closeDir()
	r.scan.pos = r.scan.end
	r.scan.idle()
}

func (r *reader) closeDir() {
	if r.dir != nil {
		// It was only read.
		_ = r.dir.Close()
		r.dir = nil
	}
}

// gap queues a gap, in the place of the records that are missing.
func (r *reader) gap(g journal.Gap) {
	g.Source = r.target.Source.String()
	r.gaps = append(r.gaps, g)
}

// told is a file or a directory that cannot be read.
type told struct {
	name   string
	inode  uint64
	offset int64
	why    string
}

// gapAt queues a gap of a file that cannot be read from an offset on.
func (r *reader) gapAt(e *entry, offset int64, err error) {
	r.tell(told{e.name, e.inode, offset, err.Error()}, err)
}

// gapIn queues a gap of the directory.
func (r *reader) gapIn(err error) { r.tell(told{name: r.target.Dir, why: err.Error()}, err) }

// tell queues a gap, unless the last one was the same: a follower tries again and again.
func (r *reader) tell(what told, err error) {
	if what != r.told {
		r.told = what
		r.gap(journal.Gap{Reason: reasonOf(err), First: usec(r.at), Detail: what.name + ": " + what.why})
	}
}

// list lists the files of the log. A directory that is not there has none.
func (r *reader) list() ([]entry, error) {
	root := r.logs.root(r.target.Layout)
	if root == nil {
		return nil, nil
	}
	for range 2 {
		if r.dir == nil {
			dir, err := root.OpenDir(r.target.Dir)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			r.dir = dir
			r.dirs++
		}
		entries, err := list(r.dir, r.target.Layout, r.target.Source.ID)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if len(entries) > 0 || r.dirIsThere() {
			return entries, nil
		}
		// Removed, and perhaps made again.
		r.closeDir()
	}
	return nil, nil
}

// dirIsThere reports whether the directory that is open is known not to have been removed: it is watched for its first file.
func (r *reader) dirIsThere() bool {
	info, err := r.dir.File().Stat()
	return err == nil && safefs.Links(info) > 0
}

// advance finds the next record that the query selects. The error is that of ctx.
func (r *reader) advance(ctx context.Context) (state, error) {
	r.ready = false
	if r.over {
		return ended, nil
	}
	if r.waited {
		r.waited, r.lateIn = false, 0
		if r.seg != nil {
			r.truncated()
		}
	}
	if len(r.late) > 0 {
		if r.lateIn--; r.lateIn < 0 && r.takeLate() {
			r.lateIn = 0
			return hasRecord, nil
		}
	}
	for {
		if r.looked++; r.looked&0x3ff == 0 && ctx.Err() != nil {
			return ended, ctx.Err()
		}
		if !r.begun {
			if st := r.begin(); st != hasRecord {
				return st, nil
			}
			r.keep()
		}
		if r.unread && r.seg.identity() != nil {
			r.unread = false
			r.missed()
		}
		err := r.scan.next(&r.head)
		if err == nil {
			if r.take() {
				return hasRecord, nil
			}
			if r.over {
				return ended, nil
			}
			continue
		}
		if ctx.Err() != nil {
			return ended, ctx.Err()
		}
		if st := r.endOfFile(err); st != hasRecord || r.ready {
			return st, nil
		}
	}
}

// take looks at the record in head. It reports whether it is wanted.
func (r *reader) take() bool {
	h := &r.head
	if h.Time != 0 {
		r.at = h.Time
	}
	if n := r.scan.takeNULs(); n > 0 {
		r.gap(journal.Gap{Reason: journal.GapCorrupt, First: usec(r.at), Last: usec(r.at),
			Detail: fmt.Sprintf("%d NUL bytes, which a crash leaves, were left out", n)})
	}
	if h.File != r.file {
		r.file = h.File
		if r.keeper != nil {
			r.keeper.know(r, h.File)
		}
	}
	if r.drop > 0 && (h.End <= r.drop || h.File.Inode != r.seg.inode) {
		return false
	}
	if r.given != 0 {
		if r.at <= r.given && h.End <= r.givenTo {
			return false
		}
		r.given = 0
	}
	r.reach(h)
	if !r.plan.wants(h, r.at) {
		if r.ordered && r.at-slack > r.plan.until {
			r.over = true
		}
		return false
	}
	r.ready = true
	return true
}

// reach makes the place after a record the one that was reached.
func (r *reader) reach(h *Record) {
	r.reached.Run, r.reached.Inode, r.reached.Fingerprint = h.File.Run, h.File.Inode, h.File.Fingerprint
	r.reached.Offset, r.reached.Pending, r.reached.Time = h.End, h.Pending, h.Time
}

// endOfFile goes on where a file ended, or could not be read further. hasRecord means to go on; if ready is set there is a
// record.
func (r *reader) endOfFile(cause error) state {
	broken := !errors.Is(cause, io.EOF)
	if errors.Is(cause, errReplaced) {
		if r.truncated() {
			return hasRecord
		}
		broken = false // it is only being written anew
	}
	if broken {
		r.gapAt(&r.seg.entry, r.scan.offset(), cause)
	}
	if !r.changed && !broken {
		return r.wait()
	}
	if r.truncated() {
		return hasRecord
	}
	if st, kept := r.moveKept(broken); kept {
		return st
	}
	entries, err := r.list()
	if r.short(err) {
		return r.wait()
	}
	if err != nil {
		r.gapIn(err)
		return r.rest()
	}
	r.moved = false
	next, following, found := r.next(entries)
	if !found && r.moved {
		return hasRecord // it may be there, under another name
	}
	if found && r.seg.file == nil && r.plan.Follow && r.reopen() {
		return hasRecord
	}
	switch {
	case next == nil && !following:
		return r.rest()
	case next == nil:
		// Rotated, and the next file is not there yet.
		return r.rest()
	}
	if r.plan.Follow && !broken && r.unsettled() {
		return r.wait()
	}
	if !broken && r.grew() {
		return hasRecord
	}
	return r.move(next, entries, found)
}

// grew reports whether something was written to the file after its end was found. It is asked once it is known that another file
// follows and nothing was written for a while: whoever was not running in between has not read all of it.
func (r *reader) grew() bool {
	if r.seg.gzip != nil || r.scan.limit >= 0 {
		return false
	}
	size, err := r.seg.size()
	return err == nil && size > r.scan.base+int64(r.scan.end)
}

// unsettled reports whether the file that was rotated may still be written to, and sees to it that it is looked at again.
func (r *reader) unsettled() bool {
	left := settle - r.seg.quiet()
	if left <= 0 || left > settle {
		r.settling = time.Time{}
		return false
	}
	now := time.Now()
	if r.settling.IsZero() || now.Before(r.settling) {
		r.settling = now.Add(left)
	}
	return true
}

// wait says that there is nothing now.
func (r *reader) wait() state {
	r.scan.idle()
	r.waited = true
	return waits
}

// rest is what there is to do at the end of the newest file.
func (r *reader) rest() state {
	if r.plan.Follow && !r.target.Ended {
		r.changed = !r.settling.IsZero()
		return r.wait()
	}
	// A line that is half written is not a line yet, but pieces that are whole and go on nowhere are.
	if (r.target.Ended || r.oldRun) && r.scan.torn(&r.head) || r.scan.rest(&r.head) {
		r.take()
		return hasRecord
	}
	r.over = true
	return ended
}

// truncated finds out whether the file became shorter, or another one in its place: copied away and emptied, as logrotate's
// copytruncate does. It then goes on in the copy, or at the beginning.
func (r *reader) truncated() bool {
	seg := r.seg
	if seg.gzip != nil || !seg.entry.live {
		return false
	}
	size, err := seg.size()
	if err != nil {
		return false
	}
	if size >= r.scan.offset() && !seg.replaced() {
		return false
	}
	offset := r.scan.base + int64(r.scan.pos)
	if copied := r.findCopy(seg, offset); copied != nil {
		r.seg.close()
		r.seg = copied
		r.scan.use(copied, offset, -1)
		r.keep()
		return true
	}
	r.gap(journal.Gap{Reason: journal.GapTruncated, First: usec(r.at), Detail: seg.entry.name + " was truncated"})
	seg.id = nil
	r.scan.use(seg, 0, -1)
	r.scan.forget()
	r.drop, r.given = 0, 0
	return true
}

// missed goes to the first one of the files that came before the one that is read, in which there was nothing until now: it had lines
// meanwhile, was copied and emptied.
func (r *reader) missed() {
	if !r.plan.Follow {
		return
	}
	entries, err := r.list()
	if err != nil {
		return
	}
	of := ofRun(entries, r.seg.entry.run)
	this := entry{inode: r.seg.inode, device: r.seg.device}
	for i := range slices.IndexFunc(of, this.is) {
		e := &of[i]
		if e.rotation == "" || r.earlier.has(*e) || r.begins(e, r.seg.id.Fingerprint) {
			continue
		}
		seg, err := r.open(e)
		if err != nil {
			continue
		}
		r.seg.close()
		r.seg, r.changed = seg, true
		r.earlier.noteBefore(of, e)
		r.scan.use(seg, 0, -1)
		r.keep()
		return
	}
}

// findCopy opens the file that has what the segment had, up to an offset.
func (r *reader) findCopy(seg *segment, offset int64) *segment {
	if seg.id == nil {
		return nil
	}
	entries, err := r.list()
	if err != nil {
		return nil
	}
	for _, e := range ofRun(entries, seg.entry.run) {
		if e.inode == seg.inode {
			continue
		}
		other, err := openSegment(r.dir, &r.target.Source, e)
		if err != nil {
			continue
		}
		if id := other.identity(); id != nil && id.Fingerprint == seg.id.Fingerprint {
			if size, err := other.size(); err == nil && size >= offset {
				return other
			}
		}
		other.close()
	}
	return nil
}

// next finds the file after the one that is read. next is nil if there is none; following tells that the file is not the
// one that is written to any more. found is false if the file is not there any more, so that others may be missing between.
func (r *reader) next(entries []entry) (next *entry, following, found bool) {
	of := ofRun(entries, r.seg.entry.run)
	// A compressed copy of a file that is still there is another one.
	at := slices.IndexFunc(of, func(e entry) bool { return e.inode == r.seg.inode && e.device == r.seg.device })
	if at < 0 {
		at = slices.IndexFunc(of, func(e entry) bool { return r.same(&e) })
	}
	if i := at; i >= 0 {
		r.seg.entry = of[i]
		r.earlier.noteBefore(of, &of[i])
		if i+1 < len(of) {
			return &of[i+1], true, true
		}
		return r.nextRun(entries), !of[i].live, true
	}
	// It was removed, and with it all that are older, unless somebody removed it alone. Numbers tell nothing: each rotation changes them.
	for i := range of {
		if r.earlier.has(of[i]) {
			continue
		}
		if r.seg.entry.live || r.seg.entry.number > 0 || before(of[i], r.seg.entry) > 0 {
			return &of[i], true, false
		}
	}
	return r.nextRun(entries), true, len(of) == 0 && r.seg.entry.live
}

// same reports whether an entry is the file that is read, perhaps renamed or compressed.
func (r *reader) same(e *entry) bool {
	if e.inode == r.seg.inode && e.device == r.seg.device {
		return true
	}
	return e.gzip && r.seg.gzip == nil && r.seg.id != nil && r.begins(e, r.seg.id.Fingerprint)
}

// begins reports whether a file begins as one with that fingerprint does.
func (r *reader) begins(e *entry, fingerprint uint64) bool {
	seg, err := r.open(e)
	if err != nil {
		r.moved = r.moved || hasMoved(err)
		return false
	}
	defer seg.close()
	id := seg.identity()
	return id != nil && id.Fingerprint == fingerprint
}

// nextRun returns the first file of the next run, if the query wants it.
func (r *reader) nextRun(entries []entry) *entry {
	for i := range entries {
		if entries[i].run > r.seg.entry.run && (!r.hasStop || entries[i].run <= r.stopRun) {
			return &entries[i]
		}
	}
	return nil
}

// move goes on in the next one of some files. hasRecord means to go on.
func (r *reader) move(next *entry, entries []entry, found bool) state {
	if r.finish(next.run) {
		return hasRecord
	}
	seg, err := openSegment(r.dir, &r.target.Source, *next)
	if errors.Is(err, fs.ErrNotExist) {
		// Renamed or removed since it was listed: look again.
		return hasRecord
	}
	if r.short(err) {
		return r.wait()
	}
	if err != nil {
		r.gapAt(next, 0, err)
		r.earlier.noteBefore(entries, next)
		return r.skip(next)
	}
	if seg.inode != next.inode || seg.device != next.device {
		seg.close()
		return hasRecord
	}
	if !found {
		g := journal.Gap{Reason: journal.GapVacuumed, First: usec(r.at), Detail: "rotated files were removed before they were read"}
		if first, ok := seg.firstTime(); ok {
			g.Last = usec(first)
		}
		r.gap(g)
	}
	at := r.copied(seg)
	r.retire()
	r.seg, r.drop, r.given, r.settling = seg, 0, 0, time.Time{}
	r.earlier.noteBefore(entries, next)
	r.isShort, r.unread = false, seg.isUnread()
	r.scan.use(seg, at, -1)
	r.keep()
	return hasRecord
}

// copied returns how much of the next file has been read already: all that is in the file before, if that is a copy of it. The next one has not been
// emptied yet then, as copytruncate does once the copy is there. Only who follows sees that moment often enough.
func (r *reader) copied(next *segment) int64 {
	if !r.plan.Follow || !next.entry.live || r.seg.entry.run != next.entry.run {
		return 0
	}
	copied, id := r.seg.identity(), next.identity()
	if copied == nil || id == nil || copied.Fingerprint != id.Fingerprint {
		return 0
	}
	offset := r.scan.offset()
	if size, err := next.size(); err != nil || size < offset {
		return 0
	}
	// Files that are not copies can begin alike.
	ends := make([]byte, 2*min(offset, copiedBytes))
	one, other := ends[:len(ends)/2], ends[len(ends)/2:]
	from := offset - int64(len(one))
	if n, _ := r.seg.readAt(one, from); n < len(one) {
		return 0
	}
	if n, _ := next.readAt(other, from); n < len(other) || !bytes.Equal(one, other) {
		return 0
	}
	return offset
}

// copiedBytes is how much at its end a copy is compared in.
const copiedBytes = 4 << 10

// finish gives what a file ends with, before one of a run is read. It reports whether there is such a record, which take has looked
// at; call it until there is none.
func (r *reader) finish(run uint32) bool {
	more := r.scan.torn(&r.head)
	if !more && run != r.seg.entry.run {
		// Nothing more comes of this run.
		if more = r.scan.rest(&r.head); !more {
			r.scan.forget()
		}
	}
	if more {
		r.take()
	}
	return more
}

// moveKept goes on in the next file, if that has been kept. kept is false if there is none.
func (r *reader) moveKept(broken bool) (st state, kept bool) {
	if r.keeper == nil {
		return waits, false
	}
	run, ok := r.keeper.peek(r)
	if !ok {
		return waits, false
	}
	if !broken && r.unsettled() {
		return r.wait(), true
	}
	if !broken && r.grew() {
		return hasRecord, true
	}
	if r.finish(run) {
		return hasRecord, true
	}
	next := r.keeper.take(r)
	if lost := next.lost; lost.records > 0 || next.unsure {
		g := journal.Gap{
			Reason: journal.GapVacuumed, Count: lost.records, Exact: !r.plan.selects(), First: usec(lost.first), Last: usec(lost.last),
			Detail: "files were rotated and removed while the client did not read",
		}
		if next.unsure {
			// There may be more.
			g.Count, g.Exact, g.First, g.Last = 0, false, usec(r.at), 0
		}
		r.gap(g)
	}
	next.seg.source = &r.target.Source
	at := r.copied(next.seg)
	r.retire()
	r.earlier.join(next.earlier)
	r.seg, r.drop, r.given, r.settling, r.unread = next.seg, 0, 0, time.Time{}, next.seg.isUnread()
	r.scan.use(r.seg, at, -1)
	return hasRecord, true
}

// keep tells the keeper which file is read.
func (r *reader) keep() {
	if r.keeper != nil {
		r.keeper.passed(r)
	}
}

// skip passes a file that cannot be opened.
func (r *reader) skip(e *entry) state {
	r.retire()
	r.seg = unreadable(&r.target.Source, e)
	r.drop, r.given = 0, 0
	r.scan.use(r.seg, 0, -1)
	return hasRecord
}

// reopen opens the file that could not be opened before. It reports whether it can be read now.
func (r *reader) reopen() bool {
	seg, err := openSegment(r.dir, &r.target.Source, r.seg.entry)
	if err == nil && (seg.inode != r.seg.inode || seg.device != r.seg.device) {
		seg.close()
		err = errMoved
	}
	if err != nil {
		if !r.again(err) {
			r.gapAt(&r.seg.entry, 0, err)
		}
		return false
	}
	r.seg, r.isShort = seg, false
	r.scan.use(seg, 0, -1)
	r.keep()
	return true
}

// retire puts the file away: to be looked at for a while if it was just rotated.
func (r *reader) retire() {
	seg := r.seg
	r.earlier.note(&seg.entry)
	r.seg = nil
	if !r.plan.Follow || seg.gzip != nil || seg.file == nil || seg.quiet() > lateFor {
		seg.close()
		return
	}
	if len(r.late) == maxLate {
		r.late[0].seg.close()
		r.late = r.late[1:]
	}
	l := &lateFile{seg: seg, until: time.Now().Add(lateFor)}
	l.scan.max = r.scan.max
	l.scan.use(seg, r.scan.offset(), -1)
	r.late = append(r.late, l)
}

// lateEvery is the number of records after which late files are looked at while there is no end of them.
const lateEvery = 1 << 10

// takeLate gives a record that was written to a file after the next one had begun. The place reached stays where it is in the
// next one, if it is there already, so that who resumes gets neither twice.
func (r *reader) takeLate() bool {
	r.lateIn = lateEvery
	for i := 0; i < len(r.late); {
		l := r.late[i]
		for l.scan.next(&r.head) == nil {
			h := &r.head
			if r.reached.Inode != l.seg.inode {
				h.File = &File{Source: &r.target.Source, Run: r.reached.Run, Inode: r.reached.Inode, Fingerprint: r.reached.Fingerprint}
				h.End, h.Pending = r.reached.Offset, r.reached.Pending
			} else {
				r.reach(h)
			}
			if r.plan.wants(h, h.Time) {
				r.ready = true
				return true
			}
		}
		l.scan.idle()
		if time.Now().Before(l.until) {
			i++
			continue
		}
		l.seg.close()
		r.late = slices.Delete(r.late, i, i+1)
	}
	return false
}

func usec(ns int64) journal.Usec {
	if ns <= 0 {
		return 0
	}
	return journal.Usec(ns / 1000)
}

// reasonOf tells why a file could not be read.
func reasonOf(err error) journal.GapReason {
	switch {
	case isShortage(err):
		return journal.GapUnknown
	case errors.Is(err, fs.ErrPermission):
		return journal.GapDenied
	case errors.Is(err, safefs.ErrUnsafe):
		return journal.GapUnsupported
	case errors.Is(err, errReplaced):
		return journal.GapTruncated
	case errors.Is(err, errTooLarge):
		return journal.GapTooLarge
	case errors.Is(err, fs.ErrNotExist):
		return journal.GapVacuumed
	default:
		return journal.GapCorrupt
	}
}
