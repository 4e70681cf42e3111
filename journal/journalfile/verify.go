// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile/compress"
)

const (
	// maxVerifyBytes is the largest file that Verify takes on; journald's own limit is 128 MiB.
	maxVerifyBytes = 1 << 30
	// maxPayloadBytes bounds a decompressed value; the hash of a larger one is not checked.
	maxPayloadBytes = 64 << 20
	// After maxDecompressed plus maxRatio times the size of the file no more values are decompressed.
	maxDecompressed = 256 << 20
	maxRatio        = 64
	// xzWeight is how many times as long as those of the others the decompression of a byte by xz takes.
	xzWeight = 16
	// checkEvery is after how many steps the context is looked at.
	checkEvery = 1 << 12
	// maxSearch plus searchRatio times the number of all items is how many items of unsorted entries are looked at.
	maxSearch   = 1 << 26
	searchRatio = 64
)

// ErrTooLarge: the file is larger than Verify takes on, or such that looking at all of it takes too long.
var ErrTooLarge = errors.New("file too large to verify")

// Verify is Verifier.Verify without progress.
func Verify(ctx context.Context, path string) error { return (&Verifier{}).Verify(ctx, path) }

// Verifier checks whole files. It is safe for concurrent use if Progress is.
type Verifier struct {
	// Progress, unless nil, is called now and then with the part of the work that is done, from 0 to 1.
	Progress func(done float64)
}

// Verify checks the structure of the whole file: the sizes, order and links of all objects, both hash
// tables, the arrays of entries, and the hashes of all values. Values that are very large, or very many, are not
// decompressed, and so not compared with their hash. The times, boot and xor hash of an entry are covered by nothing; times are checked for
// order. (The xor hash includes items that journald dropped because they were there twice.) Tags of sealed files are
// counted; without the key they cannot be checked. The first contradiction is returned, as a *FormatError.
//
// The file should not be written to meanwhile. It is read into memory, up to its last object, so that it cannot change
// while its links are followed; files over 1 GiB are refused with ErrTooLarge. The time that it takes is bounded by the
// size of the file, whatever is in it; it ends early with ctx.
func (v *Verifier) Verify(ctx context.Context, path string) error {
	f, err := OpenFile(path)
	if err != nil {
		return fmt.Errorf("open journal file: %w", err)
	}
	defer f.Close()
	h, err := HeaderOf(f)
	if err != nil {
		return err
	}
	err = verifyAt(ctx, f, &h, v.Progress)
	var format *FormatError
	if errors.As(err, &format) {
		format.Path = path
		return err
	}
	if err != nil {
		return fmt.Errorf("verify journal file %q: %w", path, err)
	}
	return nil
}

// verifyAt checks a file whose header was read.
func verifyAt(ctx context.Context, r io.ReaderAt, h *Header, progress func(float64)) error {
	if h.SizeBytes > maxVerifyBytes {
		return fmt.Errorf("%d bytes: %w", h.SizeBytes, ErrTooLarge)
	}
	b, err := readUsed(r, h)
	if err != nil {
		return err
	}
	return verify(ctx, h, b, progress)
}

// readUsed reads the file up to the end of the last object.
func readUsed(r io.ReaderAt, h *Header) ([]byte, error) {
	end := h.HeaderSize
	if tail := h.TailObjectOffset; tail != 0 {
		var raw [objectHeaderSize]byte
		if n, err := r.ReadAt(raw[:], int64(tail)); n < len(raw) {
			return nil, headerError(ErrTruncated, "the last object is at offset %d: %v", tail, err)
		}
		size := binary.LittleEndian.Uint64(raw[8:])
		if size > h.HeaderSize+h.ArenaSize-tail {
			return nil, headerError(ErrTruncated, "the last object, at offset %d, has %d bytes", tail, size)
		}
		end = max(end, tail+size)
	}
	b := make([]byte, end)
	if n, err := r.ReadAt(b, 0); uint64(n) < end {
		return nil, headerError(ErrTruncated, "read %d of %d bytes: %v", n, end, err)
	}
	return b, nil
}

