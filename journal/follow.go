// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"time"
)

// lateness is how long after Until a follower still waits for entries of that time: journald stamps them when it
// receives them and writes them after that.
const lateness = 2 * time.Second

// follow delivers entries as they are written, until the context ends or the query's Until has passed.
func (rd *reading) follow(lost *lossTracker) error {
	if err := rd.tellProgress(true); err != nil {
		return err
	}
	for {
		change, err := rd.r.Wait(rd.ctx)
		if err != nil {
			return rd.fail(err)
		}
		if change == ChangeFiles {
			if err := rd.tellProblems(); err != nil {
				return err
			}
			if err := lost.check(rd); err != nil {
				return err
			}
		}
		if err := lost.mark(rd.r); err != nil {
			return rd.fail(err)
		}
		done, err := rd.drain(nil)
		if err != nil {
			return err
		}
		lost.reached()
		if done || rd.q.Until != nil && UsecOf(rd.now().Add(-lateness)) > *rd.q.Until {
			return rd.tellProgress(true)
		}
		if rd.looked != rd.toldAt || rd.now().Sub(rd.told) >= 10*progressInterval {
			if err := rd.tellProgress(true); err != nil {
				return err
			}
		}
	}
}

// lossTracker finds entries that were removed from disk before a follower read them: each sequence
// counts without holes, so that a hole between what was read and what is left is a loss.
type lossTracker struct {
	// read is the newest number of each sequence up to which everything has been read.
	read map[ID128]uint64
	// tails is what read becomes when the reader comes to its end next.
	tails []Header
}

func newLossTracker(r Reader) (*lossTracker, error) {
	t := &lossTracker{read: make(map[ID128]uint64)}
	if err := t.mark(r); err != nil {
		return nil, err
	}
	// What was there before the query began is its own matter.
	t.reached()
	return t, nil
}

// mark notes what there is to read before the reader goes on.
func (t *lossTracker) mark(r Reader) error {
	tails, err := r.Tails()
	if err != nil {
		return err
	}
	t.tails = tails
	return nil
}

// reached notes that the reader came to its end.
func (t *lossTracker) reached() {
	for _, tail := range t.tails {
		t.read[tail.SeqnumID] = max(t.read[tail.SeqnumID], tail.Seqnum)
	}
}

// check compares what was read with the files that there are and tells the sink what is gone.
func (t *lossTracker) check(rd *reading) error {
	files, err := rd.r.Files()
	if err != nil {
		return rd.fail(err)
	}
	for id, read := range t.read {
		next, when := nextAvailable(files, id, read)
		if next <= read+1 {
			continue
		}
		t.read[id] = next - 1
		err := rd.sink.Gap(Gap{
			Source: id.String(),
			Count:  next - read - 1,
			Exact:  len(rd.p.match) == 0 && !rd.p.looks(),
			First:  rd.last.Realtime,
			Last:   when,
			Reason: GapVacuumed,
			Detail: "journal files were removed before they were read",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nextAvailable returns the least number after read that a file of the sequence can hold, with the time of the file's
// first entry; 0 if no file reaches further than read.
func nextAvailable(files []File, id ID128, read uint64) (next uint64, when Usec) {
	for _, f := range files {
		if f.SeqnumID != id || f.TailSeqnum <= read {
			continue
		}
		if first := max(f.HeadSeqnum, read+1); next == 0 || first < next {
			next, when = first, f.HeadRealtime
		}
	}
	return next, when
}
