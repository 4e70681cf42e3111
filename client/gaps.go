// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import "github.com/noded/noded/journal"

// toldGaps has the troubles of whole files that were told: every attempt of a read tells them anew. The zero value has none.
type toldGaps struct{ told map[toldGap]bool }

type toldGap struct {
	source, detail string
	reason         journal.GapReason
}

// maxToldGaps bounds how many are remembered.
const maxToldGaps = 16 << 10

// isNew reports whether a gap is to be told, and remembers it.
func (t *toldGaps) isNew(g journal.Gap) bool {
	switch g.Reason {
	case journal.GapTruncated, journal.GapCorrupt, journal.GapUnsupported, journal.GapDenied:
	default:
		return true
	}
	if g.Count != 0 {
		return true
	}
	key := toldGap{g.Source, g.Detail, g.Reason}
	if t.told[key] {
		return false
	}
	if t.told == nil || len(t.told) >= maxToldGaps {
		t.told = make(map[toldGap]bool)
	}
	t.told[key] = true
	return true
}
