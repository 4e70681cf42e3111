// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/noded/noded/journal"
)

// Header is the header of a journal file, with what the file system says about it. Numbers of
// features that the file's version does not have are 0.
type Header struct {
	Path string
	// SizeBytes is the length of the file, DiskBytes the space that it uses.
	SizeBytes, DiskBytes uint64

	Compatible   CompatibleFlags
	Incompatible IncompatibleFlags
	State        State

	FileID, MachineID, TailBootID, SeqnumID journal.ID128

	HeaderSize, ArenaSize                     uint64
	DataHashTableOffset, DataHashTableSize    uint64 // of the items, in bytes
	FieldHashTableOffset, FieldHashTableSize  uint64
	TailObjectOffset                          uint64
	Objects, Entries                          uint64
	HeadSeqnum, TailSeqnum                    uint64
	EntryArrayOffset                          uint64
	HeadRealtime, TailRealtime, TailMonotonic journal.Usec
	Data, Fields, Tags, EntryArrays           uint64
	DataHashChainDepth, FieldHashChainDepth   uint64
	TailEntryArrayOffset                      uint32
	TailEntryArrayEntries                     uint32
	TailEntryOffset                           uint64
}

// Has reports whether the header is long enough to hold the bytes up to end, which is how
// versions of the format are told apart.
func (h *Header) has(end uint64) bool { return h.HeaderSize >= end }

// ReadHeader reads the header of the file and checks it as far as it can be without looking at
// objects. Errors about the content are a *FormatError.
func ReadHeader(path string) (Header, error) {
	f, err := OpenFile(path)
	if err != nil {
		return Header{}, fmt.Errorf("open journal file: %w", err)
	}
	defer f.Close()
	return HeaderOf(f)
}

