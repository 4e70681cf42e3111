// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/noded/noded/journal/journalfile"
)

// Damage is a way to damage a journal file inside: its header stays good.
type Damage string

// The kinds of damage.
const (
	// WrongEntry: an item of the array of entries points at no entry.
	WrongEntry Damage = "wrong entry"
	// ZeroedRegion: 4 KiB in the midst are zero.
	ZeroedRegion Damage = "zeroed region"
	// LoopingNames: each field is the next one of itself.
	LoopingNames Damage = "looping names"
	// LoopingValues: each value is the next one of itself.
	LoopingValues Damage = "looping values"
)

// Damages are all kinds.
func Damages() []Damage { return []Damage{WrongEntry, ZeroedRegion, LoopingNames, LoopingValues} }

// WriteDamaged makes a directory of two journal files of one sequence, the older of them damaged.
func WriteDamaged(t testing.TB, kind Damage) (dir, damaged string) {
	t.Helper()
	dir = t.TempDir()
	entries := plain(200, id(0xab))
	o := Options{SeqnumID: id(0xac), Regular: true, State: journalfile.StateArchived}
	damaged = filepath.Join(dir, fmt.Sprintf("system@%s-%016x-%016x.journal", o.SeqnumID, 1, uint64(entries[0].Realtime)))
	Write(t, damaged, o, entries[:150])
	o.State, o.FirstSeqnum = journalfile.StateOffline, 151
	Write(t, filepath.Join(dir, "system.journal"), o, entries[150:])
	Require(t, damage(damaged, kind))
	return dir, damaged
}

// Offsets in objects of files that are not compact.
const (
	objectData      = 1
	objectField     = 2
	offsetNextHash  = 24
	offsetNextValue = 32
	offsetItems     = 24
	damagedItem     = 40
)

func damage(path string, kind Damage) error {
	h, err := journalfile.ReadHeader(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	p := patcher{f: f}
	switch kind {
	case WrongEntry:
		p.put(p.entryItem(h.EntryArrayOffset, damagedItem), h.DataHashTableOffset)
	case ZeroedRegion:
		begin := max(h.DataHashTableOffset+h.DataHashTableSize, h.FieldHashTableOffset+h.FieldHashTableSize)
		p.write((begin+h.TailObjectOffset)/2&^4095, make([]byte, 4096))
	case LoopingNames:
		p.each(&h, objectField, func(at uint64) { p.put(at+offsetNextHash, at) })
	case LoopingValues:
		p.each(&h, objectData, func(at uint64) { p.put(at+offsetNextValue, at) })
	}
	return p.err
}

// each calls f for each object of that kind.
func (p *patcher) each(h *journalfile.Header, want byte, f func(at uint64)) {
	for at := h.HeaderSize; at <= h.TailObjectOffset && p.err == nil; {
		kind, size := p.object(at)
		if kind == want {
			f(at)
		}
		at += (max(size, objectSizeMin) + 7) &^ 7
	}
}

// entryItem is the offset of item n of the chain of entry arrays.
func (p *patcher) entryItem(array, n uint64) uint64 {
	for p.err == nil {
		_, size := p.object(array)
		if room := (size - offsetItems) / 8; n >= room {
			n -= room
			array = p.get(array + objectSizeMin)
			continue
		}
		break
	}
	return array + offsetItems + 8*n
}

func (p *patcher) get(at uint64) uint64 {
	var raw [8]byte
	if _, err := p.f.ReadAt(raw[:], int64(at)); err != nil && p.err == nil {
		p.err = err
	}
	return binary.LittleEndian.Uint64(raw[:])
}
