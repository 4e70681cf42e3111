// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

// written writes a log and returns what the model reads of it.
func written(t *testing.T, o Options, lines, rotations, restarts int) (*Truth, []podlog.Record) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "c")
	}
	truth := NewTruth()
	log, err := Create(o, truth)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := Writer{Log: log, Generator: NewGenerator(1, o.Format == JSON), Seed: 2}
	for i := range rotations {
		// A run has several rotations, or none of its files would be compressed.
		if err := w.Lines(t.Context(), lines/rotations, restarts/rotations*3*(1-min(1, i%3))); err != nil {
			t.Fatal(err)
		}
		if err := log.Rotate(Rotation{Late: true}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := modelRead(o)
	if err != nil {
		t.Fatal(err)
	}
	return truth, records
}

func TestCheckerFindsNoFault(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		options  Options
		restarts int
	}{
		{"CRI", Options{MaxFiles: 100}, 6},
		{"JSON", Options{MaxFiles: 100, Format: JSON}, 6},
		{"Docker", Options{MaxFiles: 100, Format: JSON, Layout: podlog.LayoutDocker}, 0},
		{"small pieces, another zone", Options{MaxFiles: 100, PieceBytes: 100, Zone: time.FixedZone("", 5400)}, 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			truth, records := written(t, test.options, 3000, 6, test.restarts)
			c := NewChecker(truth)
			c.Began()
			for i := range records {
				if err := c.Record(&records[i]); err != nil {
					t.Fatal(err)
				}
			}
			r := c.Report()
			t.Log(r.String())
			if faults := r.Faults(); faults != "" || r.Lost > 0 {
				t.Errorf("%d lost\n%s", r.Lost, faults)
			}
			if r.Archived == 0 || r.Counts.Rotations != 6 || r.Counts.Restarts != test.restarts || r.Counts.Split == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestCheckerFindsFaults(t *testing.T) {
	t.Parallel()
	truth, records := written(t, Options{MaxFiles: 3}, 1000, 8, 0)
	first := records[0].Time
	lost := 0
	for _, l := range truth.lines {
		if l.time < first {
			lost++
		}
	}
	vacuumed := journal.Gap{Reason: journal.GapVacuumed, Count: uint64(lost), Exact: true}
	at := len(records) / 2
	type want struct {
		faults []string
		lost   int
	}
	for _, test := range []struct {
		name string
		gap  journal.Gap
		do   func(r []podlog.Record) []podlog.Record
		want want
	}{
		{"nothing", vacuumed, func(r []podlog.Record) []podlog.Record { return r }, want{lost: lost}},
		{"no gap", journal.Gap{Last: 1, Count: 1}, func(r []podlog.Record) []podlog.Record { return r },
			want{[]string{"lost without a gap", "1 gaps where nothing is missing"}, lost}},
		{"wrong count", journal.Gap{Count: uint64(lost) + 1, Exact: true}, func(r []podlog.Record) []podlog.Record { return r },
			want{[]string{"1 gaps with a wrong number or time"}, lost}},
		{"one lost", vacuumed, func(r []podlog.Record) []podlog.Record { return slices.Delete(r, at, at+1) },
			want{[]string{"1 lost without a gap", "1 lost from files that are still there"}, lost + 1}},
		{"twice", vacuumed, func(r []podlog.Record) []podlog.Record { return slices.Insert(r, at, r[at-1]) },
			want{[]string{"1 twice"}, lost}},
		{"order", vacuumed, func(r []podlog.Record) []podlog.Record {
			for i := at; ; i++ {
				if r[i].Stream == r[i+1].Stream {
					r[i], r[i+1] = r[i+1], r[i]
					return r
				}
			}
		}, want{[]string{"1 out of order"}, lost}},
		{"text", vacuumed, func(r []podlog.Record) []podlog.Record {
			r[at].Text = append([]byte("x"), r[at].Text...)
			return r
		}, want{[]string{"1 corrupt"}, lost + 1}},
		{"partial", vacuumed, func(r []podlog.Record) []podlog.Record {
			r[at].Partial = true
			return r
		}, want{[]string{"1 corrupt"}, lost + 1}},
		{"time", vacuumed, func(r []podlog.Record) []podlog.Record {
			r[at].Time = 5
			return r
		}, want{[]string{"1 phantom"}, lost + 1}},
		{"unparsed", vacuumed, func(r []podlog.Record) []podlog.Record {
			r[at].Unparsed = true
			return r
		}, want{[]string{"1 phantom"}, lost + 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := NewChecker(truth)
			c.Began()
			if err := c.Gap(test.gap); err != nil {
				t.Fatal(err)
			}
			for _, r := range test.do(slices.Clone(records)) {
				if err := c.Record(&r); err != nil {
					t.Fatal(err)
				}
			}
			r := c.Report()
			faults := r.Faults()
			for _, w := range test.want.faults {
				if !strings.Contains(faults, w) {
					t.Errorf("%q is not found:\n%s", w, faults)
				}
			}
			if len(test.want.faults) == 0 && faults != "" {
				t.Error(faults)
			}
			if r.Lost != test.want.lost {
				t.Errorf("%d lost, want %d", r.Lost, test.want.lost)
			}
		})
	}
}
