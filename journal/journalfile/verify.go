// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/noded/noded/journal"
)

const (
	// maxVerifyBytes is the largest file that Verify takes on; journald's own limit is 128 MiB.
	maxVerifyBytes = 1 << 30
	// maxPayloadBytes bounds a decompressed value; the hash of a larger one is not checked.
	maxPayloadBytes = 64 << 20
)

// ErrTooLarge: the file is larger than Verify takes on.
var ErrTooLarge = errors.New("file too large to verify")

// Verify checks the structure of the whole file: the sizes, order and links of all objects, both hash
// tables, the arrays of entries, and the hashes of all values. Values compressed by xz or lz4 are not decompressed, and
// so not compared with their hash. The times, boot and xor hash of an entry are covered by nothing; times are checked for
// order. (The xor hash includes items that journald dropped because they were there twice.) The first contradiction is returned, as a *FormatError.
//
// The file should not be written to meanwhile. It is read into memory, up to its last object; files over
// 1 GiB are refused with ErrTooLarge.
func Verify(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open journal file: %w", err)
	}
	defer f.Close()
	h, err := HeaderOf(f)
	if err != nil {
		return err
	}
	err = verifyAt(f, &h)
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
func verifyAt(r io.ReaderAt, h *Header) error {
	if h.SizeBytes > maxVerifyBytes {
		return fmt.Errorf("%d bytes: %w", h.SizeBytes, ErrTooLarge)
	}
	b, err := readUsed(r, h)
	if err != nil {
		return err
	}
	return verify(h, b)
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
	h       *Header
	b       []byte
	zstd    *zstd.Decoder
	compact bool

	objects uint64
	tags    uint64
	// In the order of the file, which is that of their offsets.
	data    []hashedObject
	fields  []hashedObject
	entries []uint64
	arrays  []uint64
	tables  [2]uint64 // offsets of the two hash tables
	last    uint64    // offset of the last object
}

// hashedObject is an object of a hash table.
type hashedObject struct{ offset, hash, next uint64 }

