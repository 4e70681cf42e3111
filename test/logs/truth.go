// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/noded/noded/runtime/podlog"
)

// Truth knows every line of the log of one container. It is safe for concurrent use.
type Truth struct {
	seed maphash.Seed

	mu sync.Mutex
	// mu guards the fields below.
	lines []line
	// pieces has the line of each piece, by the piece's time, which no other piece has.
	pieces map[int64]int32
	files  []file
	counts Counts
}

// line is one line that was written, or is being written.
type line struct {
	// time is that of its first piece, in nanoseconds since the Unix epoch.
	time   int64
	stream podlog.Stream
	run    uint32
	open   bool
	length int
	sum    uint64
	// written is when its last piece was written; zero as long as that has not happened.
	written time.Time
	// first and file are the places in files of those that the first and the last piece are in. late: a piece came into it after the next file existed.
	first, file int32
	late        bool
}

// file is one file, under whatever name.
type file struct {
	// compressed and removed are when that happened to it; zero if it has not. A file is compressed once there is nothing else of it.
	compressed, removed time.Time
}

// Counts says what happened to a log.
type Counts struct {
	Lines, Pieces, Rotations, Restarts, Compressed, Removed int
	// Spanning is the number of rotations with a line in both files, Late that of pieces which came into a file after the next one
	// existed, Long that of lines over 1 MiB, Split that of those in several pieces, Open that of those without a newline.
	Spanning, Late, Long, Split, Open int
}

// NewTruth returns a truth without lines.
func NewTruth() *Truth {
	return &Truth{seed: maphash.MakeSeed(), pieces: make(map[int64]int32)}
}

// Counts returns what has happened so far.
func (t *Truth) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// begin takes a line of which the first piece is about to be written, and returns its place.
func (t *Truth) begin(l Line, stream podlog.Stream, run uint32, pieces int) int32 {
	sum := maphash.Bytes(t.seed, l.Text)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line{stream: stream, run: run, open: l.Open, length: len(l.Text), sum: sum})
	t.counts.Lines++
	if len(l.Text) > 1<<20 {
		t.counts.Long++
	}
	if pieces > 1 {
		t.counts.Split++
	}
	if l.Open {
		t.counts.Open++
	}
	return int32(len(t.lines) - 1)
}

// piece tells that a piece of a line is about to be written into a file, and returns its time: the one that is wanted, or the next one
// that no piece has.
func (t *Truth) piece(place int32, wanted int64, file int32, last, late bool) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if _, taken := t.pieces[wanted]; !taken {
			break
		}
		wanted++
	}
	t.pieces[wanted] = place
	l := &t.lines[place]
	if l.time == 0 {
		l.time, l.first = wanted, file
	} else if l.file != file {
		t.counts.Spanning++
	}
	l.file = file
	if last {
		l.written = time.Now()
	}
	t.counts.Pieces++
	if late {
		l.late = true
		t.counts.Late++
	}
	return wanted
}

// newFile returns the place of a file that is about to be made.
func (t *Truth) newFile() int32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files = append(t.files, file{})
	return int32(len(t.files) - 1)
}

// change changes what is known of a file, and the counts.
func (t *Truth) change(do func(files []file, c *Counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do(t.files, &t.counts)
}
