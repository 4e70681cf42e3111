// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/podlog"
)

// LogRecordToProto converts a record. The message shares the text with it.
func LogRecordToProto(node string, r *podlog.Record) *nodedv1.LogRecord {
	position := r.Position()
	return &nodedv1.LogRecord{
		Node:         node,
		Source:       logSourceToProto(r.File.Source),
		Run:          r.File.Run,
		TimeUnixNano: r.Time,
		ZoneMinutes:  int32(r.Zone),
		Stream:       streamToProto(r.Stream),
		Text:         r.Text,
		Partial:      r.Partial,
		Unparsed:     r.Unparsed,
		Cursor:       Text(position.String()),
	}
}

// LogRecordFromProto converts a record, which shares the text with the message. The numbers of its file and its place are in the
// cursor; one that is none is an error.
func LogRecordFromProto(m *nodedv1.LogRecord) (*podlog.Record, error) {
	positions, err := podlog.Cursor(m.GetCursor()).Positions()
	if err != nil {
		return nil, err
	}
	if len(positions) != 1 {
		return nil, fmt.Errorf("%w: %d places in the cursor of a record", podlog.ErrBadCursor, len(positions))
	}
	p, source := &positions[0], logSourceFromProto(m.GetNode(), m.GetSource())
	return &podlog.Record{
		File:     &podlog.File{Source: source, Run: m.GetRun(), Inode: p.Inode, Fingerprint: p.Fingerprint},
		Time:     m.GetTimeUnixNano(),
		Zone:     int16(min(max(m.GetZoneMinutes(), math.MinInt16), math.MaxInt16)),
		Stream:   streamFromProto(m.GetStream()),
		Partial:  m.GetPartial(),
		Unparsed: m.GetUnparsed(),
		Text:     m.GetText(),
		End:      p.Offset,
		Pending:  p.Pending,
	}, nil
}

func logSourceToProto(s *podlog.Source) *nodedv1.LogSource {
	return &nodedv1.LogSource{
		Namespace: Text(s.Namespace), Pod: Text(s.Pod), PodUid: Text(s.UID), Container: Text(s.Container), ContainerId: Text(s.ID),
	}
}

func logSourceFromProto(node string, m *nodedv1.LogSource) *podlog.Source {
	return &podlog.Source{
		Node: node, Namespace: m.GetNamespace(), Pod: m.GetPod(), UID: m.GetPodUid(), Container: m.GetContainer(), ID: m.GetContainerId(),
	}
}

// LogProgressToProto converts a progress report. The watermark is rounded down to microseconds.
func LogProgressToProto(node string, p *podlog.Progress) *nodedv1.Progress {
	return &nodedv1.Progress{
		Node:                  node,
		CaughtUp:              p.CaughtUp,
		WatermarkRealtimeUsec: uint64(max(p.Watermark, 0) / 1000),
		Cursor:                Text(string(p.Cursor)),
	}
}

// LogProgressFromProto converts a progress report.
func LogProgressFromProto(m *nodedv1.Progress) podlog.Progress {
	return podlog.Progress{
		CaughtUp:  m.GetCaughtUp(),
		Watermark: int64(min(m.GetWatermarkRealtimeUsec(), math.MaxInt64/1000)) * 1000,
		Cursor:    podlog.Cursor(m.GetCursor()),
	}
}
