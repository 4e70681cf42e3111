// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// UnitsToProto converts a list of unit names.
func UnitsToProto(names []string) []*nodedv1.JournalUnit {
	out := make([]*nodedv1.JournalUnit, len(names))
	for i, name := range names {
		out[i] = &nodedv1.JournalUnit{Name: Text(name)}
	}
	return out
}

// TextsToProto converts a list of names.
func TextsToProto(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = Text(name)
	}
	return out
}

// BootsToProto converts a list of boots, oldest first, and numbers them: the last is 0.
func BootsToProto(boots []journal.Boot) []*nodedv1.JournalBoot {
	out := make([]*nodedv1.JournalBoot, len(boots))
	for i, b := range boots {
		out[i] = &nodedv1.JournalBoot{
			Offset:            int32(i - len(boots) + 1),
			BootId:            IDBytes(b.ID),
			FirstRealtimeUsec: uint64(b.First),
			LastRealtimeUsec:  uint64(b.Last),
		}
	}
	return out
}

// BootsFromProto converts a list of boots.
func BootsFromProto(boots []*nodedv1.JournalBoot) []journal.Boot {
	out := make([]journal.Boot, len(boots))
	for i, b := range boots {
		out[i] = journal.Boot{
			ID:    idOrZero(b.GetBootId()),
			First: journal.Usec(b.GetFirstRealtimeUsec()),
			Last:  journal.Usec(b.GetLastRealtimeUsec()),
		}
	}
	return out
}

// UsageToProto converts disk usage. Files that cannot be read are listed too, with their problem.
func UsageToProto(node string, u journal.Usage) *nodedv1.GetUsageResponse {
	out := &nodedv1.GetUsageResponse{Node: node, SizeBytes: u.SizeBytes}
	problems := make(map[string]string, len(u.Problems))
	for _, p := range u.Problems {
		problems[p.Path] = p.Err.Error()
	}
	for _, f := range u.Files {
		out.Files = append(out.Files, &nodedv1.JournalFile{
			Path:             Text(f.Path),
			SizeBytes:        f.SizeBytes,
			Online:           f.Online,
			MachineId:        IDBytes(f.MachineID),
			FileId:           IDBytes(f.FileID),
			SeqnumId:         IDBytes(f.SeqnumID),
			HeadSeqnum:       f.HeadSeqnum,
			TailSeqnum:       f.TailSeqnum,
			HeadRealtimeUsec: uint64(f.HeadRealtime),
			TailRealtimeUsec: uint64(f.TailRealtime),
			Entries:          f.Entries,
			Problem:          Text(problems[f.Path]),
		})
		delete(problems, f.Path)
	}
	for _, p := range u.Problems {
		if text, left := problems[p.Path]; left {
			out.Files = append(out.Files, &nodedv1.JournalFile{Path: Text(p.Path), Problem: Text(text)})
		}
	}
	return out
}

// UsageFromProto converts disk usage.
func UsageFromProto(m *nodedv1.GetUsageResponse) journal.Usage {
	out := journal.Usage{SizeBytes: m.GetSizeBytes()}
	for _, f := range m.GetFiles() {
		if f.GetProblem() != "" {
			out.Problems = append(out.Problems, journal.FileProblem{Path: f.GetPath(), Err: errors.New(f.GetProblem())})
			if len(f.GetFileId()) == 0 {
				continue
			}
		}
		out.Files = append(out.Files, journal.File{
			Path:         f.GetPath(),
			SizeBytes:    f.GetSizeBytes(),
			Online:       f.GetOnline(),
			MachineID:    idOrZero(f.GetMachineId()),
			FileID:       idOrZero(f.GetFileId()),
			SeqnumID:     idOrZero(f.GetSeqnumId()),
			HeadSeqnum:   f.GetHeadSeqnum(),
			TailSeqnum:   f.GetTailSeqnum(),
			HeadRealtime: journal.Usec(f.GetHeadRealtimeUsec()),
			TailRealtime: journal.Usec(f.GetTailRealtimeUsec()),
			Entries:      f.GetEntries(),
		})
	}
	return out
}
