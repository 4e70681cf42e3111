// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

func BenchmarkRead(b *testing.B) {
	for name, mask := range map[string]journal.Mask{"all": nil, "none": {}} {
		b.Run(name, func(b *testing.B) {
			r, err := New().Open(b.Context(), journal.Source{Directory: journaltest.Get(b, "node-day").Dir})
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			var fields []journal.Field
			entries := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Seek(journal.Head()); err != nil {
					b.Fatal(err)
				}
				for e, err := r.Next(); err == nil; e, err = r.Next() {
					if fields, err = e.AppendFields(fields[:0], mask); err != nil {
						b.Fatal(err)
					}
					entries++
				}
			}
			b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
