// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import "context"

// Engine reads journal files. An Engine is safe for concurrent use.
type Engine interface {
	// Name is what configuration and --engine call it.
	Name() string
	// Open opens the journals of a source. Files that cannot be read are not an error as long
	// as the source itself exists: they are named by Reader.Problems.
	Open(ctx context.Context, source Source) (Reader, error)
}

// Source says which journal files to read. Exactly one of Directory, Files and
// Root is set; with none of them it is the local system's journal directories.
type Source struct {
	// Directory is read like journalctl --directory: the journal files in it and in
	// its subdirectories named by machine id.
	Directory string
	// Files are paths of journal files, or shell patterns of them.
	Files []string
	// Root is a directory that holds var/log/journal and run/log/journal.
	Root string
	// Namespace selects a journal namespace: empty the default one, "*" all of
	// them, "+NAME" NAME and the default one.
	Namespace string
	// System and User restrict the journals to those of the system or of
	// the calling user. Both false means all that are accessible.
	System, User bool
	// AllMachines includes journals of other machines (journalctl --merge). Only the local
	// system's directories are restricted without it.
	AllMachines bool
}

// Position is a place that Reader.Seek can go to: make one with Head, Tail, AtRealtime or
// AtCursor.
type Position struct {
	Kind     PositionKind
	Realtime Usec
	Cursor   Cursor
}

// PositionKind says which fields of a Position count.
type PositionKind uint8

// The kinds of Position.
const (
	PositionHead PositionKind = iota
	PositionTail
	PositionRealtime
	PositionCursor
)

// Head is before the first entry.
func Head() Position { return Position{Kind: PositionHead} }

// Tail is after the last entry.
func Tail() Position { return Position{Kind: PositionTail} }

// AtRealtime is the place where an entry received at t would be.
func AtRealtime(t Usec) Position { return Position{Kind: PositionRealtime, Realtime: t} }

// AtCursor is the place of the entry that the cursor names, or where it would be.
func AtCursor(c Cursor) Position { return Position{Kind: PositionCursor, Cursor: c} }

// Change says what Reader.Wait saw.
type Change uint8

// The changes that Wait reports.
const (
	// ChangeNone: the wait ended without news.
	ChangeNone Change = iota
	// ChangeAppended: entries may have been added.
	ChangeAppended
	// ChangeFiles: files were added or removed (rotation, vacuum, flush). Entries may be
	// added and others gone.
	ChangeFiles
)

// Reader moves over the entries of a source, merged in journald's own order. A
// Reader belongs to one goroutine at a time; open one per goroutine. The caller closes it.
type Reader interface {
	// SetMatch restricts the reader to entries that satisfy m. The position is
	// undefined until the next Seek.
	SetMatch(m Match) error
	// Seek goes between entries: Next then gives the first entry at or after the position,
	// Previous the last one before it. For AtCursor both give the entry itself when it exists.
	Seek(p Position) error
	// Next moves to the next entry. At the end it returns io.EOF and stays, so
	// that a later Next sees entries that were appended meanwhile.
	Next() (Entry, error)
	// Previous moves to the entry before, or returns io.EOF at the beginning.
	Previous() (Entry, error)
	// Skip moves n entries forward, or backward if n is negative, and returns the entry and how
	// many steps it made, which is fewer where entries end. It returns io.EOF
	// when there is none to stand on.
	Skip(n int64) (Entry, int64, error)
	// Wait blocks until entries may have been added or files have changed, or until ctx ends, which
	// gives ChangeNone and ctx.Err(). It may return early with ChangeNone and nil.
	Wait(ctx context.Context) (Change, error)

	// FieldNames returns the names of all fields, each once, in the engine's order. A file whose lists are damaged is
	// left out from there on and becomes one of Problems; it is an error only if no file can be listed.
	FieldNames(ctx context.Context) ([]string, error)
	// FieldValues calls yield for each distinct value of the field, until yield returns false. The bytes are
	// valid during the call only. Damage is treated as by FieldNames.
	FieldValues(ctx context.Context, name string, yield func(value []byte) bool) error
	// Tails returns the newest entry of each sequence in the files that the reader knows of now (those
	// that Next reads; files that appear later count after Wait has reported them), as the headers of the files
	// tell: SeqnumID, Seqnum, BootID, Realtime and Monotonic; XorHash is 0. Everything up to
	// Seqnum has been given once Next returns io.EOF: of a file that is being written to it is the number before the
	// newest, whose entry may not be complete yet. It is cheap: followers call it whenever they reach the end.
	Tails() ([]Header, error)
	// Files describes the journal files that the source has now.
	Files() ([]File, error)
	// Problems returns the files that were found but cannot be read, with the reason.
	Problems() []FileProblem
	// Damaged looks closely at these journal files and returns those that are damaged inside (GapCorrupt) though
	// their headers are good. It reads the files as a whole, so call it only on suspicion; it stops when ctx ends.
	// A file that is written to all the while cannot be judged and is left out.
	Damaged(ctx context.Context, paths []string) []FileProblem

	Close() error
}

// File is one journal file and what its header says.
type File struct {
	Path string
	// SizeBytes is the disk space that it uses (blocks, not length).
	SizeBytes uint64
	// Online is true while a journald writes to it.
	Online    bool
	MachineID ID128
	FileID    ID128
	// SeqnumID, HeadSeqnum and TailSeqnum: the sequence, its first and last number in this
	// file; both numbers are 0 when it has no entries.
	SeqnumID               ID128
	HeadSeqnum, TailSeqnum uint64
	// HeadRealtime and TailRealtime are the times of the first and last entry.
	HeadRealtime, TailRealtime Usec
	TailMonotonic              Usec
	TailBootID                 ID128
	Entries                    uint64
}

// FileProblem is a journal file that cannot be read, or only in part.
type FileProblem struct {
	Path   string
	Reason GapReason
	Err    error
}