// verifier walks over a file in memory. Every offset that it follows was checked before.
type verifier struct {
	ctx     context.Context // of one call of verify
	h       *Header
	b       []byte
	compact bool

	decoder compress.Decoder
	payload []byte // decompressed last

	// progress is told done, the part of the work behind, and what share of it the running check is.
	progress    func(float64)
	done, share float64

	objects uint64
	tags    uint64
	// In the order of the file, which is that of their offsets.
	data    []hashedObject
	fields  []hashedObject
	entries []uint64
	arrays  []uint64
	tables  [2]uint64 // offsets of the two hash tables
	last    uint64    // offset of the last object

	steps        uint64 // for the context
	items        uint64 // of all entries
	arrayItems   uint64 // room in all entry arrays
	decompressed uint64
	// What may still be done: items of arrays to look at, items of unsorted entries to search.
	mayStep, maySearch uint64
}

// step counts a step of a loop and tells when to stop.
func (v *verifier) step() error {
	v.steps++
	if v.steps%checkEvery == 0 {
		return v.ctx.Err()
	}
	return nil
}

// report tells how much of the running check is done.
func (v *verifier) report(part, whole int) {
	if v.progress != nil && part%checkEvery == 0 {
		v.progress(v.done + v.share*float64(part)/float64(whole))
	}
}

// hashedObject is an object of a hash table.
type hashedObject struct{ offset, hash, next uint64 }

func verify(ctx context.Context, h *Header, b []byte, progress func(float64)) error {
	if h.HeaderSize%8 != 0 || uint64(len(b)) < h.HeaderSize {
		return headerError(ErrCorrupt, "header size %d", h.HeaderSize)
	}
	v := &verifier{ctx: ctx, h: h, b: b, compact: h.Incompatible&FlagCompact != 0, progress: progress}
	defer v.decoder.Close()
	for _, check := range []struct {
		run   func() error
		share float64
	}{{v.walk, 0.6}, {v.checkCounts, 0}, {v.checkTables, 0.05}, {v.checkFieldLists, 0.05}, {v.checkEntryList, 0}, {v.checkDataLists, 0.3}} {
		v.share = check.share
		if err := check.run(); err != nil {
			return err
		}
		v.done += check.share
		v.report(0, 1)
	}
	return nil
}

func (v *verifier) u32(at uint64) uint64 { return uint64(binary.LittleEndian.Uint32(v.b[at:])) }
func (v *verifier) u64(at uint64) uint64 { return binary.LittleEndian.Uint64(v.b[at:]) }

func (v *verifier) kind(at uint64) objectType { return objectType(v.b[at]) }
func (v *verifier) size(at uint64) uint64     { return v.u64(at + 8) }

func (v *verifier) corrupt(at uint64, format string, args ...any) error {
	return &FormatError{Offset: at, Object: v.kind(at).String(), Err: fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))}
}

// walk goes over all objects from the first to the last.
func (v *verifier) walk() error {
	at, end := v.h.HeaderSize, uint64(len(v.b))
	if v.h.TailObjectOffset == 0 {
		return nil
	}
	for {
		if err := v.step(); err != nil {
			return err
		}
		if at > v.h.TailObjectOffset || end-at < objectHeaderSize {
			return headerError(ErrCorrupt, "no object begins at the tail object offset %d", v.h.TailObjectOffset)
		}
		size := v.size(at)
		if size < objectHeaderSize || size > end-at {
			return v.corrupt(at, "%d bytes", size)
		}
		if v.u64(at)>>16 != 0 {
			return v.corrupt(at, "reserved bytes are not 0")
		}
		if err := v.object(at, size); err != nil {
			return err
		}
		v.objects++
		v.report(int(v.objects), max(int(v.h.Objects), int(v.objects)))
		v.last = at
		if at == v.h.TailObjectOffset {
			return nil
		}
		next := at + (size+7)&^7
		if next >= end {
			return v.corrupt(at, "ends behind the last object")
		}
		for pad := at + size; pad < next; pad++ {
			if v.b[pad] != 0 {
				return v.corrupt(at, "padding is not 0")
			}
		}
		at = next
	}
}

