// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

// following is a follow that runs.
type following struct {
	t      *testing.T
	c      *collected
	cancel context.CancelFunc
	done   chan error
}

func follow(t *testing.T, l *podlog.Logs, set podlog.Set, q podlog.Query) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &following{t: t, c: &collected{news: make(chan struct{}, 1)}, cancel: cancel, done: make(chan error, 1)}
	q.Follow = true
	go func() { f.done <- l.Read(ctx, set, q, f.c) }()
	t.Cleanup(func() { f.stop() })
	return f
}

func (f *following) stop() {
	f.cancel()
	if f.done == nil {
		return
	}
	if err := <-f.done; err != nil && !errors.Is(err, context.Canceled) {
		f.t.Error(err)
	}
	f.done = nil
}

// wait waits until n records have come and the follower waits.
func (f *following) wait(n int) []string {
	f.t.Helper()
	end := time.After(2 * time.Minute)
	for {
		if got, _ := f.c.snapshot(); len(got) >= n {
			return got
		}
		select {
		case <-f.c.news:
		case <-time.After(100 * time.Millisecond):
		case <-end:
			got, gaps := f.c.snapshot()
			f.t.Fatalf("got %d records, want %d; gaps %v", len(got), n, gaps)
		}
	}
}

// flushed waits until the follower has looked at everything n times more.
func (f *following) flushed(n int) {
	f.t.Helper()
	f.c.mu.Lock()
	want := f.c.flushes + n
	f.c.mu.Unlock()
	for end := time.Now().Add(time.Minute); ; {
		f.c.mu.Lock()
		now := f.c.flushes
		f.c.mu.Unlock()
		switch {
		case now >= want:
			return
		case time.Now().After(end):
			f.t.Fatal("the follower does not look any more")
		}
		select {
		case <-f.c.news:
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (f *following) ended() error {
	f.t.Helper()
	select {
	case err := <-f.done:
		f.done = nil
		return err
	case <-time.After(2 * time.Minute):
		f.t.Fatal("the follow does not end")
		return nil
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	for _, hub := range []bool{true, false} {
		t.Run(fmt.Sprintf("hub=%v", hub), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t)
			l := tr.logs()
			if hub {
				l = tr.watchedLogs()
			}
			tr.write("0.log", lines(0, 10))
			q := podlog.NewQuery()
			q.Tail = 3
			f := follow(t, l, podlog.Fixed{tr.target()}, q)
			f.wait(3)
			tr.append("0.log", lines(10, 20)+"2026-11-23T20:00:01Z stdout F half")
			f.wait(13)
			tr.append("0.log", " line\n"+line(1001, "stdout", "P", "piece one, "))
			f.wait(14)
			// Rotated in the middle of a line, compressed, and the old file is written to once more.
			tr.rename("0.log", "0.log.20261123-200100")
			tr.write("0.log", line(1003, "stdout", "F", "piece three"))
			tr.append("0.log.20261123-200100", line(1002, "stdout", "P", "piece two, "))
			f.wait(15)
			tr.compress("0.log.20261123-200100")
			tr.append("0.log", lines(20, 30))
			f.wait(25)
			tr.write("1.log", lines(30, 40))
			f.wait(35)
			tr.append("1.log", lines(40, 50))
			got := f.wait(45)
			f.stop()
			want := slices.Concat(texts(7, 20), []string{"half line", "piece one, piece two, piece three"}, texts(20, 50))
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if len(f.c.gaps) != 0 {
				t.Error(f.c.gaps)
			}
			if !slices.ContainsFunc(f.c.progress, func(p podlog.Progress) bool { return p.CaughtUp }) {
				t.Error("nothing said that the follower has caught up")
			}
		})
	}
}

// TestTailCountedOnce: who is broken off before the first record gets the last ones of that time, and all that came since.
func TestTailCountedOnce(t *testing.T) {
	t.Parallel()
	for _, have := range []int{10, 0} {
		tr := newTree(t)
		tr.write("0.log", lines(0, have))
		q := podlog.NewQuery()
		q.Tail, q.Follow = 3, true
		ctx, cancel := context.WithCancel(t.Context())
		c := &collected{onProgress: func(podlog.Progress) error { cancel(); return ctx.Err() }}
		if err := tr.logs().Read(ctx, podlog.Fixed{tr.target()}, q, c); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if len(c.texts) != 0 || len(c.progress) != 1 || c.progress[0].Cursor == "" {
			t.Fatalf("%d records and %v came", len(c.texts), c.progress)
		}
		tr.append("0.log", lines(have, have+10))
		q.Cursor = c.progress[0].Cursor
		f := follow(t, tr.logs(), podlog.Fixed{tr.target()}, q)
		want := texts(max(0, have-3), have+10)
		got := f.wait(len(want))
		f.stop()
		if d := cmp.Diff(want, got); d != "" || len(f.c.gaps) != 0 {
			t.Error(d, f.c.gaps)
		}
	}
}

// Of the files of a log only the one that is written to is removed. What is older does not come again, and what comes later does.
func TestFollowRemoved(t *testing.T) {
	t.Parallel()
	for _, hub := range []bool{true, false} {
		t.Run(fmt.Sprintf("hub=%v", hub), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t)
			tr.write("0.log.20261123-200000", lines(0, 5))
			tr.write("0.log.20261123-200001", lines(5, 10))
			tr.write("0.log", lines(10, 15))
			l := tr.logs()
			if hub {
				l = tr.watchedLogs()
			}
			f := follow(t, l, podlog.Fixed{tr.target()}, podlog.NewQuery())
			f.wait(15)
			tr.remove("0.log")
			tr.compress("0.log.20261123-200001")
			f.flushed(2)
			tr.write("0.log", lines(15, 20))
			got := f.wait(20)
			f.stop()
			if d := cmp.Diff(texts(0, 20), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// A file that cannot be read is told once, however often a follower looks at it, and read once it can be.
func TestFollowUnreadable(t *testing.T) {
	t.Parallel()
	for _, tail := range []int64{podlog.LinesAll, 3} {
		t.Run(fmt.Sprint(tail), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t)
			tr.write("0.log.20261123-200000", lines(0, 3))
			tr.write("0.log", lines(3, 5))
			// A file with two names could be anybody's.
			other := filepath.Join(tr.root, "other")
			if err := os.Link(filepath.Join(tr.dir, "0.log"), other); err != nil {
				t.Fatal(err)
			}
			q := podlog.NewQuery()
			q.Tail = tail
			f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, q)
			f.wait(3)
			tr.append("0.log", lines(5, 7))
			f.flushed(2)
			if _, gaps := f.c.snapshot(); len(gaps) != 1 || gaps[0].Reason != journal.GapUnsupported {
				t.Errorf("got gaps %v", gaps)
			}
			if err := os.Remove(other); err != nil {
				t.Fatal(err)
			}
			f.wait(7)
			tr.append("0.log", lines(7, 8))
			got := f.wait(8)
			f.stop()
			if d := cmp.Diff(texts(0, 8), got); d != "" || len(f.c.gaps) != 1 {
				t.Error(d, f.c.gaps)
			}
		})
	}
}

// Who goes on after a place in a file that is gone, or shorter now, gets what comes after it in time.
func TestResumeRemoved(t *testing.T) {
	t.Parallel()
	seconds := func(from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			b.WriteString(line(1000*i, "stdout", "F", fmt.Sprintf("line %d", i)))
		}
		return b.String()
	}
	for _, tt := range []struct {
		name   string
		change func(tr *tree)
		want   []string
	}{
		{"nothing is left after it", func(tr *tree) { tr.remove("0.log") }, nil},
		{"a new file", func(tr *tree) { tr.write("0.log", seconds(950, 960)) }, texts(950, 960)},
		{"a new run", func(tr *tree) { tr.remove("0.log"); tr.write("1.log", seconds(950, 960)) }, texts(950, 960)},
		{"shorter", func(tr *tree) { tr.write("0.log", seconds(600, 800)); tr.write("1.log", seconds(950, 960)) }, texts(950, 960)},
		{"the older ones are gone too", func(tr *tree) {
			tr.remove("0.log.20261123-200000")
			tr.remove("0.log.20261123-200001")
			tr.write("0.log", seconds(950, 960))
		}, texts(950, 960)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t)
			tr.write("0.log.20261123-200000", seconds(0, 300))
			tr.write("0.log.20261123-200001", seconds(300, 600))
			tr.write("0.log", seconds(600, 900))
			all := tr.read(podlog.NewQuery())
			tt.change(tr)
			q := podlog.NewQuery()
			q.Cursor = podlog.MakeCursor(all.positions[len(all.positions)-1])
			c := tr.read(q)
			if d := cmp.Diff(tt.want, c.texts, cmpEmpty); d != "" {
				t.Error(d)
			}
			if len(c.gaps) != 1 || c.gaps[0].Reason != journal.GapCursorLost {
				t.Errorf("got gaps %v", c.gaps)
			}
		})
	}
}

