// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"errors"

	"github.com/noded/noded/journal"
)

// Errors to test for with errors.Is. They keep their identity across the API.
var (
	// ErrBadCursor: the text is not a cursor of container logs.
	ErrBadCursor = errors.New("not a cursor of container logs")
	// ErrNoPrevious: a container has no run before its newest one, or its log is gone.
	ErrNoPrevious = errors.New("no previous run")
)

// Runs says which runs of each container are read.
type Runs uint8

// The values of Runs.
const (
	// RunsCurrent is the newest run, and with Query.Follow those that come after it.
	RunsCurrent Runs = iota
	// RunsPrevious is the run before the newest one, of those that still have a file.
	RunsPrevious
	// RunsAll is every run that still has a file.
	RunsAll
)

// LinesAll is the value of Query.Tail and Query.Limit for no limit.
const LinesAll int64 = -1

// Query asks for records. NewQuery makes one for every record of the current run, oldest first.
type Query struct {
	// Since and Until bound the times of records, in nanoseconds since the Unix epoch, both inclusive; nil means
	// unbounded. A record without a time has that of the one before.
	Since, Until *int64
	// Cursor goes on after the places that it names. Containers that it does not name are read from where the other
	// fields say.
	Cursor Cursor
	// Reverse gives the newest records first.
	Reverse bool
	// Tail is the number of records of each container, from the end, that match; with Follow the number before
	// following begins. Limit is the number of records in all. Negative means no limit.
	Tail, Limit int64
	// Follow goes on with records as they are written, until the context ends, or no container can write any more.
	Follow bool
	// Runs says which runs of each container.
	Runs Runs
	// Filter restricts the records.
	Filter Filter
}

// NewQuery returns a query for every record of the current run.
func NewQuery() Query { return Query{Tail: LinesAll, Limit: LinesAll} }

// Filter says which records are wanted. Each set field must hold. The zero value selects everything.
type Filter struct {
	// Grep and Exclude are RE2 patterns that the text must match, or must not. IgnoreCase is about both.
	Grep, Exclude string
	IgnoreCase    bool
	// MaxLevel is the least severe level that is wanted, see journal.LevelOf. A record in whose text there is none counts as
	// info on stdout and as error on stderr. LevelUnknown: all.
	MaxLevel journal.Level
	// Streams are the streams that are wanted; empty means both.
	Streams []Stream
}

// Sink receives what a read finds, in order, from one goroutine. An error that it returns ends the read and is returned
// by it. A slow Sink slows the read down; nothing is buffered.
type Sink interface {
	// Record receives a record. It and its text are valid during the call, its File stays valid.
	Record(r *Record) error
	// Gap receives word of records that could not be delivered.
	Gap(g journal.Gap) error
	// Progress receives the position reached, now and then.
	Progress(p Progress) error
	// Flush is called before the read waits for more: what was received should get to its reader now.
	Flush() error
}

// Progress says how far a read has come.
type Progress struct {
	// CaughtUp: every record that existed has been looked at; a follower now waits.
	CaughtUp bool
	// Watermark: every matching record up to this time has been delivered, in nanoseconds since the Unix epoch; 0 when
	// it is not known, or when reading backwards.
	Watermark int64
	// Cursor is the place reached in every container, whether its records matched or not.
	Cursor Cursor
}

// Layout says how the files of a log are named.
type Layout uint8

// The layouts.
const (
	// LayoutCRI: Dir holds N.log for run N, in the format of the CRI or of Docker's json-file, and rotations
	// N.log.YYYYMMDD-HHMMSS[.gz].
	LayoutCRI Layout = iota
	// LayoutDocker: Dir is named by the id of a container and holds ID-json.log, with rotations ID-json.log.1[.gz],
	// which is the newest, .2 and so on.
	LayoutDocker
)

// Target is the log of one container.
type Target struct {
	Source Source
	// Root is where its files are; see Roots. Dir is its directory beneath, with slashes.
	Layout Layout
	Dir    string
	// Ended: nothing more will be written, because neither the container nor its pod can run again.
	Ended bool
}

// Set is the containers that a read is about. It is used from one goroutine at a time.
type Set interface {
	// Targets returns the containers as they are now, in the order in which records of one time are given.
	Targets(ctx context.Context) ([]Target, error)
	// Changed returns a channel on which a value comes when Targets may return something else; nil if it never will. Nothing
	// can be added to a set whose Changed is nil, so a follow ends when all of it has ended.
	Changed() <-chan struct{}
	// Open reports whether containers can come to match that do not exist yet.
	Open() bool
}

// Fixed is a Set that does not change.
type Fixed []Target

// Targets implements Set.
func (f Fixed) Targets(context.Context) ([]Target, error) { return f, nil }

// Changed implements Set.
func (Fixed) Changed() <-chan struct{} { return nil }

// Open implements Set.
func (Fixed) Open() bool { return false }
