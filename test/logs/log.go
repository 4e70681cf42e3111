// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/noded/noded/runtime/podlog"
)

// Format is the format of the lines of a log.
type Format uint8

// The formats.
const (
	// CRI is that of containerd and CRI-O: TIME STREAM TAG TEXT.
	CRI Format = iota
	// JSON is that of Docker's json-file.
	JSON
)

// Options say what kind of log a Log is.
type Options struct {
	// Dir is the directory of the container. It is made.
	Dir    string
	Layout podlog.Layout
	Format Format
	// MaxFiles is how many files a run has at most, as the kubelet's containerLogMaxFiles; 0 means 5.
	MaxFiles int
	// PieceBytes is the length at which lines are split; 0 means 16 KiB, as in containerd, CRI-O and Docker.
	PieceBytes int
	// KeepRuns is how many runs keep their files when there is a new one; 0 means all.
	KeepRuns int
	// BeforeRemove, if it is not nil, is called with the place in the truth of a file that is about to be removed.
	BeforeRemove func(file int32)
	// Clock returns the time of pieces and of rotations; nil means time.Now. Zone is what the CRI's times are in; nil means UTC.
	Clock func() time.Time
	Zone  *time.Location
}

// mostLate is how long a runtime that has a new file may take to write what it has in a buffer to the one before.
const mostLate = 10 * time.Millisecond

// Log is the log of one container as the runtime writes it. Write and Piece are for one goroutine, Rotate for another one.
type Log struct {
	options Options
	truth   *Truth

	// turn is held by Rotate and Restart, and guards the fields up to mu. It is taken before mu.
	turn sync.Mutex
	// rotated is the time in the name of the latest rotation.
	rotated time.Time
	// old are the rotated files of this run, oldest first, earlier the files of runs before.
	old     []oldFile
	earlier [][]oldFile

	mu sync.Mutex
	// mu guards the fields below.
	run  uint32
	file *os.File
	// place is that of file in the truth.
	place int32
	// used: something was written to file.
	used bool
	// late is the file before it, if one more piece is to go there until lateEnd.
	late      *os.File
	latePlace int32
	lateEnd   time.Time
	// begun are the lines of each stream that are not finished, by Stream.
	begun  [3]begun
	buffer []byte
}

// begun is a line of which there are pieces left.
type begun struct {
	place int32
	rest  []byte
	open  bool
	// set: there is one.
	set bool
}

// oldFile is a file that nothing is written to any more.
type oldFile struct {
	path       string
	place      int32
	compressed bool
}

