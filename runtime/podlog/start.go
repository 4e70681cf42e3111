// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"syscall"

	"github.com/noded/noded/journal"
)

// errMoved: a file is not the one any more that was listed.
var errMoved = errors.New("the files changed")

// hasMoved reports whether an error says that files are to be listed anew.
func hasMoved(err error) bool {
	return errors.Is(err, errMoved) || errors.Is(err, errReplaced) || errors.Is(err, fs.ErrNotExist)
}

// isShortage reports whether an error says that too much is open now, not that a file cannot be read.
func isShortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// short reports whether a follower waits because of an error, and tries again.
func (r *reader) short(err error) bool {
	if !r.plan.Follow || !isShortage(err) {
		return false
	}
	if !r.isShort {
		r.isShort = true
		r.logs.config.Logger.Warn("log cannot be opened now, trying again", "container", r.target.Source.String(), "err", err)
	}
	return true
}

// again reports whether an error says that files are to be listed anew, now or later.
func (r *reader) again(err error) bool { return hasMoved(err) || r.short(err) }

// maxBegins is how often the beginning is looked for among files that change.
const maxBegins = 20

// begin finds the place where reading begins. hasRecord means that it was found.
func (r *reader) begin() state {
	var err error
	for range maxBegins {
		var entries []entry
		told := r.told
		if entries, err = r.list(); err != nil {
			break
		}
		if len(entries) == 0 {
			r.noPrevious = true
			return r.nothing()
		}
		gaps := len(r.gaps)
		if err = r.beginIn(entries); err == nil {
			r.begun, r.started, r.isShort = true, r.reached, false
			e := r.seg.entry
			e.inode, e.device = r.seg.inode, r.seg.device
			r.earlier.noteBefore(entries, &e)
			return hasRecord
		}
		if !hasMoved(err) {
			break
		}
		r.gaps, r.told = r.gaps[:gaps], told
	}
	if errors.Is(err, errNothing) {
		return r.nothing()
	}
	if r.short(err) {
		return r.wait()
	}
	r.gap(journal.Gap{Reason: reasonOf(err), Detail: err.Error()})
	if r.plan.Follow && !r.target.Ended && errors.Is(err, errMoved) {
		return r.wait()
	}
	r.over = true
	return ended
}

// errNothing: there is no file that the query is about.
var errNothing = errors.New("no file of that run")

// nothing is the state of a log without files.
func (r *reader) nothing() state {
	r.changed = false
	// What comes from now on is new.
	r.plan = r.plan.later()
	if r.plan.Follow && !r.target.Ended {
		return r.wait()
	}
	r.over = true
	return ended
}

// beginIn finds the place among the files.
func (r *reader) beginIn(entries []entry) error {
	runs := runsOf(entries)
	if at, ok := r.plan.positions[r.target.Source.Key()]; ok && r.reached == (Position{}) {
		return r.resume(entries, runs, at)
	}
	first := runs[len(runs)-1]
	switch r.plan.Runs {
	case RunsAll:
		first = runs[0]
	case RunsPrevious:
		if len(runs) < 2 {
			r.noPrevious = true
			return errNothing
		}
		first = runs[len(runs)-2]
		r.setStop(first, runs)
	case RunsCurrent:
		if !r.plan.Follow {
			r.setStop(first, runs)
		}
	}
	from := entries
	for len(from) > 0 && from[0].run < first {
		from = from[1:]
	}
	if r.hasStop {
		from = ofRun(from, r.stopRun)
	}
	return r.beginAmong(from)
}

func (r *reader) setStop(run uint32, runs []uint32) {
	r.stopRun, r.hasStop = run, true
	r.oldRun = run < runs[len(runs)-1]
}

// open opens a listed file.
func (r *reader) open(e *entry) (*segment, error) {
	seg, err := openSegment(r.dir, &r.target.Source, *e)
	if err != nil {
		return nil, err
	}
	if seg.inode != e.inode || seg.device != e.device {
		seg.close()
		return nil, errMoved
	}
	return seg, nil
}

// beginAmong finds the place in files of which all are wanted: the first record of Since or later, or that with which the last Tail
// records begin.
func (r *reader) beginAmong(entries []entry) error {
	if r.plan.Tail >= 0 {
		return r.beginTail(entries)
	}
	if r.plan.Since == nil && r.plan.Until == nil {
		return r.beginAt(&entries[0], 0, 0)
	}
	i, offset, ordered, err := r.search(entries, r.plan.since)
	if err != nil {
		return err
	}
	r.ordered = ordered
	if offset == 0 {
		if err := r.prime(&r.scan, sameRun(entries, i)); err != nil {
			return err
		}
	}
	return r.beginAt(&entries[i], offset, 0)
}

