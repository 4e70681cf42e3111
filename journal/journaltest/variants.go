// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
)

// Variant is a named kind of file.
type Variant struct {
	Name    string
	Options FileOptions
}

// Variants are all kinds of files that systemd has written, and some that it could have. Their identifiers are fixed, so that a
// file of the same entries is always the same.
func Variants() []Variant {
	variants := []Variant{
		{"compact-zstd", FileOptions{Compression: compress.ZSTD}},
		{"compact-lz4", FileOptions{Compression: compress.LZ4}},
		{"compact-xz", FileOptions{Compression: compress.XZ}},
		{"compact-plain", FileOptions{}},
		{"regular-zstd", FileOptions{Compression: compress.ZSTD, Regular: true, HeaderSize: 256}},
		{"regular-lz4", FileOptions{Compression: compress.LZ4, Regular: true, HeaderSize: 256}},
		{"regular-xz", FileOptions{Compression: compress.XZ, Regular: true, HeaderSize: 264}},
		{"regular-plain", FileOptions{Regular: true}},
		{"unkeyed-lz4", FileOptions{Compression: compress.LZ4, Regular: true, Unkeyed: true, HeaderSize: 240}},
		{"unkeyed-xz", FileOptions{Compression: compress.XZ, Regular: true, Unkeyed: true, HeaderSize: 240}},
		{"unkeyed-compact", FileOptions{Compression: compress.ZSTD, Unkeyed: true}},
		{"oldest", FileOptions{Regular: true, Unkeyed: true, HeaderSize: 208, Unsorted: true}},
		{"header-224", FileOptions{Compression: compress.XZ, Regular: true, Unkeyed: true, HeaderSize: 224}},
		{"header-272", FileOptions{Compression: compress.ZSTD, HeaderSize: 272}},
		{"sealed", FileOptions{Compression: compress.ZSTD, Sealed: true, TagEvery: 7}},
		{"sealed-regular", FileOptions{Compression: compress.LZ4, Regular: true, Sealed: true, HeaderSize: 240, Unkeyed: true}},
		{"long-chains", FileOptions{Compression: compress.ZSTD, DataBuckets: 3, FieldBuckets: 1}},
		{"all-compressed", FileOptions{Compression: compress.ZSTD, Threshold: 8}},
		{"all-lz4", FileOptions{Compression: compress.LZ4, Threshold: 8}},
		{"tight", FileOptions{Compression: compress.ZSTD, Increase: 8, DataBuckets: 61, FieldBuckets: 13}},
		{"online", FileOptions{Compression: compress.ZSTD, State: journalfile.StateOnline}},
		{"archived", FileOptions{Compression: compress.ZSTD, State: journalfile.StateArchived}},
		{"no-boot-field", FileOptions{NoBootField: true}},
	}
	for i := range variants {
		variants[i].Options.FileID = id(byte(0x40 + i))
		variants[i].Options.SeqnumID = id(byte(0x80 + i))
		variants[i].Options.MachineID = machine()
	}
	return variants
}
