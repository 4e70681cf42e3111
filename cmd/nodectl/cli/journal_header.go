// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/output"
)

// printHeaders prints the header of each file, as journalctl --header, or as JSON: one object for each file.
func (c *journalCommand) printHeaders(ctx context.Context) error {
	paths, problems, err := c.localFiles(ctx)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(c.out)
	printed := 0
	for _, path := range paths {
		h, err := journalfile.ReadHeader(path)
		if err != nil {
			problems = append(problems, journal.FileProblem{Path: path, Reason: journalfile.GapReason(err), Err: err})
			continue
		}
		if err := c.printHeader(w, &h, printed == 0); err != nil {
			return err
		}
		printed++
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if printed == 0 && len(problems) > 0 {
		return advise(fmt.Errorf("read header of %s: %w", problems[0].Path, problemCause(problems[0])), c.source)
	}
	for _, p := range problems {
		if !c.quiet {
			fmt.Fprintf(c.Err, "cannot read %s: %s\n", visible(p.Path), visible(problemText(p)))
		}
	}
	return nil
}

func (c *journalCommand) printHeader(w io.Writer, h *journalfile.Header, first bool) error {
	switch c.mode {
	case output.JSON, output.JSONSSE, output.JSONSeq, output.JSONPretty:
		return c.printHeaderJSON(w, h)
	}
	if !first {
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	return journalfile.WriteHeader(w, h)
}

// headerJSON is a header in JSON. Names and units stay as they are.
type headerJSON struct {
	Path                string   `json:"path"`
	FileID              string   `json:"file_id"`
	MachineID           string   `json:"machine_id"`
	TailBootID          string   `json:"tail_boot_id"`
	SeqnumID            string   `json:"seqnum_id"`
	State               string   `json:"state"`
	CompatibleFlags     []string `json:"compatible_flags"`
	IncompatibleFlags   []string `json:"incompatible_flags"`
	HeaderBytes         uint64   `json:"header_bytes"`
	ArenaBytes          uint64   `json:"arena_bytes"`
	FileBytes           uint64   `json:"file_bytes"`
	DiskBytes           uint64   `json:"disk_bytes"`
	HeadSeqnum          uint64   `json:"head_seqnum"`
	TailSeqnum          uint64   `json:"tail_seqnum"`
	HeadRealtimeUsec    uint64   `json:"head_realtime_usec"`
	TailRealtimeUsec    uint64   `json:"tail_realtime_usec"`
	TailMonotonicUsec   uint64   `json:"tail_monotonic_usec"`
	Objects             uint64   `json:"objects"`
	Entries             uint64   `json:"entries"`
	Data                uint64   `json:"data"`
	Fields              uint64   `json:"fields"`
	Tags                uint64   `json:"tags"`
	EntryArrays         uint64   `json:"entry_arrays"`
	DataHashTableBytes  uint64   `json:"data_hash_table_bytes"`
	FieldHashTableBytes uint64   `json:"field_hash_table_bytes"`
	DataChainDepth      uint64   `json:"data_chain_depth"`
	FieldChainDepth     uint64   `json:"field_chain_depth"`
}

func (c *journalCommand) printHeaderJSON(w io.Writer, h *journalfile.Header) error {
	// The flags of a file that has none are an empty list, not null.
	flags := func(text string) []string { return append([]string{}, strings.Fields(text)...) }
	text, err := json.Marshal(&headerJSON{
		Path: h.Path, FileID: h.FileID.String(), MachineID: h.MachineID.String(), TailBootID: h.TailBootID.String(), SeqnumID: h.SeqnumID.String(),
		State: strings.ToLower(h.State.String()), CompatibleFlags: flags(h.Compatible.String()), IncompatibleFlags: flags(h.Incompatible.String()),
		HeaderBytes: h.HeaderSize, ArenaBytes: h.ArenaSize, FileBytes: h.SizeBytes, DiskBytes: h.DiskBytes,
		HeadSeqnum: h.HeadSeqnum, TailSeqnum: h.TailSeqnum,
		HeadRealtimeUsec: uint64(h.HeadRealtime), TailRealtimeUsec: uint64(h.TailRealtime), TailMonotonicUsec: uint64(h.TailMonotonic),
		Objects: h.Objects, Entries: h.Entries, Data: h.Data, Fields: h.Fields, Tags: h.Tags, EntryArrays: h.EntryArrays,
		DataHashTableBytes: h.DataHashTableSize, FieldHashTableBytes: h.FieldHashTableSize,
		DataChainDepth: h.DataHashChainDepth, FieldChainDepth: h.FieldHashChainDepth,
	})
	if err != nil {
		return err
	}
	before, after := "", "\n"
	switch c.mode {
	case output.JSONPretty:
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, text, "", "\t"); err != nil {
			return err
		}
		text = pretty.Bytes()
	case output.JSONSSE:
		before, after = "data: ", "\n\n"
	case output.JSONSeq:
		before = "\x1e"
	}
	_, err = fmt.Fprintf(w, "%s%s%s", before, text, after)
	return err
}
