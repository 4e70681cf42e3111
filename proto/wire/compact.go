// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// The limits of the tables of a compact stream, as the API documents them. Both sides keep to them: the encoder
// begins its tables anew before they would be passed, and the decoder refuses more.
const (
	maxCompactNames      = 4096
	maxCompactNameBytes  = 256
	maxCompactSources    = 4096
	maxCompactValues     = 64 << 10
	maxCompactValueBytes = 16 << 20
	maxCompactRuns       = 16 << 10
	maxCompactRunValues  = 512 << 10
	// maxCompactEntryFields bounds the fields of a run, and those of an entry behind its run. The encoder has to leave room for as many
	// names, so that it cannot be larger than their table.
	maxCompactEntryFields = maxCompactNames
)

// sourceBytes is what a source takes: the ids of sequence and boot.
const sourceBytes = 32

// FieldOverhead is an upper bound of what a field takes in a message besides its name and value.
const FieldOverhead = 16

var (
	// ErrCompactFull: the tables of the stream are full. After the batch has been taken they begin anew.
	ErrCompactFull = errors.New("tables of the compact stream are full")
	// ErrCompactUnfit: the entry can be sent in the plain form only.
	ErrCompactUnfit = errors.New("entry does not fit the compact form")
	// ErrCompactMalformed: a batch contradicts itself or refers to what is not there.
	ErrCompactMalformed = errors.New("malformed compact batch")
)

// compactSource is what the entries of one journald in one boot have in common.
type compactSource struct {
	seqnumID, bootID journal.ID128
}

// keepBatchBytes is the room that a batch keeps when it is used again.
const keepBatchBytes = 4 << 20

// roomOf returns how many bytes there is room for in the columns of a batch.
func roomOf(b *nodedv1.JournalCompactBatch) int {
	return cap(b.Sources) + cap(b.ValueBytes) + cap(b.LocalBytes) + 16*(cap(b.Names)+cap(b.CatalogTexts)) +
		8*(cap(b.XorHashes)+cap(b.Seqnums)+cap(b.RealtimesUsec)+cap(b.MonotonicsUsec)) +
		4*(cap(b.ValueNames)+cap(b.ValueSizes)+cap(b.RunSizes)+cap(b.RunValues)+cap(b.EntrySources)+cap(b.EntryRuns)+
			cap(b.RestSizes)+cap(b.Rest)+cap(b.LocalSizes)+cap(b.CatalogEntries))
}

// emptyBatch empties a batch and keeps the room of its columns.
func emptyBatch(b *nodedv1.JournalCompactBatch) {
	if r := b.ProtoReflect(); len(r.GetUnknown()) > 0 {
		r.SetUnknown(nil)
	}
	clear(b.Names)
	clear(b.CatalogTexts)
	b.Reset_, b.Node = false, ""
	b.Names, b.Sources = b.Names[:0], b.Sources[:0]
	b.ValueNames, b.ValueSizes, b.ValueBytes = b.ValueNames[:0], b.ValueSizes[:0], b.ValueBytes[:0]
	b.RunSizes, b.RunValues = b.RunSizes[:0], b.RunValues[:0]
	b.XorHashes, b.EntrySources, b.Seqnums = b.XorHashes[:0], b.EntrySources[:0], b.Seqnums[:0]
	b.RealtimesUsec, b.MonotonicsUsec = b.RealtimesUsec[:0], b.MonotonicsUsec[:0]
	b.EntryRuns, b.RestSizes, b.Rest = b.EntryRuns[:0], b.RestSizes[:0], b.Rest[:0]
	b.LocalSizes, b.LocalBytes = b.LocalSizes[:0], b.LocalBytes[:0]
	b.CatalogEntries, b.CatalogTexts = b.CatalogEntries[:0], b.CatalogTexts[:0]
}