// A log that was removed, and whose runs are counted anew, is read on with what is new.
func TestResumeRunsAnew(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("5.log", lines(0, 10))
	all := tr.read(podlog.NewQuery())
	tr.remove("5.log")
	tr.write("0.log", lines(10, 15))
	tr.write("1.log", lines(15, 20))
	q := podlog.NewQuery()
	q.Cursor = podlog.MakeCursor(all.positions[9])
	f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, q)
	f.wait(10)
	tr.append("1.log", lines(20, 25))
	got := f.wait(15)
	f.flushed(2)
	f.stop()
	if d := cmp.Diff(texts(10, 25), got); d != "" {
		t.Error(d)
	}
	if len(f.c.gaps) != 1 || f.c.gaps[0].Reason != journal.GapCursorLost {
		t.Errorf("got gaps %v", f.c.gaps)
	}
}

// That a place is gone is told also where nothing is left to read.
func TestResumeNothing(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 10))
	tr.write("1.log", lines(10, 20))
	q := podlog.NewQuery()
	q.Runs = podlog.RunsPrevious
	all := tr.read(q)
	tr.remove("0.log")
	q.Cursor = podlog.MakeCursor(all.positions[4])
	c := tr.read(q)
	if len(c.texts) != 0 || len(c.gaps) != 1 || c.gaps[0].Reason != journal.GapCursorLost {
		t.Errorf("got %v, gaps %v", c.texts, c.gaps)
	}
}

