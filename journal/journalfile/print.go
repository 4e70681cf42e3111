// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/noded/noded/journal"
)

// WriteHeader prints the header as journalctl --header does.
func WriteHeader(w io.Writer, h *Header) error {
	var b bytes.Buffer
	h.print(&b)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print journal header: %w", err)
	}
	return nil
}

func (h *Header) print(b *bytes.Buffer) {
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	line("File path: %s", h.Path)
	line("File ID: %s", h.FileID)
	line("Machine ID: %s", h.MachineID)
	line("Boot ID: %s", h.TailBootID)
	line("Sequential number ID: %s", h.SeqnumID)
	line("State: %s", h.State)
	line("Compatible flags:%s", h.Compatible)
	line("Incompatible flags:%s", h.Incompatible)
	line("Header size: %d", h.HeaderSize)
	line("Arena size: %d", h.ArenaSize)
	line("Data hash table size: %d", h.DataHashTableSize/hashItemSize)
	line("Field hash table size: %d", h.FieldHashTableSize/hashItemSize)
	line("Rotate suggested: %s", yesNo(h.rotateSuggested()))
	line("Head sequential number: %d (%[1]x)", h.HeadSeqnum)
	line("Tail sequential number: %d (%[1]x)", h.TailSeqnum)
	line("Head realtime timestamp: %s (%x)", formatTime(h.HeadRealtime), uint64(h.HeadRealtime))
	line("Tail realtime timestamp: %s (%x)", formatTime(h.TailRealtime), uint64(h.TailRealtime))
	line("Tail monotonic timestamp: %s (%x)", formatSpan(h.TailMonotonic), uint64(h.TailMonotonic))
	line("Objects: %d", h.Objects)
	line("Entry objects: %d", h.Entries)
	if h.has(216) {
		line("Data objects: %d", h.Data)
		line("Data hash table fill: %.1f%%", fill(h.Data, h.DataHashTableSize))
	}
	if h.has(224) {
		line("Field objects: %d", h.Fields)
		line("Field hash table fill: %.1f%%", fill(h.Fields, h.FieldHashTableSize))
	}
	if h.has(232) {
		line("Tag objects: %d", h.Tags)
	}
	if h.has(240) {
		line("Entry array objects: %d", h.EntryArrays)
	}
	if h.has(256) {
		line("Deepest field hash chain: %d", h.FieldHashChainDepth)
	}
	if h.has(248) {
		line("Deepest data hash chain: %d", h.DataHashChainDepth)
	}
	line("Disk usage: %s", formatBytes(h.DiskBytes))
}

// headerSizeCurrent is the size that systemd 252 gives new headers; it suggests to rotate
// files with smaller ones.
const headerSizeCurrent = 264

// rotateSuggested is journald's own rule for a file that should be replaced: an old header, a hash
// table filled to three quarters, or a chain of more than 100 objects.
func (h *Header) rotateSuggested() bool {
	return h.HeaderSize < headerSizeCurrent ||
		h.Data*4 > h.DataHashTableSize/hashItemSize*3 ||
		h.Fields*4 > h.FieldHashTableSize/hashItemSize*3 ||
		h.DataHashChainDepth > 100 || h.FieldHashChainDepth > 100 ||
		h.Data > 0 && h.Fields == 0
}

// String lists the flags as journalctl --header does, each after a space.
func (f CompatibleFlags) String() string {
	var b strings.Builder
	if f&FlagSealed != 0 {
		b.WriteString(" SEALED")
	}
	if f&^FlagSealed != 0 {
		b.WriteString(" ???")
	}
	return b.String()
}

// String lists the flags as journalctl --header does, each after a space.
func (f IncompatibleFlags) String() string {
	var b strings.Builder
	for _, flag := range []struct {
		flag IncompatibleFlags
		name string
	}{
		{FlagCompressedXZ, " COMPRESSED-XZ"},
		{FlagCompressedLZ4, " COMPRESSED-LZ4"},
		{FlagCompressedZSTD, " COMPRESSED-ZSTD"},
		{FlagKeyedHash, " KEYED-HASH"},
		{FlagCompact, " COMPACT"},
		{^knownIncompatible, " ???"},
	} {
		if f&flag.flag != 0 {
			b.WriteString(flag.name)
		}
	}
	return b.String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func fill(n, tableBytes uint64) float64 {
	return 100 * float64(n) / float64(tableBytes/hashItemSize)
}

func formatTime(t journal.Usec) string {
	if t == 0 {
		return " --- "
	}
	return t.Time().Format("Mon 2006-01-02 15:04:05 MST")
}

// formatSpan prints a duration as systemd does, to the millisecond.
func formatSpan(t journal.Usec) string {
	const (
		second     = journal.Usec(1_000_000)
		minute     = 60 * second
		resolution = journal.Usec(1000)
	)
	units := []struct {
		name string
		size journal.Usec
	}{
		{"y", 31_557_600 * second},
		{"month", 2_629_800 * second},
		{"w", 7 * 24 * 60 * minute},
		{"d", 24 * 60 * minute},
		{"h", 60 * minute},
		{"min", minute},
		{"s", second},
		{"ms", 1000},
		{"us", 1},
	}
	if t == 0 {
		return "0"
	}
	var parts []string
	for _, u := range units {
		if t == 0 || t < resolution && len(parts) > 0 {
			break
		}
		if t < u.size {
			continue
		}
		whole, rest := t/u.size, t%u.size
		if u.size == second && rest > 0 && t < minute {
			parts = append(parts, fmt.Sprintf("%d.%03ds", whole, rest/resolution))
			break
		}
		parts = append(parts, fmt.Sprintf("%d%s", whole, u.name))
		t = rest
	}
	return strings.Join(parts, " ")
}

// formatBytes prints a size with one decimal, cut off.
func formatBytes(n uint64) string {
	units := "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	i, size := 0, uint64(1024)
	for i+1 < len(units) && n >= size*1024 {
		i++
		size *= 1024
	}
	tenths := n * 10 / 1024
	if i > 0 {
		tenths = n / (size / 1024) * 10 / 1024
	}
	return fmt.Sprintf("%d.%d%c", n/size, tenths%10, units[i])
}
