// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
)

// variantRecipes build what only FileWriter writes.
func variantRecipes() []recipe {
	return []recipe{
		{name: "lz4", description: "values compressed with LZ4, as by systemd 216 to 245", build: own(FileOptions{
			Compression: compress.LZ4, Regular: true, HeaderSize: 256, FileID: id(0x21), SeqnumID: seqnumID(11),
		}, huge())},
		{name: "xz", description: "values compressed with xz, as before systemd 216, neither compact nor keyed", build: own(FileOptions{
			Compression: compress.XZ, Regular: true, Unkeyed: true, HeaderSize: 240, FileID: id(0x22), SeqnumID: seqnumID(12),
		}, mixed(300))},
		{name: "uncompressed", description: "no value is compressed", build: own(FileOptions{FileID: id(0x23), SeqnumID: seqnumID(13)}, huge())},
		{name: "sealed", description: "sealed, with tags between the entries", build: own(FileOptions{
			Compression: compress.ZSTD, Sealed: true, TagEvery: 9, FileID: id(0x24), SeqnumID: seqnumID(14),
		}, mixed(300))},
		{name: "all-compressed", description: "nearly every value is compressed, in tiny hash tables", build: own(FileOptions{
			Compression: compress.ZSTD, Threshold: 8, DataBuckets: 7, FieldBuckets: 2, Increase: 4096, FileID: id(0x25), SeqnumID: seqnumID(15),
		}, mixed(300))},
		{name: "versions", description: "a sequence of files, each as another version of systemd writes them", build: buildVersions},
		{name: "small-files", description: "88 files of few entries each, of two machines", build: buildSmallFiles},
	}
}

// own writes one file without systemd's help.
func own(o FileOptions, entries []Entry) func(dir string) error {
	return func(dir string) error {
		o.MachineID = machine()
		return WriteFile(filepath.Join(dir, machine().String(), "system.journal"), o, entries)
	}
}

// mixed are n+1 entries with everything that fields may be.
func mixed(n int) []Entry {
	text := strings.Repeat("compressible text, compressible text; ", 40)
	entries := plain(n, id(0xb1))
	extra := slices.Concat(binaryValues(), multiLine(), repeated(), noMessage())
	for i := range entries {
		e := &entries[i]
		switch {
		case i%3 == 0:
			e.Fields = extra[i/3%len(extra)].Fields
		case i%7 == 0:
			e.Fields = append(e.Fields, F("LARGE", fmt.Sprintf("%s%d", text, i)))
		}
		if i >= n/2 {
			e.BootID = id(0xb2)
		}
	}
	last := entries[len(entries)-1]
	last.Realtime++
	last.Monotonic++
	last.Fields = []journal.Field{F("MESSAGE", strings.Repeat(text, 500)), F("MESSAGE", "twice"), F("MESSAGE", "twice")}
	return append(entries, last)
}

// buildVersions writes one sequence in files of growing versions of the format, as an upgraded node has them.
func buildVersions(dir string) error {
	versions := []FileOptions{
		{HeaderSize: 208, Regular: true, Unkeyed: true, Unsorted: true},
		{HeaderSize: 224, Regular: true, Unkeyed: true, Compression: compress.XZ},
		{HeaderSize: 240, Regular: true, Unkeyed: true, Compression: compress.LZ4},
		{HeaderSize: 256, Regular: true, Compression: compress.ZSTD},
		{HeaderSize: 264, Compression: compress.ZSTD},
		{HeaderSize: 272, Compression: compress.ZSTD},
	}
	const part = 70
	entries := mixed(part * len(versions))
	return writeParts(filepath.Join(dir, machine().String()), entries, part, func(i int) FileOptions {
		o := versions[min(i, len(versions)-1)]
		o.FileID, o.SeqnumID = id(0x30+byte(i)), seqnumID(16)
		return o
	})
}

// buildSmallFiles writes many files of two sequences, whose entries are of one boot and in between each other.
func buildSmallFiles(dir string) error {
	variants := Variants()
	entries := plain(750, id(0xb7))
	var parts [2][]Entry
	for i := range entries {
		parts[i%5/3] = append(parts[i%5/3], entries[i])
	}
	for s, entries := range parts {
		machineID := []journal.ID128{machine(), otherMachine()}[s]
		err := writeParts(filepath.Join(dir, machineID.String()), entries, 10-3*s, func(i int) FileOptions {
			o := variants[i%len(variants)].Options
			o.Increase, o.DataBuckets, o.FieldBuckets = 4096, 31, 7
			o.FileID, o.SeqnumID = id(byte(1+i+128*s)), seqnumID(17+byte(s))
			return o
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeParts writes files of that many entries each: archived ones and, last, system.journal. Options are called with the number of the file.
func writeParts(dir string, entries []Entry, part int, options func(i int) FileOptions) error {
	seqnum := uint64(1)
	for i := 0; len(entries) > 0; i++ {
		now := entries[:min(part, len(entries))]
		entries = entries[len(now):]
		o := options(i)
		o.MachineID, o.FirstSeqnum = machine(), seqnum
		name := "system.journal"
		if o.State = journalfile.StateOffline; len(entries) > 0 {
			name = fmt.Sprintf("system@%s-%016x-%016x.journal", o.SeqnumID, seqnum, uint64(now[0].Realtime))
			o.State = journalfile.StateArchived
		}
		if err := WriteFile(filepath.Join(dir, name), o, now); err != nil {
			return err
		}
		seqnum += uint64(len(now))
	}
	return nil
}