// A line that the runtime had in hand when it opened the next file.
func TestFollowLateLine(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 5))
	f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, podlog.NewQuery())
	f.wait(5)
	tr.rename("0.log", "0.log.20261123-200100")
	tr.write("0.log", lines(6, 8))
	f.wait(7)
	tr.append("0.log.20261123-200100", lines(5, 6))
	got := f.wait(8)
	slices.Sort(got)
	if d := cmp.Diff(texts(0, 8), got); d != "" {
		t.Error(d)
	}
	// Who goes on after it gets nothing twice.
	q := podlog.NewQuery()
	q.Cursor = podlog.MakeCursor(f.c.positions[7])
	if c := tr.read(q); len(c.texts) != 0 || len(c.gaps) != 0 {
		t.Errorf("got %v, %v again", c.texts, c.gaps)
	}
}

// TestCopyBeforeTruncate: a file whose copy is there already, and which has not been emptied yet, is not read twice.
func TestCopyBeforeTruncate(t *testing.T) {
	t.Parallel()
	for _, compressed := range []bool{false, true} {
		tr := newTree(t)
		tr.write("0.log.20261123-200100", lines(0, 10))
		if compressed {
			tr.compress("0.log.20261123-200100")
		}
		tr.write("0.log", lines(0, 12))
		f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, podlog.NewQuery())
		f.wait(12)
		// What came after the copy is lost when it is emptied, but has been read.
		if err := os.Truncate(filepath.Join(tr.dir, "0.log"), 0); err != nil {
			t.Fatal(err)
		}
		tr.append("0.log", lines(12, 14))
		got := f.wait(14)
		f.stop()
		if d := cmp.Diff(texts(0, 14), got); d != "" {
			t.Errorf("compressed %v: %s", compressed, d)
		}
	}
}

