// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
)

// Types and sizes of objects that only the writer needs.
const (
	objectDataHashTable  = 4
	objectFieldHashTable = 5
	objectEntryArray     = 6
	objectTag            = 7

	objectHeaderBytes = 16
	hashItemBytes     = 16
	dataBytes         = 64
	dataBytesCompact  = 72
	fieldBytes        = 40
	entryBytes        = 64
	arrayBytes        = 24
	tagBytes          = 64
)

func (w *FileWriter) put32(at uint64, n uint32) { binary.LittleEndian.PutUint32(w.m.b[at:], n) }
func (w *FileWriter) put64(at, n uint64)        { binary.LittleEndian.PutUint64(w.m.b[at:], n) }
func (w *FileWriter) get64(at uint64) uint64    { return binary.LittleEndian.Uint64(w.m.b[at:]) }

// has reports whether the header holds the number at the offset.
func (w *FileWriter) has(at uint64) bool { return at+8 <= w.o.HeaderSize }

// count adds 1 to a number of the header, if this has it.
func (w *FileWriter) count(at uint64) {
	if w.has(at) {
		w.put64(at, w.get64(at)+1)
	}
}

// deepest raises the depth of a chain in the header.
func (w *FileWriter) deepest(at uint64, depth uint32) {
	if w.has(at) && w.get64(at) < uint64(depth) {
		w.put64(at, uint64(depth))
	}
}

// grow makes room up to end.
func (w *FileWriter) grow(end uint64) error {
	if end <= w.size {
		return nil
	}
	if !w.o.Regular && end > math.MaxUint32 {
		return fmt.Errorf("a compact file of %d bytes", end)
	}
	w.size = (end + w.o.Increase - 1) / w.o.Increase * w.o.Increase
	if err := w.m.resize(w.size); err != nil {
		return err
	}
	w.put64(headArenaSize, w.size-w.o.HeaderSize)
	return nil
}

// object appends an object of that many bytes, which are 0 but for those of its header.
func (w *FileWriter) object(kind byte, size uint64) (uint64, error) {
	at := (w.end + 7) &^ 7
	if err := w.grow((at + size + 7) &^ 7); err != nil {
		return 0, err
	}
	w.m.b[at] = kind
	w.put64(at+8, size)
	w.end = at + size
	w.put64(headTailObject, at)
	w.count(headObjects)
	return at, nil
}

// chain appends an object to the chain of its bucket.
func (w *FileWriter) chain(table, hash, buckets, at uint64) {
	bucket := w.get64(table) + hash%buckets*hashItemBytes
	if tail := w.get64(bucket + 8); tail == 0 {
		w.put64(bucket, at)
	} else {
		w.put64(tail+24, at)
	}
	w.put64(bucket+8, at)
}

// hash is the hash of the file's tables.
func (w *FileWriter) hash(payload []byte) uint64 {
	if w.o.Unkeyed {
		return journalfile.JenkinsHash(payload)
	}
	return journalfile.SipHash(w.o.FileID, payload)
}

// dataObject finds the data object of the payload, or adds it.
func (w *FileWriter) dataObject(payload []byte) (*dataState, error) {
	if d := w.data[string(payload)]; d != nil {
		w.deepest(headDataDepth, d.depth)
		return d, nil
	}
	name, _, found := bytes.Cut(payload, []byte{'='})
	if !found || len(name) == 0 {
		return nil, fmt.Errorf("field name %q", name)
	}
	d := &dataState{hash: w.hash(payload), jenkins: journalfile.JenkinsHash(payload)}
	stored, kind, err := w.stored(payload)
	if err != nil {
		return nil, err
	}
	begin := uint64(dataBytesCompact)
	if w.o.Regular {
		begin = dataBytes
	}
	at, err := w.object(objectData, begin+uint64(len(stored)))
	if err != nil {
		return nil, err
	}
	d.offset = at
	w.put64(at+16, d.hash)
	copy(w.m.b[at+begin:], stored)
	if kind != compress.None {
		w.m.b[at+1] = 1 << (kind - compress.XZ)
	}
	buckets := uint64(w.o.DataBuckets)
	w.chain(headDataTable, d.hash, buckets, at)
	w.count(headData)
	d.depth = w.inBucket[d.hash%buckets]
	w.inBucket[d.hash%buckets]++
	w.deepest(headDataDepth, max(d.depth, 1)-1)
	field, err := w.fieldObject(name)
	if err != nil {
		return nil, err
	}
	w.put64(at+32, w.get64(field+32))
	w.put64(field+32, at)
	w.data[string(payload)] = d
	return d, nil
}

// stored returns what the file holds of a payload.
func (w *FileWriter) stored(payload []byte) ([]byte, compress.Kind, error) {
	if w.o.Encode != nil {
		if stored, kind, ok := w.o.Encode(payload); ok {
			return stored, kind, nil
		}
	}
	if w.o.Compression == compress.None || len(payload) < w.o.Threshold {
		return payload, compress.None, nil
	}
	small, err := w.enc.encode(payload)
	if err != nil || small == nil {
		return payload, compress.None, err
	}
	return small, w.o.Compression, nil
}

