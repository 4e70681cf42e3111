// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

func TestWhole(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log.20261123-200000", lines(0, 100))
	tr.compress("0.log.20261123-200000")
	tr.write("0.log.20261123-200100", lines(100, 200))
	tr.write("0.log", lines(200, 300))
	c := tr.read(podlog.NewQuery())
	if d := cmp.Diff(texts(0, 300), c.texts); d != "" {
		t.Error(d)
	}
	if len(c.gaps) != 0 {
		t.Error(c.gaps)
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log.20261123-200000",
		line(0, "stdout", "P", "out 1,")+line(1, "stderr", "F", "err 1")+line(2, "stdout", "P", " 2,")+line(3, "stderr", "P", "err 2,"))
	tr.write("0.log",
		line(4, "stdout", "F", " 3")+line(5, "stderr", "F", " end")+line(6, "stdout", "P:later", "no newline"))
	want := []string{"err 1", "out 1, 2, 3", "err 2, end", "no newline"}
	c := tr.read(podlog.NewQuery())
	if d := cmp.Diff(want, c.texts); d != "" {
		t.Fatal(d)
	}
	if got := c.records[1].Time; got != base.UnixNano() {
		t.Errorf("the time of a line is not that of its first piece: %d", got)
	}
	if !c.records[3].Partial || c.records[2].Partial {
		t.Error("only the line without a newline is partial")
	}
	for n := range 5 {
		q := podlog.NewQuery()
		q.Tail = int64(n)
		if d := cmp.Diff(want[4-n:], tr.read(q).texts, cmpEmpty); d != "" {
			t.Errorf("tail %d: %s", n, d)
		}
	}
	// Going on after each record gives the others.
	for i, at := range c.positions {
		q := podlog.NewQuery()
		q.Cursor = podlog.MakeCursor(at)
		if d := cmp.Diff(want[i+1:], tr.read(q).texts, cmpEmpty); d != "" {
			t.Errorf("after record %d: %s", i, d)
		}
	}
	q := podlog.NewQuery()
	q.Reverse = true
	slices.Reverse(want)
	if d := cmp.Diff(want, tr.read(q).texts); d != "" {
		t.Errorf("reverse: %s", d)
	}
}

var cmpEmpty = cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })

func TestRuns(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 10))
	tr.write("2.log.20261123-200000", lines(10, 20))
	tr.write("2.log", lines(20, 30))
	tr.write("3.log", lines(30, 40))
	for _, test := range []struct {
		runs     podlog.Runs
		from, to int
	}{{podlog.RunsCurrent, 30, 40}, {podlog.RunsPrevious, 10, 30}, {podlog.RunsAll, 0, 40}} {
		q := podlog.NewQuery()
		q.Runs = test.runs
		if d := cmp.Diff(texts(test.from, test.to), tr.read(q).texts); d != "" {
			t.Errorf("runs %d: %s", test.runs, d)
		}
		q.Reverse = true
		want := texts(test.from, test.to)
		slices.Reverse(want)
		if d := cmp.Diff(want, tr.read(q).texts); d != "" {
			t.Errorf("runs %d, reverse: %s", test.runs, d)
		}
	}
	for _, name := range []string{"0.log", "2.log", "2.log.20261123-200000"} {
		tr.remove(name)
	}
	q := podlog.NewQuery()
	q.Runs = podlog.RunsPrevious
	_, err := tr.tryRead(q)
	if !errors.Is(err, podlog.ErrNoPrevious) || !strings.Contains(err.Error(), `previous terminated container "app" in pod "web" not found`) {
		t.Errorf("got %v", err)
	}
}

// Any window, tail, filter and direction gives what a look at every line gives.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			tr := newTree(t)
			all := generate(tr, random)
			for range 25 {
				q, want := ask(random, all)
				c := tr.read(q)
				if d := cmp.Diff(want, c.texts, cmpEmpty); d != "" {
					t.Fatalf("seed %d, query %+v since %v until %v: %s", seed, q, at(q.Since), at(q.Until), d)
				}
				if len(c.gaps) != 0 {
					t.Fatal(c.gaps)
				}
				if q.Reverse || len(c.texts) == 0 {
					continue
				}
				i := random.IntN(len(c.texts))
				q.Cursor, q.Tail = podlog.MakeCursor(c.positions[i]), podlog.LinesAll
				if q.Limit > 0 {
					q.Limit -= int64(i + 1)
				}
				if d := cmp.Diff(want[i+1:], tr.read(q).texts, cmpEmpty); d != "" {
					t.Fatalf("seed %d, query %+v: after record %d: %s", seed, q, i, d)
				}
			}
		})
	}
}

