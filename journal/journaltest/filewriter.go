// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
)

// FileOptions say which variant of the format a FileWriter writes. The zero value is a compact file with keyed hashes
// and without compression, with the header and the hash tables of systemd 252.
type FileOptions struct {
	// Compression is used for payloads (NAME=value) of at least Threshold bytes that it makes smaller; 0 means 512, as in journald.
	Compression compress.Kind
	Threshold   int
	// Encode, unless nil, may return what is stored of a payload, and how that is said to be compressed, instead of what Compression
	// makes of it. It need not be true.
	Encode func(payload []byte) (stored []byte, kind compress.Kind, ok bool)
	// Regular makes a file that is not compact, Unkeyed one without keyed hashes.
	Regular, Unkeyed bool
	// Sealed sets the flag, and adds a tag before the first entry and then every TagEvery entries; 0 means 100. The
	// tags are not made with any key.
	Sealed   bool
	TagEvery int
	// Unsorted leaves the items of an entry in the order of its fields. Systemd sorts them.
	Unsorted bool
	// HeaderSize is that of a version of systemd: 208 (first), 224 (187), 240 (189), 256 (246), 264 (252) or 272 (254).
	// 0 means 264.
	HeaderSize uint64
	// DataBuckets and FieldBuckets are the sizes of the hash tables; 0 means 2047 and 333.
	DataBuckets, FieldBuckets int
	// Increase is what the file grows by, a multiple of 8; 0 means 8 MiB. What is not used is a hole.
	Increase uint64
	// State is what Close sets; the zero value is offline.
	State journalfile.State
	// FileID keys the hashes; zero means a random one. SeqnumID is the sequence; zero means FileID. MachineID may be
	// zero.
	FileID, SeqnumID, MachineID journal.ID128
	// FirstSeqnum is the number of the first entry; 0 means 1.
	FirstSeqnum uint64
	// NoBootField leaves out the field _BOOT_ID that otherwise comes first in every entry.
	NoBootField bool
}

// Offsets in the header, from "Journal File Format".
const (
	headCompatible       = 8
	headIncompatible     = 12
	headState            = 16
	headFileID           = 24
	headMachineID        = 40
	headBootID           = 56
	headSeqnumID         = 72
	headHeaderSize       = 88
	headArenaSize        = 96
	headDataTable        = 104
	headFieldTable       = 120
	headTailObject       = 136
	headObjects          = 144
	headEntries          = 152
	headTailSeqnum       = 160
	headHeadSeqnum       = 168
	headEntryArray       = 176
	headHeadRealtime     = 184
	headTailRealtime     = 192
	headTailMonotonic    = 200
	headData             = 208
	headFields           = 216
	headTags             = 224
	headEntryArrays      = 232
	headDataDepth        = 240
	headFieldDepth       = 248
	headTailArray        = 256
	headTailArrayEntries = 260
	headTailEntry        = 264
	headEnd              = 272
)

// FileWriter writes a journal file by itself, in the order of writes that journald has, so that the file may be read
// meanwhile. It is not safe for concurrent use.
type FileWriter struct {
	o    FileOptions
	m    mapping
	enc  *encoder
	size uint64 // of the file
	end  uint64 // of the last object
	// What the file holds, to be found again.
	data     map[string]*dataState
	fields   map[string]*fieldState
	inBucket []uint32 // data objects of each bucket
	inField  []uint32
	entries  list
	seqnum   uint64 // of the next entry
	tags     uint64
	// Buffers.
	payload []byte
	items   []*dataState
}

// dataState is what is known of a data object.
type dataState struct {
	offset uint64
	// hash is the file's, jenkins what entries' xor hashes are made of.
	hash, jenkins uint64
	entries       uint64
	list          list
	// depth is how many objects are before it in the chain of its bucket.
	depth uint32
	// marked: it is among the items of the entry that is being written.
	marked bool
}

type fieldState struct {
	offset uint64
	depth  uint32
}