// object checks one object by itself and notes it.
func (v *verifier) object(at, size uint64) error {
	kind := v.kind(at)
	if kind != objectData && v.b[at+1] != 0 {
		return v.corrupt(at, "flags %#x", v.b[at+1])
	}
	switch kind {
	case objectData:
		return v.dataObject(at, size)
	case objectField:
		if size <= fieldSize {
			return v.corrupt(at, "%d bytes", size)
		}
		o := hashedObject{offset: at, hash: v.u64(at + 16), next: v.u64(at + 24)}
		if got := v.h.hash(v.b[at+fieldSize : at+size]); got != o.hash {
			return v.corrupt(at, "hash %016x, the name's is %016x", o.hash, got)
		}
		v.fields = append(v.fields, o)
	case objectEntry:
		return v.entryObject(at, size)
	case objectDataHashTable, objectFieldHashTable:
		i := kind - objectDataHashTable
		if (size-objectHeaderSize)%hashItemSize != 0 || v.tables[i] != 0 {
			return v.corrupt(at, "%d bytes, or the second of its kind", size)
		}
		v.tables[i] = at
	case objectEntryArray:
		if size < entryArraySize || (size-entryArraySize)%v.arrayItemSize() != 0 {
			return v.corrupt(at, "%d bytes", size)
		}
		v.arrays = append(v.arrays, at)
		v.arrayItems += (size - entryArraySize) / v.arrayItemSize()
	case objectTag:
		if size != tagSize {
			return v.corrupt(at, "%d bytes", size)
		}
		v.tags++
	default:
		return v.corrupt(at, "type %d", kind)
	}
	return nil
}

func (v *verifier) payloadOffset() uint64 {
	if v.compact {
		return dataSizeCompact
	}
	return dataSize
}

func (v *verifier) arrayItemSize() uint64 {
	if v.compact {
		return 4
	}
	return 8
}

func (v *verifier) dataObject(at, size uint64) error {
	begin := v.payloadOffset()
	if size <= begin {
		return v.corrupt(at, "%d bytes", size)
	}
	flags := v.b[at+1]
	allowed := map[byte]IncompatibleFlags{0: 0, flagXZ: FlagCompressedXZ, flagLZ4: FlagCompressedLZ4, flagZSTD: FlagCompressedZSTD}
	needs, ok := allowed[flags]
	if !ok || v.h.Incompatible&needs != needs {
		return v.corrupt(at, "flags %#x", flags)
	}
	o := hashedObject{offset: at, hash: v.u64(at + 16), next: v.u64(at + 24)}
	payload, err := v.value(at, v.b[at+begin:at+size], flags)
	if err != nil {
		return err
	}
	if payload != nil {
		if got := v.h.hash(payload); got != o.hash {
			return v.corrupt(at, "hash %016x, the value's is %016x", o.hash, got)
		}
	}
	v.data = append(v.data, o)
	return nil
}

// value decompresses a payload; nil means that it is not looked at. The bytes are valid until the next call.
func (v *verifier) value(at uint64, raw []byte, flags byte) ([]byte, error) {
	kind, weight := compress.None, uint64(1)
	switch flags {
	case 0:
		return raw, nil
	case flagXZ:
		kind, weight = compress.XZ, xzWeight
	case flagLZ4:
		kind = compress.LZ4
	case flagZSTD:
		kind = compress.ZSTD
	}
	if v.decompressed > maxDecompressed+maxRatio*uint64(len(v.b)) {
		return nil, nil
	}
	payload, err := v.decoder.Append(v.payload[:0], kind, raw, maxPayloadBytes)
	if errors.Is(err, compress.ErrTooLarge) {
		v.decompressed += weight * maxPayloadBytes
		return nil, nil
	}
	v.decompressed += weight * uint64(len(payload))
	if err != nil {
		return nil, v.corrupt(at, "%v", err)
	}
	v.payload = payload
	return payload, nil
}

// findData returns the data object at the offset.
func (v *verifier) findData(offset uint64) (hashedObject, bool) { return find(v.data, offset) }