func at(ns *int64) string {
	if ns == nil {
		return "-"
	}
	return time.Unix(0, *ns).UTC().Format(time.RFC3339Nano)
}

type written struct {
	time   int64
	stream podlog.Stream
	text   string
}

// generate writes a log of some files and returns what is in it, in the order in which the lines end.
func generate(tr *tree, random *rand.Rand) []written {
	var all []written
	var open [3]*written
	now := base.UnixNano()
	files := 1 + random.IntN(4)
	for f := range files {
		var b strings.Builder
		for range random.IntN(3000) {
			now += random.Int64N(20e6)
			if random.IntN(1000) == 0 {
				now += int64(time.Minute)
			}
			stream := podlog.Stream(1 + random.IntN(2))
			text := fmt.Sprintf("%d %s", len(all), strings.Repeat("x", random.IntN(120)))
			if random.IntN(500) == 0 {
				text += strings.Repeat("long ", random.IntN(9000))
			}
			tag := "F"
			if random.IntN(8) == 0 {
				tag = "P"
			}
			stamp := now - random.Int64N(1e6)
			fmt.Fprintf(&b, "%s %s %s %s\n", time.Unix(0, stamp).UTC().Format(time.RFC3339Nano), stream, tag, text)
			if open[stream] == nil {
				open[stream] = &written{stamp, stream, ""}
			}
			open[stream].text += text
			if tag == "F" {
				all = append(all, *open[stream])
				open[stream] = nil
			}
		}
		name := "0.log"
		if f < files-1 {
			name = fmt.Sprintf("0.log.20261123-20000%d", f)
		}
		tr.write(name, b.String())
		if f < files-2 {
			tr.compress(name)
		}
	}
	for _, o := range open {
		if o != nil {
			all = append(all, *o)
		}
	}
	return all
}

// ask makes a query, and the answer by looking at all.
func ask(random *rand.Rand, all []written) (podlog.Query, []string) {
	q := podlog.NewQuery()
	if len(all) == 0 {
		return q, nil
	}
	pick := func() *int64 {
		t := all[random.IntN(len(all))].time + random.Int64N(3) - 1
		return &t
	}
	if random.IntN(2) == 0 {
		q.Since = pick()
	}
	if random.IntN(3) == 0 {
		q.Until = pick()
		if q.Since != nil && *q.Until < *q.Since {
			q.Since, q.Until = q.Until, q.Since
		}
	}
	if random.IntN(3) == 0 {
		q.Filter.Grep = fmt.Sprint(random.IntN(30))
	}
	if random.IntN(6) == 0 {
		q.Filter.Exclude = fmt.Sprint(random.IntN(9))
	}
	if random.IntN(4) == 0 {
		q.Filter.Streams = []podlog.Stream{podlog.Stream(1 + random.IntN(2))}
	}
	var want []string
	for _, w := range all {
		if q.Since != nil && w.time < *q.Since || q.Until != nil && w.time > *q.Until ||
			!strings.Contains(w.text, q.Filter.Grep) || q.Filter.Exclude != "" && strings.Contains(w.text, q.Filter.Exclude) ||
			len(q.Filter.Streams) > 0 && q.Filter.Streams[0] != w.stream {
			continue
		}
		want = append(want, w.text)
	}
	if random.IntN(2) == 0 {
		q.Tail = random.Int64N(int64(len(all)))
		want = want[max(0, len(want)-int(q.Tail)):]
	}
	if random.IntN(4) == 0 {
		q.Reverse = true
		slices.Reverse(want)
	}
	if random.IntN(5) == 0 {
		q.Limit = random.Int64N(100)
		want = want[:min(len(want), int(q.Limit))]
	}
	return q, want
}

func TestClockSteppedBack(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	// An hour of lines, then the clock is set back by half an hour.
	var b strings.Builder
	var want []string
	for i := range 120_000 {
		ms := i * 30
		if i >= 100_000 {
			ms -= 1_800_000
		}
		text := fmt.Sprintf("line %d", i)
		b.WriteString(line(ms, "stdout", "F", text))
		if ms >= 2_000_000 {
			want = append(want, text)
		}
	}
	tr.write("0.log", b.String())
	q := podlog.NewQuery()
	since := base.Add(2_000_000 * time.Millisecond).UnixNano()
	q.Since = &since
	if got := tr.read(q).texts; !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
}

