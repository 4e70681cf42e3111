// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

// The constants of the format, from "Journal File Format", sections Header, Objects
// and Hash Tables. All numbers are little endian, all objects aligned to 8 bytes.

// Signature is what every journal file begins with.
const Signature = "LPKSHHRH"

const (
	// headerSizeMin is the size of the first version's header; those of later versions are longer.
	headerSizeMin = 208
	// headerSizeMax is how much of the header this package knows.
	headerSizeMax = 272
)

// CompatibleFlags name features that a reader may ignore.
type CompatibleFlags uint32

// Compatible features.
const (
	FlagSealed           CompatibleFlags = 1 << 0
	FlagTailEntryBootID  CompatibleFlags = 1 << 1
	FlagSealedContinuous CompatibleFlags = 1 << 2
)

// IncompatibleFlags name features that a reader must know.
type IncompatibleFlags uint32

// Incompatible features.
const (
	FlagCompressedXZ   IncompatibleFlags = 1 << 0
	FlagCompressedLZ4  IncompatibleFlags = 1 << 1
	FlagKeyedHash      IncompatibleFlags = 1 << 2
	FlagCompressedZSTD IncompatibleFlags = 1 << 3
	FlagCompact        IncompatibleFlags = 1 << 4

	knownIncompatible = FlagCompressedXZ | FlagCompressedLZ4 | FlagKeyedHash | FlagCompressedZSTD | FlagCompact
)

// State says whether a writer has the file open.
type State uint8

// The states of a file.
const (
	// StateOffline: closed in order.
	StateOffline State = 0
	// StateOnline: being written, or left over from a crash.
	StateOnline State = 1
	// StateArchived: closed for ever by rotation.
	StateArchived State = 2
)

// String returns the state as journalctl --header prints it.
func (s State) String() string {
	switch s {
	case StateOffline:
		return "OFFLINE"
	case StateOnline:
		return "ONLINE"
	case StateArchived:
		return "ARCHIVED"
	default:
		return "UNKNOWN"
	}
}

// objectType is the first byte of an object.
type objectType uint8

const (
	objectUnused objectType = iota
	objectData
	objectField
	objectEntry
	objectDataHashTable
	objectFieldHashTable
	objectEntryArray
	objectTag
)

// String returns the name of the type.
func (t objectType) String() string {
	names := [...]string{"unused object", "data", "field", "entry", "data hash table", "field hash table", "entry array", "tag"}
	if int(t) < len(names) {
		return names[t]
	}
	return "object of unknown type"
}

// Sizes of the objects without their payload or items.
const (
	objectHeaderSize = 16
	dataSize         = 64
	dataSizeCompact  = 72
	fieldSize        = 40
	entrySize        = 64
	entryArraySize   = 24
	tagSize          = 64
	hashItemSize     = 16
)

// Flags of data objects.
const (
	flagXZ   = 1 << 0
	flagLZ4  = 1 << 1
	flagZSTD = 1 << 2
)
