// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// HeaderToProto starts the message of an entry: everything but its fields and
// catalog text. The cursor is left out if omitCursor is set.
func HeaderToProto(node string, h journal.Header, omitCursor bool) *nodedv1.JournalEntry {
	m := &nodedv1.JournalEntry{
		Node:          node,
		RealtimeUsec:  uint64(h.Realtime),
		MonotonicUsec: uint64(h.Monotonic),
		BootId:        IDBytes(h.BootID),
		SeqnumId:      IDBytes(h.SeqnumID),
		Seqnum:        h.Seqnum,
		XorHash:       h.XorHash,
	}
	if !omitCursor {
		m.Cursor = string(h.Cursor())
	}
	return m
}

// RecordFromProto converts an entry. The record shares the value bytes with the message. Identifiers
// of a wrong length become zero.
func RecordFromProto(m *nodedv1.JournalEntry) *journal.Record {
	r := &journal.Record{
		Header: journal.Header{
			SeqnumID:  idOrZero(m.GetSeqnumId()),
			Seqnum:    m.GetSeqnum(),
			BootID:    idOrZero(m.GetBootId()),
			Realtime:  journal.Usec(m.GetRealtimeUsec()),
			Monotonic: journal.Usec(m.GetMonotonicUsec()),
			XorHash:   m.GetXorHash(),
		},
		Node:    m.GetNode(),
		Fields:  make([]journal.Field, len(m.GetFields())),
		Catalog: m.GetCatalog(),
	}
	for i, f := range m.GetFields() {
		r.Fields[i] = journal.Field{Name: f.GetName(), Value: f.GetValue()}
	}
	return r
}

// GapToProto converts a gap.
func GapToProto(node string, g journal.Gap) *nodedv1.Gap {
	return &nodedv1.Gap{
		Node:              node,
		Source:            Text(g.Source),
		Count:             g.Count,
		Exact:             g.Exact,
		FirstRealtimeUsec: uint64(g.First),
		LastRealtimeUsec:  uint64(g.Last),
		Reason:            nodedv1.GapReason(g.Reason),
		Detail:            Text(g.Detail),
	}
}

// GapFromProto converts a gap. A reason that this build does not know becomes GapUnknown.
func GapFromProto(m *nodedv1.Gap) journal.Gap {
	g := journal.Gap{
		Source: m.GetSource(),
		Count:  m.GetCount(),
		Exact:  m.GetExact(),
		First:  journal.Usec(m.GetFirstRealtimeUsec()),
		Last:   journal.Usec(m.GetLastRealtimeUsec()),
		Detail: m.GetDetail(),
	}
	if _, known := nodedv1.GapReason_name[int32(m.GetReason())]; known {
		g.Reason = journal.GapReason(m.GetReason())
	}
	return g
}

// ProgressToProto converts a progress report.
func ProgressToProto(node string, p journal.Progress) *nodedv1.Progress {
	return &nodedv1.Progress{
		Node:                  node,
		CaughtUp:              p.CaughtUp,
		WatermarkRealtimeUsec: uint64(p.Watermark),
		Cursor:                string(p.Cursor),
		BootId:                IDBytes(p.BootID),
	}
}

// ProgressFromProto converts a progress report.
func ProgressFromProto(m *nodedv1.Progress) journal.Progress {
	return journal.Progress{
		CaughtUp:  m.GetCaughtUp(),
		Watermark: journal.Usec(m.GetWatermarkRealtimeUsec()),
		Cursor:    journal.Cursor(m.GetCursor()),
		BootID:    idOrZero(m.GetBootId()),
	}
}

// LevelToProto converts a level; the two count alike.
func LevelToProto(l journal.Level) nodedv1.Level { return nodedv1.Level(l) }

// LevelFromProto converts a level; one that this build does not know becomes the least severe.
func LevelFromProto(m nodedv1.Level) journal.Level {
	if m < 0 {
		return journal.LevelUnknown
	}
	return journal.Level(min(m, nodedv1.Level(journal.LevelTrace)))
}

// Text makes text for a string field of a message, which must be UTF-8: names in a journal, paths and
// texts made from entries are any bytes, and one wrong byte would fail the whole message. It
// replaces what is not UTF-8 by U+FFFD.
func Text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func idOrZero(b []byte) journal.ID128 {
	if len(b) != 16 {
		return journal.ID128{}
	}
	return journal.ID128(b)
}
