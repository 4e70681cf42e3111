// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import "github.com/noded/noded/journal"

// The places that these methods return are offsets: that of the first entry wanted, or one after the last entry if none is. A
// Matcher goes on from them in both directions.

// FindSeqnum returns the place of the first entry whose number is at least seqnum.
func (f *File) FindSeqnum(seqnum uint64) (uint64, error) {
	return f.find(func(e *Entry) bool { return e.Seqnum >= seqnum })
}

// FindRealtime returns the place of the first entry at the time t or later. Where the clock was set back there may be several such
// places; it is the first that a search over the arrays meets, as with libsystemd.
func (f *File) FindRealtime(t journal.Usec) (uint64, error) {
	return f.find(func(e *Entry) bool { return e.Realtime >= t })
}

func (f *File) find(reached func(e *Entry) bool) (uint64, error) {
	i, err := f.all.bisect(reached)
	if err != nil {
		return 0, err
	}
	return f.all.offsetAt(i)
}

// FindMonotonic returns the place of the first entry of the boot at the monotonic time t or later, or after the boot's last
// entry. ok is false if the file has no entry of the boot.
func (f *File) FindMonotonic(boot journal.ID128, t journal.Usec) (place uint64, ok bool, err error) {
	var d Data
	if err := f.findData("_BOOT_ID", boot.String(), &d); err != nil || d.Offset == 0 || d.Entries == 0 {
		return 0, false, err
	}
	l := list{f: f}
	l.reset(d.Entry, d.array, d.Entries)
	i, err := l.bisect(func(e *Entry) bool { return e.Monotonic >= t })
	if err != nil {
		return 0, false, err
	}
	place, err = l.offsetAt(i)
	return place, err == nil, err
}