// TestSameBeginning: a file that begins as the one before does, and is no copy of it, is read whole.
func TestSameBeginning(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log.20261123-200100", lines(0, 10))
	tr.write("0.log", lines(0, 1)+lines(20, 40))
	f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, podlog.NewQuery())
	got := f.wait(31)
	f.stop()
	if d := cmp.Diff(slices.Concat(texts(0, 10), texts(0, 1), texts(20, 40)), got); d != "" {
		t.Error(d)
	}
}

func TestFollowCopyTruncate(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	var want []string
	n := 0
	f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, podlog.NewQuery())
	for i := range 20 {
		tr.append("0.log", lines(n, n+50))
		want = append(want, texts(n, n+50)...)
		n += 50
		if i%2 == 0 {
			f.wait(n)
		}
		text, err := os.ReadFile(filepath.Join(tr.dir, "0.log"))
		if err != nil {
			t.Fatal(err)
		}
		tr.write(fmt.Sprintf("0.log.20261123-2000%02d", i), string(text))
		if err := os.Truncate(filepath.Join(tr.dir, "0.log"), 0); err != nil {
			t.Fatal(err)
		}
	}
	got := f.wait(n)
	f.stop()
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(f.c.gaps) != 0 {
		t.Error(f.c.gaps)
	}
}

// A file that is emptied while a slow client reads it, and is longer than what was read when that goes on.
func TestCopyTruncateSlow(t *testing.T) {
	t.Parallel()
	for _, copied := range []bool{true, false} {
		for _, follows := range []bool{true, false} {
			t.Run(fmt.Sprintf("copied=%v follow=%v", copied, follows), func(t *testing.T) {
				t.Parallel()
				tr := newTree(t)
				const first, second = 3000, 8000
				tr.write("0.log", lines(0, first))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				last := fmt.Sprintf("line %d", first+second-1)
				c := &collected{onRecord: func(n int, r *podlog.Record) error {
					if n == 1 {
						if copied {
							tr.write("0.log.20261123-200000", lines(0, first))
						}
						tr.write("0.log", lines(first, first+second))
					}
					if follows && string(r.Text) == last {
						cancel()
					}
					return nil
				}}
				q := podlog.NewQuery()
				q.Follow = follows
				if err := tr.logs().Read(ctx, podlog.Fixed{tr.target()}, q, c); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				if copied {
					if d := cmp.Diff(texts(0, first+second), c.texts); d != "" || len(c.gaps) != 0 {
						t.Error(d, c.gaps)
					}
					return
				}
				// What had been read before is from the old file; then comes all of the new one.
				n := len(c.texts) - second
				if n < 1 || n >= first || !slices.Equal(c.texts[:n], texts(0, n)) || !slices.Equal(c.texts[n:], texts(first, first+second)) {
					t.Errorf("got %d records, of the old file %d", len(c.texts), n)
				}
				if len(c.gaps) != 1 || c.gaps[0].Reason != journal.GapTruncated {
					t.Error(c.gaps)
				}
			})
		}
	}
}

// set is a Set that tests change.
type set struct {
	mu      sync.Mutex
	targets []podlog.Target
	changed chan struct{}
	open    bool
}

func (s *set) Targets(context.Context) ([]podlog.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.targets), nil
}
func (s *set) Changed() <-chan struct{} { return s.changed }
func (s *set) Open() bool               { return s.open }

func (s *set) change(targets ...podlog.Target) {
	s.mu.Lock()
	s.targets = targets
	s.mu.Unlock()
	s.changed <- struct{}{}
}

