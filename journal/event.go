// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

// Sink receives what a read finds, in order, from one goroutine. An error that it
// returns ends the read and is returned by it. A slow Sink slows the read down; nothing is buffered.
type Sink interface {
	// Entry receives an entry that matches. The entry is valid during the call only.
	Entry(e Entry) error
	// Gap receives word of entries that could not be delivered.
	Gap(g Gap) error
	// Progress receives the position reached.
	Progress(p Progress) error
}

// Gap says that entries which belong to the read were not delivered, and why.
type Gap struct {
	// Source is what they were in: the path of a journal file, a unit, or a sequence id.
	Source string
	// Count is the number of entries; 0 means that it is not known. Exact tells whether Count
	// is the number, or an upper bound that includes entries which the filter would not
	// have selected.
	Count uint64
	Exact bool
	// First and Last are the times between which they lie; 0 means not known.
	First, Last Usec
	Reason      GapReason
	// Detail is a sentence for people.
	Detail string
}

// GapReason says why entries were not delivered.
type GapReason uint8

// The reasons of a Gap.
const (
	GapUnknown GapReason = iota
	// GapVacuumed: removed from disk before they were read.
	GapVacuumed
	// GapCorrupt: the file is damaged there.
	GapCorrupt
	// GapTruncated: the file is shorter than its header says, or empty.
	GapTruncated
	// GapUnsupported: the file uses a feature of the format that the engine does not know.
	GapUnsupported
	// GapDenied: no permission to read the file.
	GapDenied
	// GapTooLarge: the record is over the size limit.
	GapTooLarge
	// GapSuppressed: journald itself dropped messages of a unit by its rate limit.
	GapSuppressed
	// GapCursorLost: the entry that the cursor names is gone; reading went on at the nearest one.
	GapCursorLost
)

// String returns a lower-case word for the reason.
func (r GapReason) String() string {
	switch r {
	case GapVacuumed:
		return "vacuumed"
	case GapCorrupt:
		return "corrupt"
	case GapTruncated:
		return "truncated"
	case GapUnsupported:
		return "unsupported"
	case GapDenied:
		return "permission denied"
	case GapTooLarge:
		return "too large"
	case GapSuppressed:
		return "suppressed by journald"
	case GapCursorLost:
		return "cursor lost"
	default:
		return "unknown"
	}
}

// Progress says how far a read has come.
type Progress struct {
	// CaughtUp: every entry that existed has been looked at; a follower now waits.
	CaughtUp bool
	// Watermark: every matching entry received up to this time has been delivered. 0 when
	// reading backwards.
	Watermark Usec
	// Cursor is the last entry that was looked at, whether it matched or not. A read
	// with AfterCursor set to it goes on without loss or repetition. Empty before the first entry.
	Cursor Cursor
	// BootID is the boot of the newest entry within the bounds of the query that was looked at; where
	// it changes, journalctl prints a line, even if the filter selects no entry of that boot. Zero before there is one.
	BootID ID128
}