func find(objects []hashedObject, offset uint64) (hashedObject, bool) {
	i, ok := slices.BinarySearchFunc(objects, offset, func(o hashedObject, offset uint64) int {
		return cmp.Compare(o.offset, offset)
	})
	if !ok {
		return hashedObject{}, false
	}
	return objects[i], true
}

// entryObject checks an entry against the values that it refers to, which come before it, and
// against the entry before.
func (v *verifier) entryObject(at, size uint64) error {
	itemSize := uint64(16)
	if v.compact {
		itemSize = 4
	}
	if size <= entrySize || (size-entrySize)%itemSize != 0 {
		return v.corrupt(at, "%d bytes", size)
	}
	for item := at + entrySize; item < at+size; item += itemSize {
		if err := v.step(); err != nil {
			return err
		}
		v.items++
		offset := v.item(item)
		o, ok := v.findData(offset)
		if !ok {
			return v.corrupt(at, "refers to offset %d, where no value is", offset)
		}
		if !v.compact && v.u64(item+8) != o.hash {
			return v.corrupt(at, "hash of the value at %d is wrong", offset)
		}
	}
	seqnum := v.u64(at + 16)
	if seqnum == 0 {
		return v.corrupt(at, "sequence number 0")
	}
	if realtime, monotonic := v.u64(at+24), v.u64(at+32); realtime-1 >= validTime-1 || monotonic >= validTime {
		return v.corrupt(at, "times %d and %d", realtime, monotonic)
	}
	if n := len(v.entries); n > 0 {
		before := v.entries[n-1]
		if seqnum <= v.u64(before+16) {
			return v.corrupt(at, "sequence number %d after %d", seqnum, v.u64(before+16))
		}
		if v.boot(at) == v.boot(before) && v.u64(at+32) < v.u64(before+32) {
			return v.corrupt(at, "monotonic time %d after %d", v.u64(at+32), v.u64(before+32))
		}
	}
	v.entries = append(v.entries, at)
	return nil
}

func (v *verifier) boot(entry uint64) journal.ID128 { return journal.ID128(v.b[entry+40 : entry+56]) }

// item reads an offset of an entry or an array.
func (v *verifier) item(at uint64) uint64 {
	if v.compact {
		return v.u32(at)
	}
	return v.u64(at)
}

// checkCounts compares the header with what was found.
func (v *verifier) checkCounts() error {
	h := v.h
	count := func(what string, has bool, said uint64, found int) error {
		if has && said != uint64(found) {
			return headerError(ErrCorrupt, "%d %s, found %d", said, what, found)
		}
		return nil
	}
	err := errors.Join(
		count("objects", true, h.Objects, int(v.objects)),
		count("entries", true, h.Entries, len(v.entries)),
		count("data objects", h.has(216), h.Data, len(v.data)),
		count("field objects", h.has(224), h.Fields, len(v.fields)),
		count("tags", h.has(232), h.Tags, int(v.tags)),
		count("entry arrays", h.has(240), h.EntryArrays, len(v.arrays)),
	)
	if err != nil || len(v.entries) == 0 {
		return err
	}
	first, last := v.entries[0], v.entries[len(v.entries)-1]
	switch {
	case h.HeadSeqnum != v.u64(first+16) || h.TailSeqnum < v.u64(last+16):
		return headerError(ErrCorrupt, "sequence numbers %d to %d, found %d to %d", h.HeadSeqnum, h.TailSeqnum, v.u64(first+16), v.u64(last+16))
	case uint64(h.HeadRealtime) != v.u64(first+24) || uint64(h.TailRealtime) != v.u64(last+24):
		return headerError(ErrCorrupt, "times %d to %d, found %d to %d", h.HeadRealtime, h.TailRealtime, v.u64(first+24), v.u64(last+24))
	case h.TailBootID == v.boot(last) && uint64(h.TailMonotonic) != v.u64(last+32):
		return headerError(ErrCorrupt, "last monotonic time %d, found %d", h.TailMonotonic, v.u64(last+32))
	}
	return nil
}
