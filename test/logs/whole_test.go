// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

// delivered is what is compared of a record.
type delivered struct {
	Time    int64
	Run     uint32
	Stream  string
	Partial bool
	Text    string
}

func deliveredOf(r *podlog.Record) delivered {
	return delivered{r.Time, r.File.Run, r.Stream.String(), r.Partial, string(r.Text)}
}

// keeper is a Sink that keeps records and their positions.
type keeper struct {
	records   []delivered
	positions []podlog.Cursor
	gaps      []journal.Gap
}

func (k *keeper) Record(r *podlog.Record) error {
	k.records = append(k.records, deliveredOf(r))
	position := r.Position()
	k.positions = append(k.positions, podlog.MakeCursor(position))
	return nil
}

func (k *keeper) Gap(g journal.Gap) error {
	k.gaps = append(k.gaps, g)
	return nil
}

func (*keeper) Progress(podlog.Progress) error { return nil }

func (*keeper) Flush() error { return nil }

// scatter writes a log of short lines in small pieces, with rotations in the middle of lines, and restarts, and returns the newest run.
func scatter(t *testing.T, o Options, random *rand.Rand) uint32 {
	t.Helper()
	log, err := Create(o, NewTruth())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	g := NewGenerator(random.Uint64(), o.Format == JSON)
	var pending [2]bool
	for range 200 + random.IntN(200) {
		line := g.sized(random.IntN(150))
		stream := random.IntN(2)
		line.Stderr = stream == 1
		if !pending[stream] {
			err = log.Begin(line)
		}
		if err == nil {
			pending[stream], err = log.Piece(line.Stderr)
		}
		if err == nil && random.IntN(40) == 0 {
			err = log.Rotate(Rotation{Late: random.IntN(2) == 0, Plain: random.IntN(3) == 0})
		}
		if err == nil && random.IntN(120) == 0 && o.Layout == podlog.LayoutCRI {
			pending = [2]bool{}
			err = log.Finish()
			if err == nil && random.IntN(2) == 0 {
				line.Open = true
				line.Text = append(line.Text, 'x') // nothing without a newline is nothing
				err = log.Write(line)
			}
			if err == nil {
				err = log.Restart()
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Finish(); err != nil {
		t.Fatal(err)
	}
	return log.Run()
}

// modelQuery does with the model's records what a query says; last is the newest run.
func modelQuery(all []podlog.Record, last uint32, q podlog.Query) []delivered {
	var out []delivered
	for i := range all {
		r := &all[i]
		if q.Runs == podlog.RunsCurrent && r.File.Run != last || q.Runs == podlog.RunsPrevious && r.File.Run != last-1 ||
			q.Since != nil && r.Time < *q.Since || q.Until != nil && r.Time > *q.Until ||
			len(q.Filter.Streams) > 0 && !slices.Contains(q.Filter.Streams, r.Stream) || !bytes.Contains(r.Text, []byte(q.Filter.Grep)) {
			continue
		}
		out = append(out, deliveredOf(r))
	}
	if q.Tail >= 0 {
		out = out[len(out)-min(len(out), int(q.Tail)):]
	}
	if q.Reverse {
		slices.Reverse(out)
	}
	if q.Limit >= 0 {
		out = out[:min(len(out), int(q.Limit))]
	}
	return out
}

// someQuery is a query about a log.
//
// Where times step back no time is asked for: podlog sees steps of a clock in one line of many only.
func someQuery(random *rand.Rand, all []podlog.Record, steps bool) podlog.Query {
	q := podlog.NewQuery()
	q.Runs = podlog.Runs(random.IntN(3))
	at := func() *int64 {
		value := all[random.IntN(len(all))].Time + random.Int64N(3) - 1
		return &value
	}
	if random.IntN(3) == 0 && !steps {
		q.Since = at()
	}
	if random.IntN(3) == 0 && !steps {
		q.Until = at()
	}
	if random.IntN(3) == 0 {
		q.Tail = int64(random.IntN(100))
	}
	if random.IntN(4) == 0 {
		q.Limit = int64(random.IntN(100))
	}
	if q.Since != nil && q.Until != nil && *q.Since > *q.Until {
		q.Since, q.Until = q.Until, q.Since
	}
	q.Reverse = random.IntN(3) == 0
	if random.IntN(4) == 0 {
		q.Filter.Streams = []podlog.Stream{podlog.Stdout + podlog.Stream(random.IntN(2))}
	}
	if random.IntN(3) == 0 {
		q.Filter.Grep = []string{"0000", "a", "xy", "000000001"}[random.IntN(4)]
	}
	return q
}

func queryText(q podlog.Query) string {
	text := fmt.Sprintf("runs %d, tail %d, limit %d, reverse %v, filter %+v", q.Runs, q.Tail, q.Limit, q.Reverse, q.Filter)
	if q.Since != nil {
		text += fmt.Sprintf(", since %d", *q.Since)
	}
	if q.Until != nil {
		text += fmt.Sprintf(", until %d", *q.Until)
	}
	return text
}

// TestWhole compares podlog with the model on whole logs: rotated, compressed, of several runs, with lines over several files.
func TestWhole(t *testing.T) {
	t.Parallel()
	for i := range uint64(24) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(i, 11))
			o := Options{MaxFiles: []int{3, 5, 100}[i%3], PieceBytes: 60}
			o.Layout, o.Format = podlog.LayoutCRI, Format(i%2)
			name, source := podDir+"/"+containerName, target("", 0).Source
			if i%5 == 4 {
				o.Layout, o.Format = podlog.LayoutDocker, JSON
				name = strings.Repeat("0a1b2c3d", 8)
				source = podlog.Source{Container: "web", ID: name}
			}
			steps := i%4 == 3
			if steps {
				o.PieceBytes = 0 // a place after a line that began in the file before is found by the time of its beginning
			}
			at := time.Now()
			o.Clock = func() time.Time {
				at = at.Add(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
				if steps && random.IntN(100) == 0 {
					at = at.Add(-time.Duration(random.Int64N(int64(10 * time.Minute))))
				}
				return at
			}
			root := t.TempDir()
			o.Dir = filepath.Join(root, filepath.FromSlash(name))
			last := scatter(t, o, random)
			all, err := modelRead(o)
			if err != nil {
				t.Fatal(err)
			}
			read := inProcess(t, root, podlog.Target{Source: source, Layout: o.Layout, Dir: name, Ended: true})
			compareWhole(t, read, all, last, random, steps)
		})
	}
}