// wait waits until the follower has looked at the set once more, and then waits again.
func (s *set) wait(f *following) {
	s.changed <- struct{}{}
	f.flushed(2)
}

func TestFollowSet(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 5))
	s := &set{targets: []podlog.Target{tr.target()}, changed: make(chan struct{}, 1), open: true}
	q := podlog.NewQuery()
	q.Tail = 2
	f := follow(t, tr.watchedLogs(), s, q)
	f.wait(2)
	other := tr.target()
	other.Source.Container, other.Dir = "other", "default_web_0f1e/other"
	s.change(tr.target(), other)
	// It comes later than it is known, and all of it is new.
	dir := filepath.Join(tr.root, other.Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// One after the other: the follower may look in between.
	for i, text := range []string{lines(10, 15), lines(15, 20)} {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", i)), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	s.change(tr.target(), other)
	got := f.wait(12)
	if d := cmp.Diff(append(texts(3, 5), texts(10, 20)...), got); d != "" {
		t.Error(d)
	}
	// Gone, with what it wrote last.
	tr.append("0.log", lines(20, 22))
	s.change(other)
	f.wait(14)
}

// A container that ended and runs again, or was gone and is there again, goes on where its log was read to.
func TestFollowRunsAgain(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprintf("gone=%v", gone), func(t *testing.T) {
			t.Parallel()
			tr := newTree(t)
			tr.write("0.log", lines(0, 5))
			other := tr.target()
			other.Source.Container, other.Dir, other.Ended = "other", "default_web_0f1e/other", true
			s := &set{targets: []podlog.Target{tr.target()}, changed: make(chan struct{}, 1), open: true}
			f := follow(t, tr.watchedLogs(), s, podlog.NewQuery())
			f.wait(5)
			// What ends it is given when it has ended: then it is over.
			tr.append("0.log", line(5, "stdout", "P", "no newline"))
			ended := tr.target()
			ended.Ended = true
			if gone {
				s.change(other)
			} else {
				s.change(ended)
			}
			f.wait(6)
			s.wait(f)
			tr.append("0.log", lines(6, 8))
			tr.write("1.log", lines(8, 10))
			s.change(tr.target())
			got := f.wait(10)
			f.stop()
			if d := cmp.Diff(slices.Concat(texts(0, 5), []string{"no newline"}, texts(6, 10)), got); d != "" || len(f.c.gaps) != 0 {
				t.Error(d, f.c.gaps)
			}
		})
	}
}

func TestFollowEnds(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 5)+line(5, "stderr", "P", "the end"))
	ended := tr.target()
	ended.Ended = true
	f := follow(t, tr.watchedLogs(), podlog.Fixed{ended}, podlog.NewQuery())
	if err := f.ended(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(append(texts(0, 5), "the end"), f.c.texts); d != "" {
		t.Error(d)
	}
}

// A follow ends with the last record that is wanted, not when there is another one.
func TestFollowLimit(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 5))
	q := podlog.NewQuery()
	q.Limit = 5
	f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, q)
	if err := f.ended(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(texts(0, 5), f.c.texts); d != "" {
		t.Error(d)
	}
}