// fieldObject finds the field object of the name, or adds it.
func (w *FileWriter) fieldObject(name []byte) (uint64, error) {
	if f := w.fields[string(name)]; f != nil {
		w.deepest(headFieldDepth, f.depth)
		return f.offset, nil
	}
	at, err := w.object(objectField, fieldBytes+uint64(len(name)))
	if err != nil {
		return 0, err
	}
	hash, buckets := w.hash(name), uint64(w.o.FieldBuckets)
	w.put64(at+16, hash)
	copy(w.m.b[at+fieldBytes:], name)
	w.chain(headFieldTable, hash, buckets, at)
	w.count(headFields)
	depth := w.inField[hash%buckets]
	w.inField[hash%buckets]++
	w.deepest(headFieldDepth, max(depth, 1)-1)
	w.fields[string(name)] = &fieldState{offset: at, depth: depth}
	return at, nil
}

// itemSize is the size of an item of an entry or an array.
func (w *FileWriter) itemSize(regular uint64) uint64 {
	if w.o.Regular {
		return regular
	}
	return 4
}

// putItem writes an offset in an entry or an array.
func (w *FileWriter) putItem(at, offset uint64) {
	if w.o.Regular {
		w.put64(at, offset)
	} else {
		w.put32(at, uint32(offset))
	}
}

// entryObject adds an entry of w.items and links it.
func (w *FileWriter) entryObject(e *Entry, xor uint64) error {
	itemSize := w.itemSize(16)
	at, err := w.object(objectEntry, entryBytes+uint64(len(w.items))*itemSize)
	if err != nil {
		return err
	}
	if e.Seqnum != 0 {
		w.seqnum = e.Seqnum
	}
	w.put64(headTailSeqnum, w.seqnum)
	if w.get64(headHeadSeqnum) == 0 {
		w.put64(headHeadSeqnum, w.seqnum)
	}
	w.put64(at+16, w.seqnum)
	w.seqnum++
	w.put64(at+24, uint64(e.Realtime))
	w.put64(at+32, uint64(e.Monotonic))
	copy(w.m.b[headBootID:], e.BootID[:])
	copy(w.m.b[at+40:], e.BootID[:])
	w.put64(at+56, xor)
	for i, d := range w.items {
		item := at + entryBytes + uint64(i)*itemSize
		w.putItem(item, d.offset)
		if w.o.Regular {
			w.put64(item+8, d.hash)
		}
	}
	if err := w.link(&w.entries, headEntryArray, at); err != nil {
		return err
	}
	if w.has(headTailArray) {
		w.put32(headTailArray, uint32(w.entries.tail))
		w.put32(headTailArrayEntries, uint32(w.entries.used))
	}
	w.put64(headEntries, w.entries.total)
	if w.get64(headHeadRealtime) == 0 {
		w.put64(headHeadRealtime, uint64(e.Realtime))
	}
	w.put64(headTailRealtime, uint64(e.Realtime))
	w.put64(headTailMonotonic, uint64(e.Monotonic))
	if w.has(headTailEntry) {
		w.put64(headTailEntry, at)
	}
	for _, d := range w.items {
		if err := w.linkItem(d, at); err != nil {
			return err
		}
	}
	return nil
}

// linkItem adds an entry to the list of a value's entries, the first of which stands in the data object itself.
func (w *FileWriter) linkItem(d *dataState, entry uint64) error {
	if d.entries == 0 {
		w.put64(d.offset+40, entry)
	} else {
		if err := w.link(&d.list, d.offset+48, entry); err != nil {
			return err
		}
		if !w.o.Regular {
			w.put32(d.offset+64, uint32(d.list.tail))
			w.put32(d.offset+68, uint32(d.list.used))
		}
	}
	d.entries++
	w.put64(d.offset+56, d.entries)
	return nil
}

// list is a chain of entry arrays.
type list struct {
	tail       uint64 // offset of the last array
	room, used uint64 // items of the last array
	total      uint64 // items of all
}

// link appends an item; head is where the offset of the first array stands. Arrays grow as journald's
// do: at least twice the one before.
func (w *FileWriter) link(l *list, head, entry uint64) error {
	itemSize := w.itemSize(8)
	if l.used == l.room {
		room := 2 * l.room
		if l.total > l.room {
			room = 2 * (l.total + 1)
		}
		room = max(room, 4)
		at, err := w.object(objectEntryArray, arrayBytes+room*itemSize)
		if err != nil {
			return err
		}
		w.putItem(at+arrayBytes, entry)
		if l.tail == 0 {
			w.put64(head, at)
		} else {
			w.put64(l.tail+16, at)
		}
		w.count(headEntryArrays)
		l.tail, l.room, l.used = at, room, 0
	}
	w.putItem(l.tail+arrayBytes+l.used*itemSize, entry)
	l.used++
	l.total++
	return nil
}

// tag adds a tag, whose content is of no meaning.
func (w *FileWriter) tag() error {
	at, err := w.object(objectTag, tagBytes)
	if err != nil {
		return err
	}
	w.tags++
	w.put64(at+16, w.tags)
	w.put64(at+24, w.tags)
	for i := range uint64(4) {
		w.put64(at+32+8*i, w.tags*0x9e3779b97f4a7c15+i)
	}
	w.count(headTags)
	return nil
}
