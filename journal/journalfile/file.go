// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile/compress"
)

// End is an offset after every entry.
const End = ^uint64(0)

// File is an open journal file. It belongs to one goroutine at a time. Bytes that its methods return are those of the
// mapping, and valid until Refresh or Close.
//
// If the file is truncated while it is mapped, a method touches bytes that are gone. The runtime then ends the program, unless
// the caller has called debug.SetPanicOnFault and recovers; Contains tells whose bytes they were.
type File struct {
	path    string
	file    *os.File // nil once the file can no longer grow
	content content
	header  Header
	compact bool
	decoder *compress.Decoder
	scratch []byte

	// all lists the entries, limit is the offset of the last of them. generation counts the changes of both.
	all        list
	limit      uint64
	generation uint64

	damage      error
	damageCount int
	// bad are offsets in lists at which there is no entry.
	bad map[uint64]bool
}

// maxBad bounds the number of bad offsets that are passed over in one file.
const maxBad = 4096

// Options say how to open a file.
type Options struct {
	// Decoder decompresses payloads; it may be shared by files of one goroutine.
	Decoder *compress.Decoder
	// Unmapped makes the file be read instead of mapped, as where a system cannot map files.
	Unmapped bool
}

// Open opens the file and checks its header. Errors about the content are a *FormatError.
func Open(path string, o Options) (*File, error) {
	file, err := OpenFile(path)
	if err != nil {
		return nil, fmt.Errorf("open journal file: %w", err)
	}
	f := &File{path: path, file: file, decoder: o.Decoder}
	if f.header, err = HeaderOf(file); err == nil {
		f.content, err = openContent(file, f.header.SizeBytes, !o.Unmapped)
	}
	if err != nil {
		file.Close() // only read from
		return nil, err
	}
	f.compact = f.header.Incompatible&FlagCompact != 0
	f.all = list{f: f}
	f.all.reset(0, f.header.EntryArrayOffset, f.header.Entries)
	if err := f.begin(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// begin looks at the entries for the first time. Nobody can tell yet that the mapping is this file's, so that a fault is made an
// error here.
func (f *File) begin() (err error) {
	defer func(before bool) {
		debug.SetPanicOnFault(before)
		p := recover()
		if p == nil {
			return
		}
		fault, ok := p.(interface{ Addr() uintptr })
		if !ok || !f.Contains(fault.Addr()) {
			panic(p) //nolint:forbidigo // a fault of something else
		}
		err = &FormatError{Path: f.path, Object: objectHeader, Err: fmt.Errorf("%w: while it was opened", ErrTruncated)}
	}(debug.SetPanicOnFault(true))
	f.settle()
	return f.release()
}

// release gives the descriptor back once the file can no longer grow.
func (f *File) release() error {
	if f.header.State != StateArchived || f.content.b == nil {
		return nil
	}
	file := f.file
	f.file = nil
	if err := file.Close(); err != nil {
		return fmt.Errorf("open journal file: %w", err)
	}
	return nil
}

// Close releases the mapping and the descriptor.
func (f *File) Close() error {
	err := f.content.close()
	if f.file != nil {
		if closeErr := f.file.Close(); err == nil {
			err = closeErr
		}
		f.file = nil
	}
	if err != nil {
		return fmt.Errorf("close journal file: %w", err)
	}
	return nil
}

// Header returns the header as it was when the file was opened or refreshed last.
func (f *File) Header() *Header { return &f.header }

// Contains reports whether the address is in the mapping of the file.
func (f *File) Contains(address uintptr) bool { return f.content.contains(address) }

// Entries is the number of entries that can be reached.
func (f *File) Entries() uint64 { return f.all.n }

// Limit is the offset of the newest entry that there was at the last refresh; 0 without entries. In a file that is
// being written to everything before it is complete, it itself may not be linked everywhere.
func (f *File) Limit() uint64 { return f.limit }

// Damage returns how often damage was met, and the first of it; nil if there was none.
func (f *File) Damage() (n int, first error) { return f.damageCount, f.damage }

// Note remembers damage that the caller met and passed over.
func (f *File) Note(err error) { f.note(err) }

// Undecodable is the error of a data object whose payload cannot be decompressed.
func (f *File) Undecodable(d *Data, err error) error {
	return f.corrupt(d.Offset, objectData, "%v", err)
}

// note remembers damage that was passed over.
func (f *File) note(err error) {
	if f.damage == nil {
		f.damage = err
	}
	f.damageCount++
}

// Skip makes all matchers of the file pass over an offset at which ReadEntry found err. It reports false when there have been so
// many that the rest of the file is not worth reading.
func (f *File) Skip(offset uint64, err error) bool {
	f.note(err)
	if len(f.bad) >= maxBad {
		return false
	}
	if f.bad == nil {
		f.bad = make(map[uint64]bool)
	}
	f.bad[offset] = true
	f.generation++
	return true
}

// settle takes the number of entries from the header to those that are there.
func (f *File) settle() {
	f.generation++
	if err := f.all.clip(); err != nil {
		f.note(err)
	}
	var e Entry
	f.limit = 0
	for tries := uint64(0); f.all.n > 0; tries++ {
		offset, err := f.all.at(f.all.n - 1)
		if err == nil && offset == 0 {
			// What is just being added, or a hole, which may be large.
			if f.header.State != StateOnline && f.damage == nil {
				f.note(f.corrupt(f.header.EntryArrayOffset, objectEntryArray, "entry %d of the list is none", f.all.n-1))
			}
			f.all.n = f.all.written()
			continue
		}
		if err == nil {
			err = f.ReadEntry(offset, &e)
		}
		if err == nil {
			f.limit = offset
			if first, err := f.all.at(0); err == nil && first > offset {
				f.note(f.all.unordered(0, true))
			}
			return
		}
		f.note(err)
		// Faster and faster, as all of it may be like this.
		f.all.n -= min(f.all.n, 1+tries/256)
	}
}

// Grew reports whether entries were added since the last refresh. It costs next to nothing.
func (f *File) Grew() bool {
	if f.file == nil {
		return false
	}
	if f.content.b != nil {
		return loadUint64(f.content.b[entriesAt:]) != f.header.Entries
	}
	var b [8]byte
	n, _ := f.file.ReadAt(b[:], entriesAt)
	return n == len(b) && binary.LittleEndian.Uint64(b[:]) != f.header.Entries
}

// entriesAt is where the header has the number of entries.
const entriesAt = 152

// outgrown reports whether the file has more bytes now than at the last refresh: then what is not there may be there after
// the next one.
func (f *File) outgrown() bool {
	if f.file == nil {
		return false
	}
	info, err := f.file.Stat()
	return err == nil && uint64(info.Size()) > f.content.length
}

// loadUint64 reads the number that b begins with, which another process writes, before all that is read after it. b begins at a
// multiple of 8 bytes.
func loadUint64(b []byte) uint64 {
	n := atomic.LoadUint64((*uint64)(unsafe.Pointer(&b[:8][0]))) //nolint:gosec // there is no other way to read atomically; the bounds are checked
	if bigEndian() {
		n = bits.ReverseBytes64(n)
	}
	return n
}

func bigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }

// Refresh takes in what a writer has added. Offsets that were got before stay valid, bytes do not.
func (f *File) Refresh() error {
	if f.file == nil {
		return nil
	}
	if f.content.b != nil {
		// What the number of entries counts was written before it.
		loadUint64(f.content.b[entriesAt:])
	}
	h, err := HeaderOf(f.file)
	if err != nil {
		return err
	}
	if h.FileID != f.header.FileID {
		return headerError(ErrCorrupt, "the file became another one")
	}
	if h.SizeBytes != f.content.length {
		mapped := f.content.b != nil
		if err := f.content.close(); err != nil {
			return err
		}
		if f.content, err = openContent(f.file, h.SizeBytes, mapped); err != nil {
			return err
		}
	}
	f.content.forget()
	f.header = h
	f.all.reset(0, h.EntryArrayOffset, h.Entries)
	f.settle()
	return f.release()
}

// corrupt says what is wrong with the object at the offset.
func (f *File) corrupt(offset uint64, kind objectType, format string, args ...any) error {
	return &FormatError{Path: f.path, Offset: offset, Object: kind.String(), Err: fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))}
}