// A container that has ended is not waited for, whatever its log ends with.
func TestFollowEndsAtOnce(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 2)+line(2, "stdout", "P", "out")+line(3, "stderr", "P", "err")+strings.TrimSuffix(line(4, "stdout", "F", "put"), "\n"))
	synctest.Test(t, func(t *testing.T) {
		ended := tr.target()
		ended.Ended = true
		q := podlog.NewQuery()
		q.Follow = true
		start, c := time.Now(), new(collected)
		if err := tr.logs().Read(t.Context(), podlog.Fixed{ended}, q, c); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(append(texts(0, 2), "output", "err"), c.texts); d != "" {
			t.Error(d)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// What was rotated away while noded, or its client, was not looking is a gap; what is left comes.
func TestGaps(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.write("0.log", lines(0, 10))
	f := follow(t, tr.watchedLogs(), podlog.Fixed{tr.target()}, podlog.NewQuery())
	f.wait(10)
	f.stop()
	at := podlog.MakeCursor(f.c.positions[9])

	tr.append("0.log", lines(10, 20))
	tr.rename("0.log", "0.log.20261123-200100")
	tr.compress("0.log.20261123-200100")
	tr.write("0.log", lines(20, 30))
	q := podlog.NewQuery()
	q.Cursor = at
	c := tr.read(q)
	if d := cmp.Diff(texts(10, 30), c.texts); d != "" {
		t.Error(d)
	}
	if len(c.gaps) != 0 {
		t.Error(c.gaps)
	}

	tr.remove("0.log.20261123-200100.gz")
	c = tr.read(q)
	if d := cmp.Diff(texts(20, 30), c.texts); d != "" {
		t.Error(d)
	}
	if len(c.gaps) != 1 || c.gaps[0].Reason != journal.GapCursorLost || c.gaps[0].Source != "default/web/app" ||
		c.gaps[0].First != journal.Usec(base.Add(9*time.Millisecond).UnixMicro()) || c.gaps[0].Last != journal.Usec(base.Add(20*time.Millisecond).UnixMicro()) {
		t.Errorf("got %+v", c.gaps)
	}
}

// What is rotated, compressed and removed while the client does not read comes all the same, or is counted in a gap.
func TestFollowSlow(t *testing.T) {
	t.Parallel()
	for _, rotations := range []int{5, 40} {
		t.Run(fmt.Sprint(rotations), func(t *testing.T) {
			t.Parallel()
			testFollowSlow(t, rotations)
		})
	}
}

func testFollowSlow(t *testing.T, rotations int) {
	t.Helper()
	tr := newTree(t)
	tr.write("0.log", lines(0, 10))
	l := tr.watchedLogs()
	c := &collected{news: make(chan struct{}, 1)}
	blocked, release := make(chan struct{}), make(chan struct{})
	c.onRecord = func(n int, _ *podlog.Record) error {
		if n == 5 {
			close(blocked)
			<-release
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q := podlog.NewQuery()
	q.Follow = true
	f := &following{t: t, c: c, cancel: cancel, done: make(chan error, 1)}
	go func() { f.done <- l.Read(ctx, podlog.Fixed{tr.target()}, q, c) }()
	<-blocked
	for i := 1; i <= rotations; i++ {
		name := fmt.Sprintf("0.log.20261123-2000%02d", i)
		tr.rename("0.log", name)
		tr.write("0.log", lines(10*i, 10*i+10))
		if i > 1 {
			tr.compress(fmt.Sprintf("0.log.20261123-2000%02d", i-1))
		}
		if i > 8 {
			tr.remove(fmt.Sprintf("0.log.20261123-2000%02d.gz", i-8))
		}
		time.Sleep(10 * time.Millisecond)
	}
	close(release)
	last := fmt.Sprintf("line %d", 10*rotations+9)
	for !slices.Contains(f.wait(10), last) {
		time.Sleep(10 * time.Millisecond)
	}
	got, gaps := c.snapshot()
	f.stop()
	seen := 0
	for i, text := range got {
		n := 0
		if _, err := fmt.Sscanf(text, "line %d", &n); err != nil || i > 0 && n <= seen {
			t.Fatalf("record %d is %q", i, text)
		}
		seen = n
	}
	missing, told := 10*rotations+10-len(got), 0
	for _, g := range gaps {
		if g.Reason != journal.GapVacuumed || g.Count > 0 && !g.Exact {
			t.Errorf("gap %+v", g)
		}
		told += int(g.Count)
	}
	if missing != told {
		t.Errorf("%d records are missing, and gaps tell of %d: %+v", missing, told, gaps)
	}
	if (missing > 0) != (rotations > 20) {
		t.Errorf("%d records are missing after %d rotations", missing, rotations)
	}
}
