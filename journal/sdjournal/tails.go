// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"os"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// maxGrowing bounds the number of descriptors that tails holds.
const maxGrowing = 256

// tails knows the newest entry of each sequence. Files that no writer has finished are held open, so that a look at them
// costs one read each, and a rename does not matter.
type tails struct {
	known bool
	// fixed are those of files that do not grow, each sequence once.
	fixed newest
	// growing are the others.
	growing []*os.File
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
	if !r.tails.known {
		headers, _ := r.origin.inspect()
		r.tails.set(headers)
	}
	all := make(newest, len(r.tails.fixed)+1)
	for id, h := range r.tails.fixed {
		all[id] = h
	}
	for _, f := range r.tails.growing {
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
	t.known = true
	t.fixed = newest{}
	for i := range headers {
		h := &headers[i]
		if h.State != journalfile.StateArchived && len(t.growing) < maxGrowing {
			if f, err := os.Open(h.Path); err == nil {
				t.growing = append(t.growing, f)
				continue
			}
		}
		t.fixed.add(h)
	}
}