// object returns the first head bytes of the object of that kind at the offset, and the size of the whole.
func (f *File) object(offset uint64, kind objectType, head uint64) (b []byte, size uint64, err error) {
	if offset%8 != 0 || offset < f.header.HeaderSize {
		return nil, 0, f.corrupt(offset, kind, "no object can be there")
	}
	b, ok := f.content.at(offset, head)
	if !ok {
		return nil, 0, f.corrupt(offset, kind, "after the end of the file")
	}
	if objectType(b[0]) != kind {
		return nil, 0, f.corrupt(offset, kind, "found %s", objectType(b[0]))
	}
	size = binary.LittleEndian.Uint64(b[8:])
	if size < head || size > f.content.length-offset {
		return nil, 0, f.corrupt(offset, kind, "%d bytes", size)
	}
	return b, size, nil
}

// itemSize is the size of an item of an entry array.
func (f *File) itemSize() uint64 {
	if f.compact {
		return 4
	}
	return 8
}

// Entry is an entry object.
type Entry struct {
	journal.Header
	Offset uint64
	items  []byte
	shift  uint8 // of the size of an item
}

// validTime is the bound that journald sets to times, so that signed arithmetic works.
const validTime = 1 << 55

// ReadEntry reads the entry at the offset.
func (f *File) ReadEntry(offset uint64, e *Entry) error {
	b, size, err := f.object(offset, objectEntry, entrySize)
	if err != nil {
		return err
	}
	e.Offset, e.shift = offset, 4
	if f.compact {
		e.shift = 2
	}
	le := binary.LittleEndian
	e.SeqnumID = f.header.SeqnumID
	e.Seqnum = le.Uint64(b[16:])
	e.Realtime = journal.Usec(le.Uint64(b[24:]))
	e.Monotonic = journal.Usec(le.Uint64(b[32:]))
	e.BootID = journal.ID128(b[40:56])
	e.XorHash = le.Uint64(b[56:])
	if e.Seqnum == 0 || e.Realtime-1 >= validTime-1 || e.Monotonic >= validTime {
		return f.corrupt(offset, objectEntry, "sequence number %d, times %d and %d", e.Seqnum, e.Realtime, e.Monotonic)
	}
	n := (size - entrySize) >> e.shift
	if n == 0 || n<<e.shift != size-entrySize {
		return f.corrupt(offset, objectEntry, "%d bytes", size)
	}
	e.items, _ = f.content.at(offset+entrySize, size-entrySize)
	if e.items == nil {
		return f.corrupt(offset, objectEntry, "after the end of the file")
	}
	return nil
}

