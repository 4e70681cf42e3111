// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/noded/noded/journal/journalfile/compress"
)

// bucket returns the first object of the chain for the hash, in a hash table at that offset of that size. 0 means none.
func (f *File) bucket(table, size, hash uint64) (uint64, error) {
	buckets := size / hashItemSize
	if buckets == 0 {
		return 0, nil
	}
	b, ok := f.content.at(table+hash%buckets*hashItemSize, hashItemSize)
	if !ok || table > f.content.length {
		return 0, headerError(ErrCorrupt, "hash table of %d bytes at %d", size, table)
	}
	return binary.LittleEndian.Uint64(b), nil
}

// findData reads the data object of NAME=value. d.Offset is 0 if the file has none.
func (f *File) findData(name, value string, d *Data) error {
	d.Offset = 0
	payload := append(append(append(f.scratch[:0], name...), '='), value...)
	f.scratch = payload
	hash := f.header.hash(payload)
	offset, err := f.bucket(f.header.DataHashTableOffset, f.header.DataHashTableSize, hash)
	for last := uint64(0); err == nil && offset != 0; {
		if offset <= last {
			err = f.corrupt(offset, objectData, "the chain of a hash table leads back")
			break
		}
		var found Data
		if err = f.ReadData(offset, &found); err != nil {
			if f.outgrown() {
				return nil // what follows is newer than the last refresh
			}
			break
		}
		if found.hash == hash && f.holds(&found, payload) {
			*d = found
			return nil
		}
		last, offset = offset, found.next
	}
	return err
}

// holds reports whether the data object has this payload.
func (f *File) holds(d *Data, payload []byte) bool {
	if d.Compression == compress.None {
		return bytes.Equal(d.Payload, payload)
	}
	got, err := f.decoder.Append(nil, d.Compression, d.Payload, len(payload))
	return err == nil && bytes.Equal(got, payload)
}

// field is a field object.
type field struct {
	offset, hash, next, data uint64
	name                     []byte
}

func (f *File) readField(offset uint64, o *field) error {
	b, size, err := f.object(offset, objectField, fieldSize)
	if err != nil {
		return err
	}
	if size == fieldSize || size > fieldSize+maxNameBytes {
		return f.corrupt(offset, objectField, "%d bytes", size)
	}
	le := binary.LittleEndian
	o.offset, o.hash, o.next, o.data = offset, le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:])
	o.name, _ = f.content.at(offset+fieldSize, size-fieldSize)
	return nil
}

// maxNameBytes bounds the name of a field. journald allows 64 characters; what is longer can be in a file, but nothing
// can ask for it.
const maxNameBytes = 4096

// FieldNames calls yield for each field of the file, in the order of the hash table, until it returns false. The
// bytes are valid during the call. The error is the first damage met; the listing goes on after it where it can.
func (f *File) FieldNames(yield func(name []byte) bool) error {
	var damage error
	buckets := f.header.FieldHashTableSize / hashItemSize
	left := f.content.length / fieldSize // so many there can be
	for i := range buckets {
		offset, err := f.bucket(f.header.FieldHashTableOffset, f.header.FieldHashTableSize, i)
		for last := uint64(0); err == nil && offset != 0; {
			var o field
			if offset <= last {
				err = f.corrupt(offset, objectField, "the chain of a hash table leads back")
				break
			}
			if err = f.readField(offset, &o); err != nil {
				break
			}
			if left == 0 {
				return f.corrupt(offset, objectField, "chains of a hash table lead to the same place")
			}
			if left--; !yield(o.name) {
				return damage
			}
			last, offset = offset, o.next
		}
		if damage == nil {
			damage = err
		}
		if errors.Is(err, ErrCorrupt) && offset == 0 {
			break // no table is there
		}
	}
	return damage
}

// FieldValues calls yield for each data object of the field, the newest first, until it returns false. It returns the first
// damage met, at which the listing ends.
func (f *File) FieldValues(name string, yield func(d *Data) bool) error {
	hash := f.header.hash([]byte(name))
	offset, err := f.bucket(f.header.FieldHashTableOffset, f.header.FieldHashTableSize, hash)
	var o field
	for last := uint64(0); ; last, offset = offset, o.next {
		if err != nil || offset == 0 {
			return err
		}
		if offset <= last {
			return f.corrupt(offset, objectField, "the chain of a hash table leads back")
		}
		if err = f.readField(offset, &o); err != nil {
			return err
		}
		if o.hash == hash && string(o.name) == name {
			break
		}
	}
	var d Data
	for next, last := o.data, End; next != 0; last, next = next, d.nextOfField {
		if next >= last {
			return f.corrupt(next, objectData, "the list of a field's values leads back")
		}
		if err := f.ReadData(next, &d); err != nil {
			return err
		}
		if !yield(&d) {
			return nil
		}
	}
	return nil
}
