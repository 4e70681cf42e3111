// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/podlog"
)

// The limits of the tables of a compact stream of logs, as the API documents them. Both sides keep to them.
const (
	maxLogSources     = 16 << 10
	maxLogSourceBytes = 1024
	maxLogFiles       = 64 << 10
	// maxLogTextBytes bounds the text of one record.
	maxLogTextBytes = 1 << 30
)

// The bits of LogCompactBatch.flags.
const (
	logStdout = 1 << iota
	logStderr
	logPartial
	logUnparsed
)

// logFlags returns the bits of a record.
func logFlags(r *podlog.Record) byte {
	var flags byte
	switch r.Stream {
	case podlog.Stdout:
		flags = logStdout
	case podlog.Stderr:
		flags = logStderr
	}
	if r.Partial {
		flags |= logPartial
	}
	if r.Unparsed {
		flags |= logUnparsed
	}
	return flags
}

// streamOfFlags returns the stream that the bits of a record name.
func streamOfFlags(flags byte) podlog.Stream {
	switch flags & (logStdout | logStderr) {
	case logStdout:
		return podlog.Stdout
	case logStderr:
		return podlog.Stderr
	default:
		return podlog.StreamUnknown
	}
}

// LogSourceBytes returns how much text a source has in a message.
func LogSourceBytes(m *nodedv1.LogSource) int {
	return len(m.GetNamespace()) + len(m.GetPod()) + len(m.GetPodUid()) + len(m.GetContainer()) + len(m.GetContainerId())
}

// roomOfLogs returns how many bytes there is room for in the columns of a batch.
func roomOfLogs(b *nodedv1.LogCompactBatch) int {
	return cap(b.Text) + cap(b.Flags) + 4*(cap(b.Sizes)+cap(b.RecordFiles)+cap(b.Zones)+cap(b.PendingRecords)) +
		8*(cap(b.Sources)+cap(b.Files)+cap(b.Times)+cap(b.Offsets)+cap(b.PendingBytes))
}

// emptyLogBatch empties a batch and keeps the room of its columns.
func emptyLogBatch(b *nodedv1.LogCompactBatch) {
	if r := b.ProtoReflect(); len(r.GetUnknown()) > 0 {
		r.SetUnknown(nil)
	}
	clear(b.Sources)
	clear(b.Files)
	b.Reset_, b.Node = false, ""
	b.Sources, b.Files = b.Sources[:0], b.Files[:0]
	b.Sizes, b.Text, b.RecordFiles = b.Sizes[:0], b.Text[:0], b.RecordFiles[:0]
	b.Times, b.Zones, b.Flags = b.Times[:0], b.Zones[:0], b.Flags[:0]
	b.Offsets, b.PendingRecords, b.PendingBytes = b.Offsets[:0], b.PendingRecords[:0], b.PendingBytes[:0]
}
