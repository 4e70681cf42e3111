// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"fmt"
	"math/bits"
	"slices"
)

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
		if err := v.step(); err != nil {
			return err
		}
		item := offset + bucket*hashItemSize
		next, tail, last := v.u64(item), v.u64(item+8), uint64(0)
		for next != 0 {
			o, ok := find(objects, next)
			if !ok || next <= last || o.hash%buckets != bucket {
				return v.corrupt(at, "the chain of bucket %d leads to offset %d", bucket, next)
			}
			last, next = next, o.next
			if found++; found > len(objects) {
				return v.corrupt(at, "has more than %d objects", len(objects))
			}
			if err := v.step(); err != nil {
				return err
			}
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
			if found++; found > len(v.data) {
				return headerError(ErrCorrupt, "the fields have more values than the %d found", len(v.data))
			}
			if err := v.step(); err != nil {
				return err
			}
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
	// Each array belongs to one list.
	v.mayStep = v.arrayItems
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
			if v.mayStep == 0 {
				return v.corrupt(array, "belongs to more than one list")
			}
			v.mayStep--
			if err := v.step(); err != nil {
				return err
			}
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
	listed := uint64(0)
	v.maySearch = maxSearch + searchRatio*v.items
	for i := range v.data {
		v.report(i, len(v.data))
		at := v.data[i].offset
		first, array, n := v.u64(at+40), v.u64(at+48), v.u64(at+56)
		if n > uint64(len(v.entries)) || (n == 0) != (first == 0) {
			return v.corrupt(at, "%d entries, the first at %d", n, first)
		}
		if listed += n; listed > v.items {
			return headerError(ErrCorrupt, "the values have more entries than the %d items of all entries", v.items)
		}
		if n == 0 {
			continue
		}
		last := uint64(0)
		check := func(_, entry uint64) error {
			if ok, err := v.refers(entry, at); err != nil {
				return err
			} else if !ok || entry <= last {
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
func (v *verifier) refers(entry, data uint64) (bool, error) {
	if _, ok := slices.BinarySearch(v.entries, entry); !ok {
		return false, nil
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
			return true, nil
		case got < data:
			low = mid + 1
		default:
			high = mid
		}
	}
	if n > v.maySearch {
		return false, fmt.Errorf("unsorted items of entries: %w", ErrTooLarge)
	}
	v.maySearch -= n
	for i := range n {
		if err := v.step(); err != nil {
			return false, err
		}
		if v.item(entry+entrySize+i*itemSize) == data {
			return true, nil
		}
	}
	return false, nil
}