func verify(h *Header, b []byte) error {
	if h.HeaderSize%8 != 0 || uint64(len(b)) < h.HeaderSize {
		return headerError(ErrCorrupt, "header size %d", h.HeaderSize)
	}
	v := &verifier{h: h, b: b, compact: h.Incompatible&FlagCompact != 0}
	var err error
	v.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPayloadBytes))
	if err != nil {
		return err
	}
	defer v.zstd.Close()
	for _, check := range []func() error{v.walk, v.checkCounts, v.checkTables, v.checkFieldLists, v.checkEntryList, v.checkDataLists} {
		if err := check(); err != nil {
			return err
		}
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
	payload, err := v.payload(at, v.b[at+begin:at+size], flags)
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

// payload decompresses a value; nil means that it is not looked at.
func (v *verifier) payload(at uint64, raw []byte, flags byte) ([]byte, error) {
	switch flags {
	case 0:
		return raw, nil
	case flagZSTD:
		var frame zstd.Header
		if err := frame.Decode(raw); err != nil {
			return nil, v.corrupt(at, "zstd: %v", err)
		}
		if frame.HasFCS && frame.FrameContentSize > maxPayloadBytes {
			return nil, nil
		}
		payload, err := v.zstd.DecodeAll(raw, nil)
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
			return nil, nil
		}
		if err != nil {
			return nil, v.corrupt(at, "zstd: %v", err)
		}
		return payload, nil
	default:
		return nil, nil
	}
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

// checkTables follows the chains of both hash tables.
func (v *verifier) checkTables() error {
	if err := v.checkTable(v.tables[0], v.h.DataHashTableOffset, v.h.DataHashTableSize, v.data); err != nil {
		return err
	}
	return v.checkTable(v.tables[1], v.h.FieldHashTableOffset, v.h.FieldHashTableSize, v.fields)
}

func (v *verifier) checkTable(at, offset, size uint64, objects []hashedObject) error {
	if at == 0 {
		if len(objects) > 0 {
			return headerError(ErrCorrupt, "%d objects without a hash table", len(objects))
		}
		return nil
	}
	if offset != at+objectHeaderSize || size != v.size(at)-objectHeaderSize || size == 0 {
		return headerError(ErrCorrupt, "hash table of %d bytes at %d, found one of %d at %d", size, offset, v.size(at)-objectHeaderSize, at+objectHeaderSize)
	}
	buckets := size / hashItemSize
	found := 0
	for bucket := range buckets {
		item := offset + bucket*hashItemSize
		next, tail, last := v.u64(item), v.u64(item+8), uint64(0)
		for next != 0 {
			o, ok := find(objects, next)
			if !ok || next <= last || o.hash%buckets != bucket {
				return v.corrupt(at, "the chain of bucket %d leads to offset %d", bucket, next)
			}
			last, next = next, o.next
			found++
		}
		if tail != last {
			return v.corrupt(at, "the chain of bucket %d ends at %d, not at %d", bucket, last, tail)
		}
	}
	if found != len(objects) {
		return v.corrupt(at, "has %d objects of %d", found, len(objects))
	}
	return nil
}

// checkFieldLists follows the list of each field's values, the newest first.
func (v *verifier) checkFieldLists() error {
	found := 0
	for i := range v.fields {
		at := v.fields[i].offset
		next, last := v.u64(at+32), ^uint64(0)
		for next != 0 {
			if _, ok := v.findData(next); !ok || next >= last {
				return v.corrupt(at, "the list of its values leads to offset %d", next)
			}
			last, next = next, v.u64(next+32)
			found++
		}
	}
	if found != len(v.data) {
		return headerError(ErrCorrupt, "the fields have %d values, found %d", found, len(v.data))
	}
	return nil
}

// checkEntryList compares the array of all entries with the entries.
func (v *verifier) checkEntryList() error {
	n := 0
	err := v.eachOfArrays(v.h.EntryArrayOffset, uint64(len(v.entries)), func(array, entry uint64) error {
		if entry != v.entries[n] {
			return v.corrupt(array, "entry %d of the file is at %d, not at %d", n, v.entries[n], entry)
		}
		n++
		return nil
	})
	return err
}

// eachOfArrays calls f for n items of a chain of entry arrays; the rest of the last one must be 0.
func (v *verifier) eachOfArrays(array, n uint64, f func(array, entry uint64) error) error {
	last := uint64(0)
	for array != 0 {
		if _, ok := slices.BinarySearch(v.arrays, array); !ok || array <= last {
			return headerError(ErrCorrupt, "no entry array at offset %d", array)
		}
		last = array
		for item := array + entryArraySize; item < array+v.size(array); item += v.arrayItemSize() {
			entry := v.item(item)
			if n == 0 {
				if entry != 0 {
					return v.corrupt(array, "more items than entries")
				}
				continue
			}
			if err := f(array, entry); err != nil {
				return err
			}
			n--
		}
		array = v.u64(array + 16)
	}
	if n != 0 {
		return headerError(ErrCorrupt, "%d entries are missing in the entry arrays", n)
	}
	return nil
}

// checkDataLists compares, for each value, the list of the entries that have it with these entries.
func (v *verifier) checkDataLists() error {
	for i := range v.data {
		at := v.data[i].offset
		first, array, n := v.u64(at+40), v.u64(at+48), v.u64(at+56)
		if n > uint64(len(v.entries)) || (n == 0) != (first == 0) {
			return v.corrupt(at, "%d entries, the first at %d", n, first)
		}
		if n == 0 {
			continue
		}
		last := uint64(0)
		check := func(_, entry uint64) error {
			if entry <= last || !v.refers(entry, at) {
				return v.corrupt(at, "is not in the entry at %d", entry)
			}
			last = entry
			return nil
		}
		if err := check(at, first); err != nil {
			return err
		}
		if err := v.eachOfArrays(array, n-1, check); err != nil {
			return err
		}
	}
	return nil
}

// refers reports whether there is an entry at the offset that has the value. Items are
// sorted by offset in files of systemd 246 and later; of others all are looked at.
func (v *verifier) refers(entry, data uint64) bool {
	if _, ok := slices.BinarySearch(v.entries, entry); !ok {
		return false
	}
	itemSize := uint64(16)
	if v.compact {
		itemSize = 4
	}
	low, high := uint64(0), (v.size(entry)-entrySize)/itemSize
	n := high
	for range bits.Len64(n) + 1 {
		if low >= high {
			break
		}
		mid := (low + high) / 2
		switch got := v.item(entry + entrySize + mid*itemSize); {
		case got == data:
			return true
		case got < data:
			low = mid + 1
		default:
			high = mid
		}
	}
	for i := range n {
		if v.item(entry+entrySize+i*itemSize) == data {
			return true
		}
	}
	return false
}