func TestBadLines(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", line(0, "stdout", "F", "good")+"nonsense\n"+"2026-11-23T20:00:00Z stdin F x\n"+"\n"+
		strings.Repeat("\x00", 5000)+line(2, "stderr", "F", "after a crash")+line(3, "stdout", "F", "last")+"2026-11-23T20:00:05Z stdout F half")
	c := tr.read(podlog.NewQuery())
	want := []string{"good", "nonsense", "2026-11-23T20:00:00Z stdin F x", "", "after a crash", "last"}
	if d := cmp.Diff(want, c.texts); d != "" {
		t.Error(d)
	}
	for i, r := range c.records {
		if bad := i >= 1 && i <= 3; r.Unparsed != bad {
			t.Errorf("record %d: unparsed is %v", i, r.Unparsed)
		}
	}
	if len(c.gaps) != 1 || c.gaps[0].Reason != journal.GapCorrupt || c.gaps[0].Source != "default/web/app" {
		t.Errorf("got gaps %v", c.gaps)
	}
}

// Where a file begins in the middle of a line, or with nonsense, the others are what they are.
func TestBadBeginning(t *testing.T) {
	t.Parallel()
	json := func(text string) string {
		return fmt.Sprintf(`{"log":"%s\n","stream":"stdout","time":"2026-11-23T20:00:00Z"}`+"\n", text)
	}
	for _, tt := range []struct {
		name, text string
		bad        int
		want       []string
	}{
		{"json-file", strings.Repeat("\x00", 4096) + `the end"}` + "\n" + json("a") + json("b"), 1, []string{`the end"}`, "a", "b"}},
		{"CRI", "{\n" + line(0, "stdout", "F", "a") + line(1, "stdout", "F", "b"), 1, []string{"{", "a", "b"}},
		{"both", json("a") + line(1, "stdout", "F", "b"), 0, []string{"a", "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t)
			tr.write("0.log", tt.text)
			c := tr.read(podlog.NewQuery())
			if d := cmp.Diff(tt.want, c.texts); d != "" {
				t.Error(d)
			}
			for i, r := range c.records {
				if r.Unparsed != (i < tt.bad) {
					t.Errorf("record %d: unparsed is %v", i, r.Unparsed)
				}
			}
		})
	}
}

func TestLongLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 500_000)
	t.Run("one line", func(t *testing.T) {
		t.Parallel()
		testLongLine(t, long, line(1, "stderr", "F", long))
	})
	t.Run("pieces", func(t *testing.T) {
		t.Parallel()
		var pieces strings.Builder
		const piece = 16 << 10
		for rest, i := long, 1; ; i++ {
			if len(rest) <= piece {
				pieces.WriteString(line(i, "stderr", "F", rest))
				break
			}
			pieces.WriteString(line(i, "stderr", "P", rest[:piece]))
			rest = rest[piece:]
		}
		testLongLine(t, long, pieces.String())
	})
}

func testLongLine(t *testing.T, long, written string) {
	t.Helper()
	tr := newTree(t)
	tr.write("0.log", line(0, "stdout", "F", "before")+written+line(9999, "stdout", "F", "after"))
	c := tr.read(podlog.NewQuery())
	n := len(c.texts)
	if n < 4 || c.texts[0] != "before" || c.texts[n-1] != "after" {
		t.Fatalf("got %d records", n)
	}
	if got := strings.Join(c.texts[1:n-1], ""); got != long {
		t.Errorf("a line of %d bytes came as %d bytes", len(long), len(got))
	}
	for i := 1; i < n-1; i++ {
		if r := c.records[i]; r.Partial != (i < n-2) || r.Stream != podlog.Stderr || r.Time != base.Add(time.Millisecond).UnixNano() {
			t.Errorf("record %d is %+v", i, r)
		}
		if len(c.texts[i]) > podlog.DefaultMaxRecordBytes {
			t.Errorf("record %d has %d bytes", i, len(c.texts[i]))
		}
		q := podlog.NewQuery()
		q.Cursor = podlog.MakeCursor(c.positions[i])
		rest := tr.read(q)
		if got, want := strings.Join(rest.texts, ""), strings.Join(c.texts[i+1:], ""); got != want {
			t.Errorf("after record %d: got %d bytes, want %d", i, len(got), len(want))
		}
		if len(rest.records) != n-i-1 || rest.records[0].Unparsed {
			t.Errorf("after record %d: got %d records", i, len(rest.records))
		}
	}
}

func TestNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	if c := tr.read(podlog.NewQuery()); len(c.texts)+len(c.gaps) != 0 {
		t.Errorf("got %v, %v", c.texts, c.gaps)
	}
	target := tr.target()
	target.Dir = "default_gone_1/app"
	c := new(collected)
	if err := tr.logs().Read(t.Context(), podlog.Fixed{target}, podlog.NewQuery(), c); err != nil || len(c.texts) != 0 {
		t.Errorf("got %v, %v", err, c.texts)
	}
}