// WriteFile makes a journal file of the entries. The directory is created if it does not exist.
func WriteFile(path string, o FileOptions, entries []Entry) error {
	w, err := Create(path, o)
	if err != nil {
		return err
	}
	for i := range entries {
		if err := w.Append(&entries[i]); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

// Create begins a file, which is online until Close. A file that is there is replaced.
func Create(path string, o FileOptions) (*FileWriter, error) {
	o.TagEvery = cmp.Or(o.TagEvery, 100)
	o.Threshold = cmp.Or(o.Threshold, 512)
	o.HeaderSize = cmp.Or(o.HeaderSize, headTailEntry)
	o.DataBuckets = cmp.Or(o.DataBuckets, 2047)
	o.FieldBuckets = cmp.Or(o.FieldBuckets, 333)
	o.Increase = cmp.Or(o.Increase, 8<<20)
	o.FirstSeqnum = max(o.FirstSeqnum, 1)
	if o.FileID.IsZero() {
		if _, err := rand.Read(o.FileID[:]); err != nil {
			return nil, fmt.Errorf("create journal file: %w", err)
		}
	}
	if o.SeqnumID.IsZero() {
		o.SeqnumID = o.FileID
	}
	if o.HeaderSize%8 != 0 || o.HeaderSize < headData || o.HeaderSize > headEnd || o.Increase%8 != 0 {
		return nil, fmt.Errorf("create journal file: header of %d bytes, increase of %d", o.HeaderSize, o.Increase)
	}
	enc, err := newEncoder(o.Compression)
	if err != nil {
		return nil, fmt.Errorf("create journal file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create journal file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create journal file: %w", err)
	}
	w := &FileWriter{
		o: o, m: mapping{f: f}, enc: enc, seqnum: o.FirstSeqnum,
		data: map[string]*dataState{}, fields: map[string]*fieldState{},
		inBucket: make([]uint32, o.DataBuckets), inField: make([]uint32, o.FieldBuckets),
	}
	if err := w.begin(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// begin writes the header and the hash tables.
func (w *FileWriter) begin() error {
	o := &w.o
	if err := w.grow(o.HeaderSize); err != nil {
		return err
	}
	var compatible journalfile.CompatibleFlags
	var incompatible journalfile.IncompatibleFlags
	if o.Sealed {
		compatible |= journalfile.FlagSealed
	}
	if !o.Regular {
		incompatible |= journalfile.FlagCompact
	}
	if !o.Unkeyed {
		incompatible |= journalfile.FlagKeyedHash
	}
	incompatible |= map[compress.Kind]journalfile.IncompatibleFlags{
		compress.XZ: journalfile.FlagCompressedXZ, compress.LZ4: journalfile.FlagCompressedLZ4, compress.ZSTD: journalfile.FlagCompressedZSTD,
	}[o.Compression]
	copy(w.m.b, journalfile.Signature)
	w.put32(headCompatible, uint32(compatible))
	w.put32(headIncompatible, uint32(incompatible))
	w.m.b[headState] = byte(journalfile.StateOnline)
	copy(w.m.b[headFileID:], o.FileID[:])
	copy(w.m.b[headMachineID:], o.MachineID[:])
	copy(w.m.b[headSeqnumID:], o.SeqnumID[:])
	w.put64(headHeaderSize, o.HeaderSize)
	w.end = o.HeaderSize
	for _, table := range []struct {
		kind    byte
		buckets int
		header  uint64
	}{{objectFieldHashTable, o.FieldBuckets, headFieldTable}, {objectDataHashTable, o.DataBuckets, headDataTable}} {
		size := uint64(table.buckets) * hashItemBytes
		at, err := w.object(table.kind, objectHeaderBytes+size)
		if err != nil {
			return err
		}
		w.put64(table.header, at+objectHeaderBytes)
		w.put64(table.header+8, size)
	}
	if o.Sealed {
		return w.tag()
	}
	return nil
}

// Append writes an entry.
func (w *FileWriter) Append(e *Entry) error {
	if err := w.append(e); err != nil {
		return fmt.Errorf("append to journal file %q: %w", w.m.f.Name(), err)
	}
	return nil
}

func (w *FileWriter) append(e *Entry) error {
	if w.o.Sealed && w.entries.total > 0 && w.entries.total%uint64(w.o.TagEvery) == 0 {
		if err := w.tag(); err != nil {
			return err
		}
	}
	w.items = w.items[:0]
	xor := uint64(0)
	item := func() error {
		d, err := w.dataObject(w.payload)
		if err != nil {
			return err
		}
		xor ^= d.jenkins
		if !d.marked {
			d.marked = true
			w.items = append(w.items, d)
		}
		return nil
	}
	if !w.o.NoBootField {
		w.payload = appendHex(append(w.payload[:0], "_BOOT_ID="...), e.BootID)
		if err := item(); err != nil {
			return err
		}
	}
	for _, f := range e.Fields {
		w.payload = append(append(append(w.payload[:0], f.Name...), '='), f.Value...)
		if err := item(); err != nil {
			return err
		}
	}
	for _, d := range w.items {
		d.marked = false
	}
	if !w.o.Unsorted {
		slices.SortFunc(w.items, func(a, b *dataState) int { return cmp.Compare(a.offset, b.offset) })
	}
	return w.entryObject(e, xor)
}

func appendHex(b []byte, id journal.ID128) []byte {
	const digits = "0123456789abcdef"
	for _, c := range id {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// Notify tells those who watch the file that it has changed, as journald does: it truncates the file to the size
// that it has.
func (w *FileWriter) Notify() error {
	if err := w.m.f.Truncate(int64(w.size)); err != nil {
		return fmt.Errorf("notify of journal file: %w", err)
	}
	return nil
}

// Close sets the final state and closes the file.
func (w *FileWriter) Close() error {
	if len(w.m.b) > headState {
		w.m.b[headState] = byte(w.o.State)
	}
	if err := errors.Join(w.m.close(), w.m.f.Close()); err != nil {
		return fmt.Errorf("close journal file: %w", err)
	}
	return nil
}
