// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

// TestLongLines: lines that are given in several records, in pieces of both streams mixed and over several files, come whole, and go on
// exactly after a break at any record, but within a long line while one of the other stream is unfinished, too.
func TestLongLines(t *testing.T) {
	t.Parallel()
	for i := range uint64(8) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(i, 13))
			root := t.TempDir()
			o := Options{Dir: filepath.Join(root, podDir, containerName), MaxFiles: 100, Format: Format(i % 2)}
			scatterLong(t, o, random)
			logs := podlog.New(podlog.Config{
				Pods: safefs.NewRoot(root), Logger: discard(), MaxRecordBytes: func() int { return 64 << 10 },
			})
			read := func(cursor podlog.Cursor) *keeper {
				q := podlog.NewQuery()
				q.Cursor = cursor
				got := new(keeper)
				if err := logs.Read(t.Context(), podlog.Fixed{target(podDir+"/"+containerName, podlog.LayoutCRI)}, q, got); err != nil {
					t.Fatal(err)
				}
				if len(got.gaps) > 0 {
					t.Fatalf("after %q: gaps %+v", cursor, got.gaps)
				}
				return got
			}
			model, err := modelRead(o)
			if err != nil {
				t.Fatal(err)
			}
			var want [2]bytes.Buffer
			for i := range model {
				d := deliveredOf(&model[i])
				d.print(&want)
			}
			whole := read("")
			compareStreams(t, "everything", &want, whole.records)
			for i, cursor := range whole.positions {
				at, err := cursor.Positions()
				if err != nil {
					t.Fatal(err)
				}
				if whole.records[i].Partial && at[0].Pending > 0 {
					continue // parts of both lines can come again, because the place does not tell which stream the record was of
				}
				want[0].Reset()
				want[1].Reset()
				for _, d := range whole.records[i+1:] {
					d.print(&want)
				}
				compareStreams(t, fmt.Sprintf("after record %d of %d, %s", i, len(whole.positions), cursor), &want, read(cursor).records)
			}
		})
	}
}

// scatterLong writes a log of a few long lines of both streams at once, with rotations within them.
func scatterLong(t *testing.T, o Options, random *rand.Rand) {
	t.Helper()
	log, err := Create(o, NewTruth())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	g := NewGenerator(random.Uint64(), o.Format == JSON)
	var pending [2]bool
	for begun := 0; begun < 40 || pending[0] || pending[1]; {
		stream := random.IntN(2)
		if !pending[stream] && begun < 40 {
			line := g.sized(random.IntN(100))
			if random.IntN(3) == 0 {
				// The beginning of an unfinished line is looked for in eight times the size of a record.
				line = g.sized(random.IntN(120 << 10))
			}
			line.Stderr = stream == 1
			if err := log.Begin(line); err != nil {
				t.Fatal(err)
			}
			begun++
		}
		more, err := log.Piece(stream == 1)
		if err == nil && random.IntN(25) == 0 {
			err = log.Rotate(Rotation{Late: random.IntN(2) == 0, Plain: random.IntN(3) == 0})
		}
		if err != nil {
			t.Fatal(err)
		}
		pending[stream] = more
	}
}

// print prints a record as kubectl does, to the buffer of its stream.
func (d *delivered) print(to *[2]bytes.Buffer) {
	b := &to[0]
	if d.Stream == "stderr" {
		b = &to[1]
	}
	b.WriteString(d.Text)
	if !d.Partial {
		b.WriteByte('\n')
	}
}

func compareStreams(t *testing.T, what string, want *[2]bytes.Buffer, records []delivered) {
	t.Helper()
	var got [2]bytes.Buffer
	for i := range records {
		records[i].print(&got)
	}
	for i := range got {
		if !bytes.Equal(want[i].Bytes(), got[i].Bytes()) {
			t.Fatalf("%s: stream %d differs: %.400s", what, i+1, difference(want[i].Bytes(), got[i].Bytes()))
		}
	}
}
