// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

const (
	// maxGrowing bounds the number of descriptors that tails holds. A journald has one file online, or
	// one for each user that logs.
	maxGrowing = 16
	// offlinePause is how often the files are looked at that nobody writes to now.
	offlinePause = time.Second
)

// tails knows the newest entry of each sequence. Files that are being written to are held open, so that a look at them
// costs one read each, and a rename does not matter. Those that could be written to again are looked at now
// and then; archived ones never.
type tails struct {
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

// close releases the descriptors; the files are looked for anew when they are needed.
func (t *tails) close() {
	for _, f := range t.growing {
		f.Close() // only read from
	}
	*t = tails{}
}

// Tails implements journal.Reader.
func (r *reader) Tails() ([]journal.Header, error) {
	if r.h == nil {
		return nil, errClosed
	}
	t := &r.tails
	if !t.known {
		headers, _ := r.origin.inspect()
		t.set(headers)
	}
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
	return list, nil
}

func (t *tails) set(headers []journalfile.Header) {
	t.known, t.looked = true, time.Now()
	t.fixed = newest{}
	for i := range headers {
		h := &headers[i]
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
func (t *tails) lookAtResting() {
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
func (t *tails) hold(path string) bool {
	if len(t.growing) >= maxGrowing {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	t.growing = append(t.growing, f)
	return true
}