// Items is the number of items.
func (e *Entry) Items() int { return len(e.items) >> e.shift }

// Item returns the offset of the data object that item i refers to.
func (e *Entry) Item(i int) uint64 {
	if e.shift == 2 {
		return uint64(binary.LittleEndian.Uint32(e.items[i*4:]))
	}
	return binary.LittleEndian.Uint64(e.items[i*16:])
}

// Raw returns the bytes of the first n items: equal bytes are the same items.
func (e *Entry) Raw(n int) []byte { return e.items[:n<<e.shift] }

// Data is a data object.
type Data struct {
	Offset uint64
	// Entry is the offset of the entry that had it first, 0 if there is none yet; Entries the number of entries that have it.
	Entry, Entries uint64
	// Compression says how Payload, NAME=value, is stored.
	Compression compress.Kind
	Payload     []byte
	array       uint64 // offset of the first entry array
	hash, next  uint64 // of the chain of the hash table
	nextOfField uint64
}

// ReadData reads the data object at the offset.
func (f *File) ReadData(offset uint64, d *Data) error {
	head := uint64(dataSize)
	if f.compact {
		head = dataSizeCompact
	}
	b, size, err := f.object(offset, objectData, head)
	if err != nil {
		return err
	}
	switch b[1] {
	case 0:
		d.Compression = compress.None
	case flagXZ:
		d.Compression = compress.XZ
	case flagLZ4:
		d.Compression = compress.LZ4
	case flagZSTD:
		d.Compression = compress.ZSTD
	default:
		return f.corrupt(offset, objectData, "flags %#x", b[1])
	}
	if size == head {
		return f.corrupt(offset, objectData, "%d bytes", size)
	}
	le := binary.LittleEndian
	d.Offset = offset
	// A writer counts an entry after it has put it into the list, and so the number is read before the list.
	if d.Entries = le.Uint64(b[56:]); f.file != nil && f.content.b != nil {
		d.Entries = loadUint64(b[56:])
	}
	d.hash, d.next = le.Uint64(b[16:]), le.Uint64(b[24:])
	d.nextOfField = le.Uint64(b[32:])
	d.Entry, d.array = le.Uint64(b[40:]), le.Uint64(b[48:])
	d.Payload, _ = f.content.at(offset+head, size-head)
	if d.Payload == nil {
		return f.corrupt(offset, objectData, "after the end of the file")
	}
	return nil
}

// FirstEntry returns the offset of the entry that had the data object first, which is less work than ReadData.
func (f *File) FirstEntry(data uint64) (uint64, error) {
	b, _, err := f.object(data, objectData, dataSize)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[40:]), nil
}

// Intact returns an error if the data object is gone by now. When journald removes a file it frees its blocks from the beginning, so
// that an object which is still there after its payload was used was all there before.
func (f *File) Intact(d *Data) error {
	var kind byte
	if f.content.b != nil {
		kind = f.content.b[d.Offset]
	} else {
		kind = f.content.kindAt(d.Offset)
	}
	if objectType(kind) != objectData {
		return f.corrupt(d.Offset, objectData, "it was removed while it was read")
	}
	return nil
}
