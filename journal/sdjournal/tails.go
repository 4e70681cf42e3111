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

// tails knows the newest number of each sequence. Files that no writer has finished are held open, so that a look at them
// costs one read each, and a rename does not matter.
type tails struct {
	known bool
	// fixed are those of files that do not grow, each sequence once.
	fixed map[journal.ID128]uint64
	// growing are the others.
	growing []*os.File
}

// close releases the descriptors; the files are looked for anew when they are needed.
func (t *tails) close() {
	for _, f := range t.growing {
		f.Close() // only read from
	}
	*t = tails{}
}

// Tails implements journal.Reader.
func (r *reader) Tails() ([]journal.SequenceTail, error) {
	if r.h == nil {
		return nil, errClosed
	}
	if !r.tails.known {
		headers, _ := r.origin.inspect()
		r.tails.set(headers)
	}
	newest := make(map[journal.ID128]uint64, len(r.tails.fixed)+1)
	for id, n := range r.tails.fixed {
		newest[id] = n
	}
	for _, f := range r.tails.growing {
		// A file that was vacuumed has no header any more; its sequence goes on elsewhere.
		if h, err := journalfile.HeaderOf(f); err == nil && h.Entries > 0 {
			newest[h.SeqnumID] = max(newest[h.SeqnumID], h.TailSeqnum)
		}
	}
	list := make([]journal.SequenceTail, 0, len(newest))
	for id, n := range newest {
		list = append(list, journal.SequenceTail{SeqnumID: id, Seqnum: n})
	}
	return list, nil
}

func (t *tails) set(headers []journalfile.Header) {
	t.known = true
	t.fixed = make(map[journal.ID128]uint64)
	for i := range headers {
		h := &headers[i]
		if h.State != journalfile.StateArchived && len(t.growing) < maxGrowing {
			if f, err := os.Open(h.Path); err == nil {
				t.growing = append(t.growing, f)
				continue
			}
		}
		if h.Entries > 0 {
			t.fixed[h.SeqnumID] = max(t.fixed[h.SeqnumID], h.TailSeqnum)
		}
	}
}