// HeaderOf is ReadHeader for an open file, whose name becomes Header.Path. It does not use the
// file's own position.
func HeaderOf(f *os.File) (Header, error) {
	path := f.Name()
	info, err := f.Stat()
	if err != nil {
		return Header{}, fmt.Errorf("open journal file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Header{}, &FormatError{Path: path, Object: objectHeader, Err: fmt.Errorf("%w: not a regular file", ErrCorrupt)}
	}
	h, err := parseHeader(f, uint64(info.Size()))
	for tries := 0; errors.Is(err, ErrTruncated) && tries < 5; tries++ {
		// Before the header was read a writer may have made the file longer, and said so there.
		longer, statErr := f.Stat()
		if statErr != nil || longer.Size() <= info.Size() {
			break
		}
		info = longer
		h, err = parseHeader(f, uint64(info.Size()))
	}
	h.Path = path
	h.DiskBytes = diskBytes(info)
	var format *FormatError
	if errors.As(err, &format) {
		format.Path = path
	}
	return h, err
}

// parseHeader reads and checks the header of a file of that size.
func parseHeader(r io.ReaderAt, size uint64) (Header, error) {
	h := Header{SizeBytes: size}
	if size == 0 {
		return h, headerError(ErrTruncated, "the file is empty")
	}
	if size < headerSizeMin {
		return h, headerError(ErrTruncated, "the file has %d bytes, less than any header", size)
	}
	var raw [headerSizeMax]byte
	n, err := r.ReadAt(raw[:min(size, headerSizeMax)], 0)
	if n < headerSizeMin {
		if err != nil && err != io.EOF {
			return h, fmt.Errorf("read journal file: %w", err)
		}
		return h, headerError(ErrTruncated, "the file has %d bytes, less than any header", n)
	}
	if string(raw[:8]) != Signature {
		return h, headerError(ErrCorrupt, "not a journal file")
	}
	h.decode(&raw)
	return h, h.check()
}

func (h *Header) decode(raw *[headerSizeMax]byte) {
	le := binary.LittleEndian
	u64 := func(offset int) uint64 {
		if uint64(offset)+8 > h.HeaderSize {
			return 0
		}
		return le.Uint64(raw[offset:])
	}
	h.HeaderSize = le.Uint64(raw[88:])
	h.Compatible = CompatibleFlags(le.Uint32(raw[8:]))
	h.Incompatible = IncompatibleFlags(le.Uint32(raw[12:]))
	h.State = State(raw[16])
	h.FileID = journal.ID128(raw[24:40])
	h.MachineID = journal.ID128(raw[40:56])
	h.TailBootID = journal.ID128(raw[56:72])
	h.SeqnumID = journal.ID128(raw[72:88])
	h.ArenaSize = le.Uint64(raw[96:])
	h.DataHashTableOffset = le.Uint64(raw[104:])
	h.DataHashTableSize = le.Uint64(raw[112:])
	h.FieldHashTableOffset = le.Uint64(raw[120:])
	h.FieldHashTableSize = le.Uint64(raw[128:])
	h.TailObjectOffset = le.Uint64(raw[136:])
	h.Objects = le.Uint64(raw[144:])
	h.Entries = le.Uint64(raw[152:])
	h.TailSeqnum = le.Uint64(raw[160:])
	h.HeadSeqnum = le.Uint64(raw[168:])
	h.EntryArrayOffset = le.Uint64(raw[176:])
	h.HeadRealtime = journal.Usec(le.Uint64(raw[184:]))
	h.TailRealtime = journal.Usec(le.Uint64(raw[192:]))
	h.TailMonotonic = journal.Usec(le.Uint64(raw[200:]))
	h.Data = u64(208)
	h.Fields = u64(216)
	h.Tags = u64(224)
	h.EntryArrays = u64(232)
	h.DataHashChainDepth = u64(240)
	h.FieldHashChainDepth = u64(248)
	if h.has(264) {
		h.TailEntryArrayOffset = le.Uint32(raw[256:])
		h.TailEntryArrayEntries = le.Uint32(raw[260:])
	}
	h.TailEntryOffset = u64(264)
}

// check refuses what libsystemd refuses to open.
func (h *Header) check() error {
	switch unknown := h.Incompatible &^ knownIncompatible; {
	case unknown != 0:
		return headerError(ErrUnknownFlags, "%#x", uint32(unknown))
	case h.State > StateArchived:
		return headerError(ErrCorrupt, "unknown state %d", h.State)
	case h.HeaderSize < headerSizeMin:
		return headerError(ErrCorrupt, "header size %d", h.HeaderSize)
	case h.Compatible&FlagSealed != 0 && !h.has(240):
		return headerError(ErrCorrupt, "sealed, but the header has no room for the number of entry arrays")
	case h.ArenaSize > ^uint64(0)-h.HeaderSize || h.HeaderSize+h.ArenaSize > h.SizeBytes:
		return headerError(ErrTruncated, "the file has %d bytes, its header says %d + %d", h.SizeBytes, h.HeaderSize, h.ArenaSize)
	case h.TailObjectOffset > h.HeaderSize+h.ArenaSize:
		return headerError(ErrTruncated, "the last object is at offset %d, after the end %d", h.TailObjectOffset, h.HeaderSize+h.ArenaSize)
	case h.DataHashTableOffset%8 != 0 || h.FieldHashTableOffset%8 != 0 || h.TailObjectOffset%8 != 0 || h.EntryArrayOffset%8 != 0:
		return headerError(ErrCorrupt, "an offset is not a multiple of 8")
	}
	return nil
}

// File returns what the header says in the words of package journal.
func (h *Header) File() journal.File {
	f := journal.File{
		Path:          h.Path,
		SizeBytes:     h.DiskBytes,
		Online:        h.State == StateOnline,
		MachineID:     h.MachineID,
		FileID:        h.FileID,
		SeqnumID:      h.SeqnumID,
		HeadSeqnum:    h.HeadSeqnum,
		TailSeqnum:    h.TailSeqnum,
		HeadRealtime:  h.HeadRealtime,
		TailRealtime:  h.TailRealtime,
		TailMonotonic: h.TailMonotonic,
		TailBootID:    h.TailBootID,
		Entries:       h.Entries,
	}
	if h.Entries == 0 {
		f.HeadSeqnum, f.TailSeqnum = 0, 0
	}
	return f
}
