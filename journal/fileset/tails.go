// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"os"
	"slices"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

const (
	// maxGrowing bounds the number of descriptors that Tails holds. A journald has one file online, or
	// one for each user that logs.
	maxGrowing = 16
	// offlinePause is how often the files are looked at that nobody writes to now.
	offlinePause = time.Second
)

// Tails knows the newest entry of each sequence in a number of files, as journal.Reader.Tails tells. Files that are being written
// to are held open, so that a look at them costs one read each, and a rename does not matter. Those that could be written to
// again are looked at now and then; archived ones never. The zero Tails has no files; Close releases what it holds.
type Tails struct {
	known bool
	// fixed are those of files that do not grow, each sequence once.
	fixed newest
	// growing are the files that are online, resting those that are not.
	growing []*os.File
	resting []resting
	looked  time.Time // at resting
}

// resting is a file that could be written to again, as long as the path is that of this file.
type resting struct {
	path string
	id   journal.ID128
}

// newest holds the newest entry of each sequence.
type newest map[journal.ID128]journal.Header

// add takes what the header of a file tells of its last entry.
func (n newest) add(h *journalfile.Header) {
	if h.Entries == 0 {
		return
	}
	seqnum := h.TailSeqnum
	if h.State == journalfile.StateOnline && seqnum > 0 {
		// journald puts the number into the header before the entry can be read.
		seqnum--
	}
	if old, ok := n[h.SeqnumID]; ok && old.Seqnum >= seqnum {
		return
	}
	n[h.SeqnumID] = journal.Header{
		SeqnumID: h.SeqnumID, Seqnum: seqnum, BootID: h.TailBootID, Realtime: h.TailRealtime, Monotonic: h.TailMonotonic,
	}
}

// Close releases the descriptors and forgets the files; Set begins anew.
func (t *Tails) Close() {
	for _, f := range t.growing {
		f.Close() // only read from
	}
	*t = Tails{}
}

// Known reports whether Set was called since the last Close.
func (t *Tails) Known() bool { return t.known }

// List returns the newest entries there are now, each sequence once, in no order.
func (t *Tails) List() []journal.Header {
	t.lookAtResting()
	all := make(newest, len(t.fixed)+1)
	for id, h := range t.fixed {
		all[id] = h
	}
	for _, f := range t.growing {
		// A file that was vacuumed has no header any more; its sequence goes on elsewhere.
		if h, err := journalfile.HeaderOf(f); err == nil {
			all.add(&h)
		}
	}
	list := make([]journal.Header, 0, len(all))
	for _, h := range all {
		list = append(list, h)
	}
	return list
}

// Set says which files there are, in place of those before.
func (t *Tails) Set(files []File) {
	t.Close()
	t.known, t.looked = true, time.Now()
	t.fixed = newest{}
	for i := range files {
		h := &files[i].Header
		switch {
		case h.State == journalfile.StateArchived:
		case h.State == journalfile.StateOnline && t.hold(h.Path):
			continue
		default:
			t.resting = append(t.resting, resting{h.Path, h.FileID})
		}
		t.fixed.add(h)
	}
}

// lookAtResting takes what was written to files that were not online.
func (t *Tails) lookAtResting() {
	if time.Since(t.looked) < offlinePause {
		return
	}
	t.looked = time.Now()
	t.resting = slices.DeleteFunc(t.resting, func(rest resting) bool {
		h, err := journalfile.ReadHeader(rest.path)
		if err != nil || h.FileID != rest.id {
			return true
		}
		t.fixed.add(&h)
		return h.State == journalfile.StateArchived || h.State == journalfile.StateOnline && t.hold(rest.path)
	})
}

// hold keeps a file open, if there are not too many.
func (t *Tails) hold(path string) bool {
	if len(t.growing) >= maxGrowing {
		return false
	}
	f, err := journalfile.OpenFile(path)
	if err != nil {
		return false
	}
	t.growing = append(t.growing, f)
	return true
}