func compareWhole(t *testing.T, read reader, all []podlog.Record, last uint32, random *rand.Rand, steps bool) {
	t.Helper()
	q := podlog.NewQuery()
	q.Runs = podlog.RunsAll
	whole := new(keeper)
	if err := read(t.Context(), q, whole); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(modelQuery(all, last, q), whole.records); diff != "" || len(whole.gaps) > 0 {
		t.Fatalf("gaps %+v; all records (-want +got):\n%.3000s", whole.gaps, diff)
	}
	for range 60 {
		q := someQuery(random, all, steps)
		if q.Runs == podlog.RunsPrevious && last == 0 {
			q.Runs = podlog.RunsAll
		}
		got := new(keeper)
		if err := read(t.Context(), q, got); err != nil {
			t.Fatalf("%s: %v", queryText(q), err)
		}
		if want := modelQuery(all, last, q); !slices.Equal(want, got.records) {
			diff := cmp.Diff(want, got.records)
			t.Errorf("%s (-want +got):\n%.2000s", queryText(q), diff)
		}
		if t.Failed() {
			return
		}
	}
	// Every place is one from which reading goes on exactly.
	for i, cursor := range whole.positions {
		if i%7 != 0 && i < len(whole.positions)-3 {
			continue
		}
		q := podlog.NewQuery()
		q.Runs, q.Cursor = podlog.RunsAll, cursor
		got := new(keeper)
		if err := read(t.Context(), q, got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(whole.records[i+1:], got.records) || len(got.gaps) > 0 {
			diff := cmp.Diff(whole.records[i+1:], got.records)
			t.Fatalf("after record %d, %s: gaps %+v (-want +got):\n%.2000s", i, cursor, got.gaps, diff)
		}
	}
}