// beginAt begins at an offset in a file. What ends before drop is left out. A file that cannot be opened is passed with a
// gap.
func (r *reader) beginAt(e *entry, offset, drop int64) error {
	seg, err := r.open(e)
	if r.again(err) {
		return err
	}
	if err != nil {
		r.gapAt(e, 0, err)
		seg = unreadable(&r.target.Source, e)
	}
	r.seg, r.drop = seg, drop
	r.scan.use(seg, offset, -1)
	// Who goes on after a break begins there, even if no record has come.
	r.reached = Position{Run: e.run, Inode: seg.inode, Offset: max(offset, drop)}
	r.reached.Pending = r.reached.Offset - offset
	r.unread = seg.isUnread()
	if id := seg.identity(); id != nil {
		r.reached.Fingerprint = id.Fingerprint
	}
	return nil
}

// resume goes on after a place.
func (r *reader) resume(entries []entry, runs []uint32, at Position) error {
	if r.plan.Runs == RunsPrevious {
		r.setStop(at.Run, runs)
	}
	r.reached = at
	// The file that has the inode first: others can begin alike.
	for _, renamed := range []bool{false, true} {
		for i := range entries {
			e := &entries[i]
			if e.run != at.Run || (e.inode != at.Inode) != renamed {
				continue
			}
			found, err := r.resumeIn(entries, i, at)
			if err != nil {
				r.reached = Position{}
			}
			if found || err != nil {
				return err
			}
		}
	}
	return r.resumeLost(entries, at)
}

// resumeIn goes on after a place, if it is in that file.
func (r *reader) resumeIn(entries []entry, i int, at Position) (found bool, err error) {
	seg, err := r.open(&entries[i])
	if r.again(err) {
		return false, err
	}
	if err != nil {
		return false, nil //nolint:nilerr // the place is not in a file that cannot be read
	}
	if !r.isPlace(seg, at) {
		seg.close()
		return false, nil
	}
	if at.Pending == at.Offset {
		// A line can have begun in the file before.
		if err := r.prime(&r.scan, sameRun(entries, i)); err != nil {
			seg.close()
			return false, err
		}
	}
	r.seg, r.drop, r.at = seg, at.Offset, at.Time
	r.scan.use(seg, at.Offset-at.Pending, -1)
	if at.Pending == 0 {
		r.scan.within(at.Offset)
	}
	return true, nil
}

// isPlace reports whether a place is in a file.
func (r *reader) isPlace(seg *segment, at Position) bool {
	id := seg.identity()
	if at.Fingerprint == 0 && at.Offset == 0 {
		// The beginning of a file that had no line yet.
		return seg.inode == at.Inode
	}
	if id == nil || id.Fingerprint != at.Fingerprint {
		return false
	}
	size, err := seg.size()
	if err != nil || size < at.Offset {
		return false
	}
	if at.Offset == 0 || at.Time == 0 {
		return true
	}
	return endsWith(seg, at)
}

// resumeLost begins after the time of a place that is gone: at the oldest record that is left, unless somebody removed that file alone.
func (r *reader) resumeLost(entries []entry, at Position) error {
	g := journal.Gap{Reason: journal.GapCursorLost, First: usec(at.Time), Detail: "the file that the cursor names is gone; what it had after that place is lost"}
	left := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.run < at.Run || r.hasStop && e.run > r.stopRun })
	if len(left) == 0 && !r.hasStop {
		left = entries // runs are counted anew: all was removed
	}
	if len(left) == 0 {
		r.gap(g)
		return errNothing
	}
	err := r.beginAfter(left, at)
	if err != nil {
		r.reached = Position{}
		return err
	}
	if first, ok := r.seg.firstTime(); ok && r.given == 0 {
		g.Last = usec(first)
	}
	r.gap(g)
	return nil
}

// beginAfter begins with the first record after the time of a place.
func (r *reader) beginAfter(entries []entry, at Position) error {
	var i int
	var offset int64
	ordered := false
	if at.Time != 0 {
		of := ofRun(entries, at.Run)
		if entries[0].run < at.Run {
			of = entries
		}
		var err error
		if i, offset, ordered, err = r.search(of, at.Time+slack); err != nil {
			return err
		}
	}
	if offset == 0 {
		if err := r.prime(&r.scan, sameRun(entries, i)); err != nil {
			return err
		}
	}
	if err := r.beginAt(&entries[i], offset, 0); err != nil {
		return err
	}
	if first, ok := r.seg.firstTime(); !ordered || !ok || first >= at.Time {
		return nil
	}
	// What is written from now on is not given, whatever its time.
	size, err := r.seg.size()
	r.given, r.givenTo = at.Time, size
	return err
}

// firstTime returns the time of the first line that has one.
func (s *segment) firstTime() (int64, bool) {
	t, _, ok := s.timeAt(0, math.MaxInt64)
	return t, ok
}