// Create begins the log of run 0.
func Create(o Options, truth *Truth) (*Log, error) {
	if o.MaxFiles == 0 {
		o.MaxFiles = 5
	}
	if o.PieceBytes == 0 {
		o.PieceBytes = 16 << 10
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	l := &Log{options: o, truth: truth}
	return l, l.reopen(false)
}

// path returns the path of the file that is written to.
func (l *Log) path() string {
	if l.options.Layout == podlog.LayoutDocker {
		return filepath.Join(l.options.Dir, filepath.Base(l.options.Dir)+"-json.log")
	}
	return filepath.Join(l.options.Dir, strconv.Itoa(int(l.run))+".log")
}

// reopen makes the file anew under its name. late lets the next piece go into the file before it all the same, as
// when the runtime still has it in a buffer.
func (l *Log) reopen(late bool) error {
	f, err := os.OpenFile(l.path(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	if l.late != nil { // nothing came after all
		err = l.late.Close()
		l.late = nil
	}
	switch {
	case l.file == nil:
	case late:
		l.late, l.latePlace, l.lateEnd = l.file, l.place, time.Now().Add(mostLate)
	default:
		err = errors.Join(err, l.file.Close())
	}
	l.file, l.place, l.used = f, l.truth.newFile(), false
	return err
}

// Run returns the number of the run.
func (l *Log) Run() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.run
}

// Used reports whether something was written to the file that is written to: no runtime and no kubelet rotates an empty one.
func (l *Log) Used() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

// Write writes a line at once. A line of the same stream that is not finished must not be there.
func (l *Log) Write(text Line) error {
	if err := l.Begin(text); err != nil {
		return err
	}
	for {
		if more, err := l.Piece(text.Stderr); err != nil || !more {
			return err
		}
	}
}

func streamOf(stderr bool) podlog.Stream {
	if stderr {
		return podlog.Stderr
	}
	return podlog.Stdout
}

// Begin takes a line whose pieces are then written by Piece.
func (l *Log) Begin(text Line) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	stream := streamOf(text.Stderr)
	if l.begun[stream].set {
		return errors.New("a line of the stream is not finished")
	}
	pieces := max(1, (len(text.Text)+l.options.PieceBytes-1)/l.options.PieceBytes)
	place := l.truth.begin(text, stream, l.run, pieces)
	l.begun[stream] = begun{place: place, rest: append(l.begun[stream].rest[:0], text.Text...), open: text.Open, set: true}
	return nil
}

// Piece writes the next piece of the unfinished line of a stream and reports whether there are more.
func (l *Log) Piece(stderr bool) (more bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stream := streamOf(stderr)
	b := &l.begun[stream]
	if !b.set {
		return false, nil
	}
	piece := b.rest[:min(len(b.rest), l.options.PieceBytes)]
	more = len(piece) < len(b.rest)
	f, place := l.file, l.place
	late := l.late != nil && time.Now().Before(l.lateEnd)
	if late {
		f, place = l.late, l.latePlace
	}
	at := l.truth.piece(b.place, l.options.Clock().UnixNano(), place, !more, late)
	l.buffer = l.appendPiece(l.buffer[:0], at, stream, piece, more, b.open)
	if _, err := f.Write(l.buffer); err != nil {
		return false, err
	}
	l.used = l.used || !late
	if l.late != nil {
		err = l.late.Close()
		l.late = nil
	}
	if more {
		b.rest = append(b.rest[:0], b.rest[len(piece):]...)
	} else {
		b.set = false
	}
	return more, err
}

// appendPiece appends a piece in the format of the log.
func (l *Log) appendPiece(to []byte, at int64, stream podlog.Stream, text []byte, more, open bool) []byte {
	if l.options.Format == JSON {
		if !more && !open {
			text = append(text[:len(text):len(text)], '\n')
		}
		t, err := json.Marshal(struct {
			Log    string    `json:"log"`
			Stream string    `json:"stream"`
			Time   time.Time `json:"time"`
		}{string(text), stream.String(), time.Unix(0, at).UTC()})
		if err != nil {
			return to // no such time is ever asked for
		}
		return append(append(to, t...), '\n')
	}
	to = time.Unix(0, at).In(l.options.Zone).AppendFormat(to, time.RFC3339Nano)
	to = append(append(to, ' '), stream.String()...)
	tag := " F "
	if more || open {
		tag = " P "
	}
	to = append(append(to, tag...), text...)
	return append(to, '\n')
}

// Finish writes the pieces that are left of both streams.
func (l *Log) Finish() error {
	for _, stderr := range []bool{false, true} {
		for {
			if more, err := l.Piece(stderr); err != nil {
				return err
			} else if !more {
				break
			}
		}
	}
	return nil
}

// Restart ends the run and begins the next one. The files of runs that are not kept are removed. Lines must have been
// finished.
func (l *Log) Restart() error {
	if l.options.Layout == podlog.LayoutDocker {
		return errors.New("a container of Docker goes on in the same file")
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun[podlog.Stdout].set || l.begun[podlog.Stderr].set {
		return errors.New("a line is not finished")
	}
	l.earlier = append(l.earlier, append(l.old, oldFile{path: l.path(), place: l.place}))
	l.old = nil
	l.run++
	if err := l.reopen(false); err != nil {
		return err
	}
	l.truth.change(func(_ []file, c *Counts) { c.Restarts++ })
	if l.options.KeepRuns == 0 || len(l.earlier) < l.options.KeepRuns {
		return nil
	}
	for _, f := range l.earlier[0] {
		if err := l.remove(f); err != nil {
			return err
		}
	}
	l.earlier = l.earlier[1:]
	return nil
}

// remove removes a file.
func (l *Log) remove(f oldFile) error {
	if l.options.BeforeRemove != nil {
		l.options.BeforeRemove(f.place)
	}
	l.truth.change(func(files []file, c *Counts) {
		files[f.place].removed = time.Now()
		c.Removed++
	})
	if err := os.Remove(f.path); err != nil {
		return fmt.Errorf("remove a rotated file: %w", err)
	}
	return nil
}

// Close closes the files. What is not finished is lost.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var late error
	if l.late != nil {
		late = l.late.Close()
	}
	return errors.Join(late, l.file.Close())
}
